"""The documents that lead a client to the management endpoints: the binding's JSON, and the answer to a start."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import quote_plus

from local.durable.events import dump

WEBHOOKS = "runtime/webhooks/durabletask"
ID_PLACEHOLDER = "INSTANCEID"
OPERATIONS = {
    "statusQueryGetUri": "?",
    "sendEventPostUri": "/raiseEvent/{eventName}?",
    "terminatePostUri": "/terminate?reason={text}&",
    "rewindPostUri": "/rewind?reason={text}&",
    "purgeHistoryDeleteUri": "?",
    "restartPostUri": "/restart?",
    "suspendPostUri": "/suspend?reason={text}&",
    "resumePostUri": "/resume?reason={text}&",
}


@dataclass(frozen=True, slots=True)
class Links:
    """Where this host's endpoints are. `key` opens them; the library talks to `rpc_path`, which has it inside."""

    port: int
    hub: str
    key: str

    @property
    def rpc_path(self) -> str:
        """The path under which the library reaches this host."""
        return f"/durabletask-{self.key}/"

    def management(self, origin: str, instance_id: str) -> dict[str, str]:
        """Every operation on an instance, with the key."""
        query = f"taskHub={quote_plus(self.hub)}&connection=Storage&code={self.key}"
        base = f"{origin}/{WEBHOOKS}/instances/{quote_plus(instance_id)}"
        return {"id": instance_id} | {name: f"{base}{path}{query}" for name, path in OPERATIONS.items()}

    def started(self, origin: str, instance_id: str) -> dict[str, str]:
        """The answer to a start or restart: no rewinding there."""
        links: Mapping[str, str] = self.management(origin, instance_id)
        return {name: url for name, url in links.items() if name != "rewindPostUri"}

    def binding(self) -> str:
        """What a durable client binding is given: JSON text."""
        origin = f"http://localhost:{self.port}"
        create = f"{origin}/{WEBHOOKS}/orchestrators/{{functionName}}[/{{instanceId}}]"
        code = f"code={self.key}"
        waits = "timeout={timeoutInSeconds}&pollingInterval={intervalInSeconds}"
        return dump(
            {
                "taskHubName": self.hub,
                "connectionName": None,
                "creationUrls": {
                    "createNewInstancePostUri": f"{create}?{code}",
                    "createAndWaitOnNewInstancePostUri": f"{create}?{waits}&{code}",
                },
                "managementUrls": self.management(origin, ID_PLACEHOLDER),
                "baseUrl": f"{origin}/{WEBHOOKS}",
                "requiredQueryStringParameters": code,
                "rpcBaseUrl": f"http://127.0.0.1:{self.port}{self.rpc_path}",
                "httpBaseUrl": None,
                "maxGrpcMessageSizeInBytes": None,
                "grpcHttpClientTimeout": None,
            }
        )
