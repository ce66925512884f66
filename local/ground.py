"""What regions stand on: a folder, ports, keys, tokens and their issuer (in this process), and Azurite beside it."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable, Iterable
from http.server import ThreadingHTTPServer

from local.azurite import Azurite, start_azurite
from local.failures import LocalFailed
from local.folder import hold_folder
from local.issuer import open_issuer, serve_issuer, write_tokens
from local.plan import Plan
from local.readiness import require_free_ports
from local.regions import REGISTRY_ACCOUNT, account_of
from local.vaults import prepare_vaults


class Ground:
    """The issuer and Azurite of a system with these regions."""

    def __init__(self, plan: Plan, regions: Iterable[str], say: Callable[[str], None]) -> None:
        self._plan = plan
        self._regions = tuple(regions)
        self._say = say
        self._held: sqlite3.Connection | None = None
        self._issuer: ThreadingHTTPServer | None = None
        self._azurite: Azurite | None = None

    @property
    def azurite(self) -> Azurite:
        """The running Azurite. Raises LocalFailed before start()."""
        if self._azurite is None:
            raise LocalFailed("Azurite isn't started yet.")
        return self._azurite

    def start(self) -> None:
        """Make keys and tokens, start issuer and Azurite. Raises LocalFailed; stop() is still to be called."""
        self._held = hold_folder(self._plan)
        require_free_ports(self._plan, self._regions)
        prepare_vaults(self._plan)
        issuer = open_issuer(self._plan)
        write_tokens(issuer, int(time.time()))
        self._issuer = serve_issuer(issuer)
        self._say("Starting Azurite ...")
        self.start_azurite()

    def start_azurite(self) -> None:
        """Start Azurite over the system's storage folder. Raises AzuriteFailed."""
        accounts = [REGISTRY_ACCOUNT, *(account_of(name) for name in self._plan.regions)]
        self._azurite = start_azurite(accounts, self._plan.folder / "storage", self._plan.azurite_ports)

    def stop(self) -> None:
        """Stop what was started."""
        if self._azurite is not None:
            self._azurite.stop()
        if self._issuer is not None:
            self._issuer.shutdown()
            self._issuer.server_close()
        if self._held is not None:
            self._held.close()
