"""What every region is to serve when no rollout is under way, and what is left to do until they do.

desired / <model>          the target, a generation, and the way back
desired / !left-<id>       the regions that a rollout could not be closed in
desired / !fleet-<model>   what the reconciler found of a model
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from flows.rolling_out.documents import Document, Documents

DESIRED = "desired"


class DesiredState:
    """Every method raises LedgerUnavailable where storage fails."""

    def __init__(self, documents: Documents) -> None:
        self._documents = documents

    async def read(self, model: str) -> Document | None:
        if model.startswith("!"):
            return None
        row = await self._documents.read(DESIRED, model)
        return row.document if row else None

    async def read_all(self) -> list[Document]:
        """What is desired of each model, forsaken or not."""
        return [row.document for row in await self._documents.list_all(DESIRED) if not row.key.startswith("!")]

    async def desire(self, model: str, wanted: Document, by: str, before: Document | None = None) -> None:
        """Let this be what every region is to serve: a new generation, once for a rollout. What is wanted names only
        what changes. `before` is what was served before, where nothing was desired."""

        def changed(standing: Document | None) -> Document | None:
            if standing and standing["by"] == by:
                return None
            base = None if standing is None or standing.get("forsaken") else standing
            previous = base["target"] if base else before
            target = {**(previous or {}), **{name: value for name, value in wanted.items() if value is not None}}
            if base and target == previous:  # nothing new: the way back stays
                previous = base["previous"]
            return _desired(model, standing, target, previous, by)

        await self._documents.change(DESIRED, model, changed)

    async def desire_first(self, model: str, served: Document, by: str) -> None:
        """Let what is served be what every region is to serve, where nothing was ever desired."""
        first = _desired(model, None, served, None, by)
        await self._documents.change(DESIRED, model, lambda standing: None if standing else first)

    async def show_fleet(self, found: Document) -> None:
        """What the reconciler found of a model."""
        await self._documents.change(DESIRED, f"!fleet-{found['model']}", lambda _: found)

    async def read_fleet(self, model: str) -> Document | None:
        row = await self._documents.read(DESIRED, f"!fleet-{model}")
        return row.document if row else None

    async def leave(self, order: Document, left: Mapping[str, Document | None]) -> None:
        """Remember the regions that a rollout could not be closed in, and what each is to go back to."""
        document = {"rollout_id": order["rollout_id"], "model": order["model"], "left": dict(left)}
        await self._documents.change(DESIRED, f"!left-{order['rollout_id']}", lambda _: document)

    async def left(self) -> list[Document]:
        """The rollouts that could not be closed in every region."""
        rows = [row.document for row in await self._documents.list_all(DESIRED) if row.key.startswith("!left-")]
        return [row for row in rows if row["left"]]

    async def forsake(self, model: str, withdrawn: Collection[str]) -> None:
        """Desire no longer what was withdrawn, but what was desired before, once: from there no way leads back to it.
        Where there is nothing to return to, what is desired is forsaken: followed in its withdrawal, never healed."""

        def forsaken(standing: Document | None) -> Document | None:
            if not standing or standing.get("forsaken") or not _names(standing["target"], withdrawn):
                return None
            by, previous = f"undo-{standing['generation']}", standing["previous"]
            if previous is None or _names(previous, withdrawn):
                return {**_desired(model, standing, standing["target"], None, by), "forsaken": True}
            return _desired(model, standing, previous, None, by)

        await self._documents.change(DESIRED, model, forsaken)


def _desired(
    model: str, standing: Document | None, target: Document, previous: Document | None, by: str
) -> dict[str, Any]:
    generation = int(standing["generation"]) + 1 if standing else 1
    return {"model": model, "generation": generation, "target": dict(target), "previous": previous, "by": by}


def _names(target: Document, withdrawn: Collection[str]) -> bool:
    """Whether a target names anything that was withdrawn."""
    return not set(withdrawn).isdisjoint(target.values())
