"""The command line finds its commands, and its guide is true."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from adapters.folder_models import FolderModels
from tests.lakes import write_lake
from tests.tamperings.case import SOUND
from vouch.__main__ import COMMANDS, main

ROOT = Path(__file__).parents[3]
GUIDE = (ROOT / "docs" / "bring-your-own-model.md").read_text()


def test_help_names_every_command(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main(["--help"])
    assert caught.value.code == 0
    shown = capsys.readouterr().out
    assert all(name in shown for name in COMMANDS)


@pytest.mark.parametrize("arguments", [[], ["unheard-of"], ["package"]])
def test_call_that_makes_no_sense_ends_with_code_2_and_the_usage(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as caught:
        main(arguments)
    assert caught.value.code == 2
    assert "usage: python -m vouch" in capsys.readouterr().err


def test_reader_of_what_is_said_may_leave(tmp_path: Path) -> None:
    """Such as `head`: there is nobody to be told of it."""
    words = ["verify", str(write_lake(SOUND.files, tmp_path)), "--key", str(SOUND.verifier_key)]
    read, write = os.pipe()
    os.close(read)
    try:
        done = subprocess.run(
            [sys.executable, "-m", "vouch", *words], cwd=ROOT, stdout=write, stderr=subprocess.PIPE, check=False
        )
    finally:
        os.close(write)
    assert (done.returncode, done.stderr) == (2, b"")


def test_what_an_output_has_no_character_for_is_escaped(tmp_path: Path) -> None:
    """Such as that of a pipe on Windows."""
    lake = write_lake({**SOUND.files, "audit/東京": b""}, tmp_path)
    done = subprocess.run(
        [sys.executable, "-m", "vouch", "verify", str(lake), "--key", str(SOUND.verifier_key)],
        cwd=ROOT,
        env={**os.environ, "PYTHONIOENCODING": "ascii"},
        capture_output=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (1, b"")
    assert b"audit/\\u6771\\u4eac\n" in done.stdout


@pytest.mark.usefixtures("interruptible")
def test_command_that_is_left_says_so(tmp_path: Path) -> None:
    """It waits for a region that takes its call and never answers."""
    (tmp_path / "token").write_text("token")
    with socket.create_server(("127.0.0.1", 0)) as region:
        region.settimeout(60)
        url = f"http://127.0.0.1:{region.getsockname()[1]}"
        words = ["copy", url, str(tmp_path / "lake"), "--token-file", str(tmp_path / "token")]
        command = [sys.executable, "-m", "vouch", *words]
        with subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE) as started:
            caller, _ = region.accept()
            with caller:
                started.send_signal(signal.SIGINT)
                _, said = started.communicate(timeout=60)
    assert (started.returncode, said) == (130, b"Left before the end.\n")


def run_without(package: str, *words: str) -> subprocess.CompletedProcess[str]:
    program = (
        f"import sys; sys.modules[{package!r}] = None; sys.argv[1:] = {words!r}; "
        "from vouch.__main__ import run_process; sys.exit(run_process())"
    )
    return subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("package", ["rich", "msgspec", "cryptography"])
def test_command_in_a_python_that_lacks_a_package_says_which_one_has_it(package: str) -> None:
    done = run_without(package, "verify", "--help")
    assert done.returncode == 2
    assert f"{package} is not installed in this Python" in done.stderr
    assert str(ROOT / ".venv") in done.stderr
    assert "make setup" in done.stderr
    assert "Traceback" not in done.stderr


def test_module_of_ours_that_is_missing_is_a_fault_of_ours() -> None:
    assert "Traceback" in run_without("vouch.commands.verify", "verify", "--help").stderr


def test_help_of_a_command_keeps_the_names_in_its_summary(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["package", "--help"])
    assert "Make a model bundle from a LightGBM classifier" in capsys.readouterr().out


def test_command_line_itself_imports_no_model_library() -> None:
    program = (
        "import sys, vouch, vouch.__main__; "
        "print(sorted({'scoring.booster', 'numpy', 'lightgbm', 'jsonschema', 'azure'} & sys.modules.keys()))"
    )
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def _blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", GUIDE, re.MULTILINE | re.DOTALL)


def test_guide_to_ones_own_model_does_what_it_says(tmp_path: Path) -> None:
    """Its notebook, then its command with its overrides, in a folder of their own."""
    (tmp_path / "build").mkdir()
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    (notebook,), (command,), (overrides, looked_up) = _blocks("python"), _blocks("sh"), _blocks("json")
    assert any("source" in stated for stated in json.loads(looked_up).values())
    subprocess.run([sys.executable, "-c", notebook], cwd=tmp_path, env=environment, check=True, capture_output=True)
    (tmp_path / "features.json").write_text(overrides)
    arguments = [*command.split()[1:], "--features", "features.json"]
    subprocess.run([sys.executable, *arguments], cwd=tmp_path, env=environment, check=True, capture_output=True)
    models = FolderModels(tmp_path / "build" / "models")
    assert models.versions("my-model") == ("1.0.0", "1.0.1")
    model = models.find("my-model", "1.0.1")
    assert model is not None
    stated = json.loads(overrides)["mean radius"]
    feature = next(feature for feature in model.features if feature.name == "mean radius")
    assert {name: getattr(feature, name) for name in stated} == stated
