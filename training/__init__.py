"""Makes the demo models from the claims in `training/data`. Never deployed."""
