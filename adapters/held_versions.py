"""The versions that this region holds, as what a rollout can ship."""

from __future__ import annotations

from flows.ports import Models, Policies


class HeldVersions:
    """Implements `flows.ports.Versions`."""

    def __init__(self, models: Models, policies: Policies) -> None:
        self._models = models
        self._policies = policies

    async def model_digest(self, name: str, version: str) -> str | None:
        model = self._models.find(name, version)
        return model.digest if model else None

    async def policy_digest(self, policy: str) -> str | None:
        """Policies that came with the app are everywhere: nothing is to be pulled."""
        return "" if self._policies.find(policy) else None
