"""A test's scene: the fleet, claims streaming through it, and the rollouts that the test starts."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from typing import Any

from tests.system.conftest import CONTROL, MODEL, take_back, wait_until
from tests.system.rollouts.driving import ENDED, PLAN, Document, Rollout, tell
from tests.system.rollouts.fleet import Fleet
from tests.system.rollouts.stream import STABLE, Span, Stream, find_faults
from triggers.archives import MIMETYPE, digest_header, write_archive
from vouch.calls import Region, read_token


class Scene:
    def __init__(self, fleet: Fleet, stream: Stream) -> None:
        self.fleet = fleet
        self.stream = stream
        self.rollouts: list[Rollout] = []

    def start(self, **changes: Any) -> Rollout:
        """Begin a rollout of the plan with these changes."""
        plan = {**PLAN, **changes}
        answer = self.fleet.request(CONTROL, "POST", "/api/v1/rollouts", role="operator", body=plan)
        assert answer.status == 202, answer.body
        return self.adopt(answer.json()["id"], plan)

    def adopt(self, rollout_id: str, plan: Mapping[str, Any]) -> Rollout:
        """Look after a rollout that was begun otherwise."""
        self.rollouts.append(Rollout(self.fleet, rollout_id, plan))
        return self.rollouts[-1]

    def publish(self, version: str, files: Mapping[str, bytes]) -> str:
        """Put a version into the registry; the region that takes it verifies it. Answers its digest."""
        body = write_archive(files)
        headers = {"Content-Type": MIMETYPE, "Content-Digest": digest_header(body)}
        region = Region(self.fleet.plan.control.base_url, read_token(self.fleet.plan.token_file("operator")))
        return str(region.send("PUT", f"/api/v1/models/{MODEL}/versions/{version}", body, headers)["digest"])

    def release(self, region: str) -> Document:
        """What a region serves."""
        answer = self.fleet.request(region, "GET", f"/api/v1/releases/{MODEL}", role="operator")
        assert answer.status == 200, answer.body
        release: Document = answer.json()
        return release

    def expect_back(self, rollout: Rollout, regions: Iterable[str] | None = None) -> None:
        """These regions serve what they served before, and the rollout is closed there: from now on nobody is
        answered by its version."""
        for region in regions or self.fleet.plan.regions:
            release = self.release(region)
            left = (release["stable"]["version"], release["candidate"], release["weight"], release["rollout_id"])
            assert left == (STABLE, None, 0, None), (region, release)
            rollout.back_at[region] = time.time()

    def abort(self, rollout: Rollout) -> Document:
        """Somebody stops it, and every region is taken back."""
        assert rollout.say("abort").status == 200
        seen = rollout.wait_for_end()
        self.expect_back(rollout)
        assert seen["phase"] == "RolledBack", tell(seen)
        return seen

    def versions(self) -> dict[str, str]:
        """What each region calls stable."""
        return {region: str(self.release(region)["stable"]["version"]) for region in self.fleet.plan.regions}

    def check(self) -> None:
        """No caller was answered otherwise than allowed, and every region that was there answered."""
        spans: list[Span] = [span for rollout in self.rollouts for span in rollout.spans()]
        faults = find_faults(self.stream.heard, self.fleet.away, spans)
        assert not faults, "\n".join([f"{len(faults)} answers:", *faults[:10], f"{spans}", f"{self.fleet.away}"])

    def clear_up(self) -> None:
        """Bring everything back to how a test finds it."""
        self.fleet.restore()
        for rollout in self.rollouts:
            if rollout.read()["phase"] not in ENDED:
                rollout.say("abort")
                rollout.wait_for_end()
        withdrawn = {version for region in self.fleet.plan.regions for version in self.release(region)["withdrawn"]}
        for version in {*withdrawn, *self.versions().values()} - {STABLE}:
            take_back(self.fleet, version)
        wait_until(lambda: set(self.versions().values()) == {STABLE}, 10, "every region serves what it did")
        self.stream.wait_for_all(STABLE)
