"""Rollouts as the command line shows them."""
