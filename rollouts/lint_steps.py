"""The steps of a plan: exposure only rises, from one raise to the next somebody has looked, and at the end it is 100.

The first step may show a version to nobody (`shadow`) or to a few (`setWeight` below 100); every deal is never given
to a version that no analysis has looked at.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from rollouts.defaults import STEPS
from rollouts.plan import Analysis, Pause, SetWeight, Shadow, Step
from rollouts.reader import Reader

MAX_STEPS = 50
KINDS = ("shadow", "setWeight", "pause", "analysis")


def read_steps(reader: Reader, given: object) -> tuple[Step, ...]:
    if given is None:
        return STEPS
    if not isinstance(given, list) or not 0 < len(given) <= MAX_STEPS:
        return reader.fault("/steps", f"Must be a list of 1 to {MAX_STEPS} steps.", ())
    steps = [_read_step(reader, f"/steps/{index}", step) for index, step in enumerate(given)]
    _Order(reader).check(steps)
    return tuple(step for step in steps if step is not None)


def _read_step(reader: Reader, pointer: str, step: object) -> Step | None:
    """The step, or None where it could be anything."""
    kind, value = next(iter(step.items())) if isinstance(step, Mapping) and len(step) == 1 else ("", None)
    at = f"{pointer}/{kind}"
    match kind:
        case "shadow":
            return _read_shadow(reader, at, value)
        case "setWeight":
            return _read_weight(reader, at, value)
        case "pause":
            return Pause(None) if value is None or value == {} else Pause(reader.duration(at, value, 1.0))
        case "analysis":
            return Analysis() if value is True else reader.fault(at, "Must be true.", None)
    return reader.fault(pointer, f"Must hold one of {', '.join(KINDS)}, and nothing else.", None)


def _read_shadow(reader: Reader, pointer: str, value: object) -> Shadow | None:
    share = reader.number(pointer, value) if value is not None else reader.fault(pointer, "Must be a number.", None)
    if share is None:
        return None
    return Shadow(share) if 0 < share <= 1 else reader.fault(pointer, "Must be above 0.0 and up to 1.0.", None)


def _read_weight(reader: Reader, pointer: str, value: object) -> SetWeight | None:
    if type(value) is not int or not 0 < value <= 100:
        return reader.fault(pointer, "Must be a whole number of 1 to 100.", None)
    return SetWeight(value)


class _Order:
    """Walks the steps in order. A step that could be anything is given the benefit of the doubt."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader
        self._weight = 0
        self._is_exposed = False
        self._is_analysed = False

    def check(self, steps: Sequence[Step | None]) -> None:
        is_weight_known = True
        for index, step in enumerate(steps):
            self._check_step(f"/steps/{index}", step)
            is_weight_known = isinstance(step, SetWeight) or (is_weight_known and step is not None)
        if is_weight_known and self._weight != 100:
            self._reader.fault("/steps", "The last setWeight must be 100.", None)

    def _check_step(self, pointer: str, step: Step | None) -> None:
        match step:
            case None:
                self._is_exposed, self._is_analysed = True, True
            case Analysis():
                if not self._is_exposed:
                    self._reader.fault(pointer, "Nothing is to be analysed yet: shadow or setWeight comes first.", None)
                self._is_analysed = True
            case Shadow():
                if self._weight:
                    self._reader.fault(f"{pointer}/shadow", "Must come before the first weight.", None)
                self._raise_exposure(pointer)
            case SetWeight(weight):
                self._check_weight(pointer, weight)

    def _check_weight(self, pointer: str, weight: int) -> None:
        if weight < self._weight:
            self._reader.fault(f"{pointer}/setWeight", f"Must be {self._weight} or more: weights never fall.", None)
        if weight == 100 and not self._is_exposed:
            self._reader.fault(pointer, "Show it less first, and analyse that: shadow or a lower setWeight.", None)
        if weight != self._weight:
            self._raise_exposure(pointer)
        self._weight = weight

    def _raise_exposure(self, pointer: str) -> None:
        if self._is_exposed and not self._is_analysed:
            self._reader.fault(pointer, "An analysis has to come between two raises of the exposure.", None)
        self._is_exposed, self._is_analysed = True, False
