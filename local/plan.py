"""Where the local system keeps its state and which ports it takes: all of it follows from a folder and a base port.

The issuer takes the base port, regions the ports that `regions.json` gives them (counted from 7070), Azurite three
ports above them. Another base port moves everything, so that several systems can run at once.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from flows.regions import Region, parse_regions
from local.failures import LocalFailed

ROOT = Path(__file__).resolve().parent.parent
DEFAULT_FOLDER = ROOT / ".local"
DEFAULT_BASE_PORT = 7070
AZURITE_OFFSET = 100
AZURITE_PORTS = 3
LOWEST_PORT, HIGHEST_PORT = 1024, 65_535


@dataclass(frozen=True, slots=True)
class Plan:
    """Everything that is decided before the first process starts."""

    folder: Path
    base_port: int
    regions: Mapping[str, Region]
    document: Mapping[str, Mapping[str, object]]
    """The regions as `regions_file` tells them."""

    @property
    def issuer(self) -> str:
        """The issuer's URL, as it stands in tokens."""
        return f"http://127.0.0.1:{self.base_port}/vouch-local/v2.0"

    @property
    def azurite_ports(self) -> tuple[int, int, int]:
        """Blob, queue and table port."""
        first = self.base_port + AZURITE_OFFSET
        return first, first + 1, first + 2

    @property
    def regions_file(self) -> Path:
        """The regions with the URLs that they have in this system."""
        return self.folder / "regions.json"

    @property
    def control(self) -> Region:
        """The region that a newcomer meets first."""
        return next((region for region in self.regions.values() if region.control), next(iter(self.regions.values())))

    def port_of(self, region: str) -> int:
        """The port of a region's process."""
        return int(urlsplit(self.regions[region].base_url).port or 0)

    def token_file(self, role: str) -> Path:
        """Where the token of a role lies."""
        return self.folder / "tokens" / f"{role}.jwt"

    def log_file(self, name: str) -> Path:
        """Where a process's output lies."""
        return self.folder / "logs" / f"{name}.log"

    def durable_file(self, region: str) -> Path:
        """Where a region's orchestrations are kept."""
        return self.folder / "durable" / f"{region}.sqlite"

    def vault_folder(self, region: str) -> Path:
        """Where a region's keys lie, which are in a key vault in Azure."""
        return self.folder / "vault" / region

    def public_key_file(self, region: str) -> Path:
        """Where people find the keys that sign a region's checkpoints, a line each, the newest last."""
        return _public_key_file(self.folder, region)

    def ports(self, regions: Iterable[str]) -> dict[int, str]:
        """Every port that the system needs with these regions, with whose it is."""
        named = {self.base_port: "the token issuer"}
        named |= {self.port_of(name): f"the region {name}" for name in regions}
        return named | dict.fromkeys(self.azurite_ports, "Azurite")


def make_plan(folder: Path, base_port: int, regions_file: Path = ROOT / "regions.json") -> Plan:
    """Read the regions and move them to this base port. Raises LocalFailed."""
    highest = HIGHEST_PORT - AZURITE_OFFSET - AZURITE_PORTS + 1
    if not LOWEST_PORT <= base_port <= highest:
        raise LocalFailed(f"The base port must be {LOWEST_PORT} to {highest}, not {base_port}: make run BASE_PORT=8070")
    document = json.loads(regions_file.read_text())
    for name, entry in document.items():
        port = urlsplit(entry["base_url"]).port
        if port is None or not DEFAULT_BASE_PORT < port < DEFAULT_BASE_PORT + AZURITE_OFFSET:
            raise LocalFailed(f"{name}: base_url in regions.json needs a port from 7071 to 7169.")
        entry["base_url"] = f"http://127.0.0.1:{port - DEFAULT_BASE_PORT + base_port}"
        if (file := _public_key_file(folder, name)).exists():
            entry["checkpoint_keys"] = file.read_text().splitlines()
    plan = Plan(folder.resolve(), base_port, parse_regions(document), document)
    if len(plan.ports(plan.regions)) != len(plan.regions) + 4:
        raise LocalFailed("Two regions in regions.json have the same port; give each its own.")
    try:
        plan.folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise LocalFailed(f"{plan.folder} can't be made ({error.strerror}). Name another FOLDER.") from None
    return plan


def _public_key_file(folder: Path, region: str) -> Path:
    return folder / "keys" / f"{region}.pub"
