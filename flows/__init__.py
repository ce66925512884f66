"""The use cases, async, over ports. They know no HTTP, no Azure and no environment."""
