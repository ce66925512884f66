"""Policies from a folder that came with the app: `<folder>/<name>/<version>.json` is one policy, read at start."""

from __future__ import annotations

import json
from pathlib import Path

from scoring.policy import InvalidPolicy, Policy, parse_policy


class PoliciesNotLoaded(RuntimeError):
    """A folder of policies that can't be obeyed; the message names the file and the fault."""


class FolderPolicies:
    """What came with the app, for `HeldPolicies`."""

    def __init__(self, folder: Path) -> None:
        """Load every policy under `folder`. Raises PoliciesNotLoaded."""
        if not folder.is_dir():
            raise PoliciesNotLoaded(f"{folder}: there is no such folder. VOUCH_POLICIES_FOLDER must name one.")
        paths = sorted(folder.glob("*/*.json"))
        if not paths:
            raise PoliciesNotLoaded(f"{folder}: holds no policy. Write one: {folder}/standard/1.json")
        self._policies = {f"{path.parent.name}/{path.stem}": load_policy(path) for path in paths}
        self._documents = {f"{path.parent.name}/{path.stem}": path.read_bytes() for path in paths}

    def names(self) -> list[str]:
        return sorted(self._policies)

    def find(self, policy: str) -> Policy | None:
        return self._policies.get(policy)

    def document(self, policy: str) -> bytes | None:
        """The file of a policy by `name/version`."""
        return self._documents.get(policy)


def load_policy(path: Path) -> Policy:
    """Load `<name>/<version>.json`. Raises PoliciesNotLoaded."""
    try:
        policy = parse_policy(json.loads(path.read_bytes()))
    except (InvalidPolicy, ValueError, OSError) as error:
        raise PoliciesNotLoaded(f"{path}: {error}") from error
    if (policy.name, policy.version) != (path.parent.name, path.stem):
        raise PoliciesNotLoaded(f"{path}: is foreign: it says {policy.name}/{policy.version}")
    return policy
