"""An activity's exception as the real host hands it on: a reason, and .NET's JSON of it with the Python stack."""

from __future__ import annotations

import traceback

from local.durable.events import dump

HRESULT = -2146233088
CORE = "System.Private.CoreLib"
RPC_EXCEPTION = "Microsoft.Azure.WebJobs.Script.Workers.Rpc.RpcException, Microsoft.Azure.WebJobs.Script"
HOST_STACK = "   at the local functions host"


def describe_failure(name: str, error: BaseException) -> tuple[str, str]:
    """The reason and the details of a failed activity. The second space in the reason is the host's."""
    message = f"{type(error).__name__}: {error}"
    stack = "".join(traceback.format_tb(error.__traceback__))
    rpc = {
        "$type": RPC_EXCEPTION,
        "IsUserException": False,
        "RemoteStackTrace": stack,
        "RemoteMessage": message,
        "RemoteTypeName": None,
        "Message": f"Result: Failure\nException: {message}\nStack: {stack}",
        "Data": {"$type": f"System.Collections.ListDictionaryInternal, {CORE}"},
        "InnerException": None,
        "HelpLink": None,
        "Source": CORE,
        "HResult": HRESULT,
        "StackTrace": HOST_STACK,
    }
    details = {
        "$type": f"System.Exception, {CORE}",
        "ClassName": "System.Exception",
        "Message": f" {message}",
        "Data": None,
        "InnerException": rpc,
        "HelpURL": None,
        "StackTraceString": None,
        "RemoteStackTraceString": None,
        "RemoteStackIndex": 0,
        "ExceptionMethod": None,
        "HResult": HRESULT,
        "Source": None,
        "WatsonBuckets": None,
    }
    return f"Activity function '{name}' failed:  {message}", dump(details)
