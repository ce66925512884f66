"""From a deal to an answered, recorded decision."""
