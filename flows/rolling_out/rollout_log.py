"""What the control region knows of its rollouts: documents that are added to, never a second truth.

    rollouts / <id>                   the order: plan, starter, what is to be served
    rollouts / !active-<model>        which rollout of a model is under way, so that there is one at a time
    <id>     / orders                 what people have said: approvals, pause, abort; told once, read often
    <id>     / shown-<source>         where the rollout stands, and each region: the newest of its kind
    <id>     / trouble-<region>       what keeps a region's step from being done, until it is
    <id>     / event-<source>-<seq>   the timeline, insert-only: transitions, and what people said

Transitions are written by activities that may run twice or late: names are made of the rollout, the source and a
number that the orchestration counts, so that the second time changes nothing and a late one never shows the past.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime

from audit.records import RecordType
from flows.errors import RolloutOver, RolloutUnderWay
from flows.ports import Clock
from flows.rolling_out.documents import Document, Documents
from flows.rolling_out.notices import Notices
from flows.times import format_time
from flows.write_record import Note, WriteRecord
from rollouts.verdicts import Verdict

ROLLOUTS, ORDERS = "rollouts", "orders"
CONTROL_SOURCE = "rollout"
PEOPLE_SOURCE = "people"
START, STOPS, FINISH = "start", ("abort", "reject"), "finish"
LAST_SEQ = 99_999
"""Behind whatever an orchestration noted."""


@dataclass(frozen=True, slots=True)
class Story:
    """Where a rollout (`rollout`) and each of its regions stand, what keeps regions' steps from being done now, and
    since when ({region: {message, since}}), and every transition, oldest first."""

    shown: Mapping[str, Document]
    troubles: Mapping[str, Document]
    timeline: Sequence[Document]


class RolloutLog:
    """Every method raises LedgerUnavailable where storage fails."""

    def __init__(self, documents: Documents, notices: Notices, write: WriteRecord, clock: Clock) -> None:
        self._documents = documents
        self._notices = notices
        self._write = write
        self._clock = clock

    async def create(self, order: Document) -> Document:
        """Begin a rollout, unless another of its model is under way; the order that stands, which may be one that was
        written under the same id just before. Raises RolloutUnderWay."""
        await self._take_model(order["model"], order["id"])
        await self._say_first(order["id"], START, {"by": order["starter"], "at": order["started_at"]}, order["plan"])
        await self._documents.insert(ROLLOUTS, order["id"], order)
        return await self.read_order(order["id"]) or order

    async def read_order(self, rollout_id: str) -> Document | None:
        if rollout_id.startswith("!"):  # what stands there is no order
            return None
        row = await self._documents.read(ROLLOUTS, rollout_id)
        return row.document if row else None

    async def list_orders(self) -> list[Document]:
        """Every rollout there was, the newest first."""
        found = [row.document for row in await self._documents.list_all(ROLLOUTS) if not row.key.startswith("!")]
        return sorted(found, key=lambda order: str(order["started_at"]), reverse=True)

    async def active(self) -> dict[str, str]:
        """The rollouts that are under way, by model."""
        rows = [row for row in await self._documents.list_all(ROLLOUTS) if row.key.startswith("!active-")]
        return {
            row.key.removeprefix("!active-"): row.document["rollout_id"] for row in rows if row.document["rollout_id"]
        }

    async def end(self, model: str, rollout_id: str, phase: str = "") -> None:
        """Let the next rollout of the model begin; how this one ended."""
        after = {"rollout_id": "", "taken_at": "", "ended": rollout_id, "phase": phase}

        def ended(document: Document | None) -> Document | None:
            return after if document and document["rollout_id"] == rollout_id else None

        await self._documents.change(ROLLOUTS, f"!active-{model}", ended)

    async def ended(self) -> dict[str, str]:
        """The last rollout of each model, where none is under way, and the phase that it ended in."""
        rows = [row.document for row in await self._documents.list_all(ROLLOUTS) if row.key.startswith("!active-")]
        return {row["ended"]: row["phase"] for row in rows if row.get("phase")}

    async def orders(self, rollout_id: str) -> Document:
        """What people have said of a rollout."""
        row = await self._documents.read(rollout_id, ORDERS)
        return row.document if row else {}

    async def give_order(self, rollout_id: str, name: str, said: Document) -> bool:
        """Say something once; False where it was said before. It is in the audit trail before it counts. Raises
        RolloutOver where it is too late to stop it."""
        key = {name: dict(said)}

        def given(document: Document | None) -> Document | None:
            if name in STOPS and document and FINISH in document:
                raise RolloutOver(f"rollout {rollout_id} is promoted everywhere; undo its version instead")
            return None if document and name in document else {**(document or {}), **key}

        if given(await self.orders(rollout_id)) is None:
            return False
        await self._say_first(rollout_id, name, said)
        return await self._documents.change(rollout_id, ORDERS, given)

    async def finish(self, rollout_id: str) -> str:
        """Let nobody stop a rollout any more; by which order somebody has before, or empty. Whoever stops it at the
        same moment is either obeyed or told that it is over, because both is said in one document."""
        stopped_by = ""
        said = {"by": CONTROL_SOURCE, "at": format_time(self._clock.now()), "reason": "promoted everywhere"}

        def finished(document: Document | None) -> Document | None:
            nonlocal stopped_by
            stopped_by = next((name for name in STOPS if document and name in document), "")
            return None if stopped_by or (document and FINISH in document) else {**(document or {}), FINISH: said}

        await self._documents.change(rollout_id, ORDERS, finished)
        return stopped_by

    async def take_order_back(self, rollout_id: str, name: str) -> bool:
        """Unsay something; False where it was not said."""

        def unsaid(document: Document | None) -> Document | None:
            left = {key: value for key, value in (document or {}).items() if key != name}
            return left if document and name in document else None

        return await self._documents.change(rollout_id, ORDERS, unsaid)

    async def note(self, transition: Document) -> None:
        """Write one transition: its audit record, the timeline, what is shown now, and whom to tell. Safe to repeat."""
        rollout_id, source, seq = transition["rollout_id"], transition["source"], int(transition["seq"])
        name = f"{source}-{seq:05}"
        data = {key: value for key, value in transition.items() if key not in {"shown", "notice"}}
        await self._write.once(Note(RecordType.ROLLOUT_CHANGED, data, {}), f"rollout-{rollout_id}", name)
        event = {**data, "at": transition["at"]}
        await self._documents.insert(rollout_id, f"event-{name}", event)
        notice = transition.get("notice") or _breach_of(transition)
        if notice:
            await self._notices.add(name, notice, event)
        await self.show(rollout_id, source, seq, transition["shown"])

    async def note_end(self, rollout_id: str, phase: str, message: str) -> None:
        """Write down how a rollout ended in place of its orchestration."""
        shown = {"wave": 0, **(await self.read_standing(rollout_id) or {}), "gate": None}
        transition = {
            "rollout_id": rollout_id,
            "source": CONTROL_SOURCE,
            "seq": LAST_SEQ,
            "at": format_time(self._clock.now()),
            "what": phase,
            "message": message,
            "shown": {**shown, "phase": phase, "message": message},
            "notice": "finished",
        }
        await self.note(transition)

    async def show(self, rollout_id: str, source: str, seq: int, shown: Document) -> None:
        """Show where it stands, unless something newer is shown."""
        document = {**shown, "seq": seq, "seen_at": format_time(self._clock.now())}

        def newer(standing: Document | None) -> Document | None:
            return None if standing and standing["seq"] > seq else document

        await self._documents.change(rollout_id, f"shown-{source}", newer)

    async def show_trouble(self, rollout_id: str, region: str, message: str) -> None:
        """Show what keeps a region's step from being done, and since when; empty: nothing any more."""
        since = format_time(self._clock.now())

        def troubled(standing: Document | None) -> Document | None:
            before = standing["message"] if standing else ""
            if message == before:
                return None
            return {"message": message, "since": standing["since"] if standing and before and message else since}

        await self._documents.change(rollout_id, f"trouble-{region}", troubled)

    async def read_standing(self, rollout_id: str) -> Document | None:
        """Where the rollout as a whole stands: one row, however long its timeline is. None while it shows nothing."""
        row = await self._documents.read(rollout_id, f"shown-{CONTROL_SOURCE}")
        return row.document if row else None

    async def read_phase(self, rollout_id: str) -> str:
        """The phase that a rollout shows; empty while it shows none."""
        standing = await self.read_standing(rollout_id)
        return str(standing["phase"]) if standing else ""

    async def read_story(self, rollout_id: str) -> Story:
        """All that is told of a rollout."""
        documents = {row.key: row.document for row in await self._documents.list_all(rollout_id)}
        troubles = _named(documents, "trouble-")
        return Story(
            shown=_named(documents, "shown-"),
            troubles={region: trouble for region, trouble in troubles.items() if trouble["message"]},
            timeline=sorted(_named(documents, "event-").values(), key=_when),
        )

    async def touch(self, rollout_id: str) -> None:
        """Show that the rollout is alive."""
        seen_at = format_time(self._clock.now())
        await self._documents.change(
            rollout_id, f"shown-{CONTROL_SOURCE}", lambda shown: {**shown, "seen_at": seen_at} if shown else None
        )

    async def forget_lost(self, model: str, rollout_id: str, grace_s: float) -> None:
        """Let another rollout of the model begin where this one was never written down, some time after it began."""

        def forgotten(document: Document | None) -> Document | None:
            if not document or document["rollout_id"] != rollout_id:
                return None
            age = self._clock.now() - datetime.fromisoformat(document["taken_at"])
            return {"rollout_id": "", "taken_at": ""} if age.total_seconds() > grace_s else None

        await self._documents.change(ROLLOUTS, f"!active-{model}", forgotten)

    async def abort_rollout_of(self, model: str, name: str, by: str, reason: str) -> None:
        """Abort the rollout of a version, or a policy, that is under way."""
        rollout_id = (await self.active()).get(model)
        order = await self.read_order(rollout_id) if rollout_id else None
        if rollout_id and order and name in order["target"].values():
            said = {"by": by, "at": format_time(self._clock.now()), "reason": f"undo: {reason}" if reason else "undo"}
            with suppress(RolloutOver):  # promoted everywhere just now; should it still become desired, see `reconcile`
                await self.give_order(rollout_id, "abort", said)

    async def _say_first(self, rollout_id: str, name: str, said: Document, plan: Document | None = None) -> None:
        """Record and show what somebody says. A start is one record, and shown once, however often it is asked for."""
        by, at, reason = said["by"], said["at"], said.get("reason", "")
        data = {"rollout_id": rollout_id, "order": name, "caller": by, "at": at, "reason": reason, "plan": plan}
        note = Note(RecordType.ROLLOUT_ORDERED, data, {})
        if name == START:
            await self._write.once(note, f"rollout-{rollout_id}", f"order-{START}")
        else:
            await self._write(note)
        seq = round(datetime.fromisoformat(at).timestamp() * 1000)
        event = {"rollout_id": rollout_id, "source": PEOPLE_SOURCE, "seq": seq, "at": at, "what": name}
        message = f"by {by}{': ' if reason else ''}{reason}"
        key = name if name == START else f"{seq}-{name}"
        await self._documents.insert(rollout_id, f"event-{PEOPLE_SOURCE}-{key}", {**event, "message": message})

    async def _take_model(self, model: str, rollout_id: str) -> None:
        standing = ""

        def taken(document: Document | None) -> Document | None:
            nonlocal standing
            standing = document["rollout_id"] if document else ""
            taken_at = format_time(self._clock.now())
            return {"rollout_id": rollout_id, "taken_at": taken_at} if not standing else None

        await self._documents.change(ROLLOUTS, f"!active-{model}", taken)
        if standing and standing != rollout_id:
            raise RolloutUnderWay(standing)


def _breach_of(transition: Document) -> str:
    """A region whose metric was bad is told of as such, beside the rollback that follows; empty where none was."""
    judgement = transition.get("judgement") or {}
    return "breach" if judgement.get("verdict") == Verdict.FAILED else ""


def _named(documents: Mapping[str, Document], kind: str) -> dict[str, Document]:
    """Those whose keys begin so, by the rest of their keys."""
    return {key.removeprefix(kind): document for key, document in documents.items() if key.startswith(kind)}


def _when(event: Document) -> tuple[str, str, int]:
    return str(event["at"]), str(event["source"]), int(event["seq"])
