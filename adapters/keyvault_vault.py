"""Azure Key Vault over its REST interface: it signs checkpoints and wraps the few keys of the keyring.

    GET  /keys/{name}                        the newest version of a key, and the public half
    POST /keys/{name}/{version}/sign         ES256, a digest; r || s comes back and is made ASN.1 DER
    POST /keys/{name}/{version}/wrapkey      RSA-OAEP-256; likewise unwrapkey

Faults that pass (408, 429, 5xx, no answer) are tried again until the deadline; every operation may be done twice. The
version that signs is settled by the first need, so that a public key and the signatures of one process belong
together: a rotated signing key is taken up when the app starts again.

Held to the documented contract by a small emulator in the tests; it has not run against Azure yet.
https://learn.microsoft.com/rest/api/keyvault/keys
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

import msgspec
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from adapters.azure_asking import AskLimits, ask_again
from adapters.azure_credential import open_credential
from adapters.azure_signing import IdentitySigner
from adapters.azure_storage import Answer, StorageService, Unanswered
from flows.trail_ports import VaultFailed, WrappedByVault

SCOPE = "https://vault.azure.net/.default"
API_VERSION = "7.4"
LIMITS = AskLimits(deadline_s=20.0, attempt_s=5.0)
FIRST_PAUSE_S = 0.1
COORDINATE_BYTES = 32
_HEADERS = {"Accept": "application/json", "Content-Type": "application/json"}


@dataclass(frozen=True, slots=True)
class _SigningKey:
    version: str
    public: ec.EllipticCurvePublicKey


class KeyVaultVault:
    """Implements `flows.trail_ports.Vault`. `signing_key` and `wrapping_key` are names of keys: EC P-256 and RSA."""

    def __init__(
        self, service: StorageService, signing_key: str, wrapping_key: str, limits: AskLimits = LIMITS
    ) -> None:
        self._service = service
        self._signing_name = signing_key
        self._wrapping_name = wrapping_key
        self._limits = limits
        self._signing: _SigningKey | None = None

    async def newest_key_id(self) -> str:
        version, _ = await self._read_key(self._wrapping_name)
        return version

    async def wrap(self, key: bytes) -> WrappedByVault:
        version = await self.newest_key_id()
        return WrappedByVault(version, await self._operate("wrapkey", self._wrapping_name, version, key))

    async def unwrap(self, wrapped: WrappedByVault) -> bytes:
        if not wrapped.key_id.isalnum():
            raise VaultFailed("what is to be unwrapped names no version of a key")
        return await self._operate("unwrapkey", self._wrapping_name, wrapped.key_id, wrapped.wrapped)

    async def public_key(self) -> bytes:
        signing = await self._read_signing_key()
        return signing.public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)

    async def sign(self, message: bytes) -> bytes:
        signing = await self._read_signing_key()
        raw = await self._operate("sign", self._signing_name, signing.version, sha256(message).digest())
        if len(raw) != 2 * COORDINATE_BYTES:
            raise VaultFailed("the key vault answered something that is no signature of the curve P-256")
        signature = encode_dss_signature(*(int.from_bytes(part) for part in (raw[:32], raw[32:])))
        try:
            signing.public.verify(signature, message, ec.ECDSA(SHA256()))
        except InvalidSignature:
            raise VaultFailed("the key vault's signature is not that of its public key") from None
        return signature

    async def close(self) -> None:
        await self._service.close()

    async def _read_signing_key(self) -> _SigningKey:
        if self._signing is None:
            version, key = await self._read_key(self._signing_name)
            self._signing = _SigningKey(version, _public_of(key))
        return self._signing

    async def _read_key(self, name: str) -> tuple[str, Mapping[str, Any]]:
        """The newest version of a key, and the key as a JSON Web Key."""
        answer = await self._ask("GET", f"/keys/{name}")
        try:
            key = answer["key"]
            return str(key["kid"]).rpartition("/")[2], key
        except (KeyError, TypeError):
            raise VaultFailed(f"the key vault answered something that is no key: {name}") from None

    async def _operate(self, operation: str, name: str, version: str, value: bytes) -> bytes:
        algorithm = "ES256" if operation == "sign" else "RSA-OAEP-256"
        body = msgspec.json.encode({"alg": algorithm, "value": _encode(value)})
        answer = await self._ask("POST", f"/keys/{name}/{version}/{operation}", body)
        if not str(answer.get("kid")).endswith(f"/{name}/{version}"):
            raise VaultFailed(f"the key vault answered {operation} with another key than {name}")
        return _decode(answer.get("value"))

    async def _ask(self, method: str, path: str, body: bytes = b"") -> Mapping[str, Any]:
        """Ask until there is an answer that is no passing fault. What is sent and answered may be secret: of a fault
        its status and code are told, no more."""
        url = f"{path}?api-version={API_VERSION}"
        try:
            answer = await ask_again(self._service, method, url, _HEADERS, body, self._limits, FIRST_PAUSE_S)
        except Unanswered as error:
            raise VaultFailed(f"the key vault did not answer {path}: {error}") from error
        if answer.is_passing:
            raise VaultFailed(f"the key vault did not answer {path}: {_describe(answer)}")
        return _checked(answer, path)


def connect_key_vault(url: str, signing_key: str, wrapping_key: str, client_id: str = "") -> KeyVaultVault:
    """By the app's managed identity; `client_id` is that of a user-assigned one."""
    from azure.core.exceptions import AzureError  # noqa: PLC0415

    signer = IdentitySigner(open_credential(client_id), (AzureError,), SCOPE)
    return KeyVaultVault(StorageService(url, signer), signing_key, wrapping_key)


def _public_of(key: Mapping[str, Any]) -> ec.EllipticCurvePublicKey:
    if key.get("kty") not in {"EC", "EC-HSM"} or key.get("crv") != "P-256":
        raise VaultFailed("the signing key in the key vault is not of the curve P-256; make one that is")
    x, y = (int.from_bytes(_decode(key.get(name))) for name in ("x", "y"))
    try:
        return ec.EllipticCurvePublicNumbers(x, y, ec.SECP256R1()).public_key()
    except ValueError:
        raise VaultFailed("the key vault answered a public key that is none") from None


def _checked(answer: Answer, path: str) -> Mapping[str, Any]:
    if answer.status != 200:
        raise VaultFailed(f"the key vault refused {path}: {_describe(answer)}")
    decoded = _decode_json(answer.body)
    if decoded is None:
        raise VaultFailed(f"the key vault answered {path} with no JSON")
    return decoded


def _describe(answer: Answer) -> str:
    error = (_decode_json(answer.body) or {}).get("error")
    code = error.get("code") if isinstance(error, dict) else None
    return f"{answer.status} {code if isinstance(code, str) else ''}".strip()


def _decode_json(body: bytes) -> dict[str, Any] | None:
    try:
        return msgspec.json.decode(body, type=dict[str, Any])
    except msgspec.DecodeError:
        return None


def _encode(value: bytes) -> str:
    """Base64url without padding (RFC 7515, section 2)."""
    return base64.urlsafe_b64encode(value).rstrip(b"=").decode()


def _decode(text: object) -> bytes:
    try:
        if isinstance(text, str):
            return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        pass
    raise VaultFailed("the key vault answered something that is no base64url")
