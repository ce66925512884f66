"""A deal as its caller sends it: the envelope is read here, the features by the model's schema.

`read_deal` never raises: it returns the deal as far as it could be read and every fault of it, so that
the faults of the envelope and of the features reach the caller in one answer.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from scoring.faults import Fault, pointer_to

MAX_ID_CHARACTERS = 128
MAX_SUBJECTS = 16
MODEL_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,63}\Z")
COUNTRY = re.compile(r"[A-Z]{2}\Z")

NO_IDENTIFIER = f"Must be a string of 1 to {MAX_ID_CHARACTERS} printable characters."
FIELDS = ("deal_id", "model", "occurred_at", "residency", "subjects", "features")


@dataclass(frozen=True, slots=True)
class Deal:
    """What a deal system asks about. `residency` is an ISO 3166-1 alpha-2 country code."""

    deal_id: str = ""
    model: str | None = None
    occurred_at: str | None = None
    residency: str | None = None
    subjects: tuple[str, ...] = ()
    features: Mapping[str, object] = field(default_factory=dict)


def read_deal(payload: object) -> tuple[Deal, list[Fault]]:
    """Read a decoded JSON deal; returns it with all its faults (none: the envelope is sound)."""
    if not isinstance(payload, dict):
        return Deal(), [Fault("", "A deal is a JSON object.")]
    faults = [Fault(pointer_to(name), "Unknown field.") for name in payload if name not in FIELDS]
    deal = Deal(
        deal_id=_read_deal_id(payload, faults),
        model=_read_matching(payload, "model", MODEL_NAME, "a model's name", faults),
        occurred_at=_read_occurred_at(payload, faults),
        residency=_read_matching(payload, "residency", COUNTRY, "a two-letter country code (ISO 3166-1)", faults),
        subjects=_read_subjects(payload, faults),
        features=_read_features(payload, faults),
    )
    return deal, faults


def is_identifier(value: object) -> bool:
    """True for what may name a deal or a person: 1 to 128 printable characters."""
    return isinstance(value, str) and 0 < len(value) <= MAX_ID_CHARACTERS and value.isprintable()


def _read_deal_id(payload: Mapping[str, object], faults: list[Fault]) -> str:
    value = payload.get("deal_id")
    if isinstance(value, str) and is_identifier(value):
        return value
    detail = "Is required." if value is None else NO_IDENTIFIER
    faults.append(Fault("/deal_id", detail))
    return ""


def _read_matching(
    payload: Mapping[str, object], name: str, pattern: re.Pattern[str], what: str, faults: list[Fault]
) -> str | None:
    value = payload.get(name)
    if value is None:
        return None
    if isinstance(value, str) and pattern.match(value):
        return value
    faults.append(Fault(pointer_to(name), f"Must be {what}."))
    return None


def _read_occurred_at(payload: Mapping[str, object], faults: list[Fault]) -> str | None:
    value = payload.get("occurred_at")
    if value is None:
        return None
    if isinstance(value, str) and is_timestamp(value):
        return value
    faults.append(Fault("/occurred_at", "Must be an RFC 3339 time with its offset, such as 2026-11-23T21:00:00Z."))
    return None


def is_timestamp(value: str) -> bool:
    """True for an RFC 3339 timestamp: date, time and offset."""
    if len(value) > 40 or "T" not in value.upper():
        return False
    try:
        return datetime.fromisoformat(value.upper()).tzinfo is not None
    except ValueError:
        return False


def _read_subjects(payload: Mapping[str, object], faults: list[Fault]) -> tuple[str, ...]:
    value = payload.get("subjects")
    if value is None:
        return ()
    if not isinstance(value, list) or len(value) > MAX_SUBJECTS:
        faults.append(Fault("/subjects", f"Must be a list of at most {MAX_SUBJECTS} ids."))
        return ()
    wrong = [index for index, subject in enumerate(value) if not is_identifier(subject)]
    faults.extend(Fault(pointer_to("subjects", index), NO_IDENTIFIER) for index in wrong)
    return () if wrong else tuple(dict.fromkeys(value))


def _read_features(payload: Mapping[str, object], faults: list[Fault]) -> Mapping[str, object]:
    value = payload.get("features")
    if isinstance(value, dict):
        return value
    faults.append(Fault("/features", "Is required." if value is None else "Must be a JSON object."))
    return {}
