"""Calls to the control region, with the standard library alone."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

TIMEOUT_S = 30


class Refused(Exception):
    """What was asked was not done; the message says why, and what to do."""


class ControlRegion:
    """A region's API at a base URL, called with one token."""

    def __init__(self, url: str, token: str) -> None:
        if urlsplit(url).scheme not in {"http", "https"}:
            raise Refused(f"{url} is no URL of a region. It reads like https://westeurope.example.")
        self._url = url.rstrip("/")
        self._token = token

    def ask(self, method: str, path: str, body: Mapping[str, Any] | None = None, key: str | None = None) -> Any:
        """The decoded answer. Raises Refused with the problem's own words."""
        request = urllib.request.Request(f"{self._url}{path}", method=method)  # noqa: S310 - the scheme was looked at
        request.add_header("Authorization", f"Bearer {self._token}")
        if key is not None:
            request.add_header("Idempotency-Key", key)
        if body is not None:
            request.data = json.dumps(body).encode()
            request.add_header("Content-Type", "application/json")
        try:
            with urllib.request.urlopen(request, timeout=TIMEOUT_S) as answer:  # noqa: S310
                return json.load(answer)
        except urllib.error.HTTPError as error:
            raise Refused(_describe(error)) from error
        except (OSError, ValueError) as error:
            reason = getattr(error, "reason", error)
            raise Refused(f"{self._url} can't be reached ({reason}). Is it running? Name it with --url.") from error


def _describe(error: urllib.error.HTTPError) -> str:
    try:
        problem = json.loads(error.read())
        faults = [f"  {fault['pointer'] or '/'}: {fault['detail']}" for fault in problem.get("errors", ())]
        return "\n".join([f"{problem['title']}. {problem['detail']}", *faults])
    except (ValueError, KeyError, TypeError):
        return f"The region answered {error.code}."
