"""What a worker does: import and compose the app, then decide. Storage is in memory and no host is in front, so that
the app's own part is measured; the imports of the real adapters count, as `function_app.py` makes them."""

from __future__ import annotations

import asyncio
import json
import os
import resource
import sys
from typing import Any

import adapters.blobs_documents
import adapters.jwt_keys
import adapters.tables_ledger
import adapters.tables_releases
import adapters.tables_reservations
import triggers.open_inference
import triggers.page
from benchmarks.composition import build_memory_service
from flows.calls import Call, Caller
from flows.decide_deals import Asked, Decided

ADAPTERS = (adapters.blobs_documents, adapters.jwt_keys, adapters.tables_ledger, adapters.tables_releases)
MORE = (adapters.tables_reservations, triggers.open_inference, triggers.page)
CALL = Call(Caller("bench", frozenset({"scorer"})), "deals_score", "bench", "00-0-0-01", 0.0)


async def decide(count: int) -> None:
    service, _ = build_memory_service(os.environ)
    model: Any = service.models.find("deal-fraud", "1.0.0")
    deal = {"deal_id": "D-1", "features": model.golden[0]}
    for _ in range(count):
        (answer,) = await service.decide_deals(CALL, Asked([deal]))
        if not isinstance(answer, Decided):
            raise answer


asyncio.run(decide(int(sys.argv[1])))
print(json.dumps({"resident_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024}))
