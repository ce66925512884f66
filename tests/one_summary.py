"""One summary of several runs of pytest, each in a process of its own: `pytest -p tests.one_summary`.

    pytest -p tests.one_summary --keep-reports=FILE tests/unit      keeps what it reports of its tests in FILE
    pytest -p tests.one_summary --with-reports=FILE tests/system    counts those tests as its own

The `=` matters: pytest looks for its configuration before it knows these options, and takes a word that stands alone
for one more place with tests.

1. A run that keeps its reports writes each into its file, and its exit code at the end.
2. The last run reads the files before its first test, so that its percentages are of all tests, and reports theirs
   after its own: they are in its summary, and a failure among them is its failure.
3. A run that ended in any other way than with its tests' outcomes (killed, nothing collected) counts as one failure.
"""

from __future__ import annotations

import pickle
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

ENDED = "exit code"
OUTCOMES_ARE_KNOWN = (pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED)


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("one summary")
    group.addoption("--keep-reports", type=Path, help="write the reports of this run's tests into this file")
    group.addoption("--with-reports", type=Path, action="append", default=[], help="count that run's tests as well")


def pytest_configure(config: pytest.Config) -> None:
    if config.option.keep_reports:
        config.pluginmanager.register(Keeper(config, config.option.keep_reports))
    config.pluginmanager.register(Teller(config, config.option.with_reports))


class Keeper:
    """Writes reports as they come."""

    def __init__(self, config: pytest.Config, path: Path) -> None:
        self._config = config
        self._file = path.open("wb")

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        self._write(self._config.hook.pytest_report_to_serializable(config=self._config, report=report))

    def pytest_sessionfinish(self, exitstatus: int) -> None:
        self._write({ENDED: int(exitstatus)})
        self._file.close()

    def _write(self, kept: dict[str, Any]) -> None:
        pickle.dump(kept, self._file)
        self._file.flush()


class Teller:
    """Reports what other runs kept."""

    def __init__(self, config: pytest.Config, paths: list[Path]) -> None:
        self._config = config
        self._paths = paths

    @pytest.hookimpl(wrapper=True)
    def pytest_runtestloop(self, session: pytest.Session) -> Iterator[None]:
        reports = [report for path in self._paths for report in self._read(path)]
        session.testscollected += len({report.nodeid for report in reports})
        result = yield
        for report in reports:
            self._config.hook.pytest_runtest_logreport(report=report)
        return result  # type: ignore[return-value]

    def _read(self, path: Path) -> list[pytest.TestReport]:
        kept = list(read_kept(path))
        ended = kept.pop()[ENDED] if kept and ENDED in kept[-1] else None
        from_kept = self._config.hook.pytest_report_from_serializable
        reports = [from_kept(config=self._config, data=data) for data in kept]
        return reports if ended in OUTCOMES_ARE_KNOWN else [*reports, _report_lost(path, ended)]


def read_kept(path: Path) -> Iterator[dict[str, Any]]:
    """What a run wrote, to its end or as far as it came."""
    if not path.exists():
        return
    with path.open("rb") as file:
        while True:
            try:
                yield pickle.load(file)
            except (EOFError, pickle.UnpicklingError):
                return


def _report_lost(path: Path, ended: int | None) -> pytest.TestReport:
    how = "without an exit code" if ended is None else f"with exit code {ended}"
    return pytest.TestReport(
        nodeid=f"the run of pytest that keeps {path.name}",
        location=(path.name, 0, path.stem),
        keywords={},
        outcome="failed",
        longrepr=f"It ended {how}: its own output says why.",
        when="call",
    )
