"""Azurite as a child process: real Azure Tables and Blobs on this machine, one storage account a region.

Installed under `.local/azurite` by `make run` (the lock file is `local/npm/package-lock.json`).
"""

from __future__ import annotations

import base64
import hashlib
import os
import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.error import HTTPError, URLError
from urllib.request import urlopen

from local.failures import LocalFailed
from local.node import find_node

ROOT = Path(__file__).resolve().parent.parent
MODULES = ROOT / ".local" / "azurite" / "node_modules"
PROGRAM = MODULES / "azurite" / "dist" / "src" / "azurite.js"
LEASH = Path(__file__).parent / "npm" / "leash.cjs"
START_SECONDS = 30


class AzuriteFailed(LocalFailed):
    """Azurite could not be started; the message says why and what to do."""


def account_key(account: str) -> str:
    """The made-up key of a local account (base64 of 64 bytes). It guards nothing: Azurite listens on loopback."""
    return base64.b64encode(hashlib.sha512(f"vouch local {account}".encode()).digest()).decode()


@dataclass(frozen=True, slots=True)
class Azurite:
    """A running Azurite with its three ports."""

    process: subprocess.Popen[bytes]
    blob_port: int
    queue_port: int
    table_port: int

    def connection_string(self, account: str, table_port: int | None = None) -> str:
        """A storage connection string; `table_port` stands for a proxy in front of the tables."""
        host = "http://127.0.0.1"
        return (
            f"DefaultEndpointsProtocol=http;AccountName={account};AccountKey={account_key(account)};"
            f"BlobEndpoint={host}:{self.blob_port}/{account};QueueEndpoint={host}:{self.queue_port}/{account};"
            f"TableEndpoint={host}:{table_port or self.table_port}/{account};"
        )

    def stop(self) -> None:
        """End the process and wait for it."""
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(10)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait(10)
        if self.process.stdin is not None:
            self.process.stdin.close()


def start_azurite(
    accounts: Sequence[str], folder: Path, ports: tuple[int, int, int], in_memory: bool = False
) -> Azurite:
    """Start Azurite for these accounts on (blob, queue, table) ports and return once all three answer.

    `in_memory`: nothing outlives it, and it never stops for the write of its whole table database, which otherwise
    comes every five seconds and holds up every request."""
    node = find_node()
    if node is None or not PROGRAM.exists():
        raise AzuriteFailed("Azurite is not installed. Run `make setup`, which installs it under .local/azurite.")
    folder.mkdir(parents=True, exist_ok=True)
    blob, queue, table = ports
    command = [
        node,
        "--require",
        str(LEASH),
        str(PROGRAM),
        "--silent",
        "--skipApiVersionCheck",
        "--disableTelemetry",
        *(["--inMemoryPersistence"] if in_memory else ["--location", str(folder)]),
    ]
    for name, port in (("blob", blob), ("queue", queue), ("table", table)):
        command += [f"--{name}Host", "127.0.0.1", f"--{name}Port", str(port)]
    declared = ";".join(f"{account}:{account_key(account)}" for account in accounts)
    with (folder / "azurite.out").open("wb") as out:
        process = subprocess.Popen(
            command,
            env={**os.environ, "AZURITE_ACCOUNTS": declared},
            stdin=subprocess.PIPE,
            stdout=out,
            stderr=out,
            start_new_session=True,
        )
    azurite = Azurite(process, blob, queue, table)
    _wait_until_answering(azurite, folder)
    return azurite


def _wait_until_answering(azurite: Azurite, folder: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    for port in (azurite.blob_port, azurite.queue_port, azurite.table_port):
        while not _is_answering(port):
            if azurite.process.poll() is not None or time.monotonic() > deadline:
                azurite.stop()
                raise AzuriteFailed(f"Azurite did not start; see {folder / 'azurite.out'}.")
            time.sleep(0.05)


def _is_answering(port: int) -> bool:
    try:
        urlopen(f"http://127.0.0.1:{port}/", timeout=2).close()
    except HTTPError:
        return True
    except (URLError, OSError):
        return False
    return True
