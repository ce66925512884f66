"""The audit trail, pure: records, ids, lanes and counters, over bytes and values."""
