"""The audit trail: windows sealed, chained, witnessed, watched, proven and purged."""
