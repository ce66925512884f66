"""`python -m vouch rollout` and `publish` against a region over real HTTP: codes, words, and what is never said."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.unit.vouch.loopback_region import (
    ROLLOUT_ID,
    TOKEN,
    LoopbackRegion,
    event,
    loopback_region,
    problem,
    region_shown,
    rollout,
)
from vouch.__main__ import main

ROOT = Path(__file__).parents[3]
ONE = f"/api/v1/rollouts/{ROLLOUT_ID}"
ALL = "/api/v1/rollouts"
VERBS = ("approve", "reject", "pause", "resume", "abort", "promote-full")


@dataclass
class Ran:
    code: int
    out: str
    err: str

    @property
    def said(self) -> str:
        return self.out + self.err


Run = Callable[..., Ran]


@pytest.fixture
def region() -> Iterator[LoopbackRegion]:
    with loopback_region() as found:
        yield found


@pytest.fixture
def token_file(tmp_path: Path) -> Path:
    file = tmp_path / "operator.jwt"
    file.write_text(f"{TOKEN}\n")
    return file


@pytest.fixture
def run(
    region: LoopbackRegion, token_file: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Run:
    """Runs a command, which looks often; whatever it does, it never shows its token."""
    for place in ("commands.rollout", "rollout_picture"):
        monkeypatch.setattr(f"vouch.{place}.LOOK_S", 0.01)

    def call(verb: str, *arguments: str, url: str = "", token: Path = token_file) -> Ran:
        code = main(["rollout", verb, *arguments, "--url", url or region.url, "--token-file", str(token)])
        ran = Ran(code, *capsys.readouterr())
        assert "a-token-that-nobody-may-see" not in ran.said
        assert "Traceback" not in ran.said
        return ran

    return call


def test_start_sends_the_plan_and_says_how_to_see_the_rollout(region: LoopbackRegion, run: Run) -> None:
    region.answer("POST", ALL, rollout("Pending"), status=202)
    ran = run("start", "--model", "deal-fraud", "--version", "1.1.0", "--idempotency-key", "k-1")
    assert ran.code == 0
    assert ran.out == (f"Rollout {ROLLOUT_ID} of deal-fraud has begun. See it: "
                       f"python -m vouch rollout watch {ROLLOUT_ID}\n")  # fmt: skip
    assert region.last.body == {"model": "deal-fraud", "version": "1.1.0"}
    assert region.last.headers["Idempotency-Key"] == "k-1"
    assert region.last.headers["Authorization"] == f"Bearer {TOKEN}"


def test_options_stand_over_what_the_plans_file_says(region: LoopbackRegion, run: Run, tmp_path: Path) -> None:
    plan = tmp_path / "plan.json"
    plan.write_text(json.dumps({"model": "deal-fraud", "version": "1.0.0", "bake": "PT1H"}))
    region.answer("POST", ALL, rollout("Pending"), status=202)
    run("start", "--plan", str(plan), "--version", "1.1.0")
    assert region.last.body == {"model": "deal-fraud", "version": "1.1.0", "bake": "PT1H"}


@pytest.mark.parametrize("content", [None, "{", "[1, 2]", b"\xff\xfe"])
def test_file_that_holds_no_plan_is_refused_and_nothing_is_asked(
    region: LoopbackRegion, run: Run, tmp_path: Path, content: str | bytes | None
) -> None:
    plan = tmp_path / "plan.json"
    if content is not None:
        plan.write_bytes(content.encode() if isinstance(content, str) else content)
    ran = run("start", "--plan", str(plan))
    assert ran.code == 1
    assert str(plan) in ran.err
    assert "plan as JSON" in ran.err
    assert region.asked == []


@pytest.mark.parametrize(("phase", "code"), [("Succeeded", 0), ("RolledBack", 3), ("Failed", 4)])
@pytest.mark.parametrize("form", [[], ["--json"]])
def test_watch_ends_with_the_code_of_the_phase(
    region: LoopbackRegion, run: Run, phase: str, code: int, form: list[str]
) -> None:
    region.answer("GET", ONE, rollout("Progressing"), rollout(phase))
    ran = run("watch", ROLLOUT_ID, *form)
    assert ran.code == code
    if form:
        assert [json.loads(line)["phase"] for line in ran.out.splitlines()] == ["Progressing", phase]
    else:
        assert ran.out.splitlines()[-1] == f"{phase}: it is {phase}"


def test_watch_for_scripts_writes_nothing_where_only_the_time_of_the_last_look_changed(
    region: LoopbackRegion, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("vouch.commands.rollout.LOOK_S", 0.01)
    looks = [
        rollout(
            "Paused",
            seen_at=f"2026-11-23T21:00:{second}.000Z",
            regions={"westeurope": region_shown(seen_at=f"2026-11-23T21:00:{second}.000Z"), "eastus2": None},
        )
        for second in range(10, 14)
    ]
    region.answer("GET", ONE, *looks, rollout())
    lines = [json.loads(line) for line in run("watch", ROLLOUT_ID, "--json").out.splitlines()]
    assert lines == [looks[0], rollout()]


def test_start_and_watch_ends_with_the_code_of_the_phase(region: LoopbackRegion, run: Run) -> None:
    region.answer("POST", ALL, rollout("Pending"), status=202)
    region.answer("GET", ONE, rollout("RolledBack"))
    assert run("start", "--model", "deal-fraud", "--version", "1.1.0", "--watch").code == 3


def test_watch_without_an_id_watches_the_newest(region: LoopbackRegion, run: Run) -> None:
    region.answer("GET", ALL, {"rollouts": [rollout(), rollout(id="another")]})
    region.answer("GET", ONE, rollout())
    assert run("watch").code == 0
    assert region.last.path == ONE


def test_watch_tells_each_transition_once_also_one_that_comes_late_with_an_older_time(
    region: LoopbackRegion, run: Run
) -> None:
    """Regions note their transitions at their own pace; the timeline is sorted by when they were."""
    first, late, last = (
        event(1, "started", "first"),
        event(1, "Promoted", "late", "eastus2", 2),
        event(3, "done", "last"),
    )
    region.answer("GET", ONE, rollout("Progressing", timeline=[first, last]), rollout(timeline=[first, late, last]))
    lines = run("watch", ROLLOUT_ID).out.splitlines()
    assert [line.rpartition(": ")[2] for line in lines[:-1]] == ["first", "last", "late"]


@pytest.mark.parametrize("form", [[], ["--json"]])
def test_watch_goes_on_once_control_that_was_away_is_there_again(
    region: LoopbackRegion, run: Run, form: list[str]
) -> None:
    away = problem(503, "The region can't score yet", "It waits.")
    region.answer("GET", ONE, rollout("Progressing"), away, (502, b"<html>"), rollout("Succeeded"))
    assert run("watch", ROLLOUT_ID, *form).code == 0


def test_watch_gives_up_where_control_stays_away_or_was_never_there(
    region: LoopbackRegion, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    away = problem(503, "The region can't score yet", "It waits.")
    region.answer("GET", ONE, away)
    assert run("watch", ROLLOUT_ID).code == 1
    assert len(region.asked) == 1
    monkeypatch.setattr("vouch.commands.rollout.PATIENCE_S", 0.0)
    region.answer("GET", ONE, rollout("Progressing"), away)
    ran = run("watch", ROLLOUT_ID)
    assert (ran.code, "can't score yet" in ran.err) == (1, True)


@pytest.mark.usefixtures("interruptible")
def test_watch_that_is_left_says_that_the_rollout_goes_on(region: LoopbackRegion, token_file: Path) -> None:
    region.answer("GET", ONE, rollout("Progressing"))
    for form in ([], ["--json"]):
        command = [sys.executable, "-u", "-m", "vouch", "rollout", "watch", ROLLOUT_ID, "--url", region.url,
                   "--token-file", str(token_file), *form]  # fmt: skip
        with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as watching:
            assert watching.stdout is not None
            assert watching.stdout.readline()
            watching.send_signal(signal.SIGINT)
            try:
                _, said = watching.communicate(timeout=20)
            finally:
                watching.kill()
        assert (watching.returncode, said) == (5, "")


@pytest.mark.parametrize("verb", VERBS)
def test_steering_says_what_was_taken_and_where_the_rollout_stands(region: LoopbackRegion, run: Run, verb: str) -> None:
    path = {"promote-full": "promoteFull"}.get(verb, verb)
    region.answer("POST", f"{ONE}:{path}", rollout("Paused"))
    more = ["--gate", "wave-1"] if verb == "approve" else ["--reason", "why"]
    ran = run(verb, ROLLOUT_ID, *more)
    assert (ran.code, ran.out) == (0, f"Rollout {ROLLOUT_ID}: {verb} was taken; it is Paused.\n")
    assert region.last.body == ({"gate": "wave-1"} if verb == "approve" else {"reason": "why"})


def test_approve_without_a_gate_approves_the_one_that_is_waited_at(region: LoopbackRegion, run: Run) -> None:
    region.answer("GET", ONE, rollout("Paused", gate="wave-2"))
    region.answer("POST", f"{ONE}:approve", rollout("Paused"))
    assert run("approve", ROLLOUT_ID).code == 0
    assert region.last.body == {"gate": "wave-2"}


def test_approve_where_nothing_waits_is_refused_and_asks_for_nothing(region: LoopbackRegion, run: Run) -> None:
    region.answer("GET", ONE, rollout("Progressing"))
    ran = run("approve", ROLLOUT_ID)
    assert (ran.code, ran.err) == (
        1,
        f"The rollout waits at no gate now. See where it stands: python -m vouch rollout watch {ROLLOUT_ID}\n",
    )
    assert [asked.method for asked in region.asked] == ["GET"]


@pytest.mark.parametrize("verb", ["watch", *VERBS])
def test_verb_where_there_is_no_rollout_says_how_to_start_one(region: LoopbackRegion, run: Run, verb: str) -> None:
    region.answer("GET", ALL, {"rollouts": []})
    ran = run(verb)
    assert ran.code == 1
    assert "rollout start" in ran.err


def test_unwithdraw_lifts_what_an_undo_withdrew(region: LoopbackRegion, run: Run) -> None:
    served = {"release": {"stable": {"version": "1.0.0", "policy": "standard/1"}}}
    region.answer("POST", "/api/v1/models/deal-fraud:unwithdraw", {"regions": {"westeurope": served}})
    ran = run("unwithdraw", "deal-fraud", "--version", "1.1.0", "--reason", "mended")
    assert (ran.code, ran.out) == (0, "westeurope: serves 1.0.0 with standard/1\n")
    assert region.last.body == {"version": "1.1.0", "reason": "mended"}


def test_undo_says_what_each_region_serves_and_fails_where_one_could_not_be_reached(
    region: LoopbackRegion, run: Run
) -> None:
    served = {"release": {"stable": {"version": "1.0.0", "policy": "standard/1"}}}
    path = "/api/v1/models/deal-fraud:undo"
    region.answer("POST", path, {"regions": {"westeurope": served, "eastus2": served}},
                  {"regions": {"westeurope": served, "eastus2": {"fault": "the region did not answer"}}})  # fmt: skip
    ran = run("undo", "deal-fraud", "--leave", "1.1.0")
    assert (ran.code, ran.out) == (
        0,
        "westeurope: serves 1.0.0 with standard/1\neastus2: serves 1.0.0 with standard/1\n",
    )
    assert region.last.body == {"leave": "1.1.0", "reason": "undo from the command line"}
    ran = run("undo", "deal-fraud", "--leave", "1.1.0", "--reason", "bad")
    assert (ran.code, ran.out.splitlines()[1]) == (1, "eastus2: the region did not answer")


@pytest.mark.parametrize(
    ("faults", "code", "said"),
    [
        ([], 0, "No fault found.\n"),
        ([{"pointer": "/bake", "detail": "Is no duration."}], 1, "/bake: Is no duration.\n"),
    ],
)
def test_lint_says_every_fault_and_its_code_whether_there_is_one(
    region: LoopbackRegion, run: Run, faults: list[dict[str, str]], code: int, said: str
) -> None:
    region.answer("POST", f"{ALL}:lint", {"faults": faults, "plan": None})
    ran = run("lint", "--model", "deal-fraud")
    assert (ran.code, ran.out) == (code, said)


def test_list_shows_one_line_a_rollout(region: LoopbackRegion, run: Run) -> None:
    region.answer("GET", ALL, {"rollouts": [rollout(), rollout("Failed", target={"version": None, "policy": "lax/1"})]})
    lines = run("list").out.splitlines()
    assert [line.split()[1:4] for line in lines] == [
        ["Succeeded", "deal-fraud", "1.1.0"], ["Failed", "deal-fraud", "lax/1"],
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("verb", "arguments", "asked", "answer"),
    [
        ("start", ["--model", "deal-fraud"], ("POST", ALL), rollout("Pending")),
        ("watch", [ROLLOUT_ID], ("GET", ONE), rollout()),
        ("list", [], ("GET", ALL), {"rollouts": [rollout()]}),
        ("lint", [], ("POST", f"{ALL}:lint"), {"faults": [], "plan": None}),
        ("abort", [ROLLOUT_ID], ("POST", f"{ONE}:abort"), rollout("RollingBack")),
        ("undo", ["deal-fraud", "--leave", "1.1.0"], ("POST", "/api/v1/models/deal-fraud:undo"), {"regions": {}}),
    ],
)
def test_json_is_the_answer_of_the_region_and_nothing_else(
    region: LoopbackRegion, run: Run, verb: str, arguments: list[str], asked: tuple[str, str], answer: Any
) -> None:
    region.answer(*asked, answer)
    ran = run(verb, *arguments, "--json")
    assert (ran.code, json.loads(ran.out), ran.err) == (0, answer, "")


PROBLEMS = [
    problem(401, "A valid token is required", "Send Authorization: Bearer with a token of this region's issuer."),
    problem(403, "The caller's roles don't allow this", "It needs operator."),
    problem(409, "A rollout of this model is under way", f"rollout {ROLLOUT_ID} is under way; abort it first."),
    problem(421, "This is not the control region", "Ask there: rollouts are driven from https://westeurope.example."),
    problem(503, "The ledger is busy", "Repeat the request after Retry-After seconds."),
]


@pytest.mark.parametrize("refusal", PROBLEMS, ids=lambda refusal: str(refusal[0]))
@pytest.mark.parametrize("verb", ["start", "watch", "list", "lint", "undo", *VERBS])
def test_refusal_is_told_in_the_regions_own_words(
    region: LoopbackRegion, run: Run, verb: str, refusal: tuple[int, dict[str, Any]]
) -> None:
    for asked in (("POST", ALL), ("GET", ALL), ("GET", ONE), ("POST", f"{ALL}:lint"),
                  ("POST", "/api/v1/models/deal-fraud:undo"),
                  *(("POST", f"{ONE}:{name}") for name in (*VERBS, "promoteFull"))):  # fmt: skip
        region.answer(*asked, refusal)
    named = {"undo": ["deal-fraud", "--leave", "1.1.0"], **{name: [ROLLOUT_ID] for name in (*VERBS, "watch")}}
    ran = run(verb, *named.get(verb, []))
    assert (ran.code, ran.out) == (1, "")
    assert ran.err == f"{refusal[1]['title']}. {refusal[1]['detail']}\n"


def test_refusal_with_faults_lists_each_with_its_place(region: LoopbackRegion, run: Run) -> None:
    faults = [{"pointer": "/waves/0", "detail": "No such region."}, {"pointer": "", "detail": "Must be an object."}]
    region.answer("POST", ALL, problem(422, "It can't be carried out", "Mend every fault.", errors=faults))
    assert run("start", "--model", "x").err.splitlines()[1:] == [
        "  /waves/0: No such region.",
        "  /: Must be an object.",
    ]


@pytest.mark.parametrize("verb", ["start", "watch", "list"])
def test_region_that_is_not_there_is_told_with_what_to_look_at(run: Run, verb: str) -> None:
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{bound.getsockname()[1]}"
        ran = run(verb, url=url)
    assert (ran.code, ran.out) == (1, "")
    assert f"{url} can't be reached" in ran.err
    assert "is this its URL?" in ran.err


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"SSH-2.0-OpenSSH_9.6\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n{",
        b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n\xff\xff",
        b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\n<html>",
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n[]",
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}",
        b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nnull",
        b"HTTP/1.1 200 OK\r\nContent-Length: 16\r\n\r\n" + b'{"rollouts": [5]}'[:16],
        b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 6\r\n\r\n<html>",
        b"HTTP/1.1 500 No\r\nContent-Length: 2\r\n\r\n[]",
    ],
    ids=lambda raw: raw[-12:].decode("latin-1"),
)
@pytest.mark.parametrize(("verb", "arguments"), [("start", []), ("watch", [ROLLOUT_ID]), ("watch", []), ("list", []),
                                                 ("lint", []), ("approve", []), ("abort", [ROLLOUT_ID]),
                                                 ("undo", ["deal-fraud", "--leave", "1.1.0"])])  # fmt: skip
def test_answer_that_is_garbage_is_told_in_a_sentence(
    region: LoopbackRegion, run: Run, raw: bytes, verb: str, arguments: list[str]
) -> None:
    region.raw = raw
    ran = run(verb, *arguments)
    assert (ran.code, ran.out) == (1, "")
    assert region.url in ran.err or "answered 5" in ran.err


@pytest.mark.parametrize(
    "url", ["", "westeurope.example", "ftp://x", "http://", "http://[::1", "http://x:port", "http://a b"]
)
def test_url_that_is_none_is_told_with_an_example(run: Run, url: str) -> None:
    ran = run("list", url=url or "nothing")
    assert (ran.code, ran.out) == (1, "")
    assert "URL" in ran.err


@pytest.mark.parametrize(
    "content", [None, b"", b"  \n", b"\xff\xfe\x00", f"{TOKEN}\n{TOKEN}".encode(), f"{TOKEN}\u20ac".encode()]
)
def test_token_that_is_none_is_told_without_showing_it_and_nothing_is_asked(
    region: LoopbackRegion, run: Run, tmp_path: Path, content: bytes | None
) -> None:
    file = tmp_path / "other.jwt"
    if content is not None:
        file.write_bytes(content)
    ran = run("list", token=file)
    assert (ran.code, ran.out) == (1, "")
    assert str(file) in ran.err
    assert "--token-file" in ran.err
    assert region.asked == []


def test_token_is_not_sent_on_to_where_a_redirect_points(region: LoopbackRegion, run: Run) -> None:
    with loopback_region() as elsewhere:
        region.headers["Location"] = f"{elsewhere.url}{ALL}"
        region.answer("GET", ALL, {}, status=307)
        elsewhere.answer("GET", ALL, {"rollouts": []})
        ran = run("list")
    assert elsewhere.asked == []
    assert (ran.code, ran.out) == (1, "")


@pytest.mark.parametrize("arguments", [[], ["unheard-of"], ["undo", "deal-fraud"], ["undo"], ["start", "--what"]])
def test_command_line_that_makes_no_sense_ends_with_code_2(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as caught:
        main(["rollout", *arguments])
    assert caught.value.code == 2
    assert "usage: python -m vouch" in capsys.readouterr().err


PUBLISHED = {"name": "deal-fraud", "version": "2.0.0", "digest": f"sha256:{'0' * 64}", "is_new": True}


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    folder = tmp_path / "deal-fraud" / "2.0.0"
    folder.mkdir(parents=True)
    (folder / "manifest.json").write_text("{}")
    return folder


def publish(region: LoopbackRegion, path: Path, token_file: Path, *more: str) -> int:
    return main(["publish", str(path), "--to", region.url, "--token-file", str(token_file), *more])


@pytest.mark.parametrize(("is_new", "said"), [(True, "published"), (False, "had been published before, the same")])
def test_publish_sends_the_bundle_with_its_digest_and_says_what_came_of_it(
    region: LoopbackRegion, bundle: Path, token_file: Path, capsys: pytest.CaptureFixture[str], is_new: bool, said: str
) -> None:
    region.answer("PUT", "/api/v1/models/deal-fraud/versions/2.0.0", {**PUBLISHED, "is_new": is_new}, status=201)
    assert publish(region, bundle, token_file) == 0
    assert capsys.readouterr().out == f"deal-fraud 2.0.0 {said}: {PUBLISHED['digest']}\n"
    assert region.last.headers["Content-Digest"].startswith("sha-256=:")
    assert b"manifest.json" in region.last.body
    assert publish(region, bundle, token_file, "--json") == 0
    assert json.loads(capsys.readouterr().out)["is_new"] == is_new


@pytest.mark.parametrize("refusal", PROBLEMS[:3], ids=lambda refusal: str(refusal[0]))
def test_publish_that_is_refused_says_so_in_the_regions_own_words(
    region: LoopbackRegion, bundle: Path, token_file: Path, capsys: pytest.CaptureFixture[str],
    refusal: tuple[int, dict[str, Any]],
) -> None:  # fmt: skip
    region.answer("PUT", "/api/v1/models/deal-fraud/versions/2.0.0", refusal)
    assert publish(region, bundle, token_file) == 1
    said = capsys.readouterr()
    assert said.err.endswith(f"{refusal[1]['title']}. {refusal[1]['detail']}\n")
    assert TOKEN not in said.out + said.err


@pytest.mark.parametrize("raw", [b"", b"nonsense\r\n\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"])
def test_publish_that_is_answered_with_garbage_says_so(
    region: LoopbackRegion, bundle: Path, token_file: Path, capsys: pytest.CaptureFixture[str], raw: bytes
) -> None:
    region.raw = raw
    assert publish(region, bundle, token_file) == 1
    assert region.url in capsys.readouterr().err


def test_publish_of_what_is_not_there_says_what_to_give(
    region: LoopbackRegion, tmp_path: Path, token_file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert publish(region, tmp_path / "nothing", token_file) == 1
    assert "Give a bundle's folder or a policy's file." in capsys.readouterr().err
    assert region.asked == []


@pytest.mark.parametrize(
    ("verb", "role"),
    [("pause", "operator"), ("approve", "approver"), ("reject", "approver"), ("promote-full", "approver")],
)
def test_token_that_is_taken_where_none_is_named_is_of_who_may(
    region: LoopbackRegion,
    verb: str,
    role: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Whoever started a rollout can't promote it in full, so that it isn't the operator's."""
    for name in ("operator", "approver"):
        (tmp_path / ".local" / "tokens").mkdir(parents=True, exist_ok=True)
        (tmp_path / ".local" / "tokens" / f"{name}.jwt").write_text(f"token-of-{name}\n")
    monkeypatch.chdir(tmp_path)
    region.answer("GET", ONE, rollout("Paused", gate="wave-1"))
    path = {"promote-full": "promoteFull"}.get(verb, verb)
    region.answer("POST", f"{ONE}:{path}", rollout("Progressing"))
    assert main(["rollout", verb, ROLLOUT_ID, "--url", region.url]) == 0, capsys.readouterr().err
    assert region.last.headers["Authorization"] == f"Bearer token-of-{role}"
