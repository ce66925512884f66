"""`python -m vouch package`: a bundle from a model text file and a labelled sample."""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from scoring.features import Feature, Kind
from vouch.errors import CannotPackage
from vouch.packaging import Packaged, Request, build_package, now, write_package
from vouch.samples import read_csv_sample

SHOWN_FEATURES = 40


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What the command takes."""
    parser.add_argument("--model", type=Path, required=True, help="LightGBM model text, by booster.save_model()")
    parser.add_argument("--sample", type=Path, required=True, help="CSV file with a header, best of unseen deals")
    parser.add_argument("--label", required=True, help="column that says whether a deal was fraud")
    parser.add_argument("--positive", help="the label of fraud; not needed where labels are 0/1 or true/false")
    parser.add_argument(
        "--ignore", action="append", default=[], metavar="COLUMN", help="column to leave out; repeatable"
    )
    parser.add_argument("--name", required=True, help="the model's name, such as deal-fraud")
    parser.add_argument("--version", required=True, help="the model's version, such as 1.0.0")
    parser.add_argument("--out", type=Path, required=True, help="folder for <name>/<version>/, such as model_artifacts")
    parser.add_argument("--features", type=Path, help="JSON file: feature to what is to be other than drafted")
    parser.add_argument("--created-at", default=None, help="time of creation, default now: 2026-11-23T21:00:00Z")
    parser.add_argument("--description", default="", help="one sentence about the model")


def run(arguments: argparse.Namespace) -> int:
    """Exit code 0: the bundle is written; 1: it can't be made, and why was said."""
    console = Console()
    try:
        with console.status("Reading the sample") as status:
            packaged = build_package(_read_request(arguments), say=lambda step: status.update(f"{step} ..."))
            folder = write_package(packaged, arguments.out)
    except CannotPackage as error:
        Console(stderr=True).print(f"[bold red]Not packaged.[/] {escape(str(error))}", highlight=False, soft_wrap=True)
        return 1
    _report(console, packaged, folder)
    return 0


def _read_request(arguments: argparse.Namespace) -> Request:
    return Request(
        model=_read(arguments.model),
        sample=read_csv_sample(arguments.sample, arguments.label, arguments.positive, arguments.ignore),
        name=arguments.name,
        version=arguments.version,
        created_at=arguments.created_at or now(),
        description=arguments.description,
        overrides=_read_overrides(arguments.features),
    )


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise CannotPackage(f"{path} can't be read: {error.strerror}.") from error


def _read_overrides(path: Path | None) -> Mapping[str, Mapping[str, Any]]:
    if path is None:
        return {}
    try:
        overrides = json.loads(_read(path))
    except ValueError as error:
        raise CannotPackage(f"{path} is no JSON: {error}") from error
    if not isinstance(overrides, dict) or not all(isinstance(fields, dict) for fields in overrides.values()):
        raise CannotPackage(f'{path} must hold an object of objects, such as {{"age": {{"personal": true}}}}.')
    return overrides


def _report(console: Console, packaged: Packaged, folder: Path) -> None:
    model, metrics = packaged.model, packaged.metrics
    table = Table("feature", "kind", "what was drafted", title=f"{model.name} {model.version}", title_justify="left")
    for feature in model.features[:SHOWN_FEATURES]:
        table.add_row(escape(feature.name), feature.kind, escape(_describe(feature)))
    console.print(table)
    if len(model.features) > SHOWN_FEATURES:
        console.print(f"... and {len(model.features) - SHOWN_FEATURES} more, in {folder / 'manifest.json'}")
    console.print(f"On the sample: AUC {metrics['auc']}, average precision {metrics['average_precision']}.")
    console.print(f"Verified: {metrics['deals']} rows score the same as in LightGBM, bit for bit.")
    for warning in packaged.warnings:
        console.print(f"[yellow]Note:[/] {escape(warning)}", highlight=False, soft_wrap=True)
    console.print(
        f"The bundle is in {folder} ({model.digest}).\n"
        f"Next, where {model.name} is served already: python -m vouch publish {folder}\n"
        f"Where it isn't: docs/bring-your-own-model.md, under Serve it.",
        soft_wrap=True,
        highlight=False,
        markup=False,
    )


def _describe(feature: Feature) -> str:
    if feature.kind is Kind.NUMERIC:
        return f"trained on {feature.training_minimum:g} to {feature.training_maximum:g}" if _has_range(feature) else ""
    if feature.kind is Kind.BOOLEAN:
        return "true or false"
    shown = ", ".join(map(str, feature.categories[:6]))
    return shown + (f" and {len(feature.categories) - 6} more" if len(feature.categories) > 6 else "")


def _has_range(feature: Feature) -> bool:
    return feature.training_minimum is not None and feature.training_maximum is not None
