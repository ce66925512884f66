"""Recorded decisions taken anew: replayed, imagined, made a dataset of."""
