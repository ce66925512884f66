"""The command line, `python -m vouch`, and what a notebook needs."""
