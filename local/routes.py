"""Routes as the functions host reads them, which is not how most frameworks do.

Routes are tried in alphabetical order of function name and the first match wins: a literal has no precedence over a
parameter or a catch-all. Matching ignores case and one trailing slash. `%2F` stays as it is in a parameter; every
other escape is decoded before matching, so `%3A` is a colon.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Generic, TypeVar
from urllib.parse import unquote_to_bytes

T = TypeVar("T")
ALL_METHODS = frozenset({"GET", "POST", "DELETE", "HEAD", "PATCH", "PUT", "OPTIONS", "TRACE", "CONNECT"})
PARAMETER = re.compile(r"\{(\*?)([A-Za-z_][A-Za-z0-9_]*)\}")
ESCAPED_SLASH = re.compile(rb"(%2[fF])")


class InvalidRoute(ValueError):
    """A route that this host can't serve; the message says which and why."""


@dataclass(frozen=True, slots=True)
class Route(Generic[T]):
    """One function's route, ready to be matched."""

    function_name: str
    template: str
    methods: frozenset[str]
    pattern: re.Pattern[str]
    target: T


@dataclass(frozen=True, slots=True)
class Match(Generic[T]):
    """The target that a request goes to, with its route parameters."""

    target: T
    parameters: dict[str, str]


class Router(Generic[T]):
    """Finds the target of a request among routes, by the host's rules."""

    def __init__(self, routes: Iterable[Route[T]]) -> None:
        self.routes = sorted(routes, key=lambda route: route.function_name.lower())

    def find(self, method: str, path: str) -> Match[T] | None:
        """The first route by function name that takes this method and decoded path; None: the host answers 404."""
        for route in self.routes:
            if method in route.methods and (found := route.pattern.fullmatch(path)):
                return Match(route.target, {name: text for name, text in found.groupdict().items() if text})
        return None


def compile_route(function_name: str, template: str, methods: Iterable[str], target: T) -> Route[T]:
    """Compile a route template. Raises InvalidRoute for what the host refuses and for syntax not used here."""
    path = template.removeprefix("/")
    if path.lower().split("/")[0] == "admin":
        raise InvalidRoute(f"{function_name}: the route {template!r} begins with admin, which the host keeps to itself")
    segments = path.split("/") if path else []
    catch_all = segments.pop() if segments and PARAMETER.fullmatch(segments[-1]) and segments[-1][1] == "*" else None
    pattern = "".join("/" + _segment_pattern(function_name, template, segment) for segment in segments)
    if catch_all is not None:
        pattern += f"(?:/(?P<{catch_all[2:-1]}>.*))?"
    return Route(
        function_name=function_name,
        template=path,
        methods=frozenset(method.upper() for method in methods) or ALL_METHODS,
        pattern=re.compile(pattern if catch_all is not None else pattern + "/?", re.IGNORECASE | re.DOTALL),
        target=target,
    )


def decode_path(raw_path: bytes) -> str:
    """The path as the host matches it: percent-decoded but for `%2F`; left as it came when it isn't UTF-8."""
    if b"%" not in raw_path:
        return raw_path.decode("latin-1")
    pieces = ESCAPED_SLASH.split(raw_path)
    decoded = b"".join(piece if ESCAPED_SLASH.fullmatch(piece) else unquote_to_bytes(piece) for piece in pieces)
    try:
        return decoded.decode()
    except UnicodeDecodeError:
        return raw_path.decode("latin-1")


def _segment_pattern(function_name: str, template: str, segment: str) -> str:
    pattern, end = "", 0
    for found in PARAMETER.finditer(segment):
        if found[1]:
            raise InvalidRoute(f"{function_name}: {template!r} has a catch-all that isn't its last segment")
        pattern += _literal_pattern(function_name, template, segment[end : found.start()]) + f"(?P<{found[2]}>[^/]+)"
        end = found.end()
    pattern += _literal_pattern(function_name, template, segment[end:])
    if not pattern:
        raise InvalidRoute(f"{function_name}: {template!r} has an empty segment")
    return pattern


def _literal_pattern(function_name: str, template: str, literal: str) -> str:
    if set(literal) & set("{}?*"):
        raise InvalidRoute(
            f"{function_name}: {template!r} uses a constraint, a default or an optional parameter, which the local host"
            " doesn't know; use plain parameters, or teach local/routes.py"
        )
    return re.escape(literal)
