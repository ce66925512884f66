"""Open Inference tensors to deals and back. https://kserve.github.io/website/docs/concepts/architecture/data-plane/v2-protocol

Each input tensor is one feature, of shape [n] or [n, 1], its data flat or nested; null is a missing value. Ids,
residencies and subjects, which are no features, travel in the request's parameters, one entry a row.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import prod

from flows.deciding.decide_deals import Decided
from flows.errors import InvalidRequest
from scoring.faults import Fault
from scoring.features import Feature, Key, Kind
from triggers.schemas import InferRequest, InputTensor

MAX_ROWS = 1000

_INTEGERS = frozenset({"INT8", "INT16", "INT32", "INT64", "UINT8", "UINT16", "UINT32", "UINT64"})
_TYPES: Mapping[str, frozenset[type]] = {
    **dict.fromkeys(_INTEGERS, frozenset({int})),
    **dict.fromkeys(("FP16", "FP32", "FP64"), frozenset({int, float})),
    "BOOL": frozenset({bool}),
    "BYTES": frozenset({str}),
}

OUTPUTS: Mapping[str, tuple[str, Callable[[Decided], object]]] = {
    "score": ("FP64", lambda answer: answer.decision["score"]),
    "risk_score": ("INT32", lambda answer: answer.decision["risk_score"]),
    "outcome": ("BYTES", lambda answer: answer.decision["outcome"]),
    "decision_id": ("BYTES", lambda answer: answer.decision["decision_id"]),
    "deal_id": ("BYTES", lambda answer: answer.decision["deal_id"]),
    "model_version": ("BYTES", lambda answer: answer.model_version),
    "record_digest": ("BYTES", lambda answer: answer.decision["record_digest"]),
    "reasons": ("BYTES", lambda answer: json.dumps(answer.decision["reasons"])),
}


@dataclass(frozen=True, slots=True)
class Rows:
    """The deals of a request, as `deals:score` would take them; `generated` are the rows without an id of their own."""

    deals: Sequence[dict[str, object]]
    generated: frozenset[int]


def read_rows(request: InferRequest, model: str, id_prefix: str) -> Rows:
    """Raises InvalidRequest with every fault of the tensors and parameters."""
    faults: list[Fault] = []
    columns = {tensor.name: _read_column(index, tensor, faults) for index, tensor in enumerate(request.inputs)}
    count = _count_rows(request, columns, faults)
    ids = _read_parameter(request, "deal_ids", count, faults)
    residencies = _read_parameter(request, "residencies", count, faults)
    subjects = _read_parameter(request, "subjects", count, faults)
    if faults:
        raise InvalidRequest(faults)
    deals = []
    for row in range(count):
        deal: dict[str, object] = {
            "deal_id": ids[row] if ids else f"{id_prefix}-{row}",
            "model": model,
            "features": {name: values[row] for name, values in columns.items() if values[row] is not None},
        }
        deal |= {"residency": residencies[row]} if residencies else {}
        deal |= {"subjects": subjects[row]} if subjects else {}
        deals.append(deal)
    return Rows(deals, frozenset() if ids else frozenset(range(count)))


def pointer_of(request: InferRequest, row: int, fault: Fault) -> str:
    """Where a fault of a row's deal lies in the request."""
    for index, tensor in enumerate(request.inputs):
        if fault.pointer == f"/features/{tensor.name.replace('~', '~0').replace('/', '~1')}":
            return f"/inputs/{index}/data/{row}"
    places = {"/deal_id": "deal_ids", "/residency": "residencies"}
    name = places.get(fault.pointer, "subjects" if fault.pointer.startswith("/subjects") else "")
    return f"/parameters/{name}/{row}" if name else "/inputs"


def check_outputs(request: InferRequest) -> Sequence[str]:
    """The names of the outputs asked for: all but the reasons where none are named."""
    if not request.outputs:
        return [name for name in OUTPUTS if name != "reasons"]
    faults = [
        Fault(f"/outputs/{index}/name", f"No such output. There are: {', '.join(OUTPUTS)}.")
        for index, output in enumerate(request.outputs)
        if output.name not in OUTPUTS
    ]
    if faults:
        raise InvalidRequest(faults)
    return [output.name for output in request.outputs]


def build_output(name: str, answers: Sequence[Decided]) -> dict[str, object]:
    """One output tensor of shape [n]."""
    datatype, read = OUTPUTS[name]
    return {"name": name, "datatype": datatype, "shape": [len(answers)], "data": [read(answer) for answer in answers]}


def input_datatypes(features: Sequence[Feature], keys: Sequence[Key]) -> dict[str, str]:
    """What callers send to a model, by name: no feature that is looked up, but the keys. A key may be INT64 as well."""
    sent = {feature.name: input_datatype(feature) for feature in features if feature.source is None}
    return sent | {key.name: "BYTES" for key in keys}


def input_datatype(feature: Feature) -> str:
    """The datatype that a feature's tensor is described with."""
    if feature.kind is Kind.NUMERIC:
        return "FP64"
    if feature.kind is Kind.BOOLEAN:
        return "BOOL"
    return "INT64" if feature.categories and isinstance(feature.categories[0], int) else "BYTES"


def _read_column(index: int, tensor: InputTensor, faults: list[Fault]) -> list[object]:
    types = _TYPES.get(tensor.datatype)
    if types is None:
        faults.append(Fault(f"/inputs/{index}/datatype", f"Must be one of {', '.join(sorted(_TYPES))}."))
        return []
    if len(tensor.shape) not in {1, 2} or tensor.shape[1:] not in ([], [1]):
        faults.append(Fault(f"/inputs/{index}/shape", "Must be [n] or [n, 1]: one tensor a feature."))
        return []
    values = [value for item in tensor.data for value in (item if isinstance(item, list) else [item])]
    if len(values) != prod(tensor.shape):
        faults.append(
            Fault(f"/inputs/{index}/data", f"Holds {len(values)} values, the shape says {prod(tensor.shape)}.")
        )
        return []
    wrong = [row for row, value in enumerate(values) if value is not None and type(value) not in types]
    faults.extend(Fault(f"/inputs/{index}/data/{row}", f"Is no {tensor.datatype}.") for row in wrong)
    return values


def _count_rows(request: InferRequest, columns: Mapping[str, Sequence[object]], faults: list[Fault]) -> int:
    if not request.inputs:
        faults.append(Fault("/inputs", "Must hold one tensor a feature."))
    if len(columns) != len(request.inputs):
        faults.append(Fault("/inputs", "Names a feature twice."))
    counts = {tensor.shape[0] for tensor in request.inputs if tensor.shape}
    if len(counts) > 1:
        faults.append(Fault("/inputs", "All tensors must have the same number of rows."))
    count = max(counts, default=0)
    if request.inputs and not 0 < count <= MAX_ROWS:
        faults.append(Fault("/inputs", f"Must hold 1 to {MAX_ROWS} rows."))
    return count


def _read_parameter(request: InferRequest, name: str, count: int, faults: list[Fault]) -> list[object] | None:
    """A list with an entry a row; as JSON text too, for clients whose parameters can't be lists."""
    given = (request.parameters or {}).get(name)
    if given is None:
        return None
    if isinstance(given, str):
        try:
            given = json.loads(given)
        except ValueError:
            given = None
    if isinstance(given, list) and len(given) == count:
        return given
    faults.append(Fault(f"/parameters/{name}", "Must be a list with one entry a row, or that list as JSON text."))
    return None
