"""The page at `/` and the OpenAPI document: what a newcomer meets first."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Mapping
from pathlib import Path

import azure.functions as func

from flows.service import Service
from scoring.model import Model
from triggers.blueprints import build_blueprint
from triggers.edge import Edge, Exchange, Reply
from triggers.endpoints import OPENAPI, PAGE
from triggers.openapi import build_openapi

TEMPLATE = (Path(__file__).parent / "page.html").read_text()
SAMPLE = "/*SAMPLE*/null"


def page_blueprint(edge: Edge, demo_token_url: str = "") -> func.Blueprint:
    """`demo_token_url`: local only, where the page gets a token for a newcomer who has none."""
    page = render_page(TEMPLATE, edge.service, demo_token_url)
    policy = content_security_policy(page, demo_token_url)
    headers = {"Content-Security-Policy": policy, "Referrer-Policy": "no-referrer"}

    async def show_page(exchange: Exchange) -> Reply:
        return Reply(page.encode(), headers=headers, mimetype="text/html")

    async def show_openapi(exchange: Exchange) -> Reply:
        return Reply(build_openapi(edge.service))

    return build_blueprint(edge, {PAGE: show_page, OPENAPI: show_openapi})


def render_page(template: str, service: Service, demo_token_url: str) -> str:
    """The page with a ready deal of the default model: of the golden ones that have nothing odd, the riskiest."""
    versions = service.models.versions(service.default_model)
    model = service.models.find(service.default_model, versions[0]) if versions else None
    features: dict[str, object] = {}
    if model is not None and model.golden:
        ranks = [_rank(model, golden) for golden in model.golden]
        features = dict(model.golden[ranks.index(max(ranks))])
    deal = {"deal_id": "CLAIM-1", "features": features}
    sample = json.dumps({"region": service.region, "demo_token_url": demo_token_url, "deal": deal})
    return template.replace(SAMPLE, sample.replace("<", "\\u003c"))


def _rank(model: Model, golden: Mapping[str, object]) -> tuple[bool, float]:
    row, _ = model.encode(golden)
    return not (row.imputed or row.unseen or row.unusual), model.score(row.values)


def content_security_policy(page: str, demo_token_url: str) -> str:
    """Only the page's own script and style may run, named by their hashes; it may call only where it came from, and
    locally where tokens are given out."""
    callable_from = " ".join(filter(None, ("'self'", demo_token_url)))
    script, style = (_hash_of(page, tag) for tag in ("script", "style"))
    return (
        f"default-src 'none'; script-src {script}; style-src {style}; connect-src {callable_from}; img-src data:; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )


def _hash_of(page: str, tag: str) -> str:
    match = re.search(rf"<{tag}>(.*?)</{tag}>", page, re.DOTALL)
    assert match is not None, f"the page has no <{tag}>"
    return f"'sha256-{base64.b64encode(hashlib.sha256(match[1].encode()).digest()).decode()}'"
