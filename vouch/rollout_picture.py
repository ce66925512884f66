"""A rollout as a picture in the terminal: regions side by side, weights, verdicts, timeline; or as plain lines."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.console import Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

Document = Mapping[str, Any]
UNDER_WAY = 5
EXIT_CODES = {"Succeeded": 0, "RolledBack": 3, "Failed": 4}
COLOURS = {
    "Succeeded": "green", "Successful": "green", "Promoted": "green",
    "RolledBack": "yellow", "Paused": "yellow", "Inconclusive": "yellow", "NoData": "yellow", "RollingBack": "yellow",
    "Failed": "red", "Error": "red",
}  # fmt: skip
ICONS = {"Succeeded": "✔", "RolledBack": "↺", "Failed": "✖", "Paused": "॥", "RollingBack": "↺"}
BAR_CHARACTERS = 10
TIMELINE_LINES = 12
LOOK_S = 1.0


def watch_live(read: Callable[[], Document]) -> int:
    """Draw it until its end; the exit code that says how it ended."""
    rollout = read()
    with Live(draw(rollout), auto_refresh=False) as live:
        while rollout["phase"] not in EXIT_CODES:
            time.sleep(LOOK_S)
            rollout = read()
            live.update(draw(rollout), refresh=True)
    return EXIT_CODES[rollout["phase"]]


def write_lines(read: Callable[[], Document], say: Callable[[str], None]) -> int:
    """Write every transition as a line until the end, where there is no terminal to draw on."""
    told: set[tuple[str, object]] = set()
    while True:
        rollout = read()
        for event in rollout["timeline"]:  # sorted by time: what a region notes late comes in between
            name = event["source"], event["seq"]
            if name not in told:
                say(plain(f"{event['at'][:19]}Z  {event['source']:<12}  {event['what']}: {event['message']}"))
            told.add(name)
        for region, trouble in rollout.get("troubles", {}).items():
            if (region, trouble["message"]) not in told:
                say(plain(f"{trouble['since'][:19]}Z  {region:<12}  asked again: {trouble['message']}"))
            told.add((region, trouble["message"]))
        if rollout["phase"] in EXIT_CODES:
            say(plain(f"{rollout['phase']}: {rollout['message']}"))
            return EXIT_CODES[rollout["phase"]]
        time.sleep(LOOK_S)


def draw(rollout: Document) -> Group:
    """The whole picture."""
    phase = rollout["phase"]
    target = " with ".join(filter(None, (rollout["target"]["version"], rollout["target"]["policy"])))
    head = Text.assemble(
        (f"{ICONS.get(phase, '◌')} {phase}", f"bold {COLOURS.get(phase, 'cyan')}"),
        f"  {rollout['model']} {target}  wave {rollout['wave']} of {rollout['waves']}  {rollout['id']}",
    )
    words = _draw_words(rollout)
    return Group(head, _text(rollout["message"], "dim"), _draw_regions(rollout), words, "", _draw_timeline(rollout))


def _draw_regions(rollout: Document) -> Table:
    table = Table(box=SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0))
    waves = rollout["plan"]["waves"]
    table.add_column("region", no_wrap=True, min_width=max(len(region) for wave in waves for region in wave))
    for name in ("wave", "stage", "step", "weight", "shadow", "verdict"):
        table.add_column(name, no_wrap=True)
    for number, wave in enumerate(waves, start=1):
        for region in wave:
            table.add_row(_text(region), str(number), *_describe_region(rollout["regions"].get(region)))
    return table


def _describe_region(shown: Document | None) -> list[Text]:
    if shown is None:
        return [Text("waiting", style="dim"), *[Text("")] * 4]
    verdict = (shown["judgement"] or {}).get("verdict", "")
    return [
        _text(shown["stage"], COLOURS.get(shown["stage"], "cyan")),
        Text(f"{shown['step'] + 1}/{len(shown['steps'])}"),
        Text(f"{draw_bar(shown['weight'])} {shown['weight']:>3} %"),
        Text(f"{shown['shadow_share'] * 100:g} %" if shown["shadow_share"] else ""),
        Text(verdict, style=COLOURS.get(verdict, "")),
    ]


def _draw_words(rollout: Document) -> Table:
    """What each region says, below the table: a terminal of 80 characters has no room beside it."""
    table = Table(box=None, pad_edge=False, show_header=False)
    for wave in rollout["plan"]["waves"]:
        for region in wave:
            words = _words_of_region(rollout, region)
            if words:
                table.add_row(_text(region), _text(words))
    return table


def _words_of_region(rollout: Document, region: str) -> str:
    """What keeps its step from being done, or what it says; empty where there is neither."""
    trouble = rollout.get("troubles", {}).get(region)  # an older control tells none
    if trouble:
        return f"asked again since {trouble['since'][11:19]}Z: {trouble['message']}"
    shown = rollout["regions"].get(region)
    return str(shown["message"]) if shown else ""


def _draw_timeline(rollout: Document) -> Table:
    table = Table(box=None, pad_edge=False, show_header=False)
    for event in rollout["timeline"][-TIMELINE_LINES:]:
        table.add_row(
            Text(event["at"][11:19], style="dim"),
            _text(event["source"]),
            _text(event["what"], COLOURS.get(event["what"], "")),
            _text(event["message"]),
        )
    return table


def _text(written: str, style: str = "") -> Text:
    """What somebody wrote, as it is: no markup, and nothing that a terminal would obey."""
    return Text(plain(written), style=style)


def plain(written: str) -> str:
    """One line of printable characters."""
    return "".join(character if character.isprintable() else " " for character in written)


def draw_bar(percent: int) -> str:
    """A weight as a bar."""
    filled = round(percent / 100 * BAR_CHARACTERS)
    return "█" * filled + "░" * (BAR_CHARACTERS - filled)
