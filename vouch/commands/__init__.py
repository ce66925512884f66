"""A module a command, with `add_arguments(parser)` and `run(arguments) -> int`; imported only when asked for."""
