"""The folder of keys: made whole, readable by its owner alone, and never mended by guesswork."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from adapters.file_vault import FileVault, create_vault
from flows.trail_ports import VaultFailed


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    create_vault(tmp_path / "vault" / "westeurope")
    return tmp_path / "vault" / "westeurope"


def test_vault_is_its_owners_alone(folder: Path) -> None:
    assert sorted(file.name for file in folder.iterdir()) == ["kek-1.key", "signing.pem"]
    assert {stat.S_IMODE(file.stat().st_mode) for file in folder.iterdir()} == {0o600}
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert [file.name for file in folder.parent.iterdir()] == ["westeurope"]


def test_vault_that_stands_is_left_as_it_is(folder: Path) -> None:
    before = {file.name: file.read_bytes() for file in folder.iterdir()}
    create_vault(folder)
    assert {file.name: file.read_bytes() for file in folder.iterdir()} == before


async def test_lost_key_is_told_and_not_made_anew(folder: Path) -> None:
    (folder / "signing.pem").unlink()
    create_vault(folder)
    with pytest.raises(VaultFailed, match=r"signing\.pem can't be read"):
        await FileVault(folder).sign(b"text")


async def test_folder_that_is_not_there_or_empty_is_told(tmp_path: Path) -> None:
    with pytest.raises(VaultFailed, match="can't be read"):
        await FileVault(tmp_path / "none").wrap(b"k" * 32)
    with pytest.raises(VaultFailed, match="no key-encryption key"):
        await FileVault(tmp_path).newest_key_id()


async def test_tenth_version_is_newer_than_the_second(folder: Path) -> None:
    for version in range(2, 11):
        (folder / f"kek-{version}.key").write_text("5e" * 32)
    assert await FileVault(folder).newest_key_id() == "kek-10"


@pytest.mark.parametrize("content", [b"", b"zz" * 32, b"ab" * 31, b"\xff"])
async def test_damaged_wrapping_key_is_told_and_not_shown(folder: Path, content: bytes) -> None:
    (folder / "kek-1.key").write_bytes(content)
    with pytest.raises(VaultFailed, match="is no key") as caught:
        await FileVault(folder).wrap(b"k" * 32)
    assert "abab" not in str(caught.value)


@pytest.mark.parametrize("curve", [None, ec.SECP384R1()])
async def test_signing_key_of_another_kind_is_told(folder: Path, curve: ec.EllipticCurve | None) -> None:
    pem = b"nothing"
    if curve is not None:
        key = ec.generate_private_key(curve)
        pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    (folder / "signing.pem").write_bytes(pem)
    with pytest.raises(VaultFailed, match=r"signing\.pem is no"):
        await FileVault(folder).public_key()
