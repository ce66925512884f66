"""LightGBM through its C library: the only file that names it.

The `lightgbm` package imports numpy and scipy, 216 MB and seconds of a cold start that scoring has no use for. So the
wheel's shared library is called through `ctypes` (LightGBM's C API, include/LightGBM/c_api.h, 4.x):

1. Find the library beside the package without importing it. If libgomp lies beside it, load that first: Azure's
   image has none, so the deployment package brings one.
2. Load a model text. It is trusted here: bundles are checked by their digests, foreign texts by `vouch package`.
3. Predict one row by the "fast" calls, which parse their settings once, into buffers that are used again; many rows
   by the matrix call, as `lightgbm.Booster.predict` does.

Everything runs on one thread: an instance has one core, and a team of threads costs more than one row does.
"""

from __future__ import annotations

import ctypes
import importlib.util
import struct
import sys
import threading
import weakref
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path

FLOAT64 = 1
ROW_MAJOR = 1
NORMAL, CONTRIBUTIONS = 0, 3
ALL_ITERATIONS = (0, -1)
SETTINGS = b"num_threads=1 verbosity=-1"
LIBRARIES = ("lib_lightgbm.so", "lib_lightgbm.dylib", "lib_lightgbm.dll", "Release/lib_lightgbm.dll")
OPENMP = "libgomp.so.1"


class LightGBMMissing(RuntimeError):
    """LightGBM's library can't be loaded here; the message says what to install."""


class LightGBMFailed(RuntimeError):
    """LightGBM refused a call; the message is its own."""


class Booster:
    """A loaded model. Safe to share between threads; its memory in the C library goes when it does."""

    def __init__(self, model_text: str) -> None:
        """Load a model text. Raises LightGBMFailed where LightGBM refuses it, LightGBMMissing where there is none."""
        self._library = load_library()
        self._handle = ctypes.c_void_p()
        iterations = ctypes.c_int()
        text = model_text.encode()
        _check(
            self._library,
            self._library.LGBM_BoosterLoadModelFromString(text, ctypes.byref(iterations), ctypes.byref(self._handle)),
        )
        weakref.finalize(self, _free, self._library.LGBM_BoosterFree, self._handle)
        self.iteration_count = iterations.value
        self.feature_count = self._count(self._library.LGBM_BoosterGetNumFeature)
        self.class_count = self._count(self._library.LGBM_BoosterGetNumClasses)
        self._pack = struct.Struct(f"={self.feature_count}d").pack
        self._score = _RowCall(self, NORMAL, self.class_count)
        self._explain = _RowCall(self, CONTRIBUTIONS, self.class_count * (self.feature_count + 1))

    def score(self, row: Sequence[float]) -> float:
        """LightGBM's `predict` of one row of `feature_count` numbers (NaN: missing)."""
        return self._score(row)[0]

    def contributions(self, row: Sequence[float]) -> tuple[float, ...]:
        """LightGBM's `predict(pred_contrib=True)`: one a feature, then the expected value, in raw-score units."""
        return tuple(self._explain(row))

    def score_many(self, rows: Sequence[Sequence[float]]) -> list[float]:
        """`predict` of many rows in one call into LightGBM. Raises struct.error for a row of another length."""
        return self._predict_matrix(rows, NORMAL, 1)

    def contributions_many(self, rows: Sequence[Sequence[float]]) -> list[tuple[float, ...]]:
        """`predict(pred_contrib=True)` of many rows in one call."""
        width = self.feature_count + 1
        flat = self._predict_matrix(rows, CONTRIBUTIONS, width)
        return [tuple(flat[start : start + width]) for start in range(0, len(flat), width)]

    def _predict_matrix(self, rows: Sequence[Sequence[float]], kind: int, width: int) -> list[float]:
        if not rows:
            return []
        data = b"".join([self._pack(*row) for row in rows])
        results = (ctypes.c_double * (len(rows) * width))()
        written = ctypes.c_int64()
        code = self._library.LGBM_BoosterPredictForMat(
            self._handle, data, FLOAT64, len(rows), self.feature_count, ROW_MAJOR,
            kind, *ALL_ITERATIONS, SETTINGS, ctypes.byref(written), results,
        )  # fmt: skip
        _check(self._library, code)
        _check_length(written.value, len(results))
        return list(results)

    def _count(self, call: Callable[..., int]) -> int:
        count = ctypes.c_int()
        _check(self._library, call(self._handle, ctypes.byref(count)))
        return count.value


class _RowCall:
    """One kind of prediction of one row, set up once: the same input and output buffers serve every call."""

    def __init__(self, booster: Booster, kind: int, width: int) -> None:
        library = booster._library
        self._library = library
        self._lock = threading.Lock()
        self._row = (ctypes.c_double * booster.feature_count)()
        self._results = (ctypes.c_double * width)()
        self._written = ctypes.c_int64()
        self._pack = struct.Struct(f"={booster.feature_count}d").pack_into
        self._config = ctypes.c_void_p()
        code = library.LGBM_BoosterPredictForMatSingleRowFastInit(
            booster._handle, kind, *ALL_ITERATIONS, FLOAT64, booster.feature_count, SETTINGS, ctypes.byref(self._config)
        )
        _check(library, code)
        self._call = library.LGBM_BoosterPredictForMatSingleRowFast
        self._arguments = (self._config, self._row, ctypes.byref(self._written), self._results)
        weakref.finalize(booster, _free, library.LGBM_FastConfigFree, self._config)

    def __call__(self, row: Sequence[float]) -> list[float]:
        with self._lock:
            self._pack(self._row, 0, *row)
            if self._call(*self._arguments) != 0:
                _check(self._library, -1)
            return self._results[:]


@cache
def load_library() -> ctypes.CDLL:
    """LightGBM's shared library, loaded once. Raises LightGBMMissing, which says what to install."""
    path = find_library()
    openmp = path.with_name(OPENMP)
    try:
        if openmp.is_file():
            ctypes.CDLL(str(openmp), mode=ctypes.RTLD_GLOBAL)
        library = ctypes.CDLL(str(path))
    except OSError as error:
        raise LightGBMMissing(explain_load_failure(str(error), sys.platform)) from error
    library.LGBM_GetLastError.restype = ctypes.c_char_p
    return library


def find_library() -> Path:
    """Where the installed `lightgbm` package keeps its library; the package itself is not imported."""
    spec = importlib.util.find_spec("lightgbm")
    if spec is None or spec.origin is None:
        raise LightGBMMissing("LightGBM is not installed. Install it: python -m pip install lightgbm")
    package = Path(spec.origin).parent
    folders = (package / "lib", package / "bin", package.parent)
    for path in (folder / name for folder in folders for name in LIBRARIES):
        if path.is_file():
            return path
    raise LightGBMMissing(f"LightGBM is installed in {package} without its library. Install its wheel from PyPI again.")


def explain_load_failure(error: str, platform: str) -> str:
    """What to do about a library that the system's loader refuses; `platform` as `sys.platform` has it."""
    if "libomp" in error or "libgomp" in error:
        remedy = "brew install libomp" if platform == "darwin" else "apt-get install libgomp1"
        return f"LightGBM needs the OpenMP library, which is not installed. Install it: {remedy} ({error})"
    return f"LightGBM's library can't be loaded: {error}"


def _free(call: Callable[[ctypes.c_void_p], int], handle: ctypes.c_void_p) -> None:
    call(handle)


def _check(library: ctypes.CDLL, code: int) -> None:
    if code != 0:
        raise LightGBMFailed(library.LGBM_GetLastError().decode(errors="replace"))


def _check_length(written: int, expected: int) -> None:
    if written != expected:
        raise LightGBMFailed(f"LightGBM gave {written} numbers instead of {expected}")
