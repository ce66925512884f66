"""Lay the JSON Schemas of the datasets beside the data, once. A schema never changes: another is another version."""

from __future__ import annotations

import logging
from importlib.resources import files

from audit.layout import DATASETS, schema_name
from flows.ports import Lake

logger = logging.getLogger("vouch.trail")


def read_schema(dataset: str) -> bytes:
    """The schema of a dataset's lines, as it lies in the lake."""
    return files("audit").joinpath("schemas", dataset, "v1.schema.json").read_bytes()


class PublishSchemas:
    """`fault` says what is wrong with what lies there; empty: nothing that is known."""

    def __init__(self, lake: Lake) -> None:
        self._lake = lake
        self._is_done = False
        self.fault = ""

    async def __call__(self) -> None:
        """Write the schemas that aren't there; done once a process. Raises StorageFailed."""
        if self._is_done:
            return
        strange = [dataset for dataset in DATASETS if not await self._stands(dataset)]
        self.fault = f"other schemas than this app's lie in the lake: {', '.join(strange)}" if strange else ""
        if strange:
            logger.error("%s. Nothing is written over them: find out who wrote them.", self.fault)
        self._is_done = not strange

    async def _stands(self, dataset: str) -> bool:
        """Whether this very schema lies in the lake, once it was written unless one was there."""
        name, schema = schema_name(dataset), read_schema(dataset)
        return await self._lake.create(name, schema) or await self._lake.read(name) == schema
