"""The functions of Data Factory's expression language that our pipelines use, and no others.

Where they are odd, they are so on purpose: `startsWith`, `endsWith` and `lastIndexOf` ignore case, `equals` and
`contains` don't, true is written "True". The framework's tests hold them to Microsoft's own evaluator.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any
from xml.etree import ElementTree

Value = Any
EPOCH = datetime(1, 1, 1, tzinfo=UTC)
_SUM = re.compile(r"sum\((/\w+(?:/\w+)*)\)")
_XML_NAME = re.compile(r"[A-Za-z_][\w.-]*")


class ExpressionFailed(ValueError):
    """An expression that Data Factory would fail, too; the message says why."""


class NotSupported(NotImplementedError):
    """Something of Data Factory that this runner lacks; the message names it."""


def as_text(value: Value) -> str:
    """A value inside a text."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value)
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    if isinstance(value, Mapping | list):
        return json.dumps(value, separators=(",", ":"), ensure_ascii=False)
    return str(value)


def parse_time(text: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise ExpressionFailed(f"'{text}' is no time") from None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def format_round_trip(moment: datetime, form: str = "o") -> str:
    """The time as .NET's standard formats `o` and `R` have it."""
    if form == "R":
        return moment.strftime("%a, %d %b %Y %H:%M:%S GMT")
    if form != "o":
        raise NotSupported(f"the time format {form!r}")
    return moment.strftime("%Y-%m-%dT%H:%M:%S.%f0Z")


def _format(text: str, form: str) -> str:
    if form != "yyyyMMddTHHmmssZ":
        raise NotSupported(f"the time format {form!r}")
    return parse_time(text).strftime("%Y%m%dT%H%M%SZ")


def _ticks(text: str) -> int:
    return (parse_time(text) - EPOCH) // timedelta(microseconds=1) * 10


def _is_equal(left: Value, right: Value) -> bool:
    return isinstance(left, bool) == isinstance(right, bool) and bool(left == right)


def _substring(text: str, start: int, length: int) -> str:
    if start < 0 or length < 0 or start + length > len(text):
        raise ExpressionFailed(f"substring({text!r}, {start}, {length}) reaches beyond the text")
    return text[start : start + length]


def _int(value: Value) -> int:
    try:
        return int(value)
    except (TypeError, ValueError):
        raise ExpressionFailed(f"{value!r} is no integer") from None


def _json(text: str) -> Value:
    try:
        return json.loads(text)
    except ValueError as error:
        raise ExpressionFailed(f"json(): {error}") from None


def _xml(value: Mapping[str, Value]) -> ElementTree.Element:
    ((name, inner),) = value.items()
    return _element(name, inner)


def _element(name: str, value: Value) -> ElementTree.Element:
    if not _XML_NAME.fullmatch(name):
        raise NotSupported(f"the name {name!r} in XML")
    element = ElementTree.Element(name)
    if isinstance(value, Mapping):
        for key, inner in value.items():
            element.extend(_element(key, one) for one in (inner if isinstance(inner, list) else [inner]))
    else:
        element.text = as_text(value)
    return element


def _xpath(root: ElementTree.Element, path: str) -> float:
    found = _SUM.fullmatch(path)
    if found is None:
        raise NotSupported(f"the XPath {path!r}")
    _, top, *below = found[1].split("/")
    return sum(float(node.text or "nan") for node in root.findall("/".join(below))) if root.tag == top else 0.0


def _strict_bool(name: str, combine: Callable[[list[bool]], bool]) -> Callable[..., bool]:
    def call(*values: Value) -> bool:
        if not all(isinstance(value, bool) for value in values):
            raise ExpressionFailed(f"{name}() takes true and false alone, not {values!r}")
        return combine(list(values))

    return call


FUNCTIONS: Mapping[str, Callable[..., Value]] = {
    "add": lambda left, right: left + right,
    "addMinutes": lambda text, minutes: format_round_trip(parse_time(text) + timedelta(minutes=minutes)),
    "and": _strict_bool("and", all),
    "coalesce": lambda *values: next((value for value in values if value is not None), None),
    "concat": lambda *values: "".join(as_text(value) for value in values),
    "contains": lambda whole, part: part in whole,
    "empty": lambda value: value is None or len(value) == 0,
    "endsWith": lambda text, end: text.lower().endswith(end.lower()),
    "equals": _is_equal,
    "formatDateTime": _format,
    "greater": lambda left, right: left > right,
    "greaterOrEquals": lambda left, right: left >= right,
    "if": lambda condition, then, otherwise: then if condition else otherwise,
    "int": _int,
    "join": lambda values, by: by.join(as_text(value) for value in values),
    "json": _json,
    "last": lambda values: values[-1],
    "lastIndexOf": lambda text, part: text.lower().rfind(part.lower()),
    "length": len,
    "not": _strict_bool("not", lambda values: not values[0]),
    "or": _strict_bool("or", any),
    "split": lambda text, by: text.split(by),
    "startsWith": lambda text, start: text.lower().startswith(start.lower()),
    "string": as_text,
    "substring": _substring,
    "ticks": _ticks,
    "xml": _xml,
    "xpath": _xpath,
}
