"""An app whose import fails."""

raise ImportError("no module named payments")
