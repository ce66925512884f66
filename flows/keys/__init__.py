"""The keys that what is personal is encrypted under."""
