"""The machine's randomness."""

from __future__ import annotations

import secrets


class SystemEntropy:
    """Implements the `Entropy` port."""

    def token_hex(self, size: int) -> str:
        return secrets.token_hex(size)
