"""LightGBM's C library, called as its Python package calls it."""

from __future__ import annotations

import math
import os
import shutil
import struct
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import lightgbm
import numpy as np
import pytest

from scoring.booster import Booster, LightGBMFailed, explain_load_failure, find_library
from tests.unit.scoring.bundles import ARTIFACTS

TEXT = (ARTIFACTS / "deal-fraud" / "1.0.0" / "model.txt").read_text()
ROOT = Path(__file__).parents[3]


@pytest.fixture(scope="module")
def booster() -> Booster:
    return Booster(TEXT)


@pytest.fixture(scope="module")
def rows() -> list[list[float]]:
    table = np.random.default_rng(6).integers(-1, 14, (400, 29)).astype(float)
    table[table == 13] = np.nan
    return table.tolist()


@pytest.fixture(scope="module")
def original() -> lightgbm.Booster:
    return lightgbm.Booster(model_str=TEXT)


def test_scores_equal_lightgbms_predict(booster: Booster, original: lightgbm.Booster, rows: list[list[float]]) -> None:
    expected = original.predict(np.array(rows)).tolist()
    assert [booster.score(row) for row in rows] == expected
    assert booster.score_many(rows) == expected


def test_contributions_equal_lightgbms_and_add_up_to_the_raw_score(
    booster: Booster, original: lightgbm.Booster, rows: list[list[float]]
) -> None:
    expected = original.predict(np.array(rows), pred_contrib=True)
    assert [list(booster.contributions(row)) for row in rows] == expected.tolist()
    assert booster.contributions_many(rows) == [tuple(row) for row in expected.tolist()]
    raw = original.predict(np.array(rows), raw_score=True).tolist()
    assert [math.fsum(booster.contributions(row)) for row in rows] == pytest.approx(raw, abs=1e-12)


def test_no_rows_give_no_scores(booster: Booster) -> None:
    assert booster.score_many([]) == []
    assert booster.contributions_many([]) == []


@pytest.mark.parametrize("width", [0, 28, 30])
def test_row_of_another_length_is_refused_before_lightgbm_sees_it(booster: Booster, width: int) -> None:
    with pytest.raises(struct.error):
        booster.score([0.0] * width)
    with pytest.raises(struct.error):
        booster.contributions([0.0] * width)
    with pytest.raises(struct.error):
        booster.score_many([[0.0] * 29, [0.0] * width])


def test_text_that_lightgbm_refuses_raises_its_own_words() -> None:
    with pytest.raises(LightGBMFailed, match="doesn't specify the number of classes"):
        Booster("nothing")


def test_threads_that_share_a_booster_get_their_own_scores(booster: Booster, rows: list[list[float]]) -> None:
    expected = [booster.score(row) for row in rows]
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(booster.score, rows * 10))
    assert found == expected * 10


LOAD_AND_DROP = """
from pathlib import Path
from scoring.booster import Booster

def resident_kib():
    return int(next(line for line in Path("/proc/self/status").read_text().splitlines() if "VmRSS" in line).split()[1])

text = Path("model_artifacts/deal-fraud/1.0.0/model.txt").read_text()
for _ in range(30):
    Booster(text)
before = resident_kib()
for _ in range(400):
    Booster(text)
print(resident_kib() - before)
"""


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="resident memory is read from /proc")
def test_boosters_that_are_gone_leave_no_memory_behind() -> None:
    """Unfreed, 400 models take some 85 MiB, their settings alone 2 MiB."""
    done = subprocess.run([sys.executable, "-c", LOAD_AND_DROP], cwd=ROOT, capture_output=True, text=True, check=True)
    assert int(done.stdout) < 1_000


def test_scoring_imports_neither_numpy_nor_the_lightgbm_package() -> None:
    program = (
        "import sys; from pathlib import Path; from adapters.folder_models import FolderModels; "
        "model = FolderModels(Path('model_artifacts')).find('deal-fraud', '1.0.0'); "
        "model.contributions(model.encode(model.golden[0])[0].values); "
        "print(sorted({'numpy', 'scipy', 'pandas', 'lightgbm'} & sys.modules.keys()))"
    )
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_library_is_found_beside_the_installed_package() -> None:
    assert find_library().parent.parent == Path(lightgbm.__file__).parent


def _find_openmp() -> Path | None:
    """The OpenMP library that this very process runs on."""
    maps = Path("/proc/self/maps")
    paths = {line.split()[-1] for line in maps.read_text().splitlines()} if maps.exists() else set()
    return next((Path(path) for path in sorted(paths) if "libgomp.so.1" in path), None)


def test_openmp_beside_the_library_is_preferred_to_the_systems(booster: Booster, tmp_path: Path) -> None:
    """As in the deployment package: a package folder with the bare library and its OpenMP, on a bare image."""
    openmp = _find_openmp()
    if openmp is None:
        pytest.skip("this system's LightGBM runs on another OpenMP library")
    package = tmp_path / "lightgbm"
    (package / "lib").mkdir(parents=True)
    (package / "__init__.py").touch()
    shutil.copy(find_library(), package / "lib")
    shutil.copy(openmp, package / "lib" / "libgomp.so.1")
    program = (
        "import sys; from pathlib import Path; from scoring.booster import Booster; "
        "Booster(Path('model_artifacts/deal-fraud/1.0.0/model.txt').read_text()); "
        "print({line.split()[-1] for line in open('/proc/self/maps') if 'libgomp' in line})"
    )
    environment = {**os.environ, "PYTHONPATH": f"{tmp_path}:{ROOT}"}
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, env=environment, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == str({str(package / "lib" / "libgomp.so.1")})


@pytest.mark.parametrize(
    ("error", "platform", "remedy"),
    [
        ("Library not loaded: @rpath/libomp.dylib", "darwin", "brew install libomp"),
        (
            "libgomp.so.1: cannot open shared object file: No such file or directory",
            "linux",
            "apt-get install libgomp1",
        ),
        ("wrong ELF class", "linux", "can't be loaded: wrong ELF class"),
    ],
)
def test_library_that_does_not_load_tells_what_to_install(error: str, platform: str, remedy: str) -> None:
    assert remedy in explain_load_failure(error, platform)
