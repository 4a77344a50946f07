"""Requests and responses of an rpc ⇄ bytes, by the contract's descriptors."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from typing import Any, TypeAlias

from google.protobuf.descriptor import Descriptor, FileDescriptor, MethodDescriptor
from google.protobuf.descriptor_pb2 import FileDescriptorSet
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.message import DecodeError, Message
from google.protobuf.message_factory import GetMessageClass

from meshgen.codec.decode import Decoding
from meshgen.codec.encode import Encoding
from meshgen.codec.fallback import MessageReader, MessageWriter
from meshgen.codec.fast_decode import FastDecoding
from meshgen.codec.fast_encode import FastEncoding
from meshgen.codec.forwarding import Forwarding
from meshgen.codec.lazy import UNDECODED, plain, undecoded
from meshgen.codec.ordered_maps import with_ordered_maps
from meshgen.codec.passthrough import Fields, Part, concatenated, parts_of
from meshgen.codec.payloads import MessageBytes
from meshgen.codec.small.reading import SmallReading
from meshgen.codec.small.writing import SmallWriting
from meshgen.codec.tensors.fields import TensorFields
from meshgen.codec.wireformat import Buffer
from meshgen.errors import MeshgenError
from meshgen.naming import RESULT_FIELD, field_name, pascal
from meshgen.schema.check.requests import request_check
from meshgen.schema.misfit import TOO_DEEP, EncodeError, Misfit, describe
from meshgen.schema.model import EnumOf, Field, Nothing, Record, Tensor, Type
from meshgen.schema.relate.union_members import spread
from meshgen.schema.traits import all_inside, is_deep, without_none
from meshgen.schema.values.scalars import enum_names
from meshgen.schema.wire_names import member_name
from meshgen.status import Internal, InvalidArgument

__all__ = ["Contracts", "EncodeError", "RpcCodec"]


class Contracts:
    """The descriptors of a mesh, as `envoy/<graph>/descriptors.binpb` has them, in a pool of their own."""

    def __init__(self, descriptor_set: bytes) -> None:
        self._set = FileDescriptorSet.FromString(descriptor_set)
        self._wire = _pool_of(with_ordered_maps(self._set))
        self._with_tensors = TensorFields(self._set)
        self.files = tuple(f.name for f in self._set.file)

    @cached_property
    def pool(self) -> DescriptorPool:
        """The contract as it is, with protobuf's maps."""
        return _pool_of(self._set)

    def codec(
        self,
        service: str,
        rpc: str,
        params: tuple[Field, ...],
        request_record: Record | None,
        result: Type,
        *,
        own: bool = False,
    ) -> RpcCodec:
        """The codec of one rpc; `own` is `Decoding`'s.

        Raises:
            MeshgenError: the contract is not that of the code: it was built before the code changed.
        """
        method = _method(self._wire, service, rpc)
        taken = method
        types = (request_record, result) if request_record is not None else (*(p.type for p in params), result)
        if any(isinstance(inner, Tensor) for type_ in types for inner in all_inside(type_)):
            taken = self._with_tensors.method(method)
        return RpcCodec(
            method, taken, params, request_record, result, lambda: _method(self.pool, service, rpc), own=own
        )


def _pool_of(files: FileDescriptorSet) -> DescriptorPool:
    pool = DescriptorPool()
    for file in files.file:
        pool.Add(file)
    return pool


def _method(pool: DescriptorPool, service: str, rpc: str) -> MethodDescriptor:
    try:
        return pool.FindServiceByName(service).methods_by_name[rpc]
    except KeyError:
        raise _stale(f"no rpc {rpc} of {service}") from None


class RpcCodec:
    """Both messages of one rpc. Compiled once; safe to use from several threads."""

    def __init__(
        self,
        method: MethodDescriptor,
        taken: MethodDescriptor,
        params: tuple[Field, ...],
        request_record: Record | None,
        result: Type,
        declared: Callable[[], MethodDescriptor],
        *,
        own: bool,
    ) -> None:
        """Compile the codec.

        Args:
            method: the rpc, with ordered maps.
            taken: the same as it is written and read, with tensors as bytes if there are any.
            params: of the request.
            request_record: the request, when it is one record.
            result: the type of the response.
            declared: gives the rpc as its contract has it.
            own: as for `Decoding`.
        """
        self._declared, self._file = declared, method.containing_service.file
        self.request, self.response, self.result = method.input_type, method.output_type, result
        asked: _Contents = params if request_record is None else request_record
        self._request = _message_bytes(method.input_type, taken.input_type, asked)
        self._encoding = Encoding(self._numbers, for_request=True)
        self._write_request = _writer(self._request, self._encoding, asked)
        self._read_request = _reader(self._request, Decoding(self._numbers, rules=True, own=own), asked, rules=True)
        answered = None if isinstance(result, Nothing) else _answer(result)
        self._response = _message_bytes(method.output_type, taken.output_type, answered)
        self._write_response = _writer(self._response, Encoding(self._numbers), answered)
        self._read_response = _reader(self._response, Decoding(self._numbers, own=own), answered)
        # A tensor that is an argument has been checked when it was read; what a record holds is its class's choice.
        checked = tuple(p for p in params if not isinstance(without_none(p.type), Tensor))
        self._enforce = request_check(checked, request_record, read=True)
        self._params = params
        self.params = _fields(asked)
        self._by_name = request_record is None
        self._into_request = Forwarding(method.input_type, params)
        answer = (answered,) if isinstance(answered, Field) else ()
        self._into_response = Forwarding(method.output_type, answer, result)
        self._write_rest: dict[tuple[str, ...], MessageWriter] = {}

    def _numbers(self, enum: EnumOf) -> dict[str, int]:
        return _enum_numbers(self._file, enum)

    @cached_property
    def request_class(self) -> type[Message]:
        """Protobuf's class of a request, as anybody has it who compiles the contract."""
        return GetMessageClass(self._declared().input_type)

    @cached_property
    def response_class(self) -> type[Message]:
        """That of a response."""
        return GetMessageClass(self._declared().output_type)

    def encode_request(self, arguments: Any) -> bytes:
        """Bytes of a request.

        Args:
            arguments: {parameter: value}; for a request that is a record, its value. Values may be undecoded.

        Raises:
            EncodeError: a value is not of its declared type; `path` names the field.
            Internal: an undecoded value had to be decoded, and does not fit its contract.
        """
        if self._by_name and not UNDECODED.isdisjoint(map(type, arguments.values())):
            ready, rest = self._forwarded(arguments)
            if ready:
                return concatenated(ready)
            arguments = rest
        return self._write_request.write(arguments)

    def request_parts(self, arguments: Any) -> Sequence[Part]:
        """What `encode_request` gives and raises, in parts: nothing big is copied, nor read when it came by name.

        They are views of the values, which may change when this has returned and somebody else runs.
        """
        if self._by_name and not UNDECODED.isdisjoint(map(type, arguments.values())):
            ready, rest = self._forwarded(arguments)
            if ready:
                return parts_of(ready)
            arguments = rest
        return self._write_request.parts(arguments)

    def _forwarded(self, arguments: Mapping[str, Any]) -> tuple[Fields, dict[str, Any]]:
        """The fields of a request of which some go on as they are; none, and the values, if none does."""
        ready, rest = self._into_request.split(arguments)
        if ready and (rest or len(ready) < len(self._params)):
            forwarded = tuple([name for name in arguments if name not in rest])
            ready.append((None, list(self._writer_without(forwarded).parts(rest))))
        return ready, rest

    def _writer_without(self, forwarded: tuple[str, ...]) -> MessageWriter:
        """What writes the other parameters, or their defaults."""
        if forwarded not in self._write_rest:
            others = tuple(p for p in self._params if p.name not in forwarded)
            self._write_rest[forwarded] = _writer(self._request, self._encoding, others)
        return self._write_rest[forwarded]

    def decode_request(self, data: Buffer) -> Any:
        """{parameter: value} with every parameter, or the record.

        Raises:
            InvalidArgument: with a violation for each field that does not fit.
        """
        try:
            value = self._read_request.read(data)
        except Misfit as misfit:
            raise misfit.as_status() from misfit.__cause__
        except (DecodeError, RecursionError) as error:
            raise InvalidArgument(_unreadable(self._request.name, error)) from None
        if self._enforce is not None:
            self._enforce(value)
        return value

    def encode_response(self, value: Any) -> bytes:
        """Bytes of a response; the value may be undecoded.

        Raises:
            EncodeError: the value is not of its declared type; `path` names the field.
            Internal: an undecoded value had to be decoded, and does not fit its contract.
        """
        if undecoded(value):
            passed = self._into_response.answer(value)
            if passed is not None:
                return passed
            value = plain(value)
        return self._write_response.write(value)

    def response_parts(self, value: Any) -> Sequence[Part]:
        """What `encode_response` gives and raises, in parts, as `request_parts` has them."""
        if undecoded(value):
            passed = self._into_response.answer_parts(value)
            if passed is not None:
                return passed
            value = plain(value)
        return self._write_response.parts(value)

    def check_request(self, arguments: Any) -> None:
        """Raise what `encode_request` would for decoded values, without writing them."""
        self._write_request.check(arguments)

    def check_response(self, value: Any) -> None:
        """Raise what `encode_response` would for a decoded value, without writing it."""
        self._write_response.check(value)

    def decode_response(self, data: Buffer) -> Any:
        """The value of a response.

        Raises:
            Internal: the service answered something else than its contract says.
        """
        try:
            return self._read_response.read(data)
        except Misfit as misfit:
            raise Internal(f"not a {self._response.name}: {misfit.as_status()}") from misfit.__cause__
        except (DecodeError, RecursionError) as error:
            raise Internal(_unreadable(self._response.name, error)) from None


def _message_bytes(declared: Descriptor, taken: Descriptor, contents: _Contents | None) -> MessageBytes:
    fields = _fields(contents)
    _check(declared, fields)
    if taken is declared:
        return MessageBytes(GetMessageClass(declared))
    return MessageBytes(GetMessageClass(taken), declared, deep=any(is_deep(field.type) for field in fields))


def _answer(result: Type) -> _Contents:
    return result if isinstance(result, Record) else Field(name=RESULT_FIELD, type=result)


def _unreadable(name: str, error: Exception) -> str:
    # protobuf has one class for everything that it cannot read.
    too_deep = isinstance(error, RecursionError) or "MaxDepth" in str(error)
    return f"the {name} {TOO_DEEP}" if too_deep else f"not a {name}"


_Contents: TypeAlias = Record | Field | tuple[Field, ...]
"""What a message holds: the fields of a record, one value, or values by name."""


def _fields(contents: _Contents | None) -> tuple[Field, ...]:
    match contents:
        case None:
            return ()
        case Record():
            return contents.fields
        case Field():
            return (contents,)
        case _:
            return contents


def _compiled(compiler: Any, contents: _Contents, *more: Any) -> Any:
    """What one of the compilers of writers or readers, which have the same methods, makes for it."""
    match contents:
        case Record():
            return compiler.record(contents, *more)
        case Field():
            return compiler.value(contents, *more)
        case _:
            return compiler.fields(contents, *more)


def _writer(wire: MessageBytes, encoding: Encoding, contents: _Contents | None) -> MessageWriter:
    if contents is None:
        return MessageWriter(wire, _refuse_value, lambda: _refuse_value, deep=False)
    return MessageWriter(
        wire,
        _compiled(encoding, contents),
        lambda: _compiled(FastEncoding(encoding), contents),
        deep=any(is_deep(field.type) for field in _fields(contents)),
        compile_small=lambda otherwise: _compiled(SmallWriting(wire.taken, encoding), contents, otherwise),
    )


def _reader(
    wire: MessageBytes, decoding: Decoding, contents: _Contents | None, *, rules: bool = False
) -> MessageReader:
    if contents is None:
        return MessageReader(wire, lambda _: None, lambda: lambda _: None)
    return MessageReader(
        wire,
        _compiled(decoding, contents),
        lambda: _compiled(FastDecoding(decoding, rules=rules), contents),
        compile_small=lambda otherwise: _compiled(SmallReading(wire.taken, decoding, rules=rules), contents, otherwise),
    )


def _refuse_value(_: Any, value: Any) -> None:
    if value is not None:
        raise EncodeError(f"must be None, got {describe(value)}", RESULT_FIELD)


def _check(descriptor: Descriptor, fields: tuple[Field, ...]) -> None:
    for field in fields:
        for name in _wire_names(field):
            if name not in descriptor.fields_by_name:
                raise _stale(f"no field {name} in {descriptor.full_name}")


def _wire_names(field: Field) -> list[str]:
    wire, union = field_name(field.name), spread(field.type)
    return [wire] if union is None else [member_name(m, wire) for m in union.members]


def _enum_numbers(file: FileDescriptor, enum: EnumOf) -> dict[str, int]:
    descriptor = file.enum_types_by_name.get(pascal(enum.name))
    numbers = {} if descriptor is None else {name: v.number for name, v in descriptor.values_by_name.items()}
    if missing := sorted(set(enum_names(enum).values()) - numbers.keys()):
        raise _stale(f"no {missing[0]} in {file.package}")
    return numbers


def _stale(problem: str) -> MeshgenError:
    return MeshgenError(f"the contract does not fit the code: {problem}; run `meshgen build` again")
