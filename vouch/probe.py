"""Loads a foreign model text in a process of its own: where LightGBM ends the process, this one lives on.

`python -m vouch.probe` reads a text from standard input, loads it and scores an empty deal.
"""

from __future__ import annotations

import math
import subprocess
import sys
from pathlib import Path

from scoring.booster import Booster, LightGBMFailed, LightGBMMissing
from vouch.errors import CannotPackage

TIMEOUT_S = 120
ROOT = Path(__file__).parent.parent


def probe_model(text: str) -> None:
    """Raises CannotPackage where LightGBM refuses the text, dies of it or doesn't come back."""
    command = [sys.executable, "-m", "vouch.probe"]
    try:
        done = subprocess.run(  # noqa: S603 - our own module, by the interpreter that runs us
            command, input=text.encode(), capture_output=True, timeout=TIMEOUT_S, cwd=ROOT, check=False
        )
    except subprocess.TimeoutExpired as error:
        raise CannotPackage(f"LightGBM did not come back from loading the model within {TIMEOUT_S} s.") from error
    if done.returncode != 0:
        said = done.stderr.decode(errors="replace").strip().splitlines()
        reason = said[-1] if said else f"it ended with code {done.returncode}"
        raise CannotPackage(f"LightGBM can't load the model: {reason}. Save it again with booster.save_model().")


def main() -> int:
    """Exit code 0: the model loads and scores."""
    text = sys.stdin.buffer.read().decode()
    try:
        booster = Booster(text)
        empty = [math.nan] * booster.feature_count
        booster.score(empty)
        booster.contributions(empty)
    except (LightGBMFailed, LightGBMMissing) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
