"""Starts Vouch on this machine: `python run.py` (or `python -m local`) does what `make run` does, without make.

    python run.py [run]                    start the local system: four regions and their storage
    python run.py dev                      run one region in this terminal, with reload and breakpoints
    python run.py demo                     replay claims of 1996 through the regions
    python run.py setup                    install everything that the local system needs
    python run.py <command> --help         the options of one of these
    python run.py -m <tool> [arguments]    a development tool, such as -m pytest

It makes the environment in .venv, installs what is pinned there and hands over to it. Until then everything runs on
whatever Python there is, so this file keeps to the syntax of Python 3.6 and to the standard library.
"""

import hashlib
import os
import re
import shutil
import subprocess
import sys
from typing import List, Optional

ROOT = os.path.dirname(os.path.abspath(__file__))
VENV = os.path.join(ROOT, ".venv")
OLDEST, NEWEST = (3, 11), (3, 13)
WINDOWS = os.name == "nt"
LAST_LINES = 15


class Failed(Exception):
    """Says what went wrong and what to do next."""


def start(words: List[str]) -> int:
    """Do as the words say; a failure is one sentence and its remedy."""
    try:
        return main(words)
    except Failed as failure:
        sys.exit(f"\n{failure}")
    except KeyboardInterrupt:
        sys.exit("\nStopped. Start again: what is installed already stays.")


def main(words: List[str]) -> int:
    """Prepare the environment, then become the command."""
    if words[:1] in (["-h"], ["--help"]):
        say((__doc__ or "").strip())
        return 0
    python = find_python()
    if python != sys.executable:
        return hand_over([python, os.path.abspath(__file__), *words])
    if words[:1] == ["-m"]:
        return hand_over([ensure_environment("requirements-dev.txt"), *words])
    if not words or words[0].startswith("-"):
        words = ["run", *words]
    return hand_over([ensure_environment("requirements-local.txt"), "-m", "local", *words])


def find_python() -> str:
    """This Python if it is one that Vouch is tested on, else another one of this machine."""
    if OLDEST <= sys.version_info[:2] <= NEWEST:
        return sys.executable
    for minor in range(NEWEST[1], OLDEST[1] - 1, -1):
        found = shutil.which(f"python3.{minor}")
        if found and answers_version(found, minor):
            return found
    raise Failed(
        f"Vouch needs Python 3.{OLDEST[1]} to 3.{NEWEST[1]}; this is {sys.version.split()[0]} ({sys.executable}).\n"
        "Install one from https://www.python.org/downloads/ and say which: make run PYTHON=python3.13\n"
        "(without make: python3.13 run.py)."
    )


def ensure_environment(requirements: str) -> str:
    """The Python of .venv, with these requirements installed."""
    python = os.path.join(VENV, "Scripts", "python.exe") if WINDOWS else os.path.join(VENV, "bin", "python")
    version = ".".join(map(str, sys.version_info[:2]))
    if not answers_version(python, None):
        say(f"Creating the environment in .venv (Python {version}) ...")
        make_environment()
    stamp = os.path.join(VENV, "installed-" + requirements)
    wanted = hashlib.sha256(read_requirements(requirements).encode()).hexdigest()
    if not os.path.exists(stamp) or read(stamp) != wanted:
        install(python, requirements)
        with open(stamp, "w") as out:
            out.write(wanted)
    return python


def make_environment() -> None:
    done = run([sys.executable, "-m", "venv", "--clear", VENV])
    if done.returncode != 0:
        raise Failed(
            f"{tail(done.stdout)}\nPython could not create .venv. On Debian and Ubuntu: sudo apt install python3-venv; "
            "elsewhere check that this folder can be written to, then start again."
        )


def install(python: str, requirements: str) -> None:
    """Install with pip, telling how far it is."""
    say(f"Installing the packages of {requirements} (about a minute the first time) ...")
    command = [python, "-m", "pip", "install", "--disable-pip-version-check", "--no-input", "--progress-bar", "off"]
    process = subprocess.Popen(
        [*command, "-r", os.path.join(ROOT, requirements)],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        universal_newlines=True,
    )
    lines = []
    for line in process.stdout or ():
        lines.append(line)
        show_progress(lines)
    show_progress([])
    if process.wait() != 0:
        raise Failed(
            f"{tail(''.join(lines))}\npip could not install {requirements}. Check that pip reaches its index "
            "(pip download rich), then start again."
        )


def show_progress(lines: List[str]) -> None:
    """One line that counts packages; nothing where the output is no terminal."""
    if not sys.stdout.isatty():
        return
    text = ""
    if lines:
        found = [match.group(1) for match in (re.match(r"Collecting ([\w.-]+)", line) for line in lines) if match]
        installing = lines[-1].startswith("Installing")
        text = f"  {len(found)} packages: {'unpacking' if installing else ''.join(found[-1:])}"
    sys.stdout.write("\r\x1b[K" + text)
    sys.stdout.flush()


def read_requirements(name: str) -> str:
    """The text of a requirements file and of those that it includes."""
    text = read(os.path.join(ROOT, name))
    included = re.findall(r"^-r (\S+)", text, re.MULTILINE)
    return text + "".join(read_requirements(other) for other in included)


def answers_version(python: str, expected: Optional[int]) -> bool:
    """True when this Python runs and is 3.`expected`, or any that Vouch is tested on."""
    try:
        done = run([python, "-c", "import sys; print('%d.%d' % sys.version_info[:2])"])
    except OSError:
        return False
    minors = [expected] if expected else range(OLDEST[1], NEWEST[1] + 1)
    return done.returncode == 0 and done.stdout.strip() in [f"3.{minor}" for minor in minors]


def hand_over(command: List[str]) -> int:
    """Become this command (on Windows: run it and pass on its exit code)."""
    os.chdir(ROOT)
    sys.stdout.flush()
    if not WINDOWS:
        os.execv(command[0], command)
    process = subprocess.Popen(command)
    while True:
        try:
            return process.wait()
        except KeyboardInterrupt:
            pass  # the command got it too, and ends by itself


def run(command: List[str]) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, universal_newlines=True, check=False
    )


def read(path: str) -> str:
    with open(path, encoding="utf-8") as file:
        return file.read()


def tail(text: str) -> str:
    return "\n".join(text.strip().splitlines()[-LAST_LINES:])


def say(text: str) -> None:
    print(text, flush=True)


if __name__ == "__main__":
    sys.exit(start(sys.argv[1:]))
