"""The regions' vaults: a folder each, which stands for a key vault, made on the first start.

The public half of each signing key goes where people find it, `keys/<region>.pub` (a C2SP verifier key), and into the
regions file, so that every region knows the others' and a witness can tell whose checkpoint it is shown.
"""

from __future__ import annotations

import asyncio
import json

from adapters.file_vault import FileVault, create_vault
from audit.notes import VerifierKey
from flows.trail_ports import VaultFailed
from local.failures import LocalFailed
from local.plan import Plan


def prepare_vaults(plan: Plan) -> None:
    """Make the vaults that are missing, and tell every region the keys of all. Raises LocalFailed."""
    document = {region: {**entry, "checkpoint_keys": _publish(plan, region)} for region, entry in plan.document.items()}
    plan.regions_file.write_text(json.dumps(document, indent=2))


def _publish(plan: Plan, region: str) -> list[str]:
    """The verifier keys of a region, the newest last; old ones are kept, since what they signed stays."""
    newest = str(VerifierKey(f"vouch/{region}", _open(plan, region)))
    file = plan.public_key_file(region)
    lines = file.read_text().splitlines() if file.exists() else []
    if newest not in lines:
        lines.append(newest)
        file.parent.mkdir(exist_ok=True)
        file.write_text("".join(f"{line}\n" for line in lines))
    return lines


def _open(plan: Plan, region: str) -> bytes:
    """The public key of a region's vault, which is looked through, so that a fault shows now."""
    folder = plan.vault_folder(region)
    try:
        create_vault(folder)
        return asyncio.run(_look_through(FileVault(folder)))
    except (OSError, VaultFailed) as error:
        raise LocalFailed(
            f"The vault of {region} can't be used: {error}. Without its keys nothing that was sealed with them can be "
            f"read: put its files back, or begin anew with another --folder (or delete {plan.folder})."
        ) from None


async def _look_through(vault: FileVault) -> bytes:
    await vault.unwrap(await vault.wrap(bytes(32)))
    return await vault.public_key()
