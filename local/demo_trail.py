"""The end of `make demo`: the audit trail, exported, verified, tampered with, and a person erased from it."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

from rich.console import Console

from audit.times import format_second
from local.failures import LocalFailed
from local.plan import Plan
from local.replay import subject_of
from vouch.__main__ import main as vouch
from vouch.calls import Refused, Region, read_token

SEALED_S = 180
LOOK_S = 1.0
SOUND, WRONG = 0, 1


def show_trail(console: Console, plan: Plan, claim: int, decided_at: datetime) -> None:
    """Everything, on a copy of the control region's lake. `claim` is the number of one that was decided there;
    others were before and after `decided_at`. Raises LocalFailed where something isn't as it should be."""
    show = TrailDemo(console, plan)
    show.tell("The trail of the decisions is sealed, window by window, and kept where it can't be changed.")
    show.wait_until_sealed(format_second(int(decided_at.timestamp())))
    show.copy()
    show.expect(SOUND, show.verify)
    with show.one_byte_changed() as name:
        show.tell(f"Somebody changes one byte of {name}:")
        show.expect(WRONG, show.verify)
    show.tell(f"The byte is put back. Now {subject_of(claim)} asks to be forgotten:")
    show.erase(subject_of(claim))
    show.tell("Nothing of the lake was changed, and it still verifies:")
    show.expect(SOUND, show.verify)
    show.tell("Every recorded decision, scored again (the erased ones can't be any more):")
    show.expect(SOUND, show.replay)


class TrailDemo:
    """Runs the commands that a person would type, and shows them."""

    def __init__(self, console: Console, plan: Plan) -> None:
        self._console = console
        self._plan = plan
        self._region = plan.control
        self._folder = plan.folder / "demo-lake"
        self._token = str(plan.token_file("auditor"))

    def tell(self, text: str) -> None:
        self._console.print(f"\n{text}", style="bold", highlight=False)

    def wait_until_sealed(self, decided_at: str) -> None:
        """Until the window of `decided_at` is in the chain, and the witness knows of it: one before it may hold no
        decision."""
        auditor = Region(self._region.base_url, read_token(Path(self._token)))
        deadline = time.monotonic() + SEALED_S
        with self._console.status("waiting for the first window to be sealed"):
            while not _has_witnessed(self._ask(auditor), decided_at):
                if time.monotonic() > deadline:
                    raise LocalFailed(
                        f"No window was sealed and witnessed in {SEALED_S} s. See {self._plan.folder / 'logs'}."
                    )
                time.sleep(LOOK_S)
        exports = self._ask(auditor)
        sealed = [window for window in exports["windows"] if window["state"] == "sealed"]
        rows = sum(window["rows"] for window in sealed)
        self._console.print(
            f"{exports['region']}: {len(sealed)} windows sealed with {rows:,} records, "
            f"{exports['lag_s']:.0f} s behind; the witness is {exports['witness']['region']}.",
            highlight=False,
        )

    def copy(self) -> None:
        """Copy the lake anew."""
        shutil.rmtree(self._folder, ignore_errors=True)
        self.expect(SOUND, lambda: self._run("copy", self._region.base_url, str(self._folder)))

    def verify(self) -> int:
        witness = self._plan.regions[str(self._region.witness)].base_url
        key = str(self._plan.public_key_file(self._region.name))
        return self._run("verify", str(self._folder), "--key", key, "--witness", witness)

    def replay(self) -> int:
        return self._run("replay", str(self._folder), "--region", self._region.base_url)

    def erase(self, subject: str) -> None:
        """As a privacy officer does."""
        officer = Region(self._region.base_url, read_token(self._plan.token_file("privacy")))
        body = {"subject": subject, "reason": "asked to be forgotten"}
        asked = f"$ POST /api/v1/subjects:erase {json.dumps(body)}"
        self._console.print(asked, style="cyan", highlight=False, markup=False)
        try:
            answer = officer.ask("POST", "/api/v1/subjects:erase", body)
        except Refused as error:
            raise LocalFailed(f"The erasure was refused: {error}") from error
        shown = {name: answer[name] for name in ("state", "records") if name in answer}
        self._console.print(json.dumps(shown), highlight=False, markup=False)

    @contextmanager
    def one_byte_changed(self) -> Iterator[str]:
        """The largest segment, with a byte in its middle changed for as long as somebody looks."""
        path = max(self._folder.glob("audit/decisions/**/*.gz"), key=lambda found: found.stat().st_size)
        content = path.read_bytes()
        middle = len(content) // 2
        path.write_bytes(content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1 :])
        try:
            yield path.name
        finally:
            path.write_bytes(content)

    def expect(self, code: int, step: Callable[[], int]) -> None:
        """Raises LocalFailed where a step ends otherwise."""
        found = step()
        if found != code:
            raise LocalFailed(f"That ended with code {found}, and should have with {code}.")

    def _run(self, *words: str) -> int:
        self._console.print(f"$ python -m vouch {' '.join(words)}", style="cyan", highlight=False, soft_wrap=True)
        return vouch([*words, "--token-file", self._token])

    def _ask(self, region: Region) -> dict[str, Any]:
        try:
            return region.ask("GET", "/api/v1/exports?limit=50", needs=["windows", "lag_s", "witness"])
        except Refused as error:
            raise LocalFailed(f"The exports can't be read: {error}") from error


def _has_witnessed(exports: Mapping[str, Any], decided_at: str) -> bool:
    """Whether the window of a time is sealed, and the witness holds the chain up to its end."""
    is_sealed = any(window.get("rows") and window["end"] > decided_at for window in exports["windows"])
    return is_sealed and exports["witness"]["behind"] == 0
