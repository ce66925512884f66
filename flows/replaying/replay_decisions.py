"""Score recorded decisions again, with what they were decided with, and say whether they come out the same.

    recorded event -> the version, policy and reference snapshots that it names -> encode -> score -> explain -> compare

Equal means equal to the last bit: scores, risk scores, outcomes, looked-up values, and contributions where they were
recorded. Many records are scored in one call of the model. What can't be compared says why and is counted apart.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Protocol

from scoring.features import EncodedRow
from scoring.lookups import Tables
from scoring.model import Model
from scoring.policy import Policy

Event = Mapping[str, Any]


class Fate(StrEnum):
    """What became of a decision that was to be replayed."""

    EQUAL = "equal"
    DIFFERS = "differs"
    ERASED = "erased"
    NOT_AT_HAND = "not at hand"


@dataclass(frozen=True, slots=True)
class Replayed:
    """`details` say what differs, or what was not at hand."""

    decision_id: str
    fate: Fate
    details: tuple[str, ...] = ()


class NotAtHand(Exception):
    """A version, policy or snapshot that can't be had; the message names it and says what to do."""


class Versions(Protocol):
    """What decisions were made with. Each raises NotAtHand."""

    def model(self, name: str, version: str) -> Model: ...

    def policy(self, name: str, version: str) -> Policy: ...

    def tables(self, references: Sequence[Mapping[str, Any]]) -> Tables:
        """The snapshots that a record names, by dataset."""


@dataclass(frozen=True, slots=True)
class Ready:
    """A decision with everything that it was made with, encoded again. `values` are those that were looked up."""

    event: Event
    model: Model
    policy: Policy
    row: EncodedRow
    values: Mapping[str, object]


def replay_decisions(events: Iterable[Event], versions: Versions) -> Iterator[Replayed]:
    """What becomes of each decision (`vouch.decision.scored.v1`), in no particular order."""
    ready: dict[tuple[str, str], list[Ready]] = {}
    for event in events:
        prepared = prepare_decision(event, versions)
        if isinstance(prepared, Replayed):
            yield prepared
        else:
            ready.setdefault((prepared.model.name, prepared.model.version), []).append(prepared)
    for group in ready.values():
        scores = group[0].model.score_many([one.row.values for one in group])
        for one, score in zip(group, scores, strict=True):
            yield _compare(one, score)


def prepare_decision(event: Event, versions: Versions) -> Ready | Replayed:
    """The decision as its model saw it, or why it can't be replayed."""
    data, decision_id = event["data"], str(event["id"])
    personal = data.get("personal")
    if personal is None:
        return Replayed(decision_id, Fate.ERASED)
    try:
        model = versions.model(data["model"]["name"], data["model"]["version"])
        policy = versions.policy(data["policy"]["name"], data["policy"]["version"])
        tables = versions.tables(data.get("references", ()))
    except NotAtHand as error:
        return Replayed(decision_id, Fate.NOT_AT_HAND, (str(error),))
    if model.digest != data["model"]["digest"]:
        told = f"{model.name} {model.version} at hand is {model.digest}, decided with {data['model']['digest']}"
        return Replayed(decision_id, Fate.NOT_AT_HAND, (told,))
    features = without(personal["features"], personal.get("unused", ()))
    looked_up = model.look_up(features, tables)
    row, faults = model.encode(features, looked_up)
    if faults:
        return Replayed(decision_id, Fate.DIFFERS, tuple(f"{fault.pointer}: {fault.detail}" for fault in faults))
    return Ready(event, model, policy, row, looked_up.values)


def without(features: Mapping[str, object], unused: Sequence[str]) -> Mapping[str, object]:
    """The features that the version took."""
    return {name: value for name, value in features.items() if name not in unused} if unused else features


def _compare(one: Ready, score: float) -> Replayed:
    data = one.event["data"]
    risk_score = one.model.risk_score(score)
    differences = [
        f"{what} was {recorded}, is {found}"
        for what, recorded, found in (
            ("score", data["score"], score),
            ("risk_score", data["risk_score"], risk_score),
            ("outcome", data["outcome"], one.policy.decide_outcome(risk_score).value),
        )
        if recorded != found
    ]
    differences += _compare_personal(one)
    return Replayed(str(one.event["id"]), Fate.DIFFERS if differences else Fate.EQUAL, tuple(differences))


def _compare_personal(one: Ready) -> Iterator[str]:
    personal = one.event["data"]["personal"]
    if dict(personal.get("referenced", {})) != dict(one.values):
        yield "the looked-up values are others"
    recorded = personal.get("contributions")
    if recorded is None:
        return
    found = one.model.contributions(one.row.values)
    if tuple(recorded) == found:
        return
    names = [*(feature.name for feature in one.model.features), "the bias"]
    if len(recorded) != len(found):
        yield f"{len(recorded)} contributions were recorded, there are {len(found)}"
        return
    for name, old, new in zip(names, recorded, found, strict=True):
        if old != new:
            yield f"the contribution of {name} was {old}, is {new}"
