"""Requests and responses of an rpc ⇄ bytes, by the contract's descriptors."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from typing import Any

from google.protobuf.descriptor import Descriptor, FileDescriptor, MethodDescriptor
from google.protobuf.descriptor_pb2 import FileDescriptorSet
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.message import DecodeError, Message
from google.protobuf.message_factory import GetMessageClass

from meshgen.codec.decode import Decoding
from meshgen.codec.encode import Encoding
from meshgen.codec.fallback import MessageReader, MessageWriter, Otherwise, Run
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
from meshgen.schema.values.scalars import EnumNumbers, enum_names
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
        self._declared = declared
        self.request, self.response, self.result = method.input_type, method.output_type, result
        file = method.containing_service.file
        _check(method.input_type, params if request_record is None else request_record.fields)
        fields = params if request_record is None else request_record.fields
        self._request = _message_bytes(method.input_type, taken.input_type, [f.type for f in fields])
        self._response = _message_bytes(method.output_type, taken.output_type, [result])
        self._encoding = Encoding(lambda enum: _enum_numbers(file, enum), for_request=True)
        decoding = Decoding(lambda enum: _enum_numbers(file, enum), rules=True, own=own)
        self._write_request = _request_writer(self._request, self._encoding, params, request_record)
        self._read_request = _request_reader(self._request, decoding, params, request_record)
        answers = _Answers(lambda enum: _enum_numbers(file, enum), method.output_type, result, own=own)
        self._write_response, self._read_response = answers.writer(self._response), answers.reader(self._response)
        # A tensor that is an argument has been checked when it was read; what a record holds is its class's choice.
        checked = tuple(p for p in params if not isinstance(without_none(p.type), Tensor))
        self._enforce = request_check(checked, request_record, read=True)
        self._params = params
        self.params = params if request_record is None else request_record.fields
        self._by_name = request_record is None
        self._into_request = Forwarding(method.input_type, params)
        answer = () if isinstance(result, Nothing | Record) else (Field(name=RESULT_FIELD, type=result),)
        self._into_response = Forwarding(method.output_type, answer, result)
        self._write_rest: dict[tuple[str, ...], MessageWriter] = {}

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
            self._write_rest[forwarded] = _request_writer(self._request, self._encoding, others, None)
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


def _message_bytes(declared: Descriptor, taken: Descriptor, types: Sequence[Type]) -> MessageBytes:
    if taken is declared:
        return MessageBytes(GetMessageClass(declared))
    return MessageBytes(GetMessageClass(taken), declared, deep=any(is_deep(type_) for type_ in types))


def _unreadable(name: str, error: Exception) -> str:
    # protobuf has one class for everything that it cannot read.
    too_deep = isinstance(error, RecursionError) or "MaxDepth" in str(error)
    return f"the {name} {TOO_DEEP}" if too_deep else f"not a {name}"


def _request_writer(
    wire: MessageBytes, encoding: Encoding, params: tuple[Field, ...], record: Record | None
) -> MessageWriter:
    deep = any(is_deep(f.type) for f in (params if record is None else record.fields))

    def small(otherwise: Otherwise) -> Run:
        writing = SmallWriting(wire.taken, encoding)
        return writing.arguments(params, otherwise) if record is None else writing.record(record, otherwise)

    if record is None:
        general = encoding.arguments(params)
        return MessageWriter(
            wire, general, lambda: FastEncoding(encoding).arguments(params), deep=deep, compile_small=small
        )
    general = encoding.record(record)
    return MessageWriter(wire, general, lambda: FastEncoding(encoding).record(record), deep=deep, compile_small=small)


def _request_reader(
    wire: MessageBytes, decoding: Decoding, params: tuple[Field, ...], record: Record | None
) -> MessageReader:
    def small(otherwise: Otherwise) -> Run:
        reading = SmallReading(wire.taken, decoding, rules=True)
        return reading.fields(params, otherwise) if record is None else reading.record(record, otherwise)

    if record is None:
        general = decoding.fields(params)
        return MessageReader(
            wire, general, lambda: FastDecoding(decoding, rules=True).fields(params), compile_small=small
        )
    general = decoding.record(record)
    return MessageReader(wire, general, lambda: FastDecoding(decoding, rules=True).record(record), compile_small=small)


class _Answers:
    """Compiles the writer and the reader of a response."""

    def __init__(self, enum_numbers: EnumNumbers, descriptor: Descriptor, result: Type, *, own: bool) -> None:
        self._encoding, self._decoding = Encoding(enum_numbers), Decoding(enum_numbers, own=own)
        self._result = result
        self._field = Field(name=RESULT_FIELD, type=result)
        if not isinstance(result, Nothing):
            _check(descriptor, result.fields if isinstance(result, Record) else (self._field,))

    def writer(self, wire: MessageBytes) -> MessageWriter:
        deep, result, encoding = is_deep(self._result), self._result, self._encoding
        match result:
            case Nothing():
                return MessageWriter(wire, _refuse_value, lambda: _refuse_value, deep=deep)
            case Record():
                return MessageWriter(
                    wire, encoding.record(result), lambda: FastEncoding(encoding).record(result), deep=deep,
                    compile_small=lambda otherwise: SmallWriting(wire.taken, encoding).record(result, otherwise),
                )  # fmt: skip
            case _:
                return MessageWriter(
                    wire, encoding.field(self._field), lambda: FastEncoding(encoding).value(self._field), deep=deep,
                    compile_small=lambda otherwise: SmallWriting(wire.taken, encoding).value(self._field, otherwise),
                )  # fmt: skip

    def reader(self, wire: MessageBytes) -> MessageReader:
        result, decoding = self._result, self._decoding
        match result:
            case Nothing():
                return MessageReader(wire, lambda _: None, lambda: lambda _: None)
            case Record():
                return MessageReader(
                    wire, decoding.record(result), lambda: FastDecoding(decoding).record(result),
                    compile_small=lambda otherwise: SmallReading(wire.taken, decoding).record(result, otherwise),
                )  # fmt: skip
            case _:
                read = decoding.fields((self._field,))
                return MessageReader(
                    wire, lambda m: read(m)[RESULT_FIELD], lambda: FastDecoding(decoding).value(self._field),
                    compile_small=lambda otherwise: SmallReading(wire.taken, decoding).value(self._field, otherwise),
                )  # fmt: skip


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
