"""Requests and responses of an rpc ⇄ bytes, by the contract's descriptors."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from google.protobuf.descriptor import Descriptor, FileDescriptor, MethodDescriptor
from google.protobuf.descriptor_pb2 import FileDescriptorSet
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.message import DecodeError, Message
from google.protobuf.message_factory import GetMessageClass

from meshgen.errors import MeshgenError
from meshgen.naming import RESULT_FIELD, pascal, snake
from meshgen.runtime.decoding import Decoding
from meshgen.runtime.encoding import Encoding, Fill
from meshgen.runtime.forward import Forwarding
from meshgen.runtime.graft import joined
from meshgen.runtime.payloads import MessageBytes
from meshgen.runtime.received import plain, undecoded
from meshgen.schema.assemble import Reader
from meshgen.schema.check import request_check
from meshgen.schema.depth import is_deep
from meshgen.schema.fit import TOO_DEEP, EncodeError, Misfit, describe
from meshgen.schema.model import EnumOf, Field, Nothing, Record, Type
from meshgen.schema.names import member_name
from meshgen.schema.scalars import enum_names
from meshgen.schema.unions import spread
from meshgen.status import Internal, InvalidArgument

__all__ = ["Contracts", "EncodeError", "RpcCodec"]


class Contracts:
    """The descriptors of a mesh, as `envoy/<graph>/descriptors.binpb` has them, in a pool of their own."""

    def __init__(self, descriptor_set: bytes) -> None:
        files = FileDescriptorSet.FromString(descriptor_set)
        self.pool = DescriptorPool()
        for file in files.file:
            self.pool.Add(file)
        self.files = tuple(f.name for f in files.file)

    def codec(
        self, service: str, rpc: str, params: tuple[Field, ...], request_record: Record | None, result: Type
    ) -> RpcCodec:
        """The codec of one rpc.

        Raises:
            MeshgenError: the contract is not that of the code: it was built before the code changed.
        """
        return RpcCodec(self._method(service, rpc), params, request_record, result)

    def _method(self, service: str, rpc: str) -> MethodDescriptor:
        try:
            return self.pool.FindServiceByName(service).methods_by_name[rpc]
        except KeyError:
            raise _stale(f"no rpc {rpc} of {service}") from None


class RpcCodec:
    """Both messages of one rpc. Compiled once; safe to use from several threads."""

    def __init__(
        self, method: MethodDescriptor, params: tuple[Field, ...], request_record: Record | None, result: Type
    ) -> None:
        self.request_class = GetMessageClass(method.input_type)
        self.response_class = GetMessageClass(method.output_type)
        self._request, self._response = MessageBytes(self.request_class), MessageBytes(self.response_class)
        self.response, self.result = method.output_type, result
        file = method.containing_service.file
        self._encoding = encoding = Encoding(lambda enum: _enum_numbers(file, enum), for_request=True)
        decoding = Decoding(lambda enum: _enum_numbers(file, enum), rules=True)
        self._fill_request: Fill
        self._read_request: Reader
        if request_record is None:
            _check(method.input_type, params)
            self._fill_request, self._read_request = encoding.arguments(params), decoding.fields(params)
        else:
            _check(method.input_type, request_record.fields)
            self._fill_request, self._read_request = encoding.record(request_record), decoding.record(request_record)
        answers = Decoding(lambda enum: _enum_numbers(file, enum))
        answering = Encoding(lambda enum: _enum_numbers(file, enum))
        self._fill_response, self._read_response = _result(method.output_type, result, answering, answers)
        given = params if request_record is None else (Field(name="", type=request_record),)
        self._deep_request = any(is_deep(f.type) for f in given)
        self._deep_response = is_deep(result)
        self._enforce = request_check(params, request_record)
        self._params = params
        self._by_name = request_record is None
        self._into_request = Forwarding(method.input_type, params)
        answer = () if isinstance(result, Nothing | Record) else (Field(name=RESULT_FIELD, type=result),)
        self._into_response = Forwarding(method.output_type, answer, result)
        self._fill_rest: dict[frozenset[str], Fill] = {}

    def encode_request(self, arguments: Any) -> bytes:
        """Bytes of a request.

        Args:
            arguments: {parameter: value}; for a request that is a record, its value. Values may be undecoded.

        Raises:
            EncodeError: a value is not of its declared type; `path` names the field.
            Internal: an undecoded value had to be decoded, and does not fit its contract.
        """
        if self._by_name and any(map(undecoded, arguments.values())):
            return self._forwarded(arguments)
        return _encode(self._request, self._fill_request, arguments, deep=self._deep_request)

    def _forwarded(self, arguments: Mapping[str, Any]) -> bytes:
        ready, rest = self._into_request.split(arguments)
        if not ready:
            return _encode(self._request, self._fill_request, rest, deep=self._deep_request)
        forwarded = frozenset(arguments.keys() - rest.keys())
        fill = self._fill_without(forwarded) if rest or len(forwarded) < len(self._params) else None
        if fill is not None:
            ready.append((None, [_encode(self._request, fill, rest, deep=self._deep_request)]))
        return joined(ready)

    def _fill_without(self, forwarded: frozenset[str]) -> Fill:
        """What writes the other parameters, or their defaults."""
        if forwarded not in self._fill_rest:
            others = tuple(p for p in self._params if p.name not in forwarded)
            self._fill_rest[forwarded] = self._encoding.arguments(others)
        return self._fill_rest[forwarded]

    def decode_request(self, data: bytes) -> Any:
        """{parameter: value} with every parameter, or the record.

        Raises:
            InvalidArgument: with a violation for each field that does not fit.
        """
        try:
            value = self._request.read(self._read_request, data)
        except Misfit as misfit:
            raise misfit.as_status() from misfit.__cause__
        except (DecodeError, RecursionError) as error:
            raise InvalidArgument(_unreadable(self.request_class, error)) from None
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
        return _encode(self._response, self._fill_response, value, deep=self._deep_response)

    def check_request(self, arguments: Any) -> None:
        """Raise what `encode_request` would for decoded values, without writing them."""
        _check_value(self._request, self._fill_request, arguments, deep=self._deep_request)

    def check_response(self, value: Any) -> None:
        """Raise what `encode_response` would for a decoded value, without writing it."""
        _check_value(self._response, self._fill_response, value, deep=self._deep_response)

    def decode_response(self, data: bytes) -> Any:
        """The value of a response.

        Raises:
            Internal: the service answered something else than its contract says.
        """
        try:
            return self._response.read(self._read_response, data)
        except Misfit as misfit:
            name = self.response_class.DESCRIPTOR.full_name
            raise Internal(f"not a {name}: {misfit.as_status()}") from misfit.__cause__
        except (DecodeError, RecursionError) as error:
            raise Internal(_unreadable(self.response_class, error)) from None


def _encode(wire: MessageBytes, fill: Fill, value: Any, *, deep: bool) -> bytes:
    try:
        return wire.write(fill, value, verify=deep)
    except (RecursionError, DecodeError):
        raise EncodeError(TOO_DEEP) from None


def _check_value(wire: MessageBytes, fill: Fill, value: Any, *, deep: bool) -> None:
    try:
        wire.check(fill, value, verify=deep)
    except (RecursionError, DecodeError):
        raise EncodeError(TOO_DEEP) from None


def _unreadable(cls: type[Message], error: Exception) -> str:
    name = cls.DESCRIPTOR.full_name
    # protobuf has one class for everything that it cannot read.
    too_deep = isinstance(error, RecursionError) or "MaxDepth" in str(error)
    return f"the {name} {TOO_DEEP}" if too_deep else f"not a {name}"


def _result(descriptor: Descriptor, result: Type, encoding: Encoding, decoding: Decoding) -> tuple[Fill, Reader]:
    match result:
        case Nothing():
            return _refuse_value, lambda _: None
        case Record():
            _check(descriptor, result.fields)
            return encoding.record(result), decoding.record(result)
        case _:
            fields = (Field(name=RESULT_FIELD, type=result),)
            _check(descriptor, fields)
            fill, read = encoding.arguments(fields), decoding.fields(fields)
            return lambda message, value: fill(message, {RESULT_FIELD: value}), lambda m: read(m)[RESULT_FIELD]


def _refuse_value(_: Any, value: Any) -> None:
    if value is not None:
        raise EncodeError(f"must be None, got {describe(value)}", RESULT_FIELD)


def _check(descriptor: Descriptor, fields: tuple[Field, ...]) -> None:
    for field in fields:
        for name in _wire_names(field):
            if name not in descriptor.fields_by_name:
                raise _stale(f"no field {name} in {descriptor.full_name}")


def _wire_names(field: Field) -> list[str]:
    wire, union = snake(field.name), spread(field.type)
    return [wire] if union is None else [member_name(m, wire) for m in union.members]


def _enum_numbers(file: FileDescriptor, enum: EnumOf) -> dict[str, int]:
    descriptor = file.enum_types_by_name.get(pascal(enum.name))
    numbers = {} if descriptor is None else {name: v.number for name, v in descriptor.values_by_name.items()}
    if missing := sorted(set(enum_names(enum).values()) - numbers.keys()):
        raise _stale(f"no {missing[0]} in {file.package}")
    return numbers


def _stale(problem: str) -> MeshgenError:
    return MeshgenError(f"the contract does not fit the code: {problem}; run `meshgen build` again")
