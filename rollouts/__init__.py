"""The rules of rollouts, pure: plans, verdicts, gates, phases and what to do next."""
