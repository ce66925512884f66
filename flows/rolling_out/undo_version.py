"""Take every region back from a version, or a policy, at once, in any phase of any rollout, asked of any region.

This region goes first, because it can be reached for certain; then all others at the same time. Where control is
away, the regions are taken back nonetheless: their releases refuse the version from then on, whoever asks for it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote

from flows.calls import Call
from flows.errors import NotFound, VouchError
from flows.ports import RegionCalls, RegionUnreachable
from flows.releasing.change_release import ChangeRelease, ReadRelease
from flows.releasing.release_changes import release_data
from flows.rolling_out.papers import Papers
from scoring.release import Release


class UndoVersion:
    """`papers` are those of the control region; None elsewhere."""

    def __init__(
        self,
        region: str,
        regions: Sequence[str],
        read: ReadRelease,
        change: ChangeRelease,
        call_region: RegionCalls,
        papers: Papers | None = None,
    ) -> None:
        self._region = region
        self._others = [other for other in regions if other != region]
        self._read = read
        self._change = change
        self._call_region = call_region
        self._papers = papers

    async def __call__(self, call: Call, model: str, version: str, reason: str) -> Mapping[str, Any]:
        """Withdraw it everywhere. Answers what each region said: {regions: {name: {release} or {fault}}}.

        `version` may be a policy (`name/version`). In the control region, a rollout of it is aborted too, and what was
        desired before is again, unless every region refused; that comes last, so that papers that are away keep no
        region from going back. Raises NotFound or LedgerUnavailable.
        """
        undone = await self._everywhere(call, model, version, reason, "withdraw")
        if self._papers is not None:
            await self._papers.log.abort_rollout_of(model, version, call.caller.id, reason)
            if any("release" in said for said in undone["regions"].values()):
                await self._papers.desired.forsake(model, [version])
        return undone

    async def lift(self, call: Call, model: str, version: str, reason: str) -> Mapping[str, Any]:
        """Let every region serve it again, when a release says so."""
        return await self._everywhere(call, model, version, reason, "unwithdraw")

    async def lift_here(self, call: Call, model: str, version: str, reason: str, change_id: str) -> Release:
        """Let this region alone serve it again. In control what a withdrawal means for rollouts comes first, because
        the reconciler may not have seen it yet, and would bring back what somebody undid. Raises NotFound, Superseded
        or LedgerUnavailable."""
        if self._papers is not None and version in (await self._read(model)).withdrawn:
            await self._papers.log.abort_rollout_of(model, version, call.caller.id, reason)
            await self._papers.desired.forsake(model, [version])
        return await self._change.unwithdraw(call, model, version, reason, change_id)

    async def _everywhere(self, call: Call, model: str, version: str, reason: str, verb: str) -> Mapping[str, Any]:
        told = f"{reason} ({verb} of {version} by {call.caller.id} in {self._region})".lstrip()[:500]
        here = await self._do_here(call, model, version, told, verb)
        others = await asyncio.gather(*(self._ask(region, model, version, told, verb) for region in self._others))
        return {
            "model": model,
            "version": version,
            "regions": {self._region: here, **dict(zip(self._others, others, strict=True))},
        }

    async def _do_here(self, call: Call, model: str, version: str, reason: str, verb: str) -> Mapping[str, Any]:
        step = self._change.withdraw if verb == "withdraw" else self.lift_here
        try:
            release = await step(call, model, version, reason, call.request_id)
        except NotFound:
            raise
        except VouchError as error:
            return {"fault": str(error) or type(error).__name__}
        return {"release": release_data(release)}

    async def _ask(self, region: str, model: str, version: str, reason: str, verb: str) -> Mapping[str, Any]:
        path = f"/api/v1/releases/{quote(model, safe='')}:{verb}"
        try:
            answer = await self._call_region(region, "POST", path, {"version": version, "reason": reason})
        except RegionUnreachable as error:
            return {"fault": str(error)}
        if answer.status >= 300:
            return {"fault": f"{answer.status} {answer.body.get('title', '')}: {answer.body.get('detail', '')}"}
        return {"release": answer.body}
