"""The app as `function_app.py` composes it, over real Tables and Blobs (Azurite) and a real issuer on loopback."""

from __future__ import annotations

import asyncio
import gc
import time
from http.server import ThreadingHTTPServer
from typing import Any

import pytest

from adapters.blobs_documents import BlobsDocuments
from adapters.jwt_keys import DOCUMENT
from local.issuer import Issuer
from tests.desk import golden_deal, read
from tests.edge.api.conftest import Worker, token
from triggers.endpoints import READ_DECISION, SCORE

KEPT_SECONDS = 10.0


async def wait_until_kept(worker: Worker) -> None:
    """The keys are written to storage in the background, after the first answer."""
    documents = BlobsDocuments(worker.storage)
    deadline = time.monotonic() + KEPT_SECONDS
    while await documents.read(DOCUMENT) is None:
        assert time.monotonic() < deadline, "the keys were not kept"
        await asyncio.sleep(0.02)


@pytest.mark.usefixtures("serving")
async def test_decision_scored_is_read_back_by_another_worker(compose: Any, issuer: Issuer) -> None:
    scored = await compose().send(SCORE.name, token(issuer, "scorer"), golden_deal())
    assert scored.status_code == 200, scored.get_body()
    decision = read(scored)
    parameters = {"decision_id": decision["decision_id"]}
    found = await compose().send(READ_DECISION.name, token(issuer, "auditor"), parameters=parameters)
    assert read(found)["record_digest"] == decision["record_digest"]


@pytest.mark.usefixtures("serving")
async def test_same_key_at_two_workers_is_one_decision(compose: Any, issuer: Issuer) -> None:
    sent = {"idempotency_key": "k-1"}
    first = await compose().send(SCORE.name, token(issuer, "scorer"), golden_deal(), **sent)
    again = await compose().send(SCORE.name, token(issuer, "scorer"), golden_deal(), **sent)
    assert read(again) == read(first)
    assert again.headers["Idempotency-Replayed"] == "true"


async def test_fresh_worker_checks_tokens_while_the_issuer_is_down(
    compose: Any, issuer: Issuer, serving: ThreadingHTTPServer
) -> None:
    first = compose()
    assert (await first.send(SCORE.name, token(issuer, "scorer"), golden_deal())).status_code == 200
    await wait_until_kept(first)
    serving.shutdown()
    serving.server_close()
    answer = await compose().send(SCORE.name, token(issuer, "scorer"), golden_deal())
    assert answer.status_code == 200, answer.get_body()


async def test_worker_without_any_keys_says_so_and_not_that_the_token_is_wrong(compose: Any, issuer: Issuer) -> None:
    answer = await compose().send(SCORE.name, token(issuer, "scorer"), golden_deal())
    assert answer.status_code == 503
    assert read(answer)["type"].endswith("keys-unavailable")


@pytest.mark.usefixtures("compose")
def test_what_the_start_made_is_kept_out_of_later_collections() -> None:
    assert gc.isenabled()
    assert gc.get_freeze_count() > 0


def test_histories_are_deleted_by_one_timer_in_every_region(compose: Any) -> None:
    """In control that is the timer that looks at rollouts first."""
    kept = {
        region: compose(VOUCH_REGION=region).edge.service.trail.keep_history_s for region in ("westeurope", "eastus2")
    }
    assert kept == {"westeurope": None, "eastus2": 86_400.0}
