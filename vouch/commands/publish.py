"""`python -m vouch publish`: put a model bundle or a policy into the registry, from where every region can pull it."""

from __future__ import annotations

import argparse
import io
import json
import sys
import tarfile
from pathlib import Path
from urllib.parse import quote

from vouch.calls import LOCAL_TOKENS, LOCAL_URL, Refused, Region, content_digest, read_token

LOCAL_TOKEN = LOCAL_TOKENS / "operator.jwt"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """A bundle's folder, or a policy's file."""
    parser.add_argument("path", type=Path, help="model_artifacts/<name>/<version>, or policies/<name>/<version>.json")
    parser.add_argument("--to", default=LOCAL_URL, metavar="URL", help=f"a region's base URL (default {LOCAL_URL})")
    parser.add_argument("--token-file", type=Path, default=LOCAL_TOKEN, help=f"a bearer token (default {LOCAL_TOKEN})")
    parser.add_argument("--json", action="store_true", help="answer JSON")


def run(arguments: argparse.Namespace) -> int:
    """Publish it; 0, or 1 where that was refused."""
    try:
        published = _publish(Region(arguments.to, read_token(arguments.token_file)), arguments.path)
    except Refused as error:
        print(error, file=sys.stderr)
        return 1
    said = "published" if published["is_new"] else "had been published before, the same"
    text = f"{published['name']} {published['version']} {said}: {published['digest']}"
    print(json.dumps(published) if arguments.json else text)
    return 0


def _publish(region: Region, path: Path) -> dict[str, object]:
    if path.is_dir():
        body = _read_bundle(path)
        target = f"/api/v1/models/{_part(path.resolve().parent.name)}/versions/{_part(path.resolve().name)}"
        headers = {"Content-Type": "application/x-tar", "Content-Digest": content_digest(body)}
    else:
        body = _read(path)
        target = f"/api/v1/policies/{_part(path.resolve().parent.name)}/versions/{_part(path.stem)}"
        headers = {"Content-Type": "application/json"}
    print(f"Sending {len(body) / 1e6:.1f} MB; the region verifies it ...", file=sys.stderr)
    return region.send("PUT", target, body, headers, needs=["name", "version", "digest", "is_new"])


def _part(name: str) -> str:
    return quote(name, safe="")


def _read_bundle(folder: Path) -> bytes:
    """The folder's files as a tar."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:", format=tarfile.USTAR_FORMAT) as archive:
        for file in sorted(folder.iterdir()):
            content = _read(file)
            member = tarfile.TarInfo(file.name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return out.getvalue()


def _read(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        raise Refused(f"{file} can't be read: {error.strerror}. Give a bundle's folder or a policy's file.") from error
