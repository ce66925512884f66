"""`make demo`: real claims of 1996 through the regions, and how good the decisions were.

Uses the running system, or starts one and stops it afterwards.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from local.accuracy import Judged, measure_auc, measure_precision, measure_recall, quantile
from local.demo_rollout import MODEL, VERSION, run_rollout
from local.demo_trail import show_trail
from local.failures import LocalFailed
from local.plan import Plan
from local.readiness import what_region_waits_for
from local.replay import YEAR, Replayed, choose_claims, replay
from local.system import System
from training.claims import Claim

OUTCOMES = ("approve", "review", "decline")


def run_demo(plan: Plan, claim_count: int, say: Callable[[str], None]) -> None:
    """Replay the claims and print the summary. Raises LocalFailed when nothing was decided."""
    if claim_count < 1:
        raise LocalFailed("At least one claim is needed: make demo CLAIMS=1000")
    with running_system(plan, say):
        claims = choose_claims(claim_count)
        console = Console()
        replayed = _replay_with_progress(plan, claims, console)
        _print_summary(console, plan, replayed)
        if not replayed.judged:
            raise LocalFailed(f"No claim was decided. See {plan.folder / 'logs'}.")
        between_decisions = datetime.now(UTC)
        _roll_out(console, plan, claims)
        show_trail(console, plan, list(plan.regions).index(plan.control.name), between_decisions)


@contextmanager
def running_system(plan: Plan, say: Callable[[str], None]) -> Iterator[None]:
    """The system that runs already, or one of its own for as long as it is used."""
    if all(what_region_waits_for(plan.port_of(name)) is None for name in plan.regions):
        if not plan.token_file("scorer").exists():
            raise LocalFailed(f"A system runs on these ports, but not from {plan.folder}: stop it, or name its FOLDER.")
        yield
        return
    say("No system is running: starting one for the demo.")
    system = System(plan, say)
    try:
        system.start()
        yield
    finally:
        system.stop()


def build_decisions(judged: list[Judged]) -> Table:
    """Decisions, outcomes and latency: a row for each region and one for all."""

    def describe(items: list[Judged]) -> list[str]:
        latencies = [item.latency_ms for item in items]
        counts = [sum(item.outcome == outcome for item in items) for outcome in OUTCOMES]
        return [*map(str, [len(items), *counts]), *(f"{quantile(latencies, share):.1f}" for share in (0.5, 0.95, 0.99))]

    columns = ("decisions", *OUTCOMES, "p50", "p95", "p99")
    return _build_table("Decisions, and how long they took in milliseconds", columns, judged, describe)


def build_accuracy(judged: list[Judged]) -> Table:
    """How good the decisions were: a row for each region and one for all."""

    def describe(items: list[Judged]) -> list[str]:
        measures = (measure_auc(items), measure_precision(items), measure_recall(items))
        frauds = sum(item.is_fraud for item in items)
        return [str(frauds), *("-" if measure is None else f"{measure:.3f}" for measure in measures)]

    title = f"Against the known outcomes of {YEAR}"
    return _build_table(title, ("frauds", "AUC", "precision", "recall"), judged, describe)


def _build_table(
    title: str, columns: tuple[str, ...], judged: list[Judged], describe: Callable[[list[Judged]], list[str]]
) -> Table:
    table = Table(title=title, box=SIMPLE_HEAD, pad_edge=False, title_justify="left")
    table.add_column("region", no_wrap=True)
    for name in columns:
        table.add_column(name, justify="right", no_wrap=True)
    for region in dict.fromkeys(item.region for item in judged):
        table.add_row(region, *describe([item for item in judged if item.region == region]))
    table.add_section()
    table.add_row("all", *describe(judged), style="bold")
    return table


def _replay_with_progress(plan: Plan, claims: list[Claim], console: Console) -> Replayed:
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console) as progress:
        task = progress.add_task(f"Claims of {YEAR}", total=len(claims))
        return asyncio.run(replay(plan, claims, lambda: progress.advance(task)))


def _roll_out(console: Console, plan: Plan, claims: list[Claim]) -> None:
    console.print(f"\nNow {MODEL} {VERSION} is rolled out to every region, while claims stream through them.")
    answers = run_rollout(plan, claims, is_terminal=console.is_terminal)
    if answers:
        told = ", ".join(f"{count} {answer}" for answer, count in answers.most_common())
        console.print(f"Meanwhile: {told}.")
    else:
        console.print(
            f"Every region serves it already. To see it again, stop the system and delete {plan.folder}, or name "
            "another FOLDER and BASE_PORT."
        )


def _print_summary(console: Console, plan: Plan, replayed: Replayed) -> None:
    if replayed.judged:
        judged = sorted(replayed.judged, key=lambda item: list(plan.regions).index(item.region))
        per_second = len(judged) / replayed.seconds
        console.print(build_decisions(judged), build_accuracy(judged))
        console.print(f"{len(judged)} decisions in {replayed.seconds:.1f} s ({per_second:.0f} a second).")
        console.print("precision: frauds among what wasn't approved; recall: frauds that weren't.")
    for reason, count in replayed.refused.most_common():
        console.print(f"{count} not decided, {reason}", style="red")
