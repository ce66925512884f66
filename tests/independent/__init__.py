"""A second verifier, written from `docs/audit-trail.md` alone: it imports nothing of ours, and has to agree."""
