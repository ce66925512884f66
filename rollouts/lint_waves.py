"""The waves of a plan: every region in exactly one, and a pair never in the same, so that one of it always stands."""

from __future__ import annotations

from rollouts.defaults import default_waves
from rollouts.plan import Fleet
from rollouts.reader import Reader

MAX_WAVES = 32
Waves = tuple[tuple[str, ...], ...]


def read_waves(reader: Reader, given: object, fleet: Fleet) -> Waves:
    if given is None:
        return default_waves(fleet)
    if not isinstance(given, list) or not 0 < len(given) <= MAX_WAVES:
        return reader.fault("/waves", f"Must be a list of 1 to {MAX_WAVES} waves.", ())
    seen: set[str] = set()
    waves = tuple(_read_wave(reader, f"/waves/{index}", wave, seen, fleet) for index, wave in enumerate(given))
    for region in fleet.regions:
        if region not in seen:
            reader.fault("/waves", f"{region} is in no wave.", None)
    return waves


def _read_wave(reader: Reader, pointer: str, given: object, seen: set[str], fleet: Fleet) -> tuple[str, ...]:
    if not isinstance(given, list) or not 0 < len(given) <= MAX_WAVES:
        return reader.fault(pointer, f"Must be a list of 1 to {MAX_WAVES} regions.", ())
    wave: list[str] = []
    for place, region in enumerate(given):
        fault = _find_fault(region, wave, seen, fleet)
        if fault is not None:
            reader.fault(f"{pointer}/{place}", fault, None)
        if isinstance(region, str):
            wave.append(region)
            seen.add(region)
    return tuple(wave)


def _find_fault(region: object, wave: list[str], seen: set[str], fleet: Fleet) -> str | None:
    if not isinstance(region, str) or region not in fleet.regions:
        return f"No such region. There are {', '.join(fleet.regions)}."
    if region in seen:
        return f"{region} is in another place, too."
    other = next((other for other in wave if fleet.is_pair(region, other)), None)
    return None if other is None else f"{region} and {other} are a pair: give them waves of their own."
