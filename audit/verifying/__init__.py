"""Checks a copy of a lake against public keys: pure, streaming, in bounded memory. `lake.py` has the whole of it."""
