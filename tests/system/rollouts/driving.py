"""Rollouts as an operator drives them: started, watched and steered over the control region's public API."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from http.client import HTTPException
from typing import Any

from tests.system.conftest import CONTROL, MODEL, Answer, wait_until
from tests.system.rollouts.fleet import Fleet
from tests.system.rollouts.stream import Span

NEWER = "1.1.0"
ENDED = ("Succeeded", "RolledBack", "Failed")
WAVES = [["westeurope"], ["northeurope", "eastus2", "brazilsouth"]]
SHADOW = [{"shadow": 1.0}, {"analysis": True}]
CANARY = [{"setWeight": 50}, {"analysis": True}]
STEPS = [*SHADOW, *CANARY, {"setWeight": 100}]
CANARY_ONLY = [*CANARY, {"setWeight": 100}]
PAUSED_CANARY = [{"setWeight": 50}, {"pause": None}, {"analysis": True}, {"setWeight": 100}]
EACH_WAVE = {"before": "eachWave", "timeout": "PT1M"}
FEW = 8
"""Deals that are enough for a verdict where the verdict itself isn't the matter."""

METRICS = [{"name": "error_rate", "max": 0.05, "minSamples": FEW}]
PLAN: Mapping[str, Any] = {
    "model": MODEL,
    "version": NEWER,
    "waves": WAVES,
    "steps": STEPS,
    "metrics": METRICS,
    "bake": "PT0.5S",
    "deadline": "PT2M",
}
WAIT_S, LOOK_S = 60.0, 0.15
Document = Mapping[str, Any]


@dataclass(slots=True)
class Rollout:
    """One that was started."""

    fleet: Fleet
    id: str
    plan: Document
    back_at: dict[str, float] = field(default_factory=dict)

    def read(self) -> Document:
        """Where it stands. Raises OSError or HTTPException where control is away."""
        answer = self.fleet.request(CONTROL, "GET", f"/api/v1/rollouts/{self.id}", role="operator")
        if answer.status >= 500:  # control is starting
            raise HTTPException(answer.body)
        assert answer.status == 200, answer.body
        document: Document = answer.json()
        return document

    def say(self, verb: str, role: str = "operator", **body: str) -> Answer:
        """Steer it."""
        body = body or {"reason": "a test"}
        return self.fleet.request(CONTROL, "POST", f"/api/v1/rollouts/{self.id}:{verb}", role=role, body=body)

    def approve(self, gate: str) -> None:
        """Wait until it waits at a gate, and let it pass."""
        self.wait_until(lambda seen: seen["gate"] == gate, f"it waits for approval of {gate}")
        assert self.say("approve", "approver", gate=gate).status == 200

    def wait_until(self, is_so: Callable[[Document], object], what: str, seconds: float = WAIT_S) -> Document:
        """Wait until it is so, through any absence of control."""
        seen: Document = {}

        def look() -> bool:
            nonlocal seen
            try:
                seen = self.read()
            except (OSError, HTTPException):
                return False
            assert seen["phase"] not in ENDED or is_so(seen), f"waiting for {what}: {tell(seen)}"
            return bool(is_so(seen))

        try:
            wait_until(look, seconds, what, LOOK_S)
        except AssertionError as error:
            raise AssertionError(f"{error}\n{tell(seen)}") from error
        return seen

    def wait_for_phase(self, *phases: str) -> Document:
        return self.wait_until(lambda seen: seen["phase"] in phases, f"it is {' or '.join(phases)}")

    def wait_for_stage(self, region: str, stage: str, message: str = "") -> Document:
        """Wait until a region has come to this stage."""
        return self.wait_until(
            lambda seen: any(e["what"] == stage and message in e["message"] for e in events_of(seen, region)),
            f"{region} is {stage} {message}",
        )

    def wait_for_end(self) -> Document:
        return self.wait_for_phase(*ENDED)

    def spans(self) -> list[Span]:
        """When regions may have served its version: from the transition before the first weight, which needs what came
        before it (the verdict on the shadow; without a shadow, the pull), until each was seen to have gone back."""
        version = self.plan["version"]
        spans = []
        for region, events in _by_source(self.read()).items():
            first = next((n for n, event in enumerate(events) if _is_answering(event)), None)
            if first is not None:
                since = datetime.fromisoformat(events[first - 1]["at"]).timestamp()
                spans.append(Span(region, version, since, self.back_at.get(region, float("inf"))))
        return spans


def _by_source(seen: Document) -> dict[str, list[Document]]:
    sources: dict[str, list[Document]] = {}
    for event in sorted(seen["timeline"], key=lambda event: int(event["seq"])):
        sources.setdefault(event["source"], []).append(event)
    return sources


def _is_answering(event: Document) -> bool:
    return event["what"] == "Exposing" and not event["message"].startswith("answers 0 %")


def events_of(seen: Document, source: str) -> Sequence[Document]:
    """The transitions of a region, or of the rollout itself, in order."""
    return _by_source(seen).get(source, [])


def tell(seen: Document) -> str:
    """A rollout for a person who reads why a test failed."""
    lines = [f"{e['at']} {e['source']} {e['what']}: {e['message']}" for e in seen.get("timeline", ())]
    return "\n".join([f"{seen.get('phase')}: {seen.get('message')}", *lines])
