"""Calls to a region, with the standard library alone."""

from __future__ import annotations

import base64
import hashlib
import json
import urllib.error
import urllib.request
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

TIMEOUT_S = 120


class Refused(Exception):
    """What was asked was not done; the message says why, and what to do."""


class Region:
    """A region's API at a base URL, called with one token."""

    def __init__(self, url: str, token: str) -> None:
        if urlsplit(url).scheme not in {"http", "https"}:
            raise Refused(f"{url} is no URL of a region. It reads like https://westeurope.example.")
        self._url = url.rstrip("/")
        self._token = token

    def ask(self, method: str, path: str, body: Mapping[str, Any] | None = None, key: str | None = None) -> Any:
        """The decoded answer to JSON. Raises Refused with the problem's own words."""
        headers = {"Idempotency-Key": key} if key is not None else {}
        if body is None:
            return self.send(method, path, None, headers)
        return self.send(method, path, json.dumps(body).encode(), {**headers, "Content-Type": "application/json"})

    def send(self, method: str, path: str, body: bytes | None, headers: Mapping[str, str]) -> Any:
        """The decoded answer to a body as it is. Raises Refused."""
        url = f"{self._url}{path}"
        request = urllib.request.Request(url, body, dict(headers), method=method)  # noqa: S310 - its scheme is checked
        request.add_header("Authorization", f"Bearer {self._token}")
        try:
            with urllib.request.urlopen(request, timeout=TIMEOUT_S) as answer:  # noqa: S310
                return json.load(answer)
        except urllib.error.HTTPError as error:
            raise Refused(_describe(error)) from error
        except (OSError, ValueError) as error:
            reason = getattr(error, "reason", error)
            raise Refused(f"{self._url} can't be reached ({reason}). Is it running, and is this its URL?") from error


def read_token(file: Path) -> str:
    """Raises Refused where there is none."""
    try:
        return file.read_text().strip()
    except OSError as error:
        raise Refused(f"No token: {error}. Name one with --token-file, or start the local system: make run") from error


def content_digest(body: bytes) -> str:
    """The Content-Digest header of a body (RFC 9530)."""
    return f"sha-256=:{base64.b64encode(hashlib.sha256(body).digest()).decode()}:"


def _describe(error: urllib.error.HTTPError) -> str:
    try:
        problem = json.loads(error.read())
        faults = [f"  {fault['pointer'] or '/'}: {fault['detail']}" for fault in problem.get("errors", ())]
        return "\n".join([f"{problem['title']}. {problem['detail']}", *faults])
    except (ValueError, KeyError, TypeError):
        return f"The region answered {error.code}."
