"""W3C Trace Context: read the caller's, make our own span. https://www.w3.org/TR/trace-context/"""

from __future__ import annotations

import re
import secrets

_TRACEPARENT = re.compile(r"00-(?!0{32})([0-9a-f]{32})-(?!0{16})[0-9a-f]{16}-([0-9a-f]{2})\Z")
_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,64}\Z")


def continue_trace(traceparent: str | None) -> str:
    """A new span in the caller's trace; in a new trace where it sent none, or none that is valid."""
    match = _TRACEPARENT.match(traceparent or "")
    trace, flags = match.groups() if match else (secrets.token_hex(16), "01")
    return f"00-{trace}-{secrets.token_hex(8)}-{flags}"


def accept_request_id(given: str | None) -> str:
    """The caller's request id where it is sane, else a new one."""
    return given if given and _REQUEST_ID.match(given) else secrets.token_hex(16)
