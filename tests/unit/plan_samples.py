"""Plans made by hand: a driver `sample` with one route and one node `model`, without front end or contract builder."""

from __future__ import annotations

from typing import Any

from google.api import annotations_pb2, http_pb2
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from google.protobuf.descriptor_pb2 import FieldDescriptorProto, FileDescriptorProto, FileDescriptorSet

from meshgen.contract.model import Contract
from meshgen.contract.shared_messages import with_imports
from meshgen.naming import field_name
from meshgen.plan.model import Mesh, Plan, RestRoute, Workload

VERSION = "1.2.3"
_TYPES = {
    "string": FieldDescriptorProto.TYPE_STRING,
    "double": FieldDescriptorProto.TYPE_DOUBLE,
    "int64": FieldDescriptorProto.TYPE_INT64,
    "bytes": FieldDescriptorProto.TYPE_BYTES,
}


def plan(graph: str = "sample", *, idempotent: bool = True) -> Plan:
    return Plan(contract=contract(graph), mesh=mesh(graph, idempotent=idempotent), version=VERSION)


def mesh(graph: str = "sample", *, idempotent: bool = True) -> Mesh:
    return Mesh(
        graph=graph,
        source=f"graphs/{graph}.py:app",
        driver=workload(graph, None, ("Predict",), idempotent=idempotent),
        nodes=(workload(graph, "model", ("Forward",), idempotent=idempotent),),
        routes=(RestRoute(path=f"/{graph}", service=f"{graph}.v1.{graph.title()}Service", rpc="Predict"),),
    )


def workload(graph: str, node: str | None, rpcs: tuple[str, ...], *, idempotent: bool = True) -> Workload:
    package = f"{graph}.v1" if node is None else f"{graph}.{node}.v1"
    return Workload(
        node=node,
        application=graph if node is None else f"{graph}-{node}",
        service=f"{package}.{(node or graph).title()}Service",
        rpcs=rpcs,
        package=package,
        serve={"num_replicas": 1, "logging_config": {"enable_access_log": False}},
        idempotent=idempotent,
        summary="Says hello.",
    )


def contract(graph: str = "sample") -> Contract:
    driver = _file(graph, f"{graph}.v1", f"{graph}/v1/{graph}.proto", graph, "Predict", f"/{graph}")
    node = _file(graph, f"{graph}.model.v1", f"{graph}/model/v1/model.proto", "model", "Forward", None)
    return Contract(graph=graph, files=(driver, node), descriptors=with_imports((driver, node)), lock={})


def message(descriptors: FileDescriptorSet, name: str) -> Any:
    """A message class of a descriptor set, apart from the default pool."""
    pool = descriptor_pool.DescriptorPool()
    for file in descriptors.file:
        pool.Add(file)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName(name))


def _file(graph: str, package: str, path: str, name: str, rpc: str, http: str | None) -> FileDescriptorProto:
    file = FileDescriptorProto(name=path, package=package, syntax="proto3")
    if http:
        file.dependency.append("google/api/annotations.proto")
    _message(file, f"{rpc}Request", text="string", count="int64", linkID="int64", **{"repeated values": "double"})
    answer = {"value": "double", "count": "int64", "linkID": "int64", "host": "string", "repeated items": "string"}
    _message(file, f"{rpc}Response", **answer)
    method = file.service.add(name=f"{name.title()}Service").method.add(
        name=rpc, input_type=f".{package}.{rpc}Request", output_type=f".{package}.{rpc}Response"
    )
    if http:
        rule = http_pb2.HttpRule(post=http, body="*")
        method.options.Extensions[annotations_pb2.http].CopyFrom(rule)
    return file


def _message(file: FileDescriptorProto, name: str, **fields: str) -> None:
    built = descriptor_pb2.DescriptorProto(name=name)
    for number, (label, kind) in enumerate(fields.items(), start=1):
        repeated = label.startswith("repeated ")
        name = label.split()[-1]
        field = built.field.add(name=field_name(name), json_name=name, number=number, type=_TYPES[kind])
        field.label = FieldDescriptorProto.LABEL_REPEATED if repeated else FieldDescriptorProto.LABEL_OPTIONAL
        if not repeated:
            field.proto3_optional = True
            field.oneof_index = len(built.oneof_decl)
            built.oneof_decl.add(name=f"_{field.name}")
    file.message_type.append(built)
