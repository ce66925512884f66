"""What a newcomer needs once the system is ready: a first claim to send, and the words to paste."""

from __future__ import annotations

import json
import os
from pathlib import Path

from flows.regions import Region
from local.failures import LocalFailed
from local.plan import DEFAULT_BASE_PORT, DEFAULT_FOLDER, ROOT, Plan

GOLDEN = ROOT / "model_artifacts" / "deal-fraud" / "1.0.0" / "golden.jsonl"


def write_first_claim(plan: Plan, region: str) -> Path:
    """The golden claim with the highest score of the first model, as a deal that a region accepts: one with reasons."""
    if region not in plan.regions:
        raise LocalFailed(f"There is no region {region} in regions.json; there are {', '.join(plan.regions)}.")
    claims = [json.loads(line) for line in GOLDEN.read_text().splitlines()]
    riskiest = max((claim for claim in claims if not claim["unseen"]), key=lambda claim: float(claim["score"]))
    residency = sorted(plan.regions[region].residencies)[0]
    deal = {"deal_id": "claim-1", "residency": residency, "features": riskiest["features"]}
    file = plan.folder / "first-claim.json"
    file.write_text(json.dumps(deal, indent=2) + "\n")
    return file


def describe_ready(plan: Plan, seconds: float) -> str:
    """The message that ends the start."""
    control = plan.control
    lines = [f"Ready in {seconds:.1f} s. Regions:"]
    lines += [f"  {region.name:<14} {region.base_url}  {_what_it_takes(region)}" for region in plan.regions.values()]
    lines += [
        "",
        "Score a first claim (paste this into another terminal, here in the project's folder):",
        "",
        f"  {curl_to(plan, plan.control.name)}",
        "",
        f"or open {control.base_url}/ in a browser and press its button.",
        "",
        f"Replay a thousand real claims through the regions: {_demo_command(plan)}",
        f"Tokens of every role: {_shown(plan.token_file('scorer').parent)}; logs: {_shown(plan.folder / 'logs')}.",
        "Ctrl-C stops everything.",
    ]
    return "\n".join(lines)


def curl_to(plan: Plan, region: str) -> str:
    """A curl that sends the first claim to a region, in one line that bash, zsh and PowerShell all take."""
    curl = "curl.exe" if os.name == "nt" else "curl"
    token, claim = _shown(plan.token_file("scorer")), _shown(plan.folder / "first-claim.json")
    return (
        f'{curl} -s {plan.regions[region].base_url}/api/v1/deals:score -H "Authorization: Bearer $(cat {token})"'
        f' -H "Content-Type: application/json" -d "@{claim}"'
    )


def _demo_command(plan: Plan) -> str:
    options = [f"FOLDER={_shown(plan.folder)}"] if plan.folder != DEFAULT_FOLDER else []
    options += [f"BASE_PORT={plan.base_port}"] if plan.base_port != DEFAULT_BASE_PORT else []
    if os.name == "nt":
        return f"python run.py demo --folder {plan.folder} --base-port {plan.base_port}"
    return " ".join(["make demo", *options])


def _what_it_takes(region: Region) -> str:
    several = len(region.residencies) > 3
    residencies = f"{len(region.residencies)} countries" if several else ", ".join(sorted(region.residencies))
    return f"takes deals of {residencies}" + ("; control region" if region.control else "")


def _shown(path: Path) -> str:
    return str(path.relative_to(ROOT)) if path.is_relative_to(ROOT) else str(path)
