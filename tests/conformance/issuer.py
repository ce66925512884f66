"""An issuer of tokens on loopback: one RSA key, its JWKS over HTTP, tokens as Entra ID makes them."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import jwt
from cryptography.hazmat.primitives.asymmetric import rsa
from jwt.algorithms import RSAAlgorithm

KEY_ID = "conformance"
TOKEN_SECONDS = 600


@dataclass(frozen=True, slots=True)
class Issuer:
    """`url` is the issuer, `jwks_url` where its key is."""

    key: rsa.RSAPrivateKey
    url: str

    @property
    def jwks_url(self) -> str:
        return f"{self.url}/keys"

    def token(self, audience: str, roles: list[str]) -> str:
        """A token of the caller `conformance-caller`, good for ten minutes."""
        now = int(time.time())
        claims = {"iss": self.url, "aud": audience, "sub": "conformance-caller", "oid": "conformance-caller",
                  "roles": roles, "iat": now, "nbf": now, "exp": now + TOKEN_SECONDS}  # fmt: skip
        return jwt.encode(claims, self.key, algorithm="RS256", headers={"kid": KEY_ID})


@contextmanager
def run_issuer() -> Iterator[Issuer]:
    """An issuer that answers until the block ends."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    public = {**json.loads(RSAAlgorithm.to_jwk(key.public_key())), "kid": KEY_ID, "use": "sig", "alg": "RS256"}
    content = json.dumps({"keys": [public]}).encode()

    class Keys(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: object) -> None:
            """Keep the test's output to itself."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Keys)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield Issuer(key, f"http://127.0.0.1:{server.server_port}")
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
