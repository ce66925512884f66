"""A system's folder, which is one running system's at a time.

Two over one storage would damage it, and would take each other's tokens and addresses away. The lock is that of an
SQLite file: every operating system lets go of it with the process, however that ends.
"""

from __future__ import annotations

import json
import sqlite3

from local.failures import LocalFailed
from local.plan import Plan

PRIMARY = 0xFF
"""The bits of SQLite's result codes that name the kind of error."""


def hold_folder(plan: Plan) -> sqlite3.Connection:
    """Hold the plan's folder until the connection is closed. Raises LocalFailed, where another system holds it, too."""
    file = plan.folder / "running.sqlite"
    held = None
    try:
        held = sqlite3.connect(file, timeout=0, isolation_level=None, check_same_thread=False)
        held.execute("BEGIN EXCLUSIVE")
    except sqlite3.DatabaseError as error:
        if held is not None:
            held.close()
        if error.sqlite_errorcode & PRIMARY == sqlite3.SQLITE_BUSY:
            raise LocalFailed(_describe_neighbour(plan)) from None
        raise LocalFailed(f"{file} can't be used ({error}). Delete it, or name another FOLDER.") from None
    return held


def _describe_neighbour(plan: Plan) -> str:
    told = json.loads(plan.regions_file.read_text()) if plan.regions_file.exists() else plan.document
    return (
        f"A system runs in {plan.folder} already ({told[plan.control.name]['base_url']}). Use that one, or stop it: "
        f"Ctrl-C in its terminal.\nTo start another one beside it: make run FOLDER={plan.folder / 'second'} "
        f"BASE_PORT={plan.base_port + 1000}"
    )
