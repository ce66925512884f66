"""What can go wrong for a newcomer: one clear sentence and the remedy, never a stack trace."""

from __future__ import annotations


class LocalFailed(RuntimeError):
    """The local system can't go on; the message says why and what to do next."""
