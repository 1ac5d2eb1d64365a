"""An operator's tool without a copy of the proto files: it learns every method from gRPC reflection.

grpcurl does the same. Here it is Google's gRPC and its reflection client; nothing is generated.

    python reflect.py --address HOST:PORT --token TOKEN --reflection v1|v1alpha  SERVICE/METHOD=JSON …

See README.md for the lines it prints.
"""

import argparse
import json
import sys

import grpc
from google.protobuf import descriptor_pool, json_format, message_factory
from google.rpc import error_details_pb2, status_pb2
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import ProtoReflectionDescriptorDatabase

TIMEOUT_SECONDS = 30


class ReflectionV1(ProtoReflectionDescriptorDatabase):
    """The library speaks v1alpha. v1 has the same messages under another service name."""

    def __init__(self, channel):
        super().__init__(channel)
        self._stub = StubV1(channel)


class StubV1:
    def __init__(self, channel):
        self.ServerReflectionInfo = channel.stream_stream(
            "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo",
            request_serializer=reflection_pb2.ServerReflectionRequest.SerializeToString,
            response_deserializer=reflection_pb2.ServerReflectionResponse.FromString,
        )


def main(options):
    metadata = [("authorization", f"Bearer {options.token}")]
    with grpc.insecure_channel(options.address) as channel:
        database = {"v1": ReflectionV1, "v1alpha": ProtoReflectionDescriptorDatabase}[options.reflection](channel)
        say({"services": sorted(database.get_services())})
        pool = descriptor_pool.DescriptorPool(database)
        for call in options.calls:
            path, _, message = call.partition("=")
            for line in answers(channel, pool, path, json.loads(message or "{}"), metadata):
                say(line)


def answers(channel, pool, path, message, metadata):
    service, _, name = path.partition("/")
    method = pool.FindServiceByName(service).methods_by_name[name]
    request = json_format.ParseDict(message, message_factory.GetMessageClass(method.input_type)())
    kind = channel.unary_stream if method.server_streaming else channel.unary_unary
    invoke = kind(
        f"/{service}/{name}",
        request_serializer=lambda request: request.SerializeToString(),
        response_deserializer=message_factory.GetMessageClass(method.output_type).FromString,
    )
    try:
        reply = invoke(request, metadata=metadata, timeout=TIMEOUT_SECONDS)
        for response in reply if method.server_streaming else [reply]:
            # Named as grpcurl does it, by the proto3 JSON mapping.
            yield {"answer": json_format.MessageToDict(response)}
    except grpc.RpcError as error:
        yield {"error": {"code": error.code().name, "message": error.details(), **error_info(error)}}


def error_info(error):
    """google.rpc.ErrorInfo, from where every gRPC library keeps it."""
    details = dict(error.trailing_metadata()).get("grpc-status-details-bin")
    info = error_details_pb2.ErrorInfo()
    for detail in status_pb2.Status.FromString(details).details if details else []:
        if detail.Unpack(info):
            return {"reason": info.reason, "domain": info.domain, "metadata": dict(info.metadata)}
    return {}


def say(line):
    print(json.dumps(line), flush=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--address", required=True)
    parser.add_argument("--token", required=True)
    parser.add_argument("--reflection", choices=["v1", "v1alpha"], required=True)
    parser.add_argument("calls", nargs="*")
    try:
        main(parser.parse_args())
    except grpc.RpcError as error:
        sys.exit(f"{error.code().name}: {error.details()}")
