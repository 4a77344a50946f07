"""JSON Schemas of protobuf's scalars, as exact as what reads them: what fits is read, and what does not is refused."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from google.protobuf.descriptor_pb2 import FieldDescriptorProto

from meshgen.emit.openapi.model import Schema

_F = FieldDescriptorProto
_FLOAT_MAX = 3.4028234663852886e38
_WHOLE = "^-?[0-9]{1,19}$"
_BASE64 = r"^([A-Za-z0-9+/]{4})*([A-Za-z0-9+/]{2}(==)?|[A-Za-z0-9+/]{3}=?)?$"


def _wide(form: str, low: int, high: int) -> Schema:
    """A 64-bit integer: a string, because JavaScript's numbers end at 2^53; both are read."""
    pattern = _WHOLE if low else "^[0-9]{1,20}$"
    return Schema(type=("string", "integer"), format=form, pattern=pattern, minimum=low, maximum=high)


def _narrow(form: str, low: int, high: int) -> Schema:
    return Schema(type="integer", format=form, minimum=low, maximum=high)


SCALARS: Mapping[int, Schema] = {
    _F.TYPE_DOUBLE: Schema(type="number", format="double"),
    _F.TYPE_FLOAT: Schema(type="number", format="float", minimum=-_FLOAT_MAX, maximum=_FLOAT_MAX),
    # -2^63 itself is refused: Envoy makes it of numbers below.
    _F.TYPE_INT64: _wide("int64", 1 - 2**63, 2**63 - 1),
    _F.TYPE_UINT64: _wide("uint64", 0, 2**64 - 1),
    _F.TYPE_INT32: _narrow("int32", -(2**31), 2**31 - 1),
    _F.TYPE_UINT32: _narrow("int64", 0, 2**32 - 1),
    _F.TYPE_BOOL: Schema(type="boolean"),
    _F.TYPE_STRING: Schema(type="string"),
    _F.TYPE_BYTES: Schema(type="string", content_encoding="base64", pattern=_BASE64),
}


KEYS: Mapping[int, Schema] = {
    _F.TYPE_INT64: Schema(pattern=_WHOLE),
    _F.TYPE_INT32: Schema(pattern=_WHOLE),
    _F.TYPE_BOOL: Schema(enum=("true", "false")),
}
"""What the keys of objects have to be, where not every text is one."""


def or_null(schema: Schema) -> Schema:
    """The schema of a value that may be left out: null is the same."""
    if schema.ref is not None:
        return replace(schema, ref=None, any_of=(Schema(ref=schema.ref), Schema(type="null")))
    if schema.type is None:  # any value is one already
        return schema
    types = (schema.type,) if isinstance(schema.type, str) else schema.type
    return replace(schema, type=(*types, "null"), enum=schema.enum and (*schema.enum, None))
