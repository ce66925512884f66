"""What every vault does, wherever its keys lie."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace

import pytest

from audit.notes import Checkpoint, VerifierKey, open_note, sign_note
from flows.keys.keyring import Keyring
from flows.trail_ports import Vault, VaultFailed
from tests.fakes import MemoryRows
from tests.fakes_trail import SeededEntropy

VaultAndRotate = tuple[Vault, Callable[[], object]]
KEY = os.urandom(32)


async def test_wrapped_key_is_unwrapped_and_is_not_shown(vault_and_rotate: VaultAndRotate) -> None:
    vault, _ = vault_and_rotate
    first, second = await vault.wrap(KEY), await vault.wrap(KEY)
    assert first.wrapped != second.wrapped
    assert KEY not in first.wrapped
    assert await vault.unwrap(first) == await vault.unwrap(second) == KEY
    assert first.key_id == await vault.newest_key_id()


async def test_rotated_vault_wraps_with_the_newest_version_and_unwraps_with_all(
    vault_and_rotate: VaultAndRotate,
) -> None:
    vault, rotate = vault_and_rotate
    old = await vault.wrap(KEY)
    rotate()
    new = await vault.wrap(KEY)
    assert new.key_id == await vault.newest_key_id() != old.key_id
    assert await vault.unwrap(old) == await vault.unwrap(new) == KEY


async def test_key_under_another_version_or_changed_is_not_unwrapped(vault_and_rotate: VaultAndRotate) -> None:
    vault, rotate = vault_and_rotate
    old = await vault.wrap(KEY)
    rotate()
    newest = await vault.newest_key_id()
    changed = bytes([old.wrapped[0] ^ 1]) + old.wrapped[1:]
    for wrong in (replace(old, key_id=newest), replace(old, wrapped=changed), replace(old, wrapped=b"")):
        with pytest.raises(VaultFailed):
            await vault.unwrap(wrong)


@pytest.mark.parametrize("key_id", ["", "kek-0", "kek-9", "../../etc/passwd", "x/../y", "0" * 32])
async def test_key_under_no_version_is_not_unwrapped(vault_and_rotate: VaultAndRotate, key_id: str) -> None:
    vault, _ = vault_and_rotate
    with pytest.raises(VaultFailed):
        await vault.unwrap(replace(await vault.wrap(KEY), key_id=key_id))


async def test_signed_checkpoint_opens_with_the_public_key(vault_and_rotate: VaultAndRotate) -> None:
    vault, _ = vault_and_rotate
    checkpoint = Checkpoint("vouch/westeurope", 24, os.urandom(32))
    key = VerifierKey(checkpoint.origin, await vault.public_key())
    for _ in range(8):  # r and s of every length
        note = sign_note(checkpoint, key, await vault.sign(checkpoint.text.encode()))
        assert open_note(note, [key]) == checkpoint


async def test_keyring_over_the_vault_is_rewrapped_without_a_change(vault_and_rotate: VaultAndRotate) -> None:
    vault, rotate = vault_and_rotate
    rows = MemoryRows()
    index = await Keyring(rows, vault, SeededEntropy()).index_key()
    rotate()
    assert await Keyring(rows, vault, SeededEntropy()).rewrap() == 1
    assert await Keyring(rows, vault, SeededEntropy()).rewrap() == 0
    assert await Keyring(rows, vault, SeededEntropy()).index_key() == index
