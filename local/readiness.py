"""Asks whether a region answers and is ready, and which process holds a port."""

from __future__ import annotations

import json
import os
import socket
from collections.abc import Iterable
from http.client import HTTPConnection, HTTPException, HTTPResponse

import psutil

from local.failures import LocalFailed
from local.plan import Plan

ASK_SECONDS = 2


def what_region_waits_for(port: int) -> str | None:
    """None when the region is ready, else why not, in its own words."""
    connection = HTTPConnection("127.0.0.1", port, timeout=ASK_SECONDS)
    try:
        connection.request("GET", "/health/ready")
        response = connection.getresponse()
        return None if response.status == 200 else _detail(response)
    except (HTTPException, OSError):
        return "it doesn't answer yet"
    finally:
        connection.close()


def require_free_ports(plan: Plan, regions: Iterable[str]) -> None:
    """Raises LocalFailed with the first port that is taken, by whom, and what to do."""
    for port, owner in plan.ports(regions).items():
        if is_taken(port):
            raise LocalFailed(
                f"Port {port}, which {owner} needs, is taken{describe_holder(port)}."
                f" Stop that, or start on other ports: make run BASE_PORT={plan.base_port + 1000}"
            )


def is_taken(port: int) -> bool:
    """True when something listens on this loopback port, or nothing can."""
    with socket.socket() as attempt:
        if os.name != "nt":  # on Windows the option would take the port from its holder
            attempt.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            attempt.bind(("127.0.0.1", port))
        except OSError:
            return True
    return False


def describe_holder(port: int) -> str:
    """` by process 12 (name and command)`; empty where the system doesn't tell."""
    try:
        listening = [c for c in psutil.net_connections("tcp") if c.status == psutil.CONN_LISTEN]
        process = next((psutil.Process(c.pid) for c in listening if c.pid and port in c.laddr), None)
        return f" by process {process.pid} ({' '.join(process.cmdline())[:80]})" if process else ""
    except (psutil.Error, OSError):
        return ""


def _detail(response: HTTPResponse) -> str:
    try:
        return str(json.loads(response.read())["detail"])
    except (ValueError, KeyError, TypeError):
        return f"it answers {response.status}"
