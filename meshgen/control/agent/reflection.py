"""What tells clients of a mesh as a whole: server reflection and `grpc.health.v1` for all of its graphs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import grpc
from google.protobuf import text_format
from google.protobuf.descriptor_pb2 import FileDescriptorProto, FileDescriptorSet
from google.protobuf.descriptor_pool import DescriptorPool
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_health.v1._async import HealthServicer
from grpc_reflection.v1alpha import reflection_pb2
from grpc_reflection.v1alpha._async import ReflectionServicer

from meshgen.control.model import MeshError

_ALPHA = "grpc.reflection.v1alpha"
_V1 = "grpc.reflection.v1"
_OWN = ("grpc.health.v1.Health", f"{_V1}.ServerReflection", f"{_ALPHA}.ServerReflection")


class ReflectionServer:
    """A gRPC server on the loopback, behind Envoy, which passes reflection and health on to it."""

    def __init__(self, descriptors: FileDescriptorSet, services: Sequence[str], *, port: int) -> None:
        """Args: all graphs' files, dependencies first; full names of the published services; a free port."""
        self._services = tuple(services)
        self._health = HealthServicer()
        self._status: dict[str, bool] = {}
        self._server = grpc.aio.server()
        health_pb2_grpc.add_HealthServicer_to_server(self._health, self._server)
        servicer = ReflectionServicer((*self._services, *_OWN), pool=_pool(descriptors))
        self._server.add_generic_rpc_handlers(tuple(_reflection(servicer, package) for package in (_V1, _ALPHA)))
        self._port = port

    async def start(self) -> None:
        """Listen on the loopback. Raises MeshError when somebody has taken the port since it was found free."""
        await self.report(dict.fromkeys(self._services, False))
        try:
            self._server.add_insecure_port(f"127.0.0.1:{self._port}")
        except RuntimeError:
            raise MeshError(f"port {self._port} was taken by another process during the start; start again") from None
        await self._server.start()

    async def stop(self) -> None:
        """End at once; a watcher of health would hold the server open for ever."""
        await self._server.stop(grace=None)

    async def report(self, serving: Mapping[str, bool]) -> None:
        """Tell which services serve. The whole (`""`) serves when all of them do, those not published included."""
        published = {name: serves for name, serves in serving.items() if name in self._services}
        for service, serves in {**published, "": all(serving.values())}.items():
            if self._status.get(service) != serves:
                self._status[service] = serves
                values = health_pb2.HealthCheckResponse
                await self._health.set(service, values.SERVING if serves else values.NOT_SERVING)


def _reflection(servicer: Any, package: str) -> grpc.GenericRpcHandler[Any, Any]:
    # v1 and v1alpha have the same messages under two names, and only the path tells them apart on the wire.
    method = grpc.stream_stream_rpc_method_handler(
        servicer.ServerReflectionInfo,
        request_deserializer=reflection_pb2.ServerReflectionRequest.FromString,
        response_serializer=reflection_pb2.ServerReflectionResponse.SerializeToString,
    )
    return grpc.method_handlers_generic_handler(f"{package}.ServerReflection", {"ServerReflectionInfo": method})


def _pool(descriptors: FileDescriptorSet) -> DescriptorPool:
    own = [_file(health_pb2), _file(reflection_pb2), _renamed(_file(reflection_pb2))]
    # The graphs share files (google/rpc, meshgen/…), each brings its own copy.
    files = {file.name: file for file in (*descriptors.file, *own)}
    pool = DescriptorPool()
    for file in files.values():
        pool.AddSerializedFile(file.SerializeToString())
    return pool


def _file(module: Any) -> FileDescriptorProto:
    file = FileDescriptorProto()
    module.DESCRIPTOR.CopyToProto(file)
    return file


def _renamed(file: FileDescriptorProto) -> FileDescriptorProto:
    text = text_format.MessageToString(file).replace(_ALPHA, _V1)
    renamed = text_format.Parse(text, FileDescriptorProto())
    renamed.name = "grpc/reflection/v1/reflection.proto"
    return renamed
