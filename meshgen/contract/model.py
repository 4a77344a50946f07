"""What a contract is made from, and what it is. Pure data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from google.protobuf.descriptor_pb2 import FileDescriptorProto, FileDescriptorSet

from meshgen.errors import Diagnostic
from meshgen.naming import RESULT_FIELD
from meshgen.schema.model import Field, Nothing, Record, Type
from meshgen.source import NOWHERE, Span


@dataclass(frozen=True, slots=True, kw_only=True)
class RpcSpec:
    """One rpc, in schema terms."""

    name: str
    """`Forward`."""
    params: tuple[Field, ...]
    """Fields of the request message, when it is no record."""
    request_record: Record | None = None
    """The request is this record itself: its message has the record's own field numbers."""
    result: Type
    http: str | None = None
    """REST path (`POST`, body `*`); None for a node's rpc."""
    doc: str = ""
    span: Span = NOWHERE
    input_span: Span | None = None
    """Where the request of a route was declared; None for a node's rpc, whose parameters are at `span`."""
    input_hint: str = ""
    """What to write where a request has no type."""

    @property
    def request_fields(self) -> tuple[Field, ...]:
        """Fields of the request message, whoever declares them."""
        return self.params if self.request_record is None else self.request_record.fields

    @property
    def response_record(self) -> Record | None:
        """The response is this record itself, as with `request_record`."""
        return self.result if isinstance(self.result, Record) else None

    @property
    def response_fields(self) -> tuple[Field, ...]:
        """Fields of the response message: those of a record, none for None, else one that holds the result."""
        match self.result:
            case Record(fields=fields):
                return fields
            case Nothing():
                return ()
            case result:
                return (Field(name=RESULT_FIELD, type=result),)

    @property
    def fields(self) -> tuple[Field, ...]:
        """Fields of both messages."""
        return (*self.request_fields, *self.response_fields)


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceSpec:
    """One service: the driver's (`node` is None) or a node's."""

    node: str | None
    rpcs: tuple[RpcSpec, ...]
    doc: str = ""
    span: Span = NOWHERE

    def owner(self, rpc: RpcSpec) -> str:
        """What to call one of its rpcs in messages: `driver.Predict`, `model.Forward`."""
        return f"{self.node or 'driver'}.{rpc.name}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Contract:
    """All contracts of one graph."""

    graph: str
    files: tuple[FileDescriptorProto, ...] = field(compare=False)
    """The graph's own files (driver first, then nodes by name), with comments in `source_code_info`."""
    descriptors: FileDescriptorSet = field(compare=False)
    """`files` and everything that they import, dependencies first, without comments; also
    `google/rpc/error_details.proto`, which Envoy needs to print errors as JSON."""
    lock: Mapping[str, object] = field(compare=False)
    """The lock document after this build, to be written as `protos/<graph>/lock.json`."""
    records: Mapping[str, str] = field(default_factory=dict, compare=False)
    """The requests and responses that are the very record that they were before this build, by full name."""
    services: tuple[ServiceSpec, ...] = field(default=(), compare=False)
    """What it was made from."""
    diagnostics: tuple[Diagnostic, ...] = ()
