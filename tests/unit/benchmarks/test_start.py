"""What `-X importtime` prints, condensed."""

from __future__ import annotations

from benchmarks.start import condense_imports, milliseconds

IMPORTTIME = """import time: self [us] | cumulative | imported package
import time:       100 |        100 |   aiohttp.client
import time:       400 |        500 | aiohttp
import time:      2000 |       2000 |     azure.functions.http
import time:        50 |         50 | json
some line of a log
"""


def test_imports_are_summed_by_package_longest_first() -> None:
    assert condense_imports(IMPORTTIME) == [("azure.functions", 2.0), ("aiohttp", 0.5), ("json", 0.05)]


def test_imports_beyond_the_ten_longest_are_left_out() -> None:
    lines = [f"import time: {number} | {number} | module{number}" for number in range(1, 15)]
    assert [name for name, _ in condense_imports("\n".join(lines))] == [f"module{n}" for n in range(14, 4, -1)]


def test_milliseconds_are_between_two_steps_of_each_start() -> None:
    assert milliseconds([{"started": 1.0, "up": 1.25}], "started", "up") == [250.0]
