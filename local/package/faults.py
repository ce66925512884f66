"""Why no package could be made."""


class PackagingFailed(RuntimeError):
    """The package could not be made; the message says why and what to do."""
