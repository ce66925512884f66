"""What `docs/privacy.md` tells people to run does what it says."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys

import pytest

from flows.privacy.erase_subject import commit_to
from tests.desk import ROOT

SALT = "5e" * 16


@pytest.mark.parametrize("subject", ["P-4711", "Jürgen Müller"])
def test_salt_shows_for_whom_an_erasure_was(subject: str) -> None:
    page = (ROOT / "docs" / "privacy.md").read_text()
    (line,) = re.findall(r"^python -c .*$", page, re.MULTILINE)
    words = [{"python": sys.executable, "SALT": SALT, "SUBJECT": subject}.get(word, word) for word in shlex.split(line)]
    done = subprocess.run(words, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == commit_to(SALT, subject)
