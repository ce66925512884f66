"""What the command line tells its user, in one sentence, instead of a stack trace."""

from __future__ import annotations


class CannotPackage(ValueError):
    """A model or a sample that can't become a bundle; the message says why, and what to do."""
