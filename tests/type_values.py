"""Values of any type that reflection gives, for property tests, and when two are the same."""

from __future__ import annotations

import dataclasses
import math
import struct
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from enum import Enum
from typing import Any

import numpy as np
import torch
from hypothesis import strategies as st
from PIL import Image as PilImage

from meshgen.schema.model import (
    CONTAINERS,
    AnyValue,
    Choice,
    EnumOf,
    Field,
    Image,
    ListOf,
    MapOf,
    Optional,
    Record,
    Ref,
    Scalar,
    Tensor,
    Type,
    Union,
    WellKnown,
)
from meshgen.schema.rules import Rules

_TEXT = st.characters(exclude_categories=["Cs"])
_EXACT = 1 << 53
_STEP = timedelta(microseconds=1)
_JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-_EXACT, _EXACT) | st.just(0.5) | st.text(_TEXT, max_size=3),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(_TEXT, max_size=3), inner, max_size=2),
    max_leaves=4,
)


def values(type_: Type, depth: int = 2) -> st.SearchStrategy[Any]:  # noqa: C901 - one case per type
    """Values of a type that satisfy its rules; records inside themselves end after `depth` rounds."""
    match type_:
        case Scalar(kind=kind, rules=rules):
            return _SCALARS[kind](rules)
        case WellKnown(kind=kind, rules=rules):
            return _STANDARD[kind](rules)
        case AnyValue():
            return _JSON
        case Choice(values=chosen):
            return st.sampled_from(chosen)
        case EnumOf(python=python):
            return st.sampled_from(list(python))
        case Optional(item=item):
            return st.none() if _ends(item, depth) else st.none() | values(item, depth)
        case Union(members=members):
            return st.one_of([values(m, depth) for m in members if not _ends(m, depth)])
        case ListOf(item=item, container=container, rules=rules):
            return _lists(item, container, rules, depth)
        case MapOf(key=key, value=value, rules=rules):
            longest = 0 if _ends(value, depth) else rules.max_len or 2
            entries = st.dictionaries(values(key), values(value, depth) if longest else st.none(), max_size=longest)
            return entries.filter(lambda d: len(d) >= (rules.min_len or 0))
        case Image():
            return st.sampled_from(["L", "RGB"]).map(
                lambda mode: PilImage.new(mode, (2, 1), 7 if mode == "L" else (1, 2, 3))
            )
        case Tensor():
            return st.just(_tensor(type_))
        case Record():
            return _records(type_, depth)
        case Ref():
            return st.deferred(lambda: _records(type_.record, depth - 1))
        case _:
            raise AssertionError(type_)


def _ends(type_: Type, depth: int) -> bool:
    if isinstance(type_, Union):
        return all(_ends(m, depth) for m in type_.members)
    return depth <= 0 and isinstance(type_, Ref)


def _lists(item: Type, container: str, rules: Rules, depth: int) -> st.SearchStrategy[Any]:
    if _ends(item, depth):
        return st.just(CONTAINERS[container]())
    unique = container in ("set", "frozenset")
    shortest, longest = rules.min_len or 0, rules.max_len if rules.max_len is not None else 2
    listed = st.lists(values(item, depth), min_size=shortest, max_size=max(longest, shortest), unique=unique)
    return listed.map(CONTAINERS[container])


def _records(record: Record, depth: int) -> st.SearchStrategy[Any]:
    always = {f.name: values(f.type, depth) for f in record.fields if not f.omitted}
    at_times = {f.name: values(_inside(f), depth) for f in record.fields if f.omitted}
    order = [f.name for f in record.fields]  # which is that of a TypedDict's keys, however they were written
    drawn = st.fixed_dictionaries(always, optional=at_times)
    return drawn.map(lambda found: record.construct({name: found[name] for name in order if name in found}))


def _inside(field: Field) -> Type:
    """Of a key that is there."""
    assert isinstance(field.type, Optional)
    return field.type.item


def _whole(bits: int) -> Callable[[Rules], st.SearchStrategy[Any]]:
    def numbers(rules: Rules) -> st.SearchStrategy[Any]:
        low, high = -(1 << (bits - 1)), (1 << (bits - 1)) - 1
        low = max(low, *(b + extra for b, extra in ((rules.ge, 0), (rules.gt, 1)) if b is not None), low)
        high = min(high, *(b - extra for b, extra in ((rules.le, 0), (rules.lt, 1)) if b is not None), high)
        step = rules.multiple_of or 1
        return st.integers(-(-low // step), high // step).map(lambda n: n * step)

    return numbers


def _floats(width: int) -> Callable[[Rules], st.SearchStrategy[Any]]:
    def numbers(rules: Rules) -> st.SearchStrategy[Any]:
        low = rules.ge if rules.ge is not None else rules.gt
        high = rules.le if rules.le is not None else rules.lt
        free = low is None and high is None
        return st.floats(
            low,
            high,
            width=width,
            exclude_min=rules.gt is not None,
            exclude_max=rules.lt is not None,
            allow_nan=free and not rules.finite,
            allow_infinity=False if rules.finite else None,
        )

    return numbers


def _texts(rules: Rules) -> st.SearchStrategy[Any]:
    if rules.format == "email":
        return st.just("ann@example.com")
    shortest, longest = rules.min_len or 0, rules.max_len if rules.max_len is not None else 3
    texts = st.text(_TEXT, min_size=shortest, max_size=max(longest, shortest))
    if rules.pattern is None:
        return texts
    plain = st.from_regex(rules.pattern.replace("$", r"\Z"), alphabet=st.characters(max_codepoint=127))
    return plain.filter(lambda text: shortest <= len(text) and (rules.max_len is None or len(text) <= rules.max_len))


def _moments(rules: Rules) -> st.SearchStrategy[Any]:
    low = (rules.ge or rules.gt or datetime(1, 1, 2, tzinfo=UTC)) + _STEP  # type: ignore[operator]
    return st.datetimes(low.replace(tzinfo=None), datetime(9999, 12, 30), timezones=st.just(UTC))


def _spans(rules: Rules) -> st.SearchStrategy[Any]:
    low = rules.ge if rules.ge is not None else rules.gt
    return st.timedeltas(timedelta(days=-9) if low is None else low + _STEP, timedelta(days=9))  # type: ignore[operator]


_SCALARS: Mapping[str, Callable[[Rules], st.SearchStrategy[Any]]] = {
    "bool": lambda _: st.booleans(),
    "int": _whole(64),
    "int32": _whole(32),
    "float": _floats(64),
    "float32": _floats(32),
    "str": _texts,
    "bytes": lambda rules: st.binary(min_size=rules.min_len or 0, max_size=rules.max_len or 4),
}
_STANDARD: Mapping[str, Callable[[Rules], st.SearchStrategy[Any]]] = {
    "datetime": _moments,
    "timedelta": _spans,
    "date": lambda _: st.dates(),
    "Decimal": lambda _: st.decimals(allow_nan=False, allow_infinity=False),
    "UUID": lambda _: st.uuids(),
}


def _tensor(type_: Tensor) -> Any:
    shape = tuple(2 if n is None else n for n in type_.shape or (2, 1))
    if type_.library == "torch":
        return torch.ones(shape, dtype=getattr(torch, type_.dtype or "float32"))
    return np.ones(shape, dtype=type_.dtype or "float32")


def alike(arrived: Any, sent: Any) -> bool:
    """Whether Python sees no difference between two values, and may write to what has arrived.

    That is the class, the order of a dict, which member of an enum, the sign of zero, and what is in an array or a
    picture. NaN is as good as any other, and a set has no order.
    """
    if type(arrived) is not type(sent):
        return False
    match sent:
        case float():
            return math.isnan(arrived) if math.isnan(sent) else _bits(arrived) == _bits(sent)
        case Decimal():
            return arrived.as_tuple() == sent.as_tuple()  # 1.50 is not 1.5
        case Enum():
            return arrived is sent
        case np.ndarray():
            return arrived.flags.writeable and _form(arrived) == _form(sent)
        case torch.Tensor():
            return arrived.dtype == sent.dtype and torch.equal(arrived, sent)
        case PilImage.Image():
            return not arrived.readonly and _picture(arrived) == _picture(sent)
        case dict():
            return list(arrived) == list(sent) and all(alike(arrived[k], v) for k, v in sent.items())
        case list() | tuple():
            return len(arrived) == len(sent) and all(map(alike, arrived, sent))
        case _ if dataclasses.is_dataclass(sent) or hasattr(sent, "model_fields_set"):
            return alike(vars(arrived), vars(sent))
        case _:
            return bool(arrived == sent)


def _bits(number: float) -> bytes:
    return struct.pack("<d", number)


def _form(array: Any) -> tuple[Any, ...]:
    return array.dtype, array.shape, array.tobytes()


def _picture(image: Any) -> tuple[Any, ...]:
    return image.mode, image.size, image.tobytes(), image.info
