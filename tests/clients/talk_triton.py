"""Talk to a region as tritonclient does, unchanged: `talk_triton.py HOST:PORT` with the token and a deal on stdin."""

from __future__ import annotations

import json
import sys
from typing import Any

import numpy as np
import tritonclient.http as triton
from tritonclient.utils import np_to_triton_dtype

TYPES = {"FP64": np.float64, "BOOL": np.bool_, "INT64": np.int64, "BYTES": np.object_}


def build_input(tensor: dict[str, Any], value: object) -> triton.InferInput:
    """One feature of one deal as a tensor of shape [1]."""
    data = np.array([value], dtype=TYPES[tensor["datatype"]])
    built = triton.InferInput(tensor["name"], [1], np_to_triton_dtype(data.dtype))
    built.set_data_from_numpy(data, binary_data=False)
    return built


def main(address: str) -> dict[str, Any]:
    asked = json.load(sys.stdin)
    headers = {"Authorization": f"Bearer {asked['token']}"}
    client = triton.InferenceServerClient(address)
    metadata = client.get_model_metadata("deal-fraud", headers=headers)
    features = asked["deal"]["features"]
    inputs = [
        build_input(tensor, features[tensor["name"]]) for tensor in metadata["inputs"] if tensor["name"] in features
    ]
    names = ("score", "outcome", "decision_id", "deal_id")
    outputs = [triton.InferRequestedOutput(name, binary_data=False) for name in names]
    result = client.infer(
        "deal-fraud",
        inputs,
        request_id="from-triton",
        outputs=outputs,
        headers=headers,
        parameters={"deal_ids": json.dumps([asked["deal"]["deal_id"]])},
    )
    unnamed = client.infer("deal-fraud", inputs, headers=headers)
    try:
        client.infer("nobody", inputs, headers=headers)
        refused = ""
    except triton.InferenceServerException as error:
        refused = error.message()
    return {
        "live": client.is_server_live(),
        "ready": client.is_server_ready() and client.is_model_ready("deal-fraud", headers=headers),
        "server": client.get_server_metadata(headers=headers)["name"],
        "id": result.get_response()["id"],
        "refused": refused,
        "unnamed_score": float(unnamed.as_numpy("score")[0]),
        **{
            name: result.as_numpy(name)[0].item() if name == "score" else str(result.as_numpy(name)[0])
            for name in names
        },
    }


print(json.dumps(main(sys.argv[1])))
