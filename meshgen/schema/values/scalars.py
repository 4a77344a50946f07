"""Python value → scalar of the wire: what `int`, `float`… in an annotation let through.

Numbers of numpy and torch count as numbers, because models return them. A bool is not a number.
"""

from __future__ import annotations

import math
import operator
import struct
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from meshgen.naming import enum_value
from meshgen.schema.misfit import EncodeError, describe
from meshgen.schema.model import Choice, EnumOf, ScalarKind

INT64_MIN, INT64_MAX = -(1 << 63), (1 << 63) - 1
INT32_MIN, INT32_MAX = -(1 << 31), (1 << 31) - 1
FLOAT32_MAX = float.fromhex("0x1.fffffep+127")

Convert = Callable[[Any], Any]


def to_bool(value: Any) -> bool:
    """A bool, or numpy's."""
    if value is True or value is False:
        return bool(value)
    cls = type(value)
    if cls.__module__ == "numpy" and cls.__name__ in ("bool", "bool_"):
        return bool(value)
    raise EncodeError(f"must be a bool, got {describe(value)}")


def to_int(value: Any) -> int:
    """An integer of 64 bits."""
    if type(value) is not int and not _is_real(value):
        raise EncodeError(f"must be an int, got {describe(value)}")
    try:
        number = operator.index(value)
    except TypeError:
        raise EncodeError(f"must be an int, got {describe(value)}") from None
    if not INT64_MIN <= number <= INT64_MAX:
        raise EncodeError(f"must fit 64 bits with its sign, got {number.bit_length() + 1}")
    return number


def to_int32(value: Any) -> int:
    """An integer of 32 bits."""
    number = to_int(value)
    if not INT32_MIN <= number <= INT32_MAX:
        raise EncodeError(f"must fit 32 bits, got {number}")
    return number


def to_float(value: Any) -> float:
    """A float; integers are taken too, as far as a double holds them."""
    if type(value) is float:
        return value
    if isinstance(value, str | bytes | bytearray) or not _is_real(value):
        raise EncodeError(f"must be a float, got {describe(value)}")
    try:
        number = float(value)
    except (TypeError, ValueError, OverflowError, RuntimeError):  # RuntimeError: a torch tensor of several numbers
        raise EncodeError(f"must be a float, got {describe(value)}") from None
    if isinstance(value, float) or number == value or number != number:
        return number
    raise EncodeError(f"must be a float, got {describe(value)}, which no double holds exactly; write float(…) to round")


def _is_real(value: Any) -> bool:
    """Neither a bool nor a complex number, be they of numpy or torch."""
    if isinstance(value, bool | complex):
        return False
    dtype = getattr(value, "dtype", None)
    return dtype is None or not str(dtype).removeprefix("torch.").startswith(("bool", "complex"))


def to_float32(value: Any) -> float:
    """A float within the range of 32 bits, rounded to them."""
    try:
        return as_float32(to_float(value))
    except OverflowError:
        raise EncodeError(f"must be within the range of a 32-bit float, got {value}") from None


def as_float32(number: float) -> float:
    """The nearest number that 32 bits can hold.

    Raises:
        OverflowError: it is finite, and its nearest is not.
    """
    return float(struct.unpack("<f", struct.pack("<f", number))[0])


def shortest_float32(number: float) -> float:
    """The double with the fewest digits that 32 bits read as this number: 0.1 for the float next to it."""
    if not math.isfinite(number):
        return number
    for digits in (6, 7, 8):
        short = float(f"{number:.{digits}g}")
        if abs(short) <= FLOAT32_MAX and struct.pack("<f", short) == struct.pack("<f", number):
            return short  # above the largest one protobuf would not round, but refuse
    return number


def to_str(value: Any) -> str:
    """Text that UTF-8 can carry."""
    if not isinstance(value, str):
        raise EncodeError(f"must be a str, got {describe(value)}")
    try:
        value.encode()
    except UnicodeEncodeError as error:
        raise EncodeError(f"must be valid Unicode, has a lone surrogate at {error.start}") from None
    return value


def to_bytes(value: Any) -> bytes:
    """Bytes, or what is laid out as bytes."""
    if not isinstance(value, bytes | bytearray | memoryview):
        raise EncodeError(f"must be bytes, got {describe(value)}")
    return bytes(value)


TO_SCALAR: Mapping[ScalarKind, Convert] = {
    "bool": to_bool,
    "int": to_int,
    "float": to_float,
    "str": to_str,
    "bytes": to_bytes,
    "int32": to_int32,
    "float32": to_float32,
}


def choice_writer(choice: Choice) -> Convert:
    """Checks that a value is one of the choice's."""
    convert = TO_SCALAR[choice.scalar.kind]

    def write(value: Any) -> Any:
        try:
            found = convert(value)
        except EncodeError:
            found = None
        if found not in choice.values:
            raise EncodeError(f"must be {one_of(choice.values)}, got {describe(value)}")
        return found

    return write


EnumNumbers = Callable[[EnumOf], dict[str, int]]
"""The numbers of an enum's wire names, by the contract."""


def number_of(member: Any) -> int | None:
    """The number that stands for a member of an enum on the wire and in JSON: its value, where protobuf can have it.

    That is an int from 1 to 2^31 - 1; 0 stands for "not said".
    """
    value = member.value
    return value if type(value) is int and 1 <= value <= INT32_MAX else None


def enum_names(enum: EnumOf) -> dict[Any, str]:
    """The wire name of each member."""
    return {member: enum_value(enum.name, member.name) for member in enum.python}


def enum_writer(enum: EnumOf, wire: Mapping[str, Any]) -> Convert:
    """Turns members into what the wire has for their names."""
    table = {member: wire[name] for member, name in enum_names(enum).items()}

    def write(value: Any) -> Any:
        try:
            return table[value]
        except (KeyError, TypeError):
            raise EncodeError(f"must be a member of {enum.name}, got {describe(value)}") from None

    return write


def one_of(values: Sequence[str | int]) -> str:
    """`one of 'a', 'b'`."""
    return f"one of {', '.join(map(repr, values))}"
