"""The way in and out: one blueprint factory a topic, which decodes, calls a flow and encodes."""
