"""Data Factory's expression language, as far as our pipelines use it; whatever else there is raises `NotSupported`.

    text        "@" expression | text with "@{" expression "}" in it
    expression  (literal | name "(" arguments ")") ("." name | "?." name | "[" expression "]" | "?[" expression "]")*
    literal     'text, '' for a quote' | number | true | false | null

A property that isn't there is a fault, unless it is asked for with a question mark.
https://learn.microsoft.com/azure/data-factory/control-flow-expression-language-functions
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from tests.factory.functions import FUNCTIONS, ExpressionFailed, NotSupported, as_text, format_round_trip

_TOKEN = re.compile(
    r"\s*(?:(?P<text>'(?:[^']|'')*')|(?P<number>-?\d+(?:\.\d+)?)|(?P<name>[A-Za-z_]\w*)|(?P<sign>\?\.|\?\[|[().,\[\]]))"
)
_LITERALS = {"true": True, "false": False, "null": None}

Value = Any
Evaluate = Callable[[str], Value]


@dataclass(frozen=True, slots=True)
class Scope:
    """What an expression sees. `outputs` are activities' by name: `output`, `status` and `error`."""

    now: Callable[[], datetime]
    pipeline: Mapping[str, Value] = field(default_factory=dict)
    variables: Mapping[str, Value] = field(default_factory=dict)
    outputs: dict[str, Value] = field(default_factory=dict)
    item: tuple[Value, ...] = ()
    dataset: Mapping[str, Value] = field(default_factory=dict)
    linked_service: Mapping[str, Value] = field(default_factory=dict)

    def look_up(self, name: str, arguments: list[Value]) -> Value:
        """The value of `pipeline()`, `activity('name')` and their like. Raises KeyError for what is none of them."""
        whole = {"pipeline": self.pipeline, "dataset": self.dataset, "linkedService": self.linked_service}
        if name in whole:
            return whole[name]
        if name == "item":
            if not self.item:
                raise ExpressionFailed("item() is not expected here")
            return self.item[0]
        named = {"variables": self.variables, "activity": self.outputs}[name]
        if arguments[0] not in named:
            raise ExpressionFailed(f"{name}('{arguments[0]}') is not known here")
        return named[arguments[0]]


def evaluate(value: Value, scope: Scope) -> Value:
    """A value of the JSON with every expression in it evaluated. Raises ExpressionFailed or NotSupported."""
    if isinstance(value, str):
        return evaluate_text(value, scope)
    if isinstance(value, Mapping):
        if value.get("type") == "Expression":
            return evaluate_text(value["value"] if "value" in value else value["content"], scope)
        return {key: evaluate(inner, scope) for key, inner in value.items()}
    return [evaluate(inner, scope) for inner in value] if isinstance(value, list) else value


def evaluate_text(text: str, scope: Scope) -> Value:
    if text.startswith("@@"):
        return text[1:]
    if text.startswith("@") and not text.startswith("@{"):
        return Reader(text[1:], scope).read_all()
    parts, place = [], 0
    while (start := text.find("@{", place)) >= 0:
        reader = Reader(text, scope, start + 2)
        parts += [text[place:start], as_text(reader.expression())]
        place = reader.close_brace()
    return "".join([*parts, text[place:]])


class Reader:
    """Reads and evaluates one expression in a text."""

    def __init__(self, text: str, scope: Scope, place: int = 0) -> None:
        self._text = text
        self._scope = scope
        self._place = place

    def read_all(self) -> Value:
        value = self.expression()
        if self._text[self._place :].strip():
            raise NotSupported(f"what follows at {self._place} in {self._text!r}")
        return value

    def close_brace(self) -> int:
        """The place behind the brace that ends this expression in a text."""
        match = re.compile(r"\s*\}").match(self._text, self._place)
        if match is None:
            raise NotSupported(f"an expression without its brace at {self._place} in {self._text!r}")
        return match.end()

    def expression(self) -> Value:
        value = self._primary()
        while (sign := self._peek()) in (".", "?.", "[", "?["):
            self._next()
            key = self._next()[1] if sign.endswith(".") else self._index()
            value = self._property(value, key, is_optional=sign.startswith("?"))
        return value

    def _primary(self) -> Value:
        kind, token = self._next()
        if kind == "text":
            return token[1:-1].replace("''", "'")
        if kind == "number":
            return float(token) if "." in token else int(token)
        if kind == "name" and self._peek() == "(":
            return self._call(token, self._arguments())
        if kind == "name" and token in _LITERALS:
            return _LITERALS[token]
        raise NotSupported(f"{token!r} in {self._text!r}")

    def _arguments(self) -> list[Value]:
        self._expect("(")
        arguments: list[Value] = []
        while self._peek() != ")":
            arguments.append(self.expression())
            if self._peek() == ",":
                self._next()
        self._expect(")")
        return arguments

    def _call(self, name: str, arguments: list[Value]) -> Value:
        if name == "utcNow":
            return format_round_trip(self._scope.now(), *arguments)
        try:
            return self._scope.look_up(name, arguments)
        except KeyError:
            if name not in FUNCTIONS:
                raise NotSupported(f"the function {name}") from None
        return FUNCTIONS[name](*arguments)

    def _index(self) -> Value:
        key = self.expression()
        self._expect("]")
        return key

    def _property(self, value: Value, key: Value, is_optional: bool) -> Value:
        if isinstance(value, Mapping) and key in value:
            return value[key]
        if isinstance(value, list) and isinstance(key, int) and key < len(value):
            return value[key]
        if is_optional:
            return None
        raise ExpressionFailed(f"property '{key}' doesn't exist, in {self._text!r}")

    def _match(self) -> re.Match[str]:
        match = _TOKEN.match(self._text, self._place)
        if match is None:
            raise NotSupported(f"what is at {self._place} in {self._text!r}")
        return match

    def _peek(self) -> str:
        match = _TOKEN.match(self._text, self._place)
        return match[0].strip() if match else ""

    def _next(self) -> tuple[str, str]:
        match = self._match()
        self._place = match.end()
        kind = match.lastgroup or ""
        return kind, match[kind]

    def _expect(self, sign: str) -> None:
        if self._next()[1] != sign:
            raise NotSupported(f"a missing {sign} at {self._place} in {self._text!r}")
