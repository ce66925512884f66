"""One way to tell a caller that storage or vault did not answer, for whatever can simply be asked again."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from flows.errors import StorageFailed, StorageUnavailable
from flows.trail_ports import VaultFailed


@contextmanager
def told_as_unavailable(what: str) -> Iterator[None]:
    """Inside, StorageFailed and VaultFailed become StorageUnavailable, which says what could not be done."""
    try:
        yield
    except (StorageFailed, VaultFailed) as error:
        raise StorageUnavailable(f"{what}: {error}") from error
