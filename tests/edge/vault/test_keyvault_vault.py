"""Key Vault when it is busy, silent, refuses, or answers what it should not."""

from __future__ import annotations

from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from adapters.keyvault_vault import KeyVaultVault
from audit.notes import VerifierKey
from flows.keys.keyring import Keyring
from flows.trail_ports import VaultFailed, WrappedByVault
from tests.edge.vault.emulator import SIGNING, WRAPPING, KeyVault, encode
from tests.fakes import MemoryRows
from tests.fakes_trail import SeededEntropy

KEY = b"k" * 32


@pytest.mark.parametrize("faults", [[429, 503], [500, 408], [None]])
async def test_fault_that_passes_is_waited_out(
    connected: KeyVaultVault, key_vault: KeyVault, faults: list[int | None]
) -> None:
    key_vault.faults = list(faults)
    wrapped = await connected.wrap(KEY)
    key_vault.faults = list(faults)
    assert await connected.unwrap(wrapped) == KEY


async def test_vault_that_stays_busy_is_told(connected: KeyVaultVault, key_vault: KeyVault) -> None:
    key_vault.faults = [429] * 100
    with pytest.raises(VaultFailed, match="429 Throttled"):
        await connected.public_key()


async def test_refusal_is_told_at_once_by_its_code_alone(connected: KeyVaultVault, key_vault: KeyVault) -> None:
    wrapped = await connected.wrap(KEY)
    key_vault.disabled.add(wrapped.key_id)
    asked = len(key_vault.asked)
    with pytest.raises(VaultFailed, match="403 Forbidden") as caught:
        await connected.unwrap(wrapped)
    assert len(key_vault.asked) == asked + 1
    assert "disabled" not in str(caught.value)


async def test_old_version_may_be_disabled_once_the_keyring_is_rewrapped_and_not_before(
    connected: KeyVaultVault, key_vault: KeyVault
) -> None:
    rows, old = MemoryRows(), await connected.newest_key_id()
    first = await Keyring(rows, connected, SeededEntropy()).current()
    key_vault.rotate()
    key_vault.disabled.add(old)
    with pytest.raises(VaultFailed, match="403 Forbidden"):
        await Keyring(rows, connected, SeededEntropy()).rewrap()

    key_vault.disabled.clear()
    assert await Keyring(rows, connected, SeededEntropy()).rewrap() == 1
    key_vault.disabled.add(old)
    started_anew = Keyring(rows, connected, SeededEntropy())
    assert await started_anew.current() == first
    assert (await started_anew.begin_generation()).name == "g2"


@pytest.mark.parametrize("status", [400, 500])
async def test_key_that_was_sent_is_in_no_error(connected: KeyVaultVault, key_vault: KeyVault, status: int) -> None:
    await connected.newest_key_id()
    key_vault.faults = [status] * 100  # the emulator repeats the request in its message
    with pytest.raises(VaultFailed) as caught:
        await connected.unwrap(WrappedByVault("0" * 32, KEY))
    assert encode(KEY) not in str(caught.value)


async def test_process_signs_with_one_version_and_the_next_with_the_newest(
    connected: KeyVaultVault, key_vault: KeyVault
) -> None:
    before = VerifierKey("vouch/r", await connected.public_key())
    key_vault.add(SIGNING, ec.generate_private_key(ec.SECP256R1()))
    assert before.has_signed("text", await connected.sign(b"text"))
    connected._signing = None  # as in a process that has just started
    after = VerifierKey("vouch/r", await connected.public_key())
    assert after != before
    assert after.has_signed("text", await connected.sign(b"text"))


@pytest.mark.parametrize(
    "answer",
    [
        {},
        {"kid": "https://other/keys/other/1", "value": "AAAA"},
        {"value": "AAAA"},
        {"kid": None, "value": "AAAA"},
    ],
)
async def test_answer_of_another_key_is_not_used(
    connected: KeyVaultVault, key_vault: KeyVault, answer: dict[str, Any]
) -> None:
    key_vault.answer = {"kid": "", **answer}
    for call in (connected.wrap(KEY), connected.sign(b"text")):
        with pytest.raises(VaultFailed, match="another key"):
            await call


@pytest.mark.parametrize("value", [None, 5, "not base64url!", "A", encode(b"\x01" * 63), encode(b"\x01" * 64)])
async def test_answer_that_is_no_signature_is_not_used(
    connected: KeyVaultVault, key_vault: KeyVault, value: object
) -> None:
    key_vault.answer = {"kid": f"{key_vault.url}/keys/{SIGNING}/{key_vault.keys[SIGNING][0][0]}", "value": value}
    with pytest.raises(VaultFailed):
        await connected.sign(b"text")


@pytest.mark.parametrize("name", [WRAPPING, "p-384"])
async def test_signing_key_of_another_kind_is_refused(connected: KeyVaultVault, key_vault: KeyVault, name: str) -> None:
    key_vault.add("p-384", ec.generate_private_key(ec.SECP384R1()))
    key_vault.keys[SIGNING] = key_vault.keys[name]
    with pytest.raises(VaultFailed, match="P-256"):
        await connected.public_key()


async def test_missing_key_is_told_by_its_name(connected: KeyVaultVault, key_vault: KeyVault) -> None:
    del key_vault.keys[WRAPPING]
    with pytest.raises(VaultFailed, match=f"{WRAPPING}: 404 KeyNotFound"):
        await connected.wrap(KEY)
