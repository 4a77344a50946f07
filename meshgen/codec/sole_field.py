"""Messages whose only field holds bytes or a tensor, small ones: to write and read them takes no protobuf.

They are what protobuf writes, byte for byte. Whatever else comes is left to others.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import cache, lru_cache

from meshgen.codec import payloads
from meshgen.codec.decode import Decoding
from meshgen.codec.encode import Encoding
from meshgen.codec.fallback import Read, Write
from meshgen.codec.payloads import MessageBytes
from meshgen.codec.pycode import CompiledFunctions, indented
from meshgen.codec.wireformat import varint
from meshgen.naming import field_name
from meshgen.schema.model import Field, Scalar, Tensor, Type

_LENGTH = 2
"""The wire type."""
_HIGHEST = 15
"""The number of a field whose tag is one byte."""
_HEADS = 512
"""Lengths that are remembered."""
_LENGTHS = (0, 1 << 7, 1 << 14, 1 << 21)
"""The first length that takes more bytes than the place in this tuple says."""


class SoleField:
    """The only field of a message."""

    def __init__(self, key: str, type_: Type, number: int) -> None:
        """Args: the key of its value among the arguments of a request, empty for a response; its type and number."""
        self._key = key
        self._type = type_
        self._tag = varint(number << 3 | _LENGTH)
        self._functions = CompiledFunctions()

    @classmethod
    def of(cls, wire: MessageBytes, fields: Sequence[Field], *, keyed: bool) -> SoleField | None:
        """The field of a message; None when there are others, or protobuf is as fast.

        Args:
            wire: bytes of the message.
            fields: of the message.
            keyed: the message is that of a dict with the field's value, not of the value.
        """
        if len(fields) != 1:
            return None
        (field,) = fields
        type_ = field.type
        if not isinstance(type_, Tensor) and not (isinstance(type_, Scalar) and type_.kind == "bytes"):
            return None
        number = wire.number(field_name(field.name))
        return cls(field.name if keyed else "", type_, number) if number <= _HIGHEST else None

    def writer(self, encoding: Encoding, otherwise: Write) -> Write:
        """Writes a message, or has it written."""
        refer, tag = self._functions.refer, self._tag
        match self._type:
            case Tensor():
                lines = [f"d = {refer(encoding.tensor(self._type, tag))}(x)", "if d is not None:", "    return d"]
            case _:
                lines = [
                    "if type(x) is bytes:",
                    "    n = len(x)",
                    f"    if n < {_LENGTHS[1]}:",
                    f"        return {refer(_short_heads(tag))}[n] + x",
                    f"    if n < {refer(payloads)}.THRESHOLD:",
                    f"        return {refer(_heads(tag))}(n) + x",
                ]
        given = "v" if self._key else "x"
        if self._key:
            lines = ["if len(v) == 1:", f"    x = v[{self._key!r}]", *indented(lines)]
        lines += [f"return {refer(otherwise)}({given})"]
        return self._functions.define(given, lines, f"writer of a message of {self._type}")

    def reader(self, decoding: Decoding, otherwise: Read) -> Read:
        """Reads a message, or has it read."""
        refer = self._functions.refer
        small = f"type(d) is bytes and len(d) < {refer(payloads)}.THRESHOLD"
        match self._type:
            case Tensor():
                read = refer(decoding.tensor_alone(self._type, self._tag))
                lines = [f"if {small}:", f"    x = {read}(d)", "    if x is not None:", f"        {self._found('x')}"]
            case _:
                lines = ["n = len(d)", *self._blob_lines()]
        lines += [f"return {refer(otherwise)}(d)"]
        return self._functions.define("d", lines, f"reader of a message of {self._type}")

    def _blob_lines(self) -> Iterator[str]:
        """Lines that compare the head, without making it, with that which a message of `n` bytes has."""
        for count in (1, 2, 3):  # bytes of the length
            start = len(self._tag) + count
            length = [f"n - {start} >> {7 * i}" for i in range(count)]
            expected = [f"({part} & 127 | 128)" for part in length[:-1]] + [f"({length[-1]})"]
            same = " and ".join(f"d[{i}] == {byte}" for i, byte in enumerate([str(self._tag[0]), *expected]))
            yield f"{'el' if count > 1 else ''}if {start} <= n < {start + _LENGTHS[count]}:"
            yield f"    if {same} and type(d) is bytes:"
            yield f"        {self._found(f'd[{start}:]')}"

    def _found(self, value: str) -> str:
        return f"return {{{self._key!r}: {value}}}" if self._key else f"return {value}"


@cache
def _heads(tag: bytes) -> Callable[[int], bytes]:
    """What stands before so many bytes."""
    return lru_cache(_HEADS)(lambda size: tag + varint(size))


@cache
def _short_heads(tag: bytes) -> tuple[bytes, ...]:
    """The same for each length of one byte."""
    return tuple(tag + bytes((size,)) for size in range(_LENGTHS[1]))
