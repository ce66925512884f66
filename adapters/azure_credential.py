"""Who the app is in Azure: its managed identity. `azure-identity` is imported here alone: it takes half a second."""

from __future__ import annotations

from typing import Any


def open_credential(client_id: str = "") -> Any:
    """An asynchronous TokenCredential: of the app's own identity, or of the user-assigned one with this client id."""
    from azure.identity.aio import DefaultAzureCredential  # noqa: PLC0415

    return DefaultAzureCredential(managed_identity_client_id=client_id) if client_id else DefaultAzureCredential()
