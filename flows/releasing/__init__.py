"""What a region serves: versions brought, releases read and changed, counters read."""
