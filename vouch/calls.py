"""Calls to a region, with the standard library alone."""

from __future__ import annotations

import base64
import hashlib
import json
import urllib.error
import urllib.request
from collections.abc import Collection, Mapping
from http.client import HTTPException
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

TIMEOUT_S = 120
LOCAL_URL = "http://127.0.0.1:7071"
LOCAL_TOKENS = Path(".local/tokens")
"""Where `make run` leaves a token for each role."""


class Refused(Exception):
    """What was asked was not done; the message says why, and what to do. `status` is that of the answer, 0 where none
    came."""

    def __init__(self, message: str, status: int = 0) -> None:
        super().__init__(message)
        self.status = status


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    """A redirect is refused like any other answer that is none: the token would go along to wherever it points."""

    def redirect_request(self, *_: Any) -> None:
        return None


_OPENER = urllib.request.build_opener(_NoRedirects)


class Region:
    """A region's API at a base URL, called with one token."""

    def __init__(self, url: str, token: str) -> None:
        if not is_url(url):
            raise Refused(f"{url} is no URL of a region. It reads like https://westeurope.example.")
        self._url = url.rstrip("/")
        self._token = token

    def ask(
        self,
        method: str,
        path: str,
        body: Mapping[str, Any] | None = None,
        key: str | None = None,
        needs: Collection[str] = (),
    ) -> dict[str, Any]:
        """The decoded answer to JSON, which has the members it needs. Raises Refused with the problem's own words."""
        headers = {"Idempotency-Key": key} if key is not None else {}
        if body is None:
            return self.send(method, path, None, headers, needs)
        sent = {**headers, "Content-Type": "application/json"}
        return self.send(method, path, json.dumps(body).encode(), sent, needs)

    def send(
        self, method: str, path: str, body: bytes | None, headers: Mapping[str, str], needs: Collection[str] = ()
    ) -> dict[str, Any]:
        """The decoded answer to a body as it is. Raises Refused."""
        return self._decode(self._exchange(method, path, body, headers)[0], needs)

    def read(self, path: str, start: int, size: int) -> tuple[bytes, str]:
        """`size` bytes of a file from `start` on, or what there is of them, and the answer's Content-Range, which is
        empty where the whole file came. Raises Refused."""
        return self._exchange("GET", path, None, {"Range": f"bytes={start}-{start + size - 1}"})

    def download(self, path: str) -> bytes:
        """What is answered, as it is. Raises Refused."""
        return self._exchange("GET", path, None, {})[0]

    def _exchange(self, method: str, path: str, body: bytes | None, headers: Mapping[str, str]) -> tuple[bytes, str]:
        """What was answered, and its Content-Range."""
        url = f"{self._url}{path}"
        request = urllib.request.Request(url, body, dict(headers), method=method)  # noqa: S310 - its scheme is checked
        request.add_header("Authorization", f"Bearer {self._token}")
        try:
            with _OPENER.open(request, timeout=TIMEOUT_S) as answer:
                return answer.read(), answer.headers.get("Content-Range", "")
        except urllib.error.HTTPError as error:
            raise Refused(_describe(error), error.code) from error
        except (OSError, HTTPException) as error:
            reason = getattr(error, "reason", error)
            raise Refused(f"{self._url} can't be reached ({reason}). Is it running, and is this its URL?") from error

    def _decode(self, content: bytes, needs: Collection[str]) -> dict[str, Any]:
        try:
            decoded = json.loads(content)
        except ValueError:
            decoded = None
        if not isinstance(decoded, dict) or not decoded.keys() >= set(needs):
            raise Refused(f"{self._url} answered something else than a region of Vouch does. Is this its URL?")
        return decoded


def read_token(file: Path) -> str:
    """Raises Refused where there is none; nothing of what the file holds is ever told."""
    advice = "Name one with --token-file, or start the local system: make run"
    try:
        token = file.read_text("ascii").strip()
    except OSError as error:
        raise Refused(f"No token: {file} can't be read ({error.strerror}). {advice}") from error
    except UnicodeDecodeError:
        token = ""
    if not token or not token.isprintable() or " " in token:
        raise Refused(f"{file} holds no token, which is one line of ASCII. {advice}")
    return token


def content_digest(body: bytes) -> str:
    """The Content-Digest header of a body (RFC 9530)."""
    return f"sha-256=:{base64.b64encode(hashlib.sha256(body).digest()).decode()}:"


def is_url(url: str) -> bool:
    """Whether it is the URL of a host, by HTTP."""
    try:
        parts = urlsplit(url)
        return parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False


def _describe(error: urllib.error.HTTPError) -> str:
    try:
        problem = json.loads(error.read())
        faults = [f"  {fault['pointer'] or '/'}: {fault['detail']}" for fault in problem.get("errors", ())]
        return "\n".join([f"{problem['title']}. {problem['detail']}", *faults])
    except (ValueError, KeyError, TypeError, AttributeError, OSError, HTTPException):
        return f"{error.url} answered {error.code}, with no word of why. Is this the URL of a region?"
