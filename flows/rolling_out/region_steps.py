"""What the control region asks of a region on behalf of a rollout, one HTTPS call each.

Every step is safe to ask twice, and comes to nothing when it is late: changes name the generation they expect and a
`change_id`, and a region in which the rollout was closed refuses them. What goes wrong is an answer like any other:

    unreachable   no whole answer came: ask again
    failed        the region is not well, or its answer makes no sense: ask again, but it is a failure to measure
    superseded    somebody else changed the release, or the rollout was closed: it ends here
    refused       the region will never say otherwise: the version can't be served, a hold stands
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from functools import wraps
from typing import Any
from urllib.parse import quote, urlencode

from flows.ports import RegionCalls, RegionUnreachable

UNREACHABLE, FAILED, SUPERSEDED, REFUSED = "unreachable", "failed", "superseded", "refused"
WITHDRAWN = "withdrawn"
Document = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class StepFault(Exception):
    """Why a step was not done: its kind, and a sentence."""

    kind: str
    detail: str

    def to_json(self) -> dict[str, dict[str, str]]:
        return {"fault": {"kind": self.kind, "detail": self.detail}}


Step = Callable[["RegionSteps", Document], Awaitable[Document]]


def _told_as_value(step: Step) -> Step:
    """The same step, whose fault is its answer."""

    @wraps(step)
    async def answer(steps: RegionSteps, order: Document) -> Document:
        try:
            return await step(steps, order)
        except StepFault as fault:
            return fault.to_json()

    return answer


class RegionSteps:
    """Each step of a rollout answers a document, or one with a `fault`, and raises nothing for what a region does; what
    the reconciler asks raises StepFault."""

    def __init__(self, call: RegionCalls) -> None:
        self._call = call

    @_told_as_value
    async def open_rollout(self, order: Document) -> Document:
        """Mark the release as under this rollout. Answers {generation, stable}: what stands, and what to go back to."""
        region, path = order["region"], _release_path(order)
        present = await self._ask_release(region, "GET", path)
        if present["rollout_id"] != order["rollout_id"]:
            change = _change(order, present["stable"], None, 0, 0.0)
            headers = {"If-Match": f'"{present["generation"]}"'}
            present = await self._ask_release(region, "PUT", path, change, headers)
        return {"generation": present["generation"], "stable": present["stable"]}

    @_told_as_value
    async def pull_version(self, order: Document) -> Document:
        """Have the region fetch, verify, keep and warm up what is to be served. Answers {digest}."""
        region, target = order["region"], order["target"]
        if order.get("policy_digest"):
            path = _policy_path(*target["policy"].split("/", 1))
            await self._ask(region, "POST", f"{path}:pull", {"digest": order["policy_digest"]})
        path = _version_path(order["model"], target["version"])
        answer = await self._ask(region, "POST", f"{path}:pull", {"digest": order["digest"]})
        if not isinstance(answer.get("digest"), str):
            raise StepFault(FAILED, "the region answered with no digest")
        return {"digest": answer["digest"]}

    @_told_as_value
    async def set_release(self, order: Document) -> Document:
        """Serve what the step says. Answers {generation}."""
        change = _change(order, order["stable"], order["candidate"], order["weight"], order["shadow_share"])
        headers = {"If-Match": f'"{order["generation"]}"'}
        answer = await self._ask_release(order["region"], "PUT", _release_path(order), change, headers)
        return {"generation": answer["generation"]}

    @_told_as_value
    async def watch_region(self, order: Document) -> Document:
        """Lengthen the lease and read the metrics. Answers {reading}."""
        region, path = order["region"], _release_path(order)
        renewal = {name: order[name] for name in ("rollout_id", "generation", "valid_until")}
        await self._ask(region, "POST", f"{path}:renew", renewal)
        span = {
            "since": order["since"],
            "generation": order["first_generation"],
            "step_generation": order["step_generation"],
        }
        return {"reading": await self._ask(region, "GET", f"{path}/metrics?{urlencode(span)}")}

    @_told_as_value
    async def run_synthetic(self, order: Document) -> Document:
        """Score the golden set of the version. Answers {reading}."""
        target = order["target"]
        path = f"{_version_path(order['model'], target['version'])}:synthetic"
        return {"reading": await self._ask(order["region"], "POST", path, {"policy": target["policy"]})}

    @_told_as_value
    async def close_rollout(self, order: Document) -> Document:
        """End the rollout in the region and go back to `stable` (None: keep what it promoted). Answers {generation}."""
        closing = {name: order[name] for name in ("rollout_id", "stable", "reason", "change_id")}
        answer = await self._ask_release(order["region"], "POST", f"{_release_path(order)}:close", closing)
        if order["stable"] is not None and answer["stable"] != order["stable"]:
            raise StepFault(REFUSED, f"serves {answer['stable']['version']}: {_why_not(order['stable'], answer)}")
        return {"generation": answer["generation"]}

    async def reconcile(self, order: Document) -> Document:
        """Serve the target unless that is what stands, or a hold does. Answers {state, detail}, and `names` where the
        target's version or policy was withdrawn. Raises StepFault."""
        region, path = order["region"], _release_path(order)
        present = await self._ask_release(region, "GET", path)
        target = {name: order["target"][name] or present["stable"][name] for name in ("version", "policy")}
        serves = f"serves {present['stable']['version']}"
        names = _withdrawn(target, present)
        if names:
            return {"state": WITHDRAWN, "detail": serves, "names": names}
        if present["stable"] == target and present["candidate"] is None and not present["rollout_id"]:
            return {"state": "in sync", "detail": serves}
        if present["hold"] is not None and not present["rollout_id"]:
            return {"state": "held", "detail": f"{present['hold']}; it {serves}"}
        await self._bring(order, target)
        return {"state": "healed", "detail": await self._heal(order, present, target)}

    async def find_withdrawn(self, order: Document) -> Document:
        """Whether somebody withdrew the target's version or policy there. Answers {state, detail, names}. Raises
        StepFault."""
        present = await self._ask_release(order["region"], "GET", _release_path(order))
        names = _withdrawn(order["target"], present)
        serves = f"serves {present['stable']['version']}"
        return {"state": WITHDRAWN if names else "left alone", "detail": serves, "names": names}

    async def _bring(self, order: Document, target: Document) -> None:
        """Have the region hold what it is to serve: it may have been away when that was rolled out."""
        name, version = target["policy"].split("/", 1)
        for path in (_policy_path(name, version), _version_path(order["model"], target["version"])):
            await self._ask(order["region"], "POST", f"{path}:pull", {"digest": ""})

    async def _heal(self, order: Document, present: Document, target: Document) -> str:
        region, path, left = order["region"], _release_path(order), present["rollout_id"]
        if left:
            closing = {"rollout_id": left, "stable": target, "reason": order["reason"], "change_id": order["change_id"]}
            await self._ask_release(region, "POST", f"{path}:close", closing)
            return f"closed rollout {left}"
        change = _change({**order, "rollout_id": "", "valid_until": None}, target, None, 0, 0.0)
        await self._ask_release(region, "PUT", path, change, {"If-Match": f'"{present["generation"]}"'})
        return f"served {present['stable']['version']}, serves {target['version']} now"

    async def withdraw(self, order: Document) -> Document:
        """Never serve what `names` say there. Answers {state, detail}. Raises StepFault."""
        path, serves = f"{_release_path(order)}:withdraw", ""
        for number, name in enumerate(order["names"]):
            withdrawal = {"version": name, "reason": order["reason"], "change_id": f"{order['change_id']}/{number}"}
            answer = await self._ask_release(order["region"], "POST", path, withdrawal)
            serves = f"serves {answer['stable']['version']}"
        return {"state": WITHDRAWN, "detail": serves}

    async def _ask_release(
        self,
        region: str,
        method: str,
        path: str,
        body: Document | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Document:
        """The release that a success answers. Raises StepFault, also where it answers something else."""
        answer = await self._ask(region, method, path, body, headers)
        if not _is_release(answer):
            raise StepFault(FAILED, "the region answered with no release")
        return answer

    async def _ask(
        self,
        region: str,
        method: str,
        path: str,
        body: Document | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Document:
        """The body of a success. Raises StepFault."""
        try:
            answer = await self._call(region, method, path, body, headers)
        except RegionUnreachable as error:
            raise StepFault(UNREACHABLE, str(error)) from error
        if answer.status < 300:
            return answer.body
        raise StepFault(_kind_of(answer.status, answer.body), _describe(answer.status, answer.body))


def _why_not(stable: Document, present: Document) -> str:
    """Why a region that was closed didn't go back."""
    names = _withdrawn(stable, present)
    if names:
        return f"{' and '.join(names)} was withdrawn meanwhile"
    return "changed since" if present["hold"] is None else "held since somebody changed it by hand"


def _withdrawn(target: Document, present: Document) -> list[str]:
    """Which of the target's version and policy somebody withdrew in a region."""
    return [name for name in (target["version"], target["policy"]) if name in present["withdrawn"]]


def _is_release(answer: Document) -> bool:
    """Whether it holds what the steps look at, so that none of them stumbles over an odd answer."""
    stable, withdrawn = answer.get("stable"), answer.get("withdrawn")
    return (
        type(answer.get("generation")) is int
        and isinstance(stable, dict)
        and all(isinstance(stable.get(name), str) for name in ("version", "policy"))
        and isinstance(withdrawn, list)
        and answer.keys() >= {"candidate", "rollout_id", "hold"}
    )


def _kind_of(status: int, body: Document) -> str:
    if status >= 500 or status in {401, 408, 429}:  # 401: the region may not have the issuer's newest keys yet
        return FAILED
    slug = str(body.get("type", "")).rpartition(":")[2]
    return SUPERSEDED if status == 412 or slug == "rollout-ended" else REFUSED


def _describe(status: int, body: Document) -> str:
    """The region's own sentence, as its problem says it; but what it says of a generation is for who may try again."""
    if status == 412:
        return "somebody else has changed its release since"
    listed = body.get("errors")
    told = [fault for fault in listed if isinstance(fault, dict)] if isinstance(listed, list) else []
    faults = "; ".join(f"{fault.get('pointer')}: {fault.get('detail')}" for fault in told)
    return f"{status} {body.get('title', '')}: {faults or body.get('detail', '')}"[:400]


def _change(
    order: Document, stable: Document, candidate: Document | None, weight: int, shadow_share: float
) -> dict[str, Any]:
    return {
        "stable": stable,
        "candidate": candidate,
        "weight": weight,
        "shadow_share": shadow_share,
        "rollout_id": order["rollout_id"],
        "valid_until": order["valid_until"],
        "reason": order["reason"],
        "change_id": order["change_id"],
    }


def _release_path(order: Document) -> str:
    return f"/api/v1/releases/{_part(order['model'])}"


def _version_path(model: str, version: str) -> str:
    return f"/api/v1/models/{_part(model)}/versions/{_part(version)}"


def _policy_path(name: str, version: str) -> str:
    return f"/api/v1/policies/{_part(name)}/versions/{_part(version)}"


def _part(text: str) -> str:
    return quote(text, safe="")
