"""A plugin of pytest: hypothesis stops at the first example that fails, as nobody reads the smallest one."""

from __future__ import annotations

from hypothesis import Phase, settings

settings.register_profile("unshrunk", phases=(Phase.explicit, Phase.reuse, Phase.generate))
settings.load_profile("unshrunk")
