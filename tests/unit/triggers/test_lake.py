"""The lake over HTTP: ranges as RFC 9110 has them."""

from __future__ import annotations

import pytest

from flows.records.read_lake import MOST_BYTES
from tests.desk import Desk, read

NAME = "audit/manifests/v1/region=westeurope/year=2026/month=11/day=23/hour=21/20261123T210000Z.json"
URL = f"/api/v1/lake/{NAME}"
CONTENT = bytes(range(100))


@pytest.fixture
def filled(desk: Desk) -> Desk:
    desk.lake.files[NAME] = CONTENT
    return desk


async def test_file_is_answered_whole_without_a_range(filled: Desk) -> None:
    response = await filled.send("GET", URL, roles="auditor")
    assert (response.status_code, response.get_body()) == (200, CONTENT)
    assert response.mimetype == "application/octet-stream"
    assert response.headers["Accept-Ranges"] == "bytes"
    assert "Content-Range" not in response.headers


@pytest.mark.parametrize(
    ("asked", "first", "last"),
    [("bytes=0-9", 0, 9), ("bytes=90-", 90, 99), ("bytes=95-500", 95, 99), ("bytes=0-0", 0, 0), (" bytes=1-2 ", 1, 2)],
)
async def test_range_is_answered_with_what_it_is_of(filled: Desk, asked: str, first: int, last: int) -> None:
    response = await filled.send("GET", URL, roles="auditor", headers={"range": asked})
    assert (response.status_code, response.get_body()) == (206, CONTENT[first : last + 1])
    assert response.headers["Content-Range"] == f"bytes {first}-{last}/100"


@pytest.mark.parametrize("asked", ["", "x", "bytes=", "bytes=-5", "bytes=9-2", "bytes=0-1,3-4", "lines=0-1"])
async def test_range_that_this_endpoint_does_not_know_is_answered_with_the_whole(filled: Desk, asked: str) -> None:
    response = await filled.send("GET", URL, roles="auditor", headers={"range": asked})
    assert (response.status_code, response.get_body()) == (200, CONTENT)


async def test_range_after_the_end_is_told_how_much_there_is(filled: Desk) -> None:
    response = await filled.send("GET", URL, roles="auditor", headers={"range": "bytes=100-"})
    assert response.status_code == 416
    assert response.headers["Content-Range"] == "bytes */100"
    assert read(response)["type"] == "urn:vouch:problem:range-not-satisfiable"


async def test_large_file_goes_out_in_ranges_only(filled: Desk) -> None:
    filled.lake.files[NAME] = bytes(MOST_BYTES + 1)
    refused = await filled.send("GET", URL, roles="auditor")
    assert refused.status_code == 400
    assert "Range" in read(refused)["detail"]
    response = await filled.send("GET", URL, roles="auditor", headers={"range": "bytes=0-"})
    assert (response.status_code, len(response.get_body())) == (206, MOST_BYTES)
    assert response.headers["Content-Range"] == f"bytes 0-{MOST_BYTES - 1}/{MOST_BYTES + 1}"


async def test_empty_file_is_answered_as_one(filled: Desk) -> None:
    filled.lake.files[NAME] = b""
    for headers in ({}, {"range": "bytes=0-"}):
        response = await filled.send("GET", URL, roles="auditor", headers=headers)
        assert (response.status_code, response.get_body()) == (200, b"")


async def test_list_is_paged_by_its_own_next(filled: Desk) -> None:
    for number in range(4):
        filled.lake.files[f"audit/chain/v1/region=westeurope/{number:012}.json"] = b"{}"
    first = read(await filled.send("GET", "/api/v1/lake?prefix=audit/chain/&limit=3", roles="auditor"))
    assert [file["size"] for file in first["files"]] == [2, 2, 2]
    url = f"/api/v1/lake?prefix=audit/chain/&limit=3&after={first['next']}"
    second = read(await filled.send("GET", url, roles="auditor"))
    assert (len(second["files"]), second["next"]) == (1, None)


async def test_list_without_a_prefix_is_of_the_trail(filled: Desk) -> None:
    filled.lake.files["reference/x/v1/snapshot=1/rows"] = b""
    listed = read(await filled.send("GET", "/api/v1/lake", roles="auditor"))
    assert [file["name"] for file in listed["files"]] == [NAME]


@pytest.mark.parametrize("after", ["x" * 3000, "a%00b"])
async def test_page_that_is_none_is_refused(filled: Desk, after: str) -> None:
    response = await filled.send("GET", f"/api/v1/lake?after={after}", roles="auditor")
    assert (response.status_code, read(response)["type"]) == (400, "urn:vouch:problem:invalid-parameter")
