"""Answers of nodes as they came: a driver decodes those that it looks into, and passes the others on as bytes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol

from meshgen.schema.model import Type
from meshgen.status import Internal, StatusError

if TYPE_CHECKING:
    # Graphs in process do without protobuf.
    from google.protobuf.descriptor import Descriptor

    from meshgen.codec.wireformat import Buffer


class Decoder(Protocol):
    """What reads the responses of one rpc."""

    @property
    def response(self) -> Descriptor:
        """The message of a response."""

    @property
    def result(self) -> Type:
        """The type of the value in it."""

    def decode_response(self, data: Buffer) -> Any:
        """The value of a response; Internal when it does not fit."""


class Received:
    """What a node answered, decoded when somebody asks for its value, and then once for all who ask."""

    __slots__ = ("_decoded", "_node", "_value", "codec", "data")

    def __init__(self, codec: Decoder, data: Buffer, node: str) -> None:
        """Args: the codec of the rpc that was called, its response (a view when it came by name), and who answered."""
        self.codec = codec
        self.data = data
        self._node = node
        self._decoded = False
        self._value: Any = None

    def value(self) -> Any:
        """The result.

        Raises:
            Internal: the answer does not fit the contract.
        """
        if not self._decoded:
            try:
                self._value = self.codec.decode_response(self.data)
            except (StatusError, ValueError, TypeError) as e:
                # The other side speaks another version of the contract; nobody's request is at fault.
                text = f"the answer of node '{self._node}' does not fit its contract"
                raise Internal(text, node=self._node) from e
            self._decoded = True
        return self._value


class Parts:
    """A list or tuple that was put together from results, some of them not decoded."""

    __slots__ = ("_build", "items")

    def __init__(self, items: Sequence[Any], build: Callable[[Iterable[Any]], Any]) -> None:
        """Args: the elements, and what makes the list of their values."""
        self.items = items
        self._build = build

    def value(self) -> Any:
        """The list or tuple; `Received.value` says what it raises."""
        return self._build([plain(item) for item in self.items])


UNDECODED = frozenset({Received, Parts})
"""The classes of values that are there as bytes."""


def plain(value: Any) -> Any:
    """The value itself, decoded when it is not yet."""
    return value.value() if type(value) in UNDECODED else value


def plainly(arguments: Mapping[str, Any]) -> Mapping[str, Any]:
    """Arguments for code that runs in this process."""
    if not any_undecoded(arguments.values()):
        return arguments
    return {name: plain(value) for name, value in arguments.items()}


def undecoded(value: Any) -> bool:
    """Whether the value is there as bytes."""
    return type(value) in UNDECODED


def any_undecoded(values: Iterable[Any]) -> bool:
    """Whether one of the values is there as bytes."""
    return not UNDECODED.isdisjoint(map(type, values))


def together(items: Sequence[Any], build: Callable[[Iterable[Any]], Any]) -> Any:
    """The list or tuple of these; as it is when no element needs decoding."""
    return Parts(items, build) if any_undecoded(items) else build(items)


def elements(value: Any) -> list[Any]:
    """The elements of a list, undecoded where they came one by one."""
    return list(value.items) if type(value) is Parts else list(plain(value))
