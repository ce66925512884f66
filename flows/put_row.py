"""Write a document over what was read: insert it where nothing stood, else replace that very row."""

from __future__ import annotations

from collections.abc import Mapping

from flows.ports import Row, Rows


async def put_row(rows: Rows, partition: str, key: str, standing: Row | None, document: Mapping[str, object]) -> None:
    """`standing` is the row as it was read. Raises Superseded where another stands by now, or StorageFailed."""
    if standing is None:
        await rows.insert(partition, key, document)
    else:
        await rows.replace(partition, standing, document)
