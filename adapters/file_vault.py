"""A vault in a folder, for local use: what Key Vault is in Azure.

    signing.pem               the signing key, P-256, PKCS #8
    kek-1.key, kek-2.key      versions of the key-encryption key, 32 bytes in hex; the newest wraps, all unwrap

Only the folder's owner can read it. It is made as a whole or not at all, and what is missing of it is never made anew:
without these files nothing that they wrapped is ever readable again.
"""

from __future__ import annotations

import os
import re
import secrets
import shutil
import tempfile
from pathlib import Path

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)

from audit.personal import KEY_BYTES, NONCE_BYTES, Unreadable, unwrap_key, wrap_key
from flows.trail_ports import VaultFailed, WrappedByVault

SIGNING_FILE = "signing.pem"
_KEY_ID = re.compile(r"kek-([1-9][0-9]{0,5})")


class FileVault:
    """Implements `flows.trail_ports.Vault`. The folder is read each time, so that a new key is used at once."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    async def newest_key_id(self) -> str:
        return _newest_key_id(self._folder)

    async def wrap(self, key: bytes) -> WrappedByVault:
        key_id = _newest_key_id(self._folder)
        nonce = secrets.token_bytes(NONCE_BYTES)
        return WrappedByVault(key_id, wrap_key(self._read_kek(key_id), key, nonce, key_id.encode()))

    async def unwrap(self, wrapped: WrappedByVault) -> bytes:
        if not _KEY_ID.fullmatch(wrapped.key_id):
            raise VaultFailed("what is to be unwrapped names no key of this vault")
        try:
            return unwrap_key(self._read_kek(wrapped.key_id), wrapped.wrapped, wrapped.key_id.encode())
        except Unreadable:
            raise VaultFailed(f"{wrapped.key_id} does not unwrap this") from None

    async def public_key(self) -> bytes:
        public = self._read_signing_key().public_key()
        return public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)

    async def sign(self, message: bytes) -> bytes:
        return self._read_signing_key().sign(message, ec.ECDSA(SHA256()))

    def _read_kek(self, key_id: str) -> bytes:
        file = self._folder / f"{key_id}.key"
        try:
            kek = bytes.fromhex(_read(file).decode())
        except ValueError:
            raise VaultFailed(f"{file} is no key") from None
        if len(kek) != KEY_BYTES:
            raise VaultFailed(f"{file} is no key of {KEY_BYTES} bytes")
        return kek

    def _read_signing_key(self) -> ec.EllipticCurvePrivateKey:
        file = self._folder / SIGNING_FILE
        try:
            key = load_pem_private_key(_read(file), password=None)
        except (ValueError, TypeError, UnsupportedAlgorithm):
            raise VaultFailed(f"{file} is no private key in PEM") from None
        if not isinstance(key, ec.EllipticCurvePrivateKey) or key.curve.name != "secp256r1":
            raise VaultFailed(f"{file} is no key of the curve P-256")
        return key


def create_vault(folder: Path) -> None:
    """Make a vault where there is no folder yet. Raises OSError."""
    if folder.exists():
        return
    folder.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    draft = Path(tempfile.mkdtemp(prefix=f"{folder.name}.", dir=folder.parent))
    key = ec.generate_private_key(ec.SECP256R1())
    _write(draft / SIGNING_FILE, key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    _write(draft / "kek-1.key", secrets.token_hex(KEY_BYTES).encode())
    try:
        draft.rename(folder)
    except OSError:
        shutil.rmtree(draft)
        if not folder.exists():  # else another process was quicker
            raise


def _newest_key_id(folder: Path) -> str:
    try:
        found = [_KEY_ID.fullmatch(file.stem) for file in folder.iterdir() if file.suffix == ".key"]
    except OSError as error:
        raise VaultFailed(f"{folder} can't be read: {error.strerror}") from None
    numbers = [int(match[1]) for match in found if match]
    if not numbers:
        raise VaultFailed(f"{folder} holds no key-encryption key")
    return f"kek-{max(numbers)}"


def _read(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        raise VaultFailed(f"{file} can't be read: {error.strerror}") from None


def _write(file: Path, content: bytes) -> None:
    with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as out:
        out.write(content)
