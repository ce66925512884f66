"""Records found, opened, read, proven and added to."""
