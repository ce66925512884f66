"""The local functions host and the local system. Never deployed."""
