"""The host over HTTP, row by row as the real one was measured."""

from __future__ import annotations

import json
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from tests.unit.local.conftest import RunningHost


def given(host: RunningHost, path: str, headers: dict[str, str] | None = None) -> dict[str, Any]:
    answer = host.request("GET", path, headers=headers)
    assert answer.status == 200
    document: dict[str, Any] = json.loads(answer.body)
    return document


def test_request_reaches_the_function_with_method_url_parameters_and_body(host: RunningHost) -> None:
    answer = host.request("POST", "/echo/a%3Ab?x=1", b"hello")
    seen = json.loads(answer.body)
    assert seen["method"] == "POST"
    assert seen["url"] == f"http://127.0.0.1:{host.port}/echo/a%3Ab?x=1"
    assert seen["route_params"] == {"id": "a:b"}
    assert (seen["params"], seen["body"]) == ({"x": "1"}, "hello")


@pytest.mark.parametrize(
    ("query", "params"),
    [
        ("a=1&a=2", {"a": "1,2"}),
        ("a=&b=2", {"b": "2"}),
        ("a", {}),
        ("", {}),
        ("a=x%20y+z", {"a": "x y z"}),
    ],
)
def test_query_keys_join_and_empty_ones_vanish(host: RunningHost, query: str, params: dict[str, str]) -> None:
    assert given(host, f"/echo/1?{query}")["params"] == params


def test_request_header_names_arrive_in_lower_case(host: RunningHost) -> None:
    headers = given(host, "/echo/1", {"X-Request-ID": "Ab", "X-MS-CLIENT-PRINCIPAL": "anybody"})["headers"]
    assert headers["x-request-id"] == "Ab"
    assert headers["x-ms-client-principal"] == "anybody"


@pytest.mark.parametrize(
    ("method", "path"), [("GET", "/nowhere"), ("DELETE", "/plain"), ("GET", "/"), ("HEAD", "/plain")]
)
def test_unknown_path_or_wrong_method_is_404_with_an_empty_body(host: RunningHost, method: str, path: str) -> None:
    answer = host.request(method, path)
    assert (answer.status, answer.body) == (404, b"")


def test_head_is_answered_without_its_body(host: RunningHost) -> None:
    answer = host.exchange(b"HEAD /echo/1 HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n")
    head, _, body = answer.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200")
    assert body == b""


def test_chunked_request_arrives_with_an_empty_body(host: RunningHost) -> None:
    raw = (
        b"POST /echo/1 HTTP/1.1\r\nHost: h\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n"
        b"5\r\nhello\r\n0\r\n\r\n"
    )
    head, _, body = host.exchange(raw).partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200")
    seen = json.loads(body)
    assert seen["body_bytes"] == 0
    assert seen["headers"]["transfer-encoding"] == "chunked"


def test_request_over_the_limit_is_500_with_an_empty_body(host: RunningHost) -> None:
    raw = b"POST /echo/1 HTTP/1.1\r\nHost: h\r\nConnection: close\r\nContent-Length: 104857601\r\n\r\n"
    head, _, body = host.exchange(raw).partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 500")
    assert body == b""


def test_request_of_eight_mebibytes_arrives_whole(host: RunningHost) -> None:
    answer = host.request("POST", "/echo/1", b"x" * 8_388_608)
    assert json.loads(answer.body)["body_bytes"] == 8_388_608


@pytest.mark.parametrize(("url_bytes", "status"), [(9_000, 414), (8_000, 200)])
def test_url_of_nine_kilobytes_is_414(host: RunningHost, url_bytes: int, status: int) -> None:
    path = "/echo/1?a=" + "x" * (url_bytes - 10)
    assert host.request("GET", path).status == status


@pytest.mark.parametrize("path", ["/raises", "/exits", "/nothing", "/dictionary"])
def test_exception_none_dict_and_exit_are_500_with_an_empty_body(host: RunningHost, path: str) -> None:
    answer = host.request("GET", path)
    assert (answer.status, answer.body) == (500, b"")
    assert host.request("GET", "/plain").status == 200


def test_response_without_mimetype_is_plain_text(host: RunningHost) -> None:
    answer = host.request("GET", "/plain")
    assert (answer.headers["content-type"], answer.body) == ("text/plain; charset=utf-8", b"hello")


def test_returned_json_text_is_indented(host: RunningHost) -> None:
    assert host.request("GET", "/text").body == b'{\n  "a": [\n    1\n  ]\n}'


def test_response_headers_pass_and_length_is_the_hosts_own(host: RunningHost) -> None:
    answer = host.request("GET", "/headers")
    assert answer.status == 503
    assert answer.body == b"{}"
    expected = {"traceparent": "00-1-2-01", "retry-after": "7", "server": "own", "content-length": "2"}
    assert {name: answer.headers[name] for name in expected} == expected
    assert answer.headers["content-type"] == "application/problem+json"


def test_response_cookies_are_sent_one_header_each(host: RunningHost) -> None:
    raw = host.exchange(b"GET /headers HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n").lower()
    assert raw.count(b"set-cookie:") == 2


def test_coroutines_interleave_on_one_thread(host: RunningHost) -> None:
    with ThreadPoolExecutor(4) as pool:
        answers = [json.loads(a.body) for a in pool.map(lambda _: host.request("GET", "/meet/coroutine"), range(4))]
    assert {answer["thread"] for answer in answers} == {"MainThread"}
    assert max(answer["most"] for answer in answers) >= 2


def test_plain_functions_run_in_a_thread_pool(host: RunningHost) -> None:
    with ThreadPoolExecutor(4) as pool:
        answers = [json.loads(a.body) for a in pool.map(lambda _: host.request("GET", "/meet/thread"), range(4))]
    threads = {answer["thread"] for answer in answers}
    assert "MainThread" not in threads
    assert len(threads) >= 2


def test_blocking_call_in_a_coroutine_blocks_all(host: RunningHost) -> None:
    began = time.monotonic()
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda _: host.request("GET", "/block"), range(4)))
    assert time.monotonic() - began >= 0.4


def test_function_with_a_context_gets_its_name_and_trace(host: RunningHost) -> None:
    answer = host.request("GET", "/context", headers={"traceparent": "00-a-b-01"})
    name, invocation_id, traceparent = json.loads(answer.body)
    assert (name, traceparent) == ("with_context", "00-a-b-01")
    assert len(invocation_id) == 36
