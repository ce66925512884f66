"""Reference data: snapshots checked, activated, kept in memory."""
