"""Arrays and tensors ⇄ the bytes of `meshgen.tensor.v1.Tensor`.

What stands before the elements, their head, is the same for all arrays of one dtype and shape: it is made and checked
once, and found again by the dtype and shape, or by its own bytes.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from functools import cache, lru_cache, partial
from typing import Any, TypeAlias

from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.message import DecodeError, Message
from google.protobuf.message_factory import GetMessageClass

from meshgen.codec import payloads
from meshgen.codec.payloads import KEY_SIZE, key_in, payload_key, payload_of
from meshgen.codec.pycode import Unusual
from meshgen.codec.wireformat import varint
from meshgen.contract.shared_messages import TENSOR_PATH, shared_files
from meshgen.contract.wire import TENSOR
from meshgen.schema.convert.readers import Reader
from meshgen.schema.misfit import Misfit
from meshgen.schema.model import Tensor
from meshgen.schema.values.scalars import Convert
from meshgen.schema.values.tensor import (
    CONTENTS,
    checked_parts,
    from_raw,
    plain_layout,
    stored_dtype,
    tensor_from,
    tensor_parts,
    to_torch,
)

_DATATYPE, _SHAPE, _RAW = b"\x0a", b"\x12", b"\x1a"
"""Tags."""
_SHAPE_TAG = _SHAPE[0]
_HEADS = 256
"""Heads that are remembered for each field of a contract."""

FieldReader: TypeAlias = Callable[[bytes, int], tuple[Any, int, int]]
"""A message and where the tag of a field is → its value, and where the elements start and end."""
FieldWriter: TypeAlias = Callable[[Any], tuple[bytes, Any]]
"""A value → the field: what stands before the elements, and a buffer of these."""


@cache
def tensor_class() -> type[Message]:
    """Protobuf's class of the message."""
    pool = DescriptorPool()
    for file in shared_files():
        if file.name == TENSOR_PATH:
            pool.Add(file)
    return GetMessageClass(pool.FindMessageTypeByName(TENSOR))


def merged(pieces: Sequence[bytes]) -> bytes:
    """A tensor that came in pieces, as protobuf merges them. Raises DecodeError when one of them is no message."""
    if len(pieces) > 1:
        for piece in pieces:
            tensor_class().FromString(piece)
    return b"".join(pieces)


def _head(datatype: str, shape: Sequence[int], size: int, outer: bytes = b"") -> bytes:
    """What protobuf writes before the elements, which are `size` bytes.

    Args:
        datatype: of the tensor.
        shape: of the tensor.
        size: of the elements.
        outer: the tag of the field that the tensor is in; empty for the bytes of a tensor alone.
    """
    name, lengths = datatype.encode(), b"".join(map(varint, shape))
    parts = [_DATATYPE, varint(len(name)), name]
    if lengths:
        parts += [_SHAPE, varint(len(lengths)), lengths]
    inner = b"".join([*parts, _RAW, varint(size)])
    return outer + varint(len(inner) + size) + inner if outer else inner


def tensor_writer(type_: Tensor) -> Convert:
    """Writes arrays or tensors: those that lie in memory as they do in a message with a single copy."""
    heads = _heads_of_plain(type_, b"")
    elements = _elements_of_torch if type_.library == "torch" else _itself

    def write(value: Any) -> bytes:
        try:
            found = heads(type(value), value.dtype, value.shape)
            if found is not None and found[1] < payloads.THRESHOLD:
                return b"".join((found[0], elements(value)))
        except _NOT_PLAIN:
            pass  # no array, or one whose elements have to be put in order first
        parts = tensor_parts(value, type_)
        raw = payload_key(parts["raw"])
        return _head(parts["datatype"], parts["shape"], len(raw)) + raw

    return write


def tensor_field_writer(type_: Tensor, tag: int) -> FieldWriter:
    """Writes fields with arrays or tensors. A big one is `Unusual`."""
    outer = bytes((tag,))
    heads = _heads_of_plain(type_, outer)
    elements = _elements_of_torch if type_.library == "torch" else _itself

    def write(value: Any) -> tuple[bytes, Any]:
        try:
            found = heads(type(value), value.dtype, value.shape)
            if found is not None:
                head, size = found
                if size >= payloads.THRESHOLD:
                    raise Unusual
                array = elements(value)
                if array.flags.c_contiguous:
                    return head, array
        except _NOT_PLAIN:
            pass  # as above
        parts = tensor_parts(value, type_)
        raw = parts["raw"]
        if len(raw) >= payloads.THRESHOLD:
            raise Unusual
        return _head(parts["datatype"], parts["shape"], len(raw), outer), raw

    return write


_NOT_PLAIN = (AttributeError, TypeError, ValueError, RuntimeError, BufferError)
"""What is raised over a value that is no array, or lies otherwise."""


def _heads_of_plain(type_: Tensor, outer: bytes) -> Callable[..., tuple[bytes, int] | None]:
    """The head of arrays of a class, dtype and shape, and the size of their elements; None for all others."""

    def heads(cls: type[Any], dtype: Any, shape: Sequence[int]) -> tuple[bytes, int] | None:
        found = plain_layout(cls, dtype, shape, type_)
        return None if found is None else (_head(*found, outer), found[2])

    return lru_cache(_HEADS)(heads)


def _itself(value: Any) -> Any:
    return value


def _elements_of_torch(value: Any) -> Any:
    torch = sys.modules["torch"]
    plain = value.detach() if value.requires_grad else value
    return (plain.view(torch.int16) if plain.dtype is torch.bfloat16 else plain).numpy()  # numpy has no bfloat16


_Known: TypeAlias = tuple[Callable[..., Any], tuple[int, ...], Any, str, int, int]
"""`numpy.ndarray`, shape, dtype, name of the dtype, bytes of the head and of the elements."""


def tensor_reader(type_: Tensor, otherwise: Reader, *, own: bool) -> Reader:
    """Reads arrays or tensors from the bytes of their messages.

    Args:
        type_: of the values.
        otherwise: reads what protobuf would not have written so, or what is wrong.
        own: arrays may be written to; else they are views of bytes.
    """
    read_at = _reader_at(type_, b"", own=own)

    def read(data: bytes) -> Any:
        try:
            value, start, end = read_at(data, 0)
        except (Unusual, IndexError):
            return otherwise(data)
        if end != len(data):
            return otherwise(data)
        if end - start == KEY_SIZE and payload_of(data[start:]) != data[start:]:
            return otherwise(data)
        return value

    return read


def tensor_field_reader(type_: Tensor, tag: int, *, own: bool) -> FieldReader:
    """The same for fields of small messages. All that `otherwise` would read is `Unusual`, or an IndexError."""
    return _reader_at(type_, bytes((tag,)), own=own)


def _reader_at(type_: Tensor, outer: bytes, *, own: bool) -> FieldReader:
    """Reads what begins at a place, with the tag `outer` if there is one."""
    heads = lru_cache(_HEADS)(partial(_known, type_, outer))
    seen: dict[bytes, _Known] = {}
    length = 0
    is_torch = type_.library == "torch"
    is_own = own or is_torch  # torch has no read-only tensors

    def read(data: bytes, at: int) -> tuple[Any, int, int]:
        nonlocal length
        known = seen.get(data[at : at + length])
        if known is None:  # most heads are as long as the last one, and none begins as another one is
            head = data[at : _start_of_elements(data, _start_of_content(data, at) if outer else at)]
            known = heads(head)
            if known is None:
                raise Unusual
            if len(seen) >= _HEADS:
                seen.clear()
            seen[head], length = known, len(head)
        make, shape, dtype, name, start, size = known
        start += at
        end = start + size
        if end > len(data):
            raise Unusual
        array = make(shape, dtype, data, start).copy() if is_own else make(shape, dtype, data[start:end])
        if name == "bool" and size and array.view("uint8").max() > 1:
            raise Unusual
        return (to_torch(array, name) if is_torch else array), start, end

    return read


def _start_of_content(data: bytes, at: int) -> int:
    """Where the content of the field at `at` starts, if that is below 2 MiB."""
    return at + (2 if data[at + 1] < 0x80 else 3 if data[at + 2] < 0x80 else 4)


def _start_of_elements(data: bytes, at: int) -> int:
    """Where they do in the message at `at`, if it is as protobuf writes it."""
    at += data[at + 1] + 2
    if data[at] == _SHAPE_TAG:
        at += data[at + 1] + 2
    return _start_of_content(data, at)


def _known(type_: Tensor, outer: bytes, data: bytes) -> _Known | None:
    """What a head says; None when protobuf would not have written it so, or when it is wrong."""
    inner = data[_start_of_content(data, 0) :] if outer else data
    try:
        message: Any = tensor_class().FromString(_without_raw(inner))
        dtype, shape, count = checked_parts(message.datatype, message.shape, type_)
    except (DecodeError, Misfit):
        return None
    stored = stored_dtype(dtype)
    size = count * stored.itemsize
    if _head(message.datatype, shape, size, outer) != data:
        return None
    ndarray = sys.modules["numpy"].ndarray
    if not count:
        try:
            ndarray(shape, stored, b"")
        except ValueError:  # lengths that no array of numpy has
            return None
    return ndarray, shape, stored, dtype, len(data), size


def _without_raw(head: bytes) -> bytes:
    """The head as a whole message, without the tag and the length that are last in it."""
    end = len(head) - 1
    while end > 0 and head[end - 1] > 0x7F:
        end -= 1
    return head[: max(end - 1, 0)]


def big_tensor_reader(type_: Tensor, otherwise: Reader) -> Reader:
    """Reads arrays or tensors from the bytes of a message in which a key stands for the elements."""
    layouts: Callable[..., _Layout | None] = lru_cache(_HEADS)(partial(_layout, type_))

    def read(data: bytes) -> Any:
        start = key_in(data)
        end = start + KEY_SIZE
        found = layouts(data[:start], data[end:]) if start >= 0 else None
        if found is None:
            return otherwise(data)
        dtype, shape, count = found
        return from_raw(payload_of(data[start:end]), dtype, count, type_).reshape(shape)

    return read


_Layout: TypeAlias = tuple[str, tuple[int, ...], int]
"""dtype, shape and number of elements."""
_BEFORE_KEY = _RAW + varint(KEY_SIZE)


def _layout(type_: Tensor, before: bytes, after: bytes) -> _Layout | None:
    """What stands around a key says; None when that is more than datatype, shape and padding, or wrong."""
    if not before.endswith(_BEFORE_KEY):
        return None
    try:
        head: Any = tensor_class().FromString(before.removesuffix(_BEFORE_KEY))
        tail = tensor_class().FromString(after)
        found = checked_parts(head.datatype, head.shape, type_)
    except (DecodeError, Misfit):
        return None
    is_plain = tail.ListFields() == [] and {f.name for f, _ in head.ListFields()} <= {"datatype", "shape"}
    return found if is_plain and found[2] else None


def tensor_message_reader(type_: Tensor, general: Reader) -> Reader:
    """Reads an array or tensor from a message; `general` reads what has no raw elements."""

    def read(message: Any) -> Any:
        # One call for all fields: most of the fifteen are never there.
        given = {field.name: value for field, value in message.ListFields()}
        if given.keys() != _RAW_PARTS:
            return general(message)
        raw = payload_of(given["raw"])
        return tensor_from({**_NO_CONTENTS, "datatype": given["datatype"], "shape": given["shape"], "raw": raw}, type_)

    return read


_RAW_PARTS = {"datatype", "shape", "raw"}
_NO_CONTENTS: dict[str, Any] = dict.fromkeys(CONTENTS, ())
