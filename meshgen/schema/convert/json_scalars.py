"""Scalars of JSON → Python values, as protobuf reads them: numbers in strings, bytes in base64, keys of maps."""

from __future__ import annotations

import base64
import binascii
import math
import re
from collections.abc import Mapping
from typing import Any

from meshgen.schema.convert.readers import Reader
from meshgen.schema.misfit import Misfit
from meshgen.schema.model import ScalarKind
from meshgen.schema.values.scalars import INT32_MAX, INT32_MIN, INT64_MAX, INT64_MIN, as_float32

_INTEGER = re.compile(r"-?[0-9]{1,1000}\Z")  # Python itself refuses to read several thousands
_NUMBER = re.compile(r"-?[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]+)?\Z")
_SPECIAL = {"NaN": math.nan, "Infinity": math.inf, "-Infinity": -math.inf}


def any_integer(value: Any) -> int:
    """An integer; who calls looks at its size."""
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, str) and _INTEGER.match(value):
        return int(value)
    raise Misfit.here("must be an integer")


def _integer(value: Any) -> int:
    number = any_integer(value)
    if not INT64_MIN <= number <= INT64_MAX:
        raise Misfit.here("must fit 64 bits")
    return number


def _integer32(value: Any) -> int:
    number = any_integer(value)
    if not INT32_MIN <= number <= INT32_MAX:
        raise Misfit.here("must fit 32 bits")
    return number


def _number(value: Any) -> float:
    if isinstance(value, str):
        if value in _SPECIAL:
            return _SPECIAL[value]
        if not _NUMBER.match(value):
            raise Misfit.here("must be a number")
    elif isinstance(value, bool) or not isinstance(value, int | float):
        raise Misfit.here("must be a number")
    try:
        number = float(value)
    except OverflowError:
        number = math.inf
    if not math.isfinite(number):
        raise Misfit.here("must be a number in range; write infinities and NaN as strings")
    return number


def _number32(value: Any) -> float:
    try:
        return as_float32(_number(value))
    except OverflowError:
        raise Misfit.here("must be within the range of a 32-bit float") from None


def _boolean(value: Any) -> bool:
    if not isinstance(value, bool):
        raise Misfit.here("must be true or false")
    return value


def text(value: Any) -> str:
    """Text that UTF-8 can carry."""
    if not isinstance(value, str):
        raise Misfit.here("must be a string")
    try:
        value.encode()
    except UnicodeEncodeError:
        raise Misfit.here("must be valid Unicode") from None
    return value


def _bytes(value: Any) -> bytes:
    if not isinstance(value, str):
        raise Misfit.here("must be a base64 string")
    standard = value.replace("-", "+").replace("_", "/")
    padding = "" if value.endswith("=") else "=" * (-len(value) % 4)
    try:
        return base64.b64decode(standard + padding, validate=True)
    except (binascii.Error, ValueError):
        raise Misfit.here("must be a base64 string") from None


SCALARS: Mapping[ScalarKind, Reader] = {
    "bool": _boolean,
    "int": _integer,
    "float": _number,
    "str": text,
    "bytes": _bytes,
    "int32": _integer32,
    "float32": _number32,
}


def _bool_key(key: str) -> bool:
    if key not in ("true", "false"):
        raise Misfit.here("must be the key 'true' or 'false'")
    return key == "true"


MAP_KEYS: Mapping[ScalarKind, Reader] = {"str": text, "int": _integer, "bool": _bool_key}
