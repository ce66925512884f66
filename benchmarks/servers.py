"""The servers that are compared: each a process on one core, with one worker, serving the same model."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.error import URLError
from urllib.request import Request, urlopen

from benchmarks.claims_1996 import MODEL_FILE, ROOT, encode_rows, load_model
from benchmarks.load import SERVER_CORE, LoadFailed
from local.azurite import Azurite
from local.environments import BENTOML, MLSERVER
from local.plan import Plan
from local.regions import region_environment

REGION = "westeurope"
START_SECONDS = 90
ONE_THREAD = {"OMP_NUM_THREADS": "1"}
NO_SETTINGS: Mapping[str, str] = {}
Deal = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Server:
    """A running server: how a deal is sent to it and how the score is read off its answer (None: it gives none)."""

    name: str
    url: str
    process: subprocess.Popen[bytes]
    headers: Mapping[str, str]
    bodies: Sequence[bytes]
    read_score: Callable[[Any], float] | None

    @property
    def slug(self) -> str:
        """Its name as a file's."""
        return slug_of(self.name)

    def stop(self) -> None:
        """End it and wait."""
        self.process.terminate()
        try:
            self.process.wait(15)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait(15)


def slug_of(name: str) -> str:
    return name.lower().replace(",", "").replace(" ", "-")


def free_port() -> int:
    """A port that nothing listens on now."""
    with socket.socket() as attempt:
        attempt.bind(("127.0.0.1", 0))
        return int(attempt.getsockname()[1])


def start_host(
    name: str,
    app: Path,
    path: str,
    plan: Plan,
    azurite: Azurite,
    bodies: Sequence[bytes],
    settings: Mapping[str, str] = NO_SETTINGS,
) -> Server:
    """A function app on the local host, with the local system's settings and these."""
    port = free_port()
    environment = {**region_environment(plan, REGION, azurite), **settings, "PYTHONPATH": str(ROOT), **ONE_THREAD}
    command = [sys.executable, "-m", "local.host", str(app), "--port", str(port)]
    command += ["--durable", str(plan.folder / f"{slug_of(name)}.sqlite")]
    token = plan.token_file("scorer").read_text()
    headers = {"Content-Type": "application/json", "Authorization": f"Bearer {token}"}
    process = _start(command, environment, plan.folder / f"{slug_of(name)}.log", ROOT)
    read_score = None if path == "/echo" else lambda answer: float(answer["score"])
    return Server(name, f"http://127.0.0.1:{port}{path}", process, headers, bodies, read_score)


def start_mlserver(folder: Path, deals: Sequence[Deal]) -> Server:
    """MLServer with its LightGBM runtime, in one process (`parallel_workers` 0; its default of one worker beside the
    server would use both cores)."""
    folder.mkdir()
    port = free_port()
    settings = {
        "host": "127.0.0.1", "http_port": port, "grpc_port": free_port(), "metrics_port": free_port(),
        "parallel_workers": 0, "debug": False,
    }  # fmt: skip
    model = {
        "name": "deal-fraud",
        "implementation": "mlserver_lightgbm.LightGBMModel",
        "parameters": {"uri": str(MODEL_FILE), "version": "1"},
    }
    (folder / "settings.json").write_text(json.dumps(settings))
    (folder / "model-settings.json").write_text(json.dumps(model))
    command = [str(MLSERVER.python.with_name("mlserver")), "start", str(folder)]
    process = _start(command, {**os.environ, **ONE_THREAD}, folder / "mlserver.log", folder)
    bodies = [
        json.dumps({"inputs": [{"name": "x", "shape": [1, len(row)], "datatype": "FP64", "data": row}]}).encode()
        for row in encode_rows(deals)
    ]
    url = f"http://127.0.0.1:{port}/v2/models/deal-fraud/infer"
    headers = {"Content-Type": "application/json"}
    return Server("MLServer", url, process, headers, bodies, lambda answer: float(answer["outputs"][0]["data"][0]))


def start_bentoml(folder: Path, deals: Sequence[Deal]) -> Server:
    """BentoML with the service beside this file, one worker, its access log off."""
    folder.mkdir()
    port = free_port()
    command = [str(BENTOML.python), "-m", "bentoml", "serve", "bento_service:DealFraud"]
    command += ["--host", "127.0.0.1", "--port", str(port)]
    environment = {**os.environ, **ONE_THREAD, "BENCH_MODEL": str(MODEL_FILE), "BENTOML_DO_NOT_TRACK": "True"}
    environment["BENTOML_HOME"] = str(folder)
    process = _start(command, environment, folder / "bentoml.log", ROOT / "benchmarks")
    bodies = [json.dumps({"rows": [row]}).encode() for row in encode_rows(deals)]
    headers = {"Content-Type": "application/json"}
    return Server(
        "BentoML", f"http://127.0.0.1:{port}/predict", process, headers, bodies, lambda answer: float(answer[0])
    )


def wait_until_answering(server: Server) -> None:
    """Send the first deal until it is answered. Raises LoadFailed."""
    deadline = time.monotonic() + START_SECONDS
    while True:
        try:
            ask(server, server.bodies[0])
        except (URLError, OSError) as error:
            if server.process.poll() is not None or time.monotonic() > deadline:
                raise LoadFailed(f"{server.name} did not start: {error}") from error
            time.sleep(0.2)
        else:
            return


def check_scores(server: Server, deals: Sequence[Deal], count: int = 50) -> None:
    """Raises LoadFailed unless it scores as Vouch's model does, to the last bit."""
    if server.read_score is None:
        return
    for deal, body in zip(deals[:count], server.bodies, strict=False):
        expected = load_model().score(load_model().encode(deal["features"])[0].values)
        found = server.read_score(ask(server, body))
        if found != expected:
            raise LoadFailed(f"{server.name} scores {found!r} instead of {expected!r}: not the same work.")


def ask(server: Server, body: bytes) -> Any:
    """One request, apart from the load."""
    request = Request(server.url, body, dict(server.headers))
    with urlopen(request, timeout=10) as response:
        return json.loads(response.read())


def _start(command: Sequence[str], environment: Mapping[str, str], log: Path, cwd: Path) -> subprocess.Popen[bytes]:
    with log.open("wb") as out:
        return subprocess.Popen(
            ["taskset", "--cpu-list", SERVER_CORE, *command],
            cwd=cwd, env=dict(environment), stdin=subprocess.DEVNULL, stdout=out, stderr=out,
        )  # fmt: skip
