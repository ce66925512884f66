"""Policies from a folder that came with the app: `<folder>/<name>/<version>.json` is one policy, read at start."""

from __future__ import annotations

import json
from pathlib import Path

from scoring.policy import InvalidPolicy, Policy, parse_policy


class PoliciesNotLoaded(RuntimeError):
    """A folder of policies that can't be obeyed; the message names the file and the fault."""


class FolderPolicies:
    """Implements the port `Policies`."""

    def __init__(self, folder: Path) -> None:
        """Load every policy under `folder`. Raises PoliciesNotLoaded."""
        if not folder.is_dir():
            raise PoliciesNotLoaded(f"{folder}: there is no such folder. VOUCH_POLICIES_FOLDER must name one.")
        policies = [load_policy(path) for path in sorted(folder.glob("*/*.json"))]
        if not policies:
            raise PoliciesNotLoaded(f"{folder}: holds no policy. Write one: {folder}/standard/1.json")
        self._policies = {f"{policy.name}/{policy.version}": policy for policy in policies}

    def names(self) -> list[str]:
        return sorted(self._policies)

    def find(self, policy: str) -> Policy | None:
        return self._policies.get(policy)


def load_policy(path: Path) -> Policy:
    """Load `<name>/<version>.json`. Raises PoliciesNotLoaded."""
    try:
        policy = parse_policy(json.loads(path.read_bytes()))
    except (InvalidPolicy, ValueError, OSError) as error:
        raise PoliciesNotLoaded(f"{path}: {error}") from error
    if (policy.name, policy.version) != (path.parent.name, path.stem):
        raise PoliciesNotLoaded(f"{path}: is foreign: it says {policy.name}/{policy.version}")
    return policy
