"""What a generated `client.py` calls: rpcs of a contract over a gRPC channel, with Python values in and out.

Needs grpcio and protobuf; neither the graph's modules nor what a mesh runs on.
"""

from __future__ import annotations

import base64
import sys
from collections.abc import Callable, Mapping
from functools import cached_property
from types import TracebackType
from typing import Any, Final, Generic, Self, TypeVar

import grpc
import grpc.aio

from meshgen.codec import grpc_status
from meshgen.codec.rpc import Contracts, EncodeError, RpcCodec
from meshgen.errors import InternalError
from meshgen.schema.model import Record
from meshgen.schema.reflect.reflector import reflect
from meshgen.schema.values.writable import holds_arrays, writable
from meshgen.status import Code, DeadlineExceeded, InvalidArgument, StatusError, Unavailable, Violation

T = TypeVar("T")

CHANNEL_OPTIONS: Final = (
    # The mesh says how large a message may be; gRPC's own limit of 4 MiB is less than a picture.
    ("grpc.max_send_message_length", -1),
    ("grpc.max_receive_message_length", -1),
)
"""Options for channels of your own: `grpc.secure_channel(address, credentials, options=CHANNEL_OPTIONS)`."""


_WEB = ("http", "https")


class _LeftOut:
    def __repr__(self) -> str:
        return "LEFT_OUT"


LEFT_OUT: Final[Any] = _LeftOut()
"""The value of an argument that is not given, for which the graph has a default."""


class Service:
    """A driver's service, with the descriptors of its contract."""

    def __init__(self, name: str, descriptors: str) -> None:
        """Decode nothing yet.

        Args:
            name: `quickstart.v1.QuickstartService`.
            descriptors: a serialized `FileDescriptorSet` in base64.
        """
        self.name = name
        self._descriptors = descriptors

    @cached_property
    def contracts(self) -> Contracts:
        """The contract, in a descriptor pool of its own."""
        return Contracts(base64.b64decode(self._descriptors))

    def rpc(self, name: str, request: type[Any], result: Any) -> Rpc[Any]:
        """One of its rpcs.

        Args:
            name: `Predict`.
            request: dataclass with a field for each argument.
            result: the annotation of what it returns.
        """
        return Rpc(self, name, request, result)


class Rpc(Generic[T]):
    """An rpc that returns a `T`. Types are looked at in the first call."""

    def __init__(self, service: Service, name: str, request: type[Any], result: Any) -> None:
        self.path = f"/{service.name}/{name}"
        self._service = service
        self._name = name
        self._request = request
        self._result = result

    @cached_property
    def _codec(self) -> RpcCodec:
        request = reflect(self._request)
        if not isinstance(request, Record):
            raise InternalError(f"the request of {self.path} is no record but {request}")
        contracts = self._service.contracts
        return contracts.codec(self._service.name, self._name, request.fields, None, reflect(self._result), own=True)

    @cached_property
    def _has_arrays(self) -> bool:
        return holds_arrays(self._codec.result)

    def encode(self, arguments: Mapping[str, Any]) -> bytes:
        """The bytes of a request.

        Raises:
            InvalidArgument: a value is not of its declared type, with a violation that names the field.
        """
        given = {name: value for name, value in arguments.items() if value is not LEFT_OUT}
        try:
            return self._codec.encode_request(given)
        except EncodeError as error:
            raise InvalidArgument(str(error), violations=(Violation(error.path, error.reason),)) from error

    def decode(self, answer: bytes) -> T:
        """The value of a response.

        Raises:
            Internal: it is not what the contract says.
        """
        value: T = self._codec.decode_response(answer)
        return writable(value) if self._has_arrays else value


class Client:
    """Base of the generated clients for sync code. Safe to use from several threads."""

    def __init__(self, address: str | None = None, *, channel: grpc.Channel | None = None) -> None:
        """Connect when the first call is made.

        Args:
            address: host:port of a mesh's front, reached without TLS.
            channel: instead of an address, a channel of your own (`CHANNEL_OPTIONS` suit it), which stays open.

        Raises:
            TypeError: both were given, or none.
            ValueError: the address is a URL.
        """
        _check(address, channel)
        self._own = channel is None
        self._closed = False
        self._channel = channel or grpc.insecure_channel(str(address), options=CHANNEL_OPTIONS)
        self._senders: dict[str, Callable[..., Any]] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the channel, unless it was given."""
        if self._own:
            self._closed = True
            self._channel.close()

    def _call(
        self,
        rpc: Rpc[T],
        arguments: Mapping[str, Any],
        timeout_s: float | None,
        metadata: Mapping[str, str | bytes] | None,
    ) -> T:
        _check_open(self._closed)
        data = rpc.encode(arguments)
        send = self._senders.get(rpc.path)
        if send is None:  # without serializers gRPC takes and gives bytes
            send = self._senders[rpc.path] = self._channel.unary_unary(rpc.path, None, None)
        try:
            answer = send(data, timeout=timeout_s, metadata=_metadata(metadata))
        except grpc.RpcError as error:
            raise _status(error, timeout_s) from None
        return rpc.decode(answer)


class AsyncClient:
    """Base of the generated clients for async code. For one event loop: that of the first call."""

    def __init__(self, address: str | None = None, *, channel: grpc.aio.Channel | None = None) -> None:
        """Connect when the first call is made.

        Args:
            address: host:port of a mesh's front, reached without TLS.
            channel: instead of an address, a channel of your own (`CHANNEL_OPTIONS` suit it), which stays open.

        Raises:
            TypeError: both were given, or none.
            ValueError: the address is a URL.
        """
        _check(address, channel)
        self._address = str(address)
        self._own = channel is None
        self._closed = False
        self._channel = channel
        self._senders: dict[str, Callable[..., Any]] = {}

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Close the channel, unless it was given."""
        self._closed = self._own
        if self._own and self._channel is not None:
            await self._channel.close(None)

    async def _call(
        self,
        rpc: Rpc[T],
        arguments: Mapping[str, Any],
        timeout_s: float | None,
        metadata: Mapping[str, str | bytes] | None,
    ) -> T:
        _check_open(self._closed)
        data = rpc.encode(arguments)
        send = self._senders.get(rpc.path)
        if send is None:
            if self._channel is None:  # a channel belongs to the loop that it is made in
                self._channel = grpc.aio.insecure_channel(self._address, options=CHANNEL_OPTIONS)
            send = self._senders[rpc.path] = self._channel.unary_unary(rpc.path, None, None)
        try:
            answer = await send(data, timeout=timeout_s, metadata=_metadata(metadata))
        except grpc.aio.AioRpcError as error:
            raise _status(error, timeout_s) from None
        return rpc.decode(answer)


def _check(address: str | None, channel: object | None) -> None:
    if (address is None) is (channel is None):
        raise TypeError("a client takes an address or a channel")
    if address is not None and (problem := address_problem(address)):
        raise ValueError(problem)


def address_problem(address: str) -> str:
    """What is wrong with the address of a mesh's front; empty when nothing is."""
    scheme, found, _ = address.partition("://")
    return f"{address} is no address for gRPC; write HOST:PORT, without {scheme}://" if found and scheme in _WEB else ""


def _check_open(closed: bool) -> None:
    if closed:
        raise RuntimeError("this client has been closed; make another one")


def _metadata(given: Mapping[str, str | bytes] | None) -> tuple[tuple[str, str | bytes], ...]:
    """What the caller sends, and where in a trace the call is made."""
    sent = {key.lower(): value for key, value in (given or {}).items()}
    if "opentelemetry" in sys.modules:  # else nobody has a span
        from opentelemetry import propagate

        here: dict[str, str] = {}
        propagate.inject(here)
        sent = {**here, **sent}
    return tuple(sent.items())


def _status(error: Any, timeout_s: float | None) -> StatusError:
    """The error as the mesh meant it, or what there is to say when none of its services made it."""
    status = grpc_status.of_call(error)
    if status.node:
        return status
    if status.code is Code.DEADLINE_EXCEEDED and timeout_s is not None:
        return DeadlineExceeded(f"no answer within {timeout_s:g} s")
    if status.code is Code.UNAVAILABLE:
        return Unavailable(f"the mesh cannot be reached: {status.message}")
    return status
