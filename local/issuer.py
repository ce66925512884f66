"""The local token issuer: what Entra ID is in Azure. It signs one token a role and publishes its key on loopback.

Its private key is made on the first start and lies in a folder of its own, readable by its owner alone.
"""

from __future__ import annotations

import hashlib
import json
import os
import threading
import time
import uuid
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, generate_private_key
from jwt.algorithms import RSAAlgorithm

from flows.calls import ROLES
from local.failures import LocalFailed
from local.plan import Plan

TOKEN_SECONDS = 30 * 24 * 3600
TENANT = str(uuid.uuid5(uuid.NAMESPACE_DNS, "tenant.vouch.local"))
NOT_BEFORE_SLACK_S = 60


@dataclass(frozen=True, slots=True)
class Issuer:
    """Mints tokens as Entra ID would, for roles of this system's regions."""

    plan: Plan
    key: RSAPrivateKey
    key_id: str

    def mint(self, now: int, *roles: str) -> str:
        """A token whose caller has these roles, good for every region of the system, issued at a Unix time."""
        name = "-".join(roles)
        claims = {
            "iss": self.plan.issuer,
            "aud": [f"api://vouch-{region}" for region in self.plan.regions],
            "iat": now,
            "nbf": now - NOT_BEFORE_SLACK_S,
            "exp": now + TOKEN_SECONDS,
            "tid": TENANT,
            "azp": str(uuid.uuid5(uuid.NAMESPACE_DNS, f"{name}.app.vouch.local")),
            "oid": str(uuid.uuid5(uuid.NAMESPACE_DNS, f"{name}.vouch.local")),
            "sub": str(uuid.uuid5(uuid.NAMESPACE_DNS, f"{name}.vouch.local")),
            "roles": list(roles),
            "ver": "2.0",
        }
        return jwt.encode(claims, self.key, algorithm="RS256", headers={"kid": self.key_id})

    def jwks(self) -> dict[str, Any]:
        """The public key, as a JSON Web Key Set."""
        key = RSAAlgorithm.to_jwk(self.key.public_key(), as_dict=True)
        return {"keys": [{**key, "kid": self.key_id, "use": "sig", "alg": "RS256"}]}

    def documents(self) -> dict[str, dict[str, Any]]:
        """What the issuer serves, by path."""
        path = "/vouch-local/v2.0"
        configuration = {
            "issuer": self.plan.issuer,
            "jwks_uri": jwks_url(self.plan),
            "id_token_signing_alg_values_supported": ["RS256"],
            "response_types_supported": ["token"],
            "subject_types_supported": ["public"],
        }
        return {
            f"{path}/.well-known/openid-configuration": configuration,
            f"{path}/keys": self.jwks(),
            f"{path}/demo-token": {"token": self.mint(int(time.time()), "scorer")},
        }


def jwks_url(plan: Plan) -> str:
    """Where the issuer publishes its key."""
    return f"{plan.issuer}/keys"


def demo_token_url(plan: Plan) -> str:
    """Where the page of a region gets a scorer's token, so that one button is all a newcomer presses."""
    return f"{plan.issuer}/demo-token"


def open_issuer(plan: Plan) -> Issuer:
    """The issuer with its key, which is made if there is none."""
    file = plan.folder / "issuer" / "key.pem"
    if not file.exists():
        key = generate_private_key(public_exponent=65537, key_size=2048)
        pem = key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        write_secret(file, pem)
    return Issuer(plan, *_read_key(file))


def write_tokens(issuer: Issuer, now: int) -> None:
    """Mint a token for every role and put it where its owner alone can read it."""
    for role in ROLES:
        write_secret(issuer.plan.token_file(role), issuer.mint(now, role).encode())


def write_secret(file: Path, content: bytes) -> None:
    """Write a file that its owner alone can read, in a folder that its owner alone can enter."""
    file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    draft = file.with_suffix(".draft")
    draft.unlink(missing_ok=True)
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as out:
        out.write(content)
    draft.replace(file)


def serve_issuer(issuer: Issuer) -> ThreadingHTTPServer:
    """Serve the issuer's documents from a thread of this process."""
    origins = frozenset(region.base_url for region in issuer.plan.regions.values())
    server = ThreadingHTTPServer(("127.0.0.1", issuer.plan.base_port), _handler_of(issuer, origins))
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, name="issuer", daemon=True).start()
    return server


def _read_key(file: Path) -> tuple[RSAPrivateKey, str]:
    try:
        key = serialization.load_pem_private_key(file.read_bytes(), password=None)
    except ValueError as error:
        raise LocalFailed(f"{file} is no private key ({error}). Delete it: the next start makes a new one.") from None
    if not isinstance(key, RSAPrivateKey):
        raise LocalFailed(f"{file} is no RSA key. Delete it: the next start makes a new one.")
    public = key.public_key().public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    return key, hashlib.sha256(public).hexdigest()[:32]


def _handler_of(issuer: Issuer, origins: frozenset[str]) -> type[BaseHTTPRequestHandler]:
    """`origins` are those whose pages may read what is served: the regions' own."""
    documents, host = issuer.documents(), f"127.0.0.1:{issuer.plan.base_port}"

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked_here = self.headers["Host"] == host  # another name: a page that rebound its own to this address
            document = documents.get(self.path.partition("?")[0]) if asked_here else None
            body = json.dumps(document).encode() if document is not None else b""
            self.send_response(200 if document is not None else 404)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            if self.headers["Origin"] in origins:
                self.send_header("Access-Control-Allow-Origin", self.headers["Origin"])
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            """Say nothing: the console belongs to the supervisor."""

    return Handler
