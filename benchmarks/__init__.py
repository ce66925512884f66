"""Benchmarks: what Vouch costs, beside other servers, in one run on one machine. Losses are published, too."""
