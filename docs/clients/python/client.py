"""Calls the quickstart graph of a running mesh by gRPC, from a program that knows nothing of meshgen.

    python client.py 127.0.0.1:8080 '{"number": "5", "samples": [1, 2, 3], "operation": "sum"}'

Needs grpcio and googleapis-common-protos. The contract comes from the descriptor set that `meshgen build` writes; code
generated from protos/quickstart/v1/quickstart.proto does as well.
"""

from __future__ import annotations

import sys
from pathlib import Path

import grpc
from google.protobuf import json_format
from google.protobuf.descriptor_pb2 import FileDescriptorSet
from google.protobuf.message_factory import GetMessages

DESCRIPTORS = Path(__file__).parents[3] / "envoy/quickstart/descriptors.binpb"


def main(address: str, text: str) -> int:
    """Send one request, print the answer."""
    messages = GetMessages(FileDescriptorSet.FromString(DESCRIPTORS.read_bytes()).file)
    request = json_format.Parse(text, messages["quickstart.v1.PredictRequest"]())
    with grpc.insecure_channel(address) as channel:
        predict = channel.unary_unary(
            "/quickstart.v1.QuickstartService/Predict",
            request_serializer=lambda message: message.SerializeToString(),
            response_deserializer=messages["quickstart.v1.PredictResponse"].FromString,
        )
        try:
            answer = predict(request, timeout=10)
        except grpc.RpcError as error:
            print(f"{error.code().name}: {error.details()}", file=sys.stderr)
            return 1
    print(json_format.MessageToJson(answer, preserving_proto_field_name=True, indent=None))
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
