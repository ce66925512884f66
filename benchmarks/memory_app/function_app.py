"""Vouch on the local host with storage in memory."""

import logging

from benchmarks.composition import build_memory_app

logging.getLogger("vouch").setLevel(logging.INFO)
app = build_memory_app()
