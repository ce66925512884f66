"""Erasure on real storage: a planted person is to be found in no table, blob, queue or log, whatever was under way."""

from __future__ import annotations

import base64
import gzip
import json
import logging
import zlib
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar
from urllib.parse import quote
from uuid import UUID

import azure.functions as func
import pytest

from adapters.azure_storage import Answer, AzureStorage, StorageService, connect_by_string
from adapters.blobs_lake import BlobsLake
from adapters.blobs_rest import VERSION
from adapters.system_clock import SystemClock
from audit.notes import VerifierKey
from flows.deciding.decide_deals import Asked, Decided
from flows.privacy.erasure_log import Stage
from flows.service import Service
from tests.desk import RoleTokens, golden_features
from tests.edge.privacy.everything import is_hidden_in, read_everything
from tests.edge.trail.test_histories import check_is_sound
from tests.edge.trail.world import CALL, World
from triggers.decisions import decisions_blueprint
from triggers.edge import Edge
from triggers.lake import lake_blueprint
from triggers.privacy import privacy_blueprint
from triggers.scoring import scoring_blueprint

PERSON, DEAL, MAKE, SAID = "planted-person", "planted-deal", "planted-make", "planted-said"
EVERY = 6  # of the requests of sealing a window
PLANTED = (PERSON, DEAL, MAKE, SAID)


@pytest.fixture
async def world(connection_string: str) -> AsyncIterator[World]:
    storage = connect_by_string(connection_string)
    made = World(storage)
    yield made
    for service in App.started:
        await service.stop()
    App.started.clear()
    await made.close()
    await storage.close()


class App:
    """The app's own functions over a world, called as the host does. `started` are the services to be stopped."""

    started: ClassVar[list[Service]] = []

    def __init__(self, world: World) -> None:
        self.started.append(world.service)
        app = func.FunctionApp()
        edge = Edge(world.service, RoleTokens(), SystemClock())
        for blueprint in (scoring_blueprint, decisions_blueprint, lake_blueprint, privacy_blueprint):
            app.register_functions(blueprint(edge))
        self._functions = {built.get_function_name(): built.get_user_function() for built in app.get_functions()}

    async def call(self, name: str, role: str, body: object = None, status: int = 200, **params: str) -> Any:
        headers = {"authorization": f"Bearer {role}", "content-type": "application/json"}
        if name == "deals_score":
            headers["idempotency-key"] = str(params.pop("key"))
        raw = b"" if body is None else json.dumps(body).encode()
        query = {key: value for key, value in params.items() if key in {"proof", "prefix"}}
        route = {key: value for key, value in params.items() if key not in query}
        request = func.HttpRequest(method="POST", url="/", headers=headers, params=query, route_params=route, body=raw)
        response = await self._functions[name](request)
        assert response.status_code == status, response.get_body()
        is_json = response.mimetype.endswith("json")
        return json.loads(response.get_body()) if is_json else response.get_body()


async def live(world: World, number: int) -> str:
    """A deal of the planted person is decided, repeated, labelled, reviewed, read and searched for."""
    app = App(world)
    deal = {
        "deal_id": f"{DEAL}-{number}",
        "subjects": [PERSON, "somebody"],
        "features": {**golden_features(), "vehicle_make": MAKE},
    }
    decision = await app.call("deals_score", "scorer", deal, key=f"{number}")
    assert decision == await app.call("deals_score", "scorer", deal, key=f"{number}")
    decision_id: str = decision["decision_id"]
    label = {"label": "fraud", "source": "desk", "labelled_at": "2026-12-01T00:00:00Z"}
    await app.call("decision_label", "labeller", label, decision_id=decision_id)
    review = {"verdict": "overturn", "outcome": "approve", "reason": f"{SAID} so"}
    await app.call("decision_review", "reviewer", review, decision_id=decision_id)
    assert PERSON in str(await app.call("decision_read", "auditor", decision_id=decision_id))
    found = await app.call("decisions_search", "auditor", {"deal_id": deal["deal_id"]})
    assert [one["decision"]["id"] for one in found["decisions"]] == [decision_id]
    assert PERSON in str(await app.call("subjects_access", "privacy", {"subject": PERSON}))
    return decision_id


async def places(world: World, connection_string: str) -> dict[str, list[str]]:
    """Where each planted text is."""
    found = await read_everything(world.storage, connection_string)
    return {text: [place for place, data in found.items() if is_hidden_in(data, text)] for text in PLANTED}


async def seal(world: World, hours: int = 1) -> None:
    await world.advance(hours)
    world.clock.advance(120)
    await world.seal()


async def purge(world: World) -> None:
    """Take sealed lanes off the ledger, as after their retention."""
    lanes = world.service.records.privacy.erase._at.unsealed._lanes
    first, current = await lanes.oldest(), world.service.records.privacy.erase._at.unsealed.current()
    assert first is not None
    for lane in await lanes.registered(first, current):
        if lane.is_sealed:
            await lanes.delete(lane.window, lane.lane)


async def test_planted_person_is_found_nowhere_after_an_erasure(
    world: World, connection_string: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    decisions = [await live(world, 1)]
    await seal(world)
    await purge(world)
    decisions.append(await live(world, 2))
    await seal(world)
    app = App(world)
    placed = await app.call("subjects_hold", "privacy", {"subject": PERSON, "reason": f"{SAID}: sued"})
    erasing = {"subject": PERSON, "reason": "a letter of 3 May"}
    assert (await app.call("subjects_erase", "privacy", erasing))["state"] == "deferred"
    decisions.append(await live(world, 3))
    before = await places(world, connection_string)
    assert all("table ledger" in where for where in before.values()), "the search finds what is there"
    release = {"subject": PERSON, "hold_id": placed["hold_id"], "reason": f"{SAID}: settled"}
    assert (await app.call("subjects_release", "privacy", release))["erasures_carried_out"] == 1
    assert await places(world, connection_string) == {text: [] for text in PLANTED}
    (pending,) = (await app.call("erasures_list", "privacy"))["erasures"]
    assert pending["state"] == "pending"
    await seal(world)
    assert await places(world, connection_string) == {text: [] for text in PLANTED}
    finished = await app.call("erasures_read", "privacy", erasure_id=pending["erasure_id"])
    assert (finished["state"], finished["records"]) == ("complete", 5)  # three deals, a hold and its release
    for decision_id in decisions:
        found = await app.call("decision_read", "auditor", decision_id=decision_id, proof="true")
        assert (found["erased"], len(found["labels"]), len(found["reviews"])) == (True, 1, 1)
        assert "personal" not in found["decision"]["data"]
    assert (await app.call("subjects_access", "privacy", {"subject": PERSON}))["records"] == []
    repeated = {"deal_id": f"{DEAL}-3", "subjects": [PERSON, "somebody"]}
    repeated["features"] = {**golden_features(), "vehicle_make": MAKE}  # type: ignore[assignment]
    await app.call("deals_score", "scorer", repeated, 410, key="3")
    logged = "\n".join(f"{record.getMessage()} {record.__dict__}" for record in caplog.records)
    assert not any(text in logged for text in PLANTED)
    assert await places(world, connection_string) == {text: [] for text in PLANTED}
    check_is_sound(await world.files(), VerifierKey("vouch/westeurope", await world.vault.public_key()))


async def test_one_decision_is_erased_and_its_person_is_not(world: World, connection_string: str) -> None:
    gone = await live(world, 1)
    await seal(world)
    kept = await live(world, 2)
    app = App(world)
    await app.call("subjects_erase", "privacy", {"subject": f"deal:{gone}", "reason": "by mistake"})
    await seal(world)
    await purge(world)
    assert (await app.call("decision_read", "auditor", decision_id=gone))["erased"] is True
    found = await app.call("decision_read", "auditor", decision_id=kept)
    assert (found["erased"], found["decision"]["data"]["personal"]["deal_id"]) == (False, f"{DEAL}-2")
    await app.call("subjects_erase", "privacy", {"subject": PERSON, "reason": "a letter"})
    await seal(world)
    assert await places(world, connection_string) == {text: [] for text in PLANTED}


async def test_keys_are_wrapped_anew_without_touching_the_lake(world: World) -> None:
    decision_id = await live(world, 1)
    await seal(world)
    await purge(world)
    app, before = App(world), await world.files()
    world.vault.rotate()
    assert (await app.call("keys_rewrap", "operator"))["rewrapped"] == 2
    assert await world.files() == before
    world.vault.keks[0] = bytes(32)  # the old version is gone
    world.restart()

    found = await App(world).call("decision_read", "auditor", decision_id=decision_id)
    assert found["decision"]["data"]["personal"]["deal_id"] == f"{DEAL}-1"


async def test_old_version_that_is_taken_away_too_early_loses_nothing(world: World) -> None:
    decision_id = await live(world, 1)
    await seal(world)
    await purge(world)
    world.vault.rotate()
    old, world.vault.keks[0] = world.vault.keks[0], bytes(32)
    world.restart()
    app = App(world)
    await app.call("decision_read", "auditor", status=503, decision_id=decision_id)
    await app.call("subjects_erase", "privacy", {"subject": PERSON, "reason": "a letter"}, status=503)
    await app.call("keys_rewrap", "operator", status=503)

    world.vault.keks[0] = old
    assert (await app.call("keys_rewrap", "operator"))["rewrapped"] == 2
    assert (await app.call("keys_rewrap", "operator"))["rewrapped"] == 0
    found = await app.call("decision_read", "auditor", decision_id=decision_id)
    assert found["decision"]["data"]["personal"]["deal_id"] == f"{DEAL}-1"


async def test_decision_in_an_offline_tier_is_told_with_its_place_and_erased_all_the_same(
    world: World, connection_string: str
) -> None:
    decision_id = await live(world, 1)
    await seal(world)
    await purge(world)
    app, (segment,) = App(world), await set_tier(world, "Archive")
    for asked in ({}, {"proof": "true"}):
        problem = await app.call("decision_read", "auditor", status=409, decision_id=decision_id, **asked)
        assert (problem["type"], segment in problem["detail"]) == ("urn:vouch:problem:archived", True)
    found = await app.call("decisions_search", "auditor", {"deal_id": f"{DEAL}-1"})
    assert found["decisions"] == [{"decision_id": decision_id, "archived": segment}]
    (entry,) = (await app.call("subjects_access", "privacy", {"subject": PERSON}))["records"]
    assert (entry["record_id"], entry["archived"]) == (decision_id, segment)

    erasure = await app.call("subjects_erase", "privacy", {"subject": PERSON, "reason": "a letter"})
    assert (erasure["records"], erasure["archived_records"]) == (1, 1)
    await seal(world)
    await set_tier(world, "Hot")
    assert (await app.call("decision_read", "auditor", decision_id=decision_id))["erased"] is True
    assert await places(world, connection_string) == {text: [] for text in PLANTED}


async def set_tier(world: World, tier: str) -> list[str]:
    """Move the segments of decisions to a tier, as a lifecycle rule would; where they lie."""
    found = BlobsLake(world.storage.blobs).list("audit/decisions/")
    segments = [f"lake/{file.name}" async for file in found]
    for segment in segments:
        headers = {**VERSION, "x-ms-access-tier": tier}
        answer = await world.storage.blobs.request("PUT", f"/{quote(segment)}?comp=tier", headers, timeout_s=10)
        assert answer.status in {200, 202}
    return segments


@dataclass
class Interrupted(StorageService):
    """A storage service that lets somebody else act before its request number `at`."""

    inner: StorageService
    meanwhile: Callable[[], Awaitable[None]]
    at: int = 0
    count: int = field(default=0)

    @property
    def base_url(self) -> str:  # type: ignore[override]
        return self.inner.base_url

    async def request(
        self, method: str, path: str, headers: Mapping[str, str], body: bytes = b"", *, timeout_s: float
    ) -> Answer:
        self.count += 1
        if self.count == self.at:
            await self.meanwhile()
        return await self.inner.request(method, path, headers, body, timeout_s=timeout_s)


async def test_export_that_was_under_way_does_not_bring_a_person_back(world: World) -> None:
    """In each window another person, who is erased at another request of its sealing."""
    number, erased, kept = 0, [], []
    while True:
        number += EVERY
        person = f"person-{number}"
        ids = [await score(world, [person]), await score(world, ["somebody"])]
        for decision_id in ids:
            await world.service.records.record_review(CALL, decision_id, "uphold", None, f"about {decision_id}")
        asked = {}

        async def meanwhile(person: str = person, asked: dict[str, Any] = asked) -> None:
            asked["ordered"] = await world.writers[0].records.privacy.erase(CALL, person, "asked")

        await world.advance(1)
        world.clock.advance(120)
        blobs = Interrupted(world.storage.blobs, meanwhile)
        tables = Interrupted(world.storage.tables, meanwhile, at=number)
        world.service = world._build(AzureStorage(tables, blobs), world.clock)
        await world.seal()
        world.restart()
        if not asked:
            break
        erased.append(ids[0])
        kept.append(ids[1])
    assert number > 30
    await seal(world)
    await purge(world)
    assert await world.service.records.privacy.log.open() == []
    for decision_id in (*erased, *kept):
        state, personal = await world.open(decision_id)
        assert (state, bool(personal)) == (("erased", False) if decision_id in erased else ("readable", True))
        (review,) = await world.service.records.search_decisions._mentions.of_decision(UUID(decision_id))
        assert (await world.open(str(review)))[0] == state
    check_is_sound(await world.files(), VerifierKey("vouch/westeurope", await world.vault.public_key()))


async def score(world: World, subjects: list[str]) -> str:
    deal = {"deal_id": "D-1", "subjects": subjects, "features": golden_features()}
    (answer,) = await world.writers[0].decide_deals(CALL, Asked([deal]))
    assert isinstance(answer, Decided)
    return str(answer.decision["decision_id"])


async def test_erasure_of_somebody_unknown_is_complete_and_reveals_nothing(world: World) -> None:
    erased = await App(world).call("subjects_erase", "privacy", {"subject": "nobody", "reason": "a letter"})
    assert (erased["state"], erased["records"]) == (Stage.COMPLETE.value, 0)


@pytest.mark.parametrize(
    "data",
    [
        b"xx planted-person xx",
        zlib.compress(b"planted-person"),
        gzip.compress(b"..planted-person"),
        base64.b64encode(zlib.compress(b'{"a": "planted-person"}')),
        b'{"event": "' + base64.urlsafe_b64encode(b"some planted-person here") + b'"}',
        gzip.compress(b'{"box": "' + base64.b64encode(zlib.compress(b"planted-person")) + b'"}\n'),
        "planted-person".encode("utf-16-le"),
    ],
)
def test_search_finds_a_text_in_whatever_form_it_lies(data: bytes) -> None:
    assert is_hidden_in(data, PERSON)
    assert not is_hidden_in(data, "planted-other")
