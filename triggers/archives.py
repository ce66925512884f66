"""A bundle's files as one body: an uncompressed tar of plain files, no folders, links or anything else.

The body comes whole (the Functions host hands it over so, up to 100 MB), with its digest beside it (RFC 9530), so that
what arrived is what was sent.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import io
import re
import tarfile
from collections.abc import Mapping

from flows.errors import InvalidBody
from triggers.problems import InvalidParameter

MIMETYPE = "application/x-tar"
MAX_FILES = 16
MAX_NAME = 100
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*\Z")
_DIGEST = re.compile(r"(?:^|,)\s*sha-256=:([A-Za-z0-9+/=]+):")


def read_archive(body: bytes) -> dict[str, bytes]:
    """The files, by name. Raises InvalidBody."""
    files: dict[str, bytes] = {}
    try:
        with tarfile.open(fileobj=io.BytesIO(body), mode="r:") as archive:
            for member in archive:
                _check_member(member, files)
                files[member.name] = _read_member(archive, member)
    except (tarfile.TarError, EOFError, ValueError, OverflowError) as error:
        raise InvalidBody("The archive can't be read: send an uncompressed tar.") from error
    if not files:
        raise InvalidBody("The archive is empty.")
    return files


def write_archive(files: Mapping[str, bytes]) -> bytes:
    """The files as a tar; the same files always give the same bytes."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:", format=tarfile.USTAR_FORMAT) as archive:
        for name, content in sorted(files.items()):
            member = tarfile.TarInfo(name)
            member.size, member.mode = len(content), 0o644
            archive.addfile(member, io.BytesIO(content))
    return out.getvalue()


def digest_header(body: bytes) -> str:
    """The body's Content-Digest."""
    return f"sha-256=:{base64.b64encode(hashlib.sha256(body).digest()).decode()}:"


def check_digest(header: str | None, body: bytes) -> None:
    """Raises InvalidParameter where the body is not what its Content-Digest says, or there is none."""
    match = _DIGEST.search(header or "")
    if match is None:
        raise InvalidParameter("Content-Digest", "is required and must read sha-256=:<base64>: (RFC 9530)")
    try:
        meant = base64.b64decode(match[1], validate=True)
    except binascii.Error:
        meant = b""
    if not hmac.compare_digest(meant, hashlib.sha256(body).digest()):
        raise InvalidParameter("Content-Digest", "is not that of the body that arrived: send it again")


def _check_member(member: tarfile.TarInfo, files: Mapping[str, bytes]) -> None:
    if not member.isreg() or member.issparse():
        raise InvalidBody("The archive may hold plain files only.")
    if len(member.name) > MAX_NAME or not _NAME.match(member.name):
        raise InvalidBody("A file's name may hold letters, digits, dots, dashes and underscores only.")
    if member.name in files:
        raise InvalidBody("A file is in the archive twice.")
    if len(files) == MAX_FILES:
        raise InvalidBody(f"The archive holds more than {MAX_FILES} files.")


def _read_member(archive: tarfile.TarFile, member: tarfile.TarInfo) -> bytes:
    opened = archive.extractfile(member)
    content = opened.read() if opened else b""
    if len(content) != member.size:
        raise InvalidBody("The archive is truncated.")
    return content
