"""The regions and whose deals each accepts: `regions.json`, read once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from audit.notes import InvalidNote, VerifierKey, read_verifier_key


class InvalidRegions(ValueError):
    """`regions.json` can't be obeyed; the message says which entry and why."""


@dataclass(frozen=True, slots=True)
class Region:
    """One region. `residencies` are the ISO 3166-1 alpha-2 countries whose deals it may score; `audience` is that of
    its tokens; `checkpoint_keys` are those that sign its checkpoints, old ones too."""

    name: str
    jurisdiction: str
    residencies: frozenset[str]
    base_url: str
    pair: str | None = None
    witness: str | None = None
    control: bool = False
    audience: str = ""
    checkpoint_keys: tuple[VerifierKey, ...] = ()


def parse_regions(document: object) -> Mapping[str, Region]:
    """Read the decoded `regions.json`. Raises InvalidRegions with the entry and the fault."""
    if not isinstance(document, dict) or not document:
        raise InvalidRegions("regions.json must be an object with one entry a region")
    regions = {name: _parse_region(name, entry) for name, entry in document.items()}
    for region in regions.values():
        for other in (region.pair, region.witness):
            if other is not None and other not in regions:
                raise InvalidRegions(f"{region.name}: names {other}, which is no region")
    return regions


def _parse_region(name: str, entry: object) -> Region:
    if not isinstance(entry, dict):
        raise InvalidRegions(f"{name}: must be an object")
    known = {"jurisdiction", "residencies", "base_url", "pair", "witness", "control", "audience", "checkpoint_keys"}
    unknown = sorted(entry.keys() - known)
    if unknown:
        raise InvalidRegions(f"{name}: unknown field {unknown[0]}")
    residencies = entry.get("residencies")
    if not isinstance(residencies, list) or not all(isinstance(country, str) for country in residencies):
        raise InvalidRegions(f"{name}: residencies must be a list of country codes")
    for field in ("jurisdiction", "base_url"):
        if not isinstance(entry.get(field), str):
            raise InvalidRegions(f"{name}: {field} must be a string")
    return Region(
        name=name,
        jurisdiction=entry["jurisdiction"],
        residencies=frozenset(residencies),
        base_url=entry["base_url"].rstrip("/"),
        pair=entry.get("pair"),
        witness=entry.get("witness"),
        control=entry.get("control") is True,
        audience=str(entry.get("audience") or f"api://vouch-{name}"),
        checkpoint_keys=_parse_keys(name, entry.get("checkpoint_keys", [])),
    )


def _parse_keys(name: str, lines: object) -> tuple[VerifierKey, ...]:
    if not isinstance(lines, list) or not all(isinstance(line, str) for line in lines):
        raise InvalidRegions(f"{name}: checkpoint_keys must be a list of verifier keys, a line each")
    try:
        return tuple(read_verifier_key(line) for line in lines)
    except InvalidNote as error:
        raise InvalidRegions(f"{name}: checkpoint_keys: {error}") from None


def control_of(regions: Mapping[str, Region]) -> Region:
    """The region that drives rollouts. Raises InvalidRegions where none does."""
    for region in regions.values():
        if region.control:
            return region
    raise InvalidRegions("no region is control: one has to drive rollouts")


def accepting_regions(regions: Mapping[str, Region], country: str) -> dict[str, str]:
    """The base URLs of the regions that accept deals of a country, by name."""
    return {region.name: region.base_url for region in regions.values() if country in region.residencies}
