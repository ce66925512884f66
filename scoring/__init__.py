"""Scoring, pure: deals in, decisions out. No clock, randomness, environment or I/O."""
