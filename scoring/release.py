"""A release: what one region serves now, and which deals go to its candidate.

A deal keeps its variant while the weight rises: the deal's bucket is a hash of the rollout and the deal's
id, and the candidate takes the buckets below its weight.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

BUCKETS = 10_000


class Variant(StrEnum):
    STABLE = "stable"
    CANDIDATE = "candidate"
    PINNED = "pinned"


@dataclass(frozen=True, slots=True)
class Target:
    """A model version with the policy that judges its scores. `policy` reads `name/version`."""

    version: str
    policy: str

    def named_in(self, names: Collection[str]) -> str | None:
        """Its version or its policy, whichever is among these names. No version has a slash in it, and every policy
        has one."""
        return next((name for name in (self.version, self.policy) if name in names), None)


@dataclass(frozen=True, slots=True)
class Release:
    """`weight` is the candidate's share of live deals in percent, `shadow_share` (0.0 to 1.0) the share of
    the others that the candidate scores unseen. `valid_until` ends the candidate when nobody renews it.

    `rollout_id` is the rollout that is open here, `ended_rollout` the last one that was closed: it can't come back.
    `previous` is what was stable before. `withdrawn` are the model versions and policies that it may not serve, `hold`
    says why no rollout may touch it."""

    model: str
    stable: Target
    generation: int = 0
    candidate: Target | None = None
    weight: int = 0
    shadow_share: float = 0.0
    rollout_id: str = ""
    valid_until: datetime | None = None
    withdrawn: tuple[str, ...] = ()
    hold: str | None = None
    change_id: str = ""
    previous: Target | None = None
    ended_rollout: str = ""

    def candidate_at(self, now: datetime) -> Target | None:
        """The candidate, unless its lease has run out or it is withdrawn."""
        candidate = self.candidate
        if candidate is None or candidate.named_in(self.withdrawn):
            return None
        return candidate if self.valid_until is None or now < self.valid_until else None

    def is_in_rollout(self, now: datetime) -> bool:
        """Whether a rollout is open here that somebody still drives."""
        return bool(self.rollout_id) and (self.valid_until is None or now < self.valid_until)

    def live_weight(self, target: Target, now: datetime) -> int:
        """The share of live deals, in percent, that a target answers."""
        candidate = self.candidate_at(now)
        candidate_weight = self.weight if candidate is not None else 0
        as_stable = 100 - candidate_weight if target == self.stable else 0
        return as_stable + (candidate_weight if target == candidate else 0)


def is_promotion(before: Release, after: Release, now: datetime) -> bool:
    """Whether a change lets a version or policy that isn't stable yet answer a larger share of live deals."""
    targets = {after.stable, after.candidate} - {None, before.stable}
    return any(after.live_weight(target, now) > before.live_weight(target, now) for target in targets if target)


@dataclass(frozen=True, slots=True)
class Choice:
    """Who scores a deal: the variant that answers, and the target that looks on, if any."""

    variant: Variant
    target: Target
    shadow: Target | None = None


def choose_target(release: Release, deal_id: str, now: datetime) -> Choice:
    """Choose by the deal's bucket; the same deal gets the same answer on every instance."""
    candidate = release.candidate_at(now)
    if candidate is None:
        return Choice(Variant.STABLE, release.stable)
    if _is_among(release.weight * BUCKETS // 100, release.rollout_id, deal_id):
        return Choice(Variant.CANDIDATE, candidate)
    is_shadowed = _is_among(release.shadow_share * BUCKETS, f"{release.rollout_id}/shadow", deal_id)
    return Choice(Variant.STABLE, release.stable, candidate if is_shadowed else None)


def _is_among(buckets: float, rollout_id: str, deal_id: str) -> bool:
    """Whether the deal's bucket is one of the first so many; not worked out where it is none or all of them."""
    return buckets > 0 and (buckets >= BUCKETS or bucket_of(rollout_id, deal_id) < buckets)


def bucket_of(rollout_id: str, deal_id: str) -> int:
    """The deal's bucket in a rollout: uniform in 0..9999, by SHA-256."""
    digest = hashlib.sha256(f"{rollout_id}\n{deal_id}".encode()).digest()
    return int.from_bytes(digest[:8], "big") % BUCKETS
