"""The audit trail, pure: records, lanes, segments, manifests, the chain and proofs, over bytes and values."""
