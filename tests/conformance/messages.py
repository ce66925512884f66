"""The messages between the Functions host and a worker, as real protobuf classes that refuse a wrong name or type.

The worker library takes them from whoever runs it (in Azure, the process that speaks gRPC with the host). It uses them
by name only, so the numbers of the fields are ours; nothing is sent anywhere.
"""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

Field = descriptor_pb2.FieldDescriptorProto
PACKAGE = "host"
SCALARS = {"string": Field.TYPE_STRING, "bytes": Field.TYPE_BYTES, "bool": Field.TYPE_BOOL, "sint64": Field.TYPE_SINT64,
           "int32": Field.TYPE_INT32, "double": Field.TYPE_DOUBLE}  # fmt: skip
ENUMS = {
    "Status": ("StatusResult", ("Failure", "Success", "Cancelled")),
    "Direction": ("BindingInfo", ("in", "out", "inout")),
    "DataType": ("BindingInfo", ("undefined", "string", "binary", "stream")),
}
CHOICES = {"TypedData": "data", "ParameterBinding": "rpc_data", "StreamingMessage": "content"}
# Each field is name:kind; kind* is a list, kind% a map from strings, kind? one of several.
MESSAGES = {
    "RpcException": "source:string stack_trace:string message:string",
    "StatusResult": "status:Status result:string exception:RpcException",
    "WorkerMetadata": "runtime_name:string runtime_version:string worker_version:string worker_bitness:string "
    "custom_properties:string%",
    "WorkerInitRequest": "host_version:string capabilities:string% worker_directory:string "
    "function_app_directory:string",
    "WorkerInitResponse": "capabilities:string% result:StatusResult worker_metadata:WorkerMetadata",
    "BindingInfo": "type:string direction:Direction data_type:DataType properties:string%",
    "RpcRetryOptions": "max_retry_count:int32",
    "RpcFunctionMetadata": "name:string directory:string script_file:string entry_point:string bindings:BindingInfo% "
    "is_proxy:bool language:string raw_bindings:string* function_id:string managed_dependency_enabled:bool "
    "retry_options:RpcRetryOptions properties:string%",
    "FunctionsMetadataRequest": "function_app_directory:string",
    "FunctionMetadataResponse": "function_metadata_results:RpcFunctionMetadata* result:StatusResult "
    "use_default_metadata_indexing:bool",
    "FunctionLoadRequest": "function_id:string metadata:RpcFunctionMetadata",
    "FunctionLoadResponse": "function_id:string result:StatusResult",
    "RpcHttpCookie": "name:string value:string",
    "RpcHttp": "method:string url:string headers:string% body:TypedData params:string% query:string% "
    "status_code:string enable_content_negotiation:bool cookies:RpcHttpCookie*",
    "TypedData": "string:string? json:string? bytes:bytes? http:RpcHttp? int:sint64? double:double?",
    "ParameterBinding": "name:string data:TypedData?",
    "RpcTraceContext": "trace_parent:string trace_state:string attributes:string%",
    "RetryContext": "retry_count:int32 max_retry_count:int32 exception:RpcException",
    "InvocationRequest": "invocation_id:string function_id:string input_data:ParameterBinding* "
    "trigger_metadata:TypedData% trace_context:RpcTraceContext retry_context:RetryContext",
    "InvocationResponse": "invocation_id:string output_data:ParameterBinding* return_value:TypedData "
    "result:StatusResult",
    "StreamingMessage": "request_id:string worker_init_request:WorkerInitRequest? "
    "functions_metadata_request:FunctionsMetadataRequest? function_load_request:FunctionLoadRequest? "
    "invocation_request:InvocationRequest?",
}


def build_messages() -> Any:
    """A namespace with one class a message, as the generated module of the protocol would be."""
    file = descriptor_pb2.FileDescriptorProto(name="host.proto", package=PACKAGE, syntax="proto3")
    for name, fields in MESSAGES.items():
        message = file.message_type.add(name=name)
        for number, field in enumerate(fields.split(), start=1):
            _add_field(message, number, *field.split(":"))
    for name, (owner, values) in ENUMS.items():
        message = next(message for message in file.message_type if message.name == owner)
        enum = message.enum_type.add(name=name)
        for number, value in enumerate(values):
            enum.value.add(name=value, number=number)
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    find = pool.FindMessageTypeByName
    return SimpleNamespace(**{name: message_factory.GetMessageClass(find(f"{PACKAGE}.{name}")) for name in MESSAGES})


def _add_field(message: descriptor_pb2.DescriptorProto, number: int, name: str, kind: str) -> None:
    field = message.field.add(name=name, number=number, label=Field.LABEL_OPTIONAL)
    if kind.endswith("*"):
        field.label = Field.LABEL_REPEATED
    if kind.endswith("?"):
        _choose_one(message, field)
    if kind.endswith("%"):
        _add_map(message, field, kind.rstrip("%"))
    else:
        _set_type(field, kind.rstrip("*?"))


def _set_type(field: descriptor_pb2.FieldDescriptorProto, kind: str) -> None:
    if kind in SCALARS:
        field.type = SCALARS[kind]
    elif kind in ENUMS:
        field.type, field.type_name = Field.TYPE_ENUM, f".{PACKAGE}.{ENUMS[kind][0]}.{kind}"
    else:
        field.type, field.type_name = Field.TYPE_MESSAGE, f".{PACKAGE}.{kind}"


def _choose_one(message: descriptor_pb2.DescriptorProto, field: descriptor_pb2.FieldDescriptorProto) -> None:
    if not message.oneof_decl:
        message.oneof_decl.add(name=CHOICES[message.name])
    field.oneof_index = 0


def _add_map(message: descriptor_pb2.DescriptorProto, field: descriptor_pb2.FieldDescriptorProto, kind: str) -> None:
    name = "".join(part.capitalize() for part in field.name.split("_")) + "Entry"
    entry = message.nested_type.add(name=name)
    entry.options.map_entry = True
    _add_field(entry, 1, "key", "string")
    _add_field(entry, 2, "value", kind)
    field.label, field.type, field.type_name = (
        Field.LABEL_REPEATED,
        Field.TYPE_MESSAGE,
        f".{PACKAGE}.{message.name}.{name}",
    )
