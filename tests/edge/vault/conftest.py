"""Every vault there is, with what rotates its key-encryption key."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from adapters.azure_asking import AskLimits
from adapters.azure_signing import IdentitySigner
from adapters.azure_storage import StorageService
from adapters.file_vault import FileVault, create_vault
from adapters.keyvault_vault import SCOPE, KeyVaultVault
from flows.trail_ports import Vault
from tests.edge.vault.emulator import SIGNING, TOKEN, WRAPPING, KeyVault, serving
from tests.fakes_trail import MemoryVault


@dataclass
class Token:
    token: str
    expires_on: float


class Credential:
    """The app's identity: it has a token for key vaults alone."""

    async def get_token(self, scope: str) -> Token:
        assert scope == SCOPE
        return Token(TOKEN, time.time() + 3_600)

    async def close(self) -> None:
        pass


@pytest.fixture
async def key_vault() -> AsyncIterator[KeyVault]:
    async with serving() as vault:
        yield vault


@pytest.fixture
async def connected(key_vault: KeyVault) -> AsyncIterator[KeyVaultVault]:
    service = StorageService(key_vault.url, IdentitySigner(Credential(), (), SCOPE))
    vault = KeyVaultVault(service, SIGNING, WRAPPING, AskLimits(deadline_s=1.5, attempt_s=0.3))
    yield vault
    await vault.close()


@pytest.fixture(params=["folder", "key vault", "memory"])
def vault_and_rotate(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[Vault, Callable[[], object]]:
    if request.param == "memory":
        memory = MemoryVault()
        return memory, memory.rotate
    if request.param == "folder":
        create_vault(tmp_path / "vault")
        return FileVault(tmp_path / "vault"), lambda: (tmp_path / "vault" / "kek-2.key").write_text("5e" * 32)
    return request.getfixturevalue("connected"), request.getfixturevalue("key_vault").rotate
