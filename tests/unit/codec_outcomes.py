"""What a codec makes of the bytes of a request, right or wrong, for tests that compare two ways of reading."""

from __future__ import annotations

from typing import Any

from meshgen.codec.rpc import RpcCodec
from meshgen.status import InvalidArgument


def outcome(codec: RpcCodec, data: bytes) -> Any:
    """The values, the violations, or None for what protobuf cannot read."""
    try:
        return codec.decode_request(data)
    except InvalidArgument as error:
        return [(v.field, v.description) for v in error.violations] or None


def generally(codec: RpcCodec, data: bytes) -> Any:
    """The same by the general reader, from what has gone through protobuf's own classes."""
    reader = codec._read_request
    before, reader.read = reader.read, lambda data: reader._wire.read(reader._general, data)
    try:
        return outcome(codec, data)
    finally:
        reader.read = before
