"""Lines of the lake as they are made of records, held against the schemas that lie beside them."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any

from jsonschema import Draft202012Validator

from audit.lanes import pack_record
from audit.layout import PERFORMANCE, dataset_of
from audit.personal import SUBJECT, handle_of
from audit.records import Record
from audit.sealing import LedgerRow, build_line, read_row
from flows.sealing.publish_schemas import read_schema

KEY = b"k" * 32


@cache
def schema_of(dataset: str) -> dict[str, Any]:
    schema: dict[str, Any] = json.loads(read_schema(dataset))
    Draft202012Validator.check_schema(schema)
    return schema


@cache
def _validator(dataset: str) -> Draft202012Validator:
    return Draft202012Validator(schema_of(dataset))


def row_of(record: Record) -> LedgerRow:
    """A record's row as the sealer reads it."""
    packed = pack_record(record)
    return read_row(
        {
            "RowKey": str(record.record_id),
            "type": packed.record_type,
            "digest": packed.digest,
            "event": packed.payload,
        }
    )


def lines_of(record: Record) -> Iterator[bytes]:
    """Every line that may become of a record: sealed or with a salt, and of a person who was erased."""
    row = row_of(record)
    yield build_line(row, KEY, {handle_of(KEY, SUBJECT, subject): KEY for subject in row.subjects})
    yield row.rest


def faults_of(record: Record) -> list[str]:
    """What its dataset's schema doesn't allow, or doesn't describe, in the lines of a record."""
    dataset = dataset_of(record.tally.record_type)
    return [f"{record.tally.record_type}: {fault}" for line in lines_of(record) for fault in find_faults(dataset, line)]


def find_faults(dataset: str, line: bytes) -> list[str]:
    """What a schema doesn't allow, or doesn't describe, in a line."""
    value = json.loads(line)
    faults = [f"{error.json_path}: {error.message}" for error in _validator(dataset).iter_errors(value)]
    return [*faults, *_undescribed(dataset, value)]


def _undescribed(dataset: str, value: Mapping[str, Any]) -> Iterator[str]:
    """Members that are allowed only because readers are to pass over what they don't know."""
    schema = schema_of(dataset)
    if dataset == PERFORMANCE:  # its schema is closed
        return
    cases = [case for case in schema["allOf"] if case["if"]["properties"]["type"]["const"] == value["type"]]
    if not cases:
        yield f"no schema describes the type {value['type']}"
        return
    described = [schema["$defs"]["data"], cases[0]["then"]["properties"]["data"]]
    yield from _strangers(schema, described, value["data"], "data")


def _strangers(root: Mapping[str, Any], schemas: list[Any], value: Any, where: str) -> Iterator[str]:
    """Members of a value that none of the schemas, which all hold for it, has a word about."""
    known = [_resolve(root, schema) for schema in schemas]
    known += [_resolve(root, one) for schema in known for one in schema.get("oneOf", ())]
    if isinstance(value, list):
        inner = [schema["items"] for schema in known if "items" in schema]
        for at, item in enumerate(value):
            yield from _strangers(root, inner, item, f"{where}[{at}]")
    elif isinstance(value, dict) and any("properties" in schema for schema in known):
        for name, member in value.items():
            inner = [schema["properties"][name] for schema in known if name in schema.get("properties", {})]
            if inner:
                yield from _strangers(root, inner, member, f"{where}.{name}")
            else:
                yield f"{where}.{name} is not described"


def _resolve(root: Mapping[str, Any], schema: Mapping[str, Any]) -> Mapping[str, Any]:
    if "$ref" not in schema:
        return schema
    name = schema["$ref"].removeprefix("#/$defs/")
    return {**_resolve(root, root["$defs"][name]), **{key: value for key, value in schema.items() if key != "$ref"}}
