"""What the values of settings may read; each function raises ValueError with what is wrong."""

from __future__ import annotations

import re

from audit.notes import is_key_name
from audit.suppression import LEAST_BELOW
from audit.windows import DAY_S
from rollouts.plan import Before
from scoring.release import Release, Target

MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
DAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
SCHEDULE = ((0, 59, ()), (0, 59, ()), (0, 23, ()), (1, 31, ()), (1, 12, MONTHS), (0, 6, DAYS))
"""Second, minute, hour, day of the month, month, day of the week: the least and the greatest number, and names."""

_SCHEDULE_ITEM = re.compile(r"(?:\*|([0-9A-Za-z]+)(?:-([0-9A-Za-z]+))?)(?:/([1-9][0-9]?))?")


def parse_hmac_key(text: str) -> bytes:
    """A secret of at least 32 bytes, in hex."""
    try:
        key = bytes.fromhex(text)
    except ValueError:
        raise ValueError("must be hex") from None
    if len(key) < 32:
        raise ValueError("must be at least 32 bytes in hex (64 digits)")
    return key


def parse_origin(text: str) -> str:
    """The name that checkpoints are signed under."""
    if not is_key_name(text):
        raise ValueError("must hold no space and no plus")
    return text


def parse_initial_releases(text: str) -> dict[str, Release]:
    """`model=version@policy/version`, more of them parted by commas."""
    releases = {}
    for entry in filter(None, (part.strip() for part in text.split(","))):
        model, _, target = entry.partition("=")
        version, _, policy = target.partition("@")
        if not model or not version or "/" not in policy:
            raise ValueError(f"{entry!r} must read model=version@policy/version")
        releases[model] = Release(model=model, stable=Target(version, policy), generation=1)
    return releases


def parse_least_approval(text: str) -> dict[str, Before]:
    """`model=firstWave`, more of them parted by commas; `*` stands for every other model, which needs one approval
    where nothing is said of it."""
    least: dict[str, Before] = {}
    for entry in filter(None, (part.strip() for part in text.split(","))):
        model, _, before = entry.partition("=")
        if not model or before not in list(Before):
            raise ValueError(f"{entry!r} must read model= and one of {', '.join(Before)}")
        if model in least:
            raise ValueError(f"{model} is named twice")
        least[model] = Before(before)
    return {"*": Before.FIRST_WAVE, **least}


def parse_window_length(text: str) -> int:
    """The length of a window. Every day begins with one."""
    length_s = parse_count(text)
    if DAY_S % length_s:
        raise ValueError("must divide the day: 3600, or 60 to try it out")
    return length_s


def parse_schedule(text: str) -> str:
    """An NCRONTAB expression of six fields. Checked here, since the host of a function with a schedule that it can't
    read goes on without that function.

    https://learn.microsoft.com/azure/azure-functions/functions-bindings-timer#ncrontab-expressions"""
    fields = text.split()
    if len(fields) != len(SCHEDULE) or not all(map(_is_schedule_field, fields, SCHEDULE)):
        raise ValueError("must be an NCRONTAB expression of six fields, seconds first, such as 0 */5 * * * *")
    return text


def _is_schedule_field(field: str, allowed: tuple[int, int, tuple[str, ...]]) -> bool:
    items = [_SCHEDULE_ITEM.fullmatch(item) for item in field.split(",")]
    return all(item and all(_is_moment(end, *allowed) for end in item.groups()[:2] if end) for item in items)


def _is_moment(text: str, least: int, greatest: int, names: tuple[str, ...]) -> bool:
    return least <= int(text) <= greatest if text.isdecimal() else text.lower() in names


def parse_threshold(text: str) -> int:
    """Below which counts are suppressed."""
    below = parse_count(text)
    if below < LEAST_BELOW:
        raise ValueError(f"must be at least {LEAST_BELOW}: below that a suppressed count could only be 1")
    return below


def parse_count(text: str) -> int:
    """A whole number above 0."""
    if not text.isascii() or not text.isdecimal() or int(text) == 0:
        raise ValueError("must be a whole number above 0")
    return int(text)


def parse_seconds(text: str) -> float:
    """A number above 0."""
    try:
        number = float(text)
    except ValueError:
        raise ValueError("must be a number") from None
    if not 0 < number < 1e9:
        raise ValueError("must be a number above 0")
    return number


def parse_boolean(text: str) -> bool:
    """`true` or `false`."""
    if text not in {"true", "false"}:
        raise ValueError("must be true or false")
    return text == "true"
