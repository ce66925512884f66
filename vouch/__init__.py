"""The command line, `python -m vouch`, and what a notebook needs: `from vouch import package`."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from vouch.notebook import package

__all__ = ["package"]


def __getattr__(name: str) -> object:
    """Load what a notebook needs when it is asked for: commands such as `verify` must do without it."""
    if name not in __all__:
        raise AttributeError(f"module 'vouch' has no attribute {name!r}")
    return getattr(importlib.import_module("vouch.notebook"), name)
