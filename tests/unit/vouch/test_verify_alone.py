"""An auditor has neither LightGBM nor Azure: `vouch verify` asks for neither."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from tests.lakes import pem_of, sound_lake, write_lake

ROOT = Path(__file__).resolve().parent.parent.parent.parent
WITHOUT = """
import sys
for name in ("lightgbm", "numpy", "azure", "azure.functions", "azure.identity", "aiohttp", "jwt", "yarl", "uvicorn"):
    sys.modules[name] = None
from vouch.__main__ import main
sys.exit(main(sys.argv[1:]))
"""


def test_verify_runs_without_lightgbm_and_azure(tmp_path: Path) -> None:
    lake = sound_lake()
    write_lake(lake.files, tmp_path)
    (tmp_path / "key.pem").write_text(pem_of(lake.key))
    command = [sys.executable, "-c", WITHOUT, "verify", str(tmp_path), "--key", str(tmp_path / "key.pem")]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.endswith("SOUND: everything that the chain covers is as it was sealed.\n")
