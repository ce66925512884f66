"""Talk to a region as kserve's client does, unchanged: `talk_kserve.py BASE_URL` with the token and a deal on stdin."""

from __future__ import annotations

import asyncio
import json
import sys
from typing import Any

from kserve import InferenceRESTClient, InferInput, InferRequest
from kserve.inference_client import RESTConfig


async def main(base_url: str) -> dict[str, Any]:
    asked = json.load(sys.stdin)
    headers = {"Authorization": f"Bearer {asked['token']}"}
    client = InferenceRESTClient(RESTConfig(protocol="v2"))
    features = asked["deal"]["features"]
    types = {str: "BYTES", bool: "BOOL", int: "FP64", float: "FP64"}
    inputs = [InferInput(name, [1], types[type(value)], [value]) for name, value in features.items()]
    request = InferRequest("deal-fraud", inputs, request_id="from-kserve")
    response = await client.infer(base_url, request, headers=headers, model_name="deal-fraud")
    outputs = {output.name: output.data[0] for output in response.outputs}
    return {
        "live": await client.is_server_live(base_url, headers=headers),
        "ready": await client.is_server_ready(base_url, headers=headers)
        and await client.is_model_ready(base_url, "deal-fraud", headers=headers),
        "id": response.id,
        **outputs,
    }


print(json.dumps(asyncio.run(main(sys.argv[1]))))
