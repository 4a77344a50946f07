"""Enforces the rules of requests (`Annotated[int, Ge(0)]`, a tensor's dtype), as the contract states them.

Compiled once for each rpc.

It checks Python values, so that a graph in process refuses what a mesh refuses. Values of another type than declared
are left alone: the codec has its own words for them. Types without rules cost nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import lru_cache, partial
from operator import attrgetter, itemgetter
from typing import Any, TypeAlias, assert_never

from meshgen.naming import LIST_FIELD, OPTIONAL_FIELD
from meshgen.schema.check.rule_tests import tests_of
from meshgen.schema.classes import keeps_values
from meshgen.schema.misfit import MOST_PROBLEMS, TOO_DEEP, EncodeError, Misfit, path_below, subscript
from meshgen.schema.model import (
    AnyValue,
    Choice,
    EnumOf,
    Field,
    Image,
    ListOf,
    MapOf,
    Nothing,
    Optional,
    Record,
    Ref,
    Scalar,
    Tensor,
    Type,
    Union,
    Unknown,
    WellKnown,
)
from meshgen.schema.relate.defaults import default_of
from meshgen.schema.relate.union_members import member_chooser, spread
from meshgen.schema.traits import all_inside
from meshgen.schema.values.tensor import not_as_annotated
from meshgen.schema.wire_names import member_name
from meshgen.status import InvalidArgument

Problems: TypeAlias = Sequence[tuple[str, str]]
"""(path, what is wrong) rows; paths start at the value. Nobody looks on when there are more than `MOST_PROBLEMS`."""

Check: TypeAlias = Callable[[Any], Problems]

_LAYOUTS = 256
"""Pairs of dtype and shape whose problems are remembered."""
_LEFT_OUT = (AttributeError, KeyError, IndexError, TypeError)
"""What is raised over a field that is not there, or when its holder is of another type than declared."""
_FINE: Problems = ()


def request_check(
    params: Sequence[Field], record: Record | None = None, *, read: bool = False
) -> Callable[[Any], None] | None:
    """What enforces the rules of a request.

    Args:
        params: of the rpc.
        record: the request, when it is one record.
        read: the request has been read from a message, and with it the dtype and shape of each tensor checked.

    Returns:
        A function of {parameter: value} (parameters that are left out break no rule), or of the record's value. It
        raises InvalidArgument with a violation for each rule that is broken. None when there is no rule.
    """
    types = [record] if record is not None else [p.type for p in params]
    checking = Checking(tensors=not (read and all(_keeps_tensors(inner) for t in types for inner in all_inside(t))))
    check = checking.record(record) if record is not None else checking.fields(params, _argument)
    if check is None:
        return None

    def enforce(value: Any) -> None:
        try:
            problems = check(value)
        except RecursionError:
            raise InvalidArgument(f"the request {TOO_DEEP}") from None
        if problems:
            raise Misfit(problems).as_status()

    return enforce


class Checking:
    """Compiles checks of rules."""

    def __init__(self, *, tensors: bool = True) -> None:
        """Args: whether tensors are looked at."""
        self._tensors = tensors
        self._records: dict[Record, list[Check]] = {}

    def argument(self, field: Field) -> Check | None:
        """The check of one field in {name: value}; None when nothing is asked of it."""
        return self.fields((field,), _argument)

    def record(self, record: Record) -> Check | None:
        """The check of a value of the record; None when nothing is asked of it."""
        if not any(map(self._own_check, all_inside(record))):
            return None
        compiled = self._records.get(record)
        if compiled is None:
            compiled = self._records[record] = []
            compiled.append(self.fields(record.fields, partial(_got, record)) or _fine)
        return compiled[0] if compiled else lambda value: compiled[0](value)  # noqa: PLW0108 - it is empty yet

    def fields(self, fields: Iterable[Field], getter: Callable[[Field], Callable[[Any], Any]]) -> Check | None:
        """The check of fields, which `getter` takes from their holder; None when nothing is asked of them."""
        rows = [(f, f.name if spread(f.type) is None else "", self._field(f)) for f in fields]
        checked = [(field, getter(field), path, check) for field, path, check in rows if check is not None]
        if not checked:
            return None
        if len(checked) == 1:
            return _only(*checked[0])

        def check_fields(holder: Any) -> Problems:
            problems: list[tuple[str, str]] = []
            for field, get, path, check in checked:
                try:
                    value = get(holder)
                except _LEFT_OUT:
                    continue
                if (found := check(value)) and not _is_default(field, value):
                    problems += _under(path, found)
            return problems

        return check_fields

    def _field(self, field: Field) -> Check | None:
        union = spread(field.type)
        if union is None:
            return self._member(field.type)
        check = self._oneof(union, field.name)
        return None if check is None else _unless_none(check)

    def _oneof(self, union: Union, field: str = "") -> Check | None:
        rows = [(member_name(m, field), self._element(m)) for m in union.members]
        if all(check is None for _, check in rows):
            return None
        choose = member_chooser(union)

        def check_member(value: Any) -> Problems:
            try:
                name, check = rows[choose(value)]
            except EncodeError:
                return _FINE
            return _FINE if check is None else _under(name, check(value))

        return check_member

    def _member(self, type_: Type) -> Check | None:
        match type_:
            case Optional(item=item):
                check = self._element(item)
                return None if check is None else _unless_none(check)
            case ListOf():
                return _all_of(_value_check(type_), self._items(type_))
            case MapOf():
                return _all_of(_value_check(type_), self._entries(type_))
            case _:
                return self._element(type_)

    def _element(self, type_: Type) -> Check | None:
        match type_:
            case Scalar() | WellKnown() | Tensor():
                return self._own_check(type_)
            case Record() | Ref():
                return self.record(type_.record)
            case Union():
                return self._oneof(type_)
            case ListOf() | MapOf():
                return _held(LIST_FIELD, self._member(type_))
            case Optional():
                return _held(OPTIONAL_FIELD, self._member(type_))
            case AnyValue() | Nothing() | Unknown() | Choice() | EnumOf() | Image():
                return None
            case _:
                assert_never(type_)

    def _own_check(self, type_: Type) -> Check | None:
        """What is asked of a value itself, not of what is inside of it."""
        if isinstance(type_, Tensor):
            return _tensor_check(type_) if self._tensors else None
        return _value_check(type_) if isinstance(type_, Scalar | WellKnown | ListOf | MapOf) else None

    def _items(self, type_: ListOf) -> Check | None:
        check = self._element(type_.item)
        if check is None:
            return None

        def check_items(values: Any) -> Problems:
            if isinstance(values, str | bytes) or not isinstance(values, Iterable):
                return _FINE
            problems: list[tuple[str, str]] = []
            for index, value in enumerate(values):
                if found := check(value):
                    problems += _under(f"[{index}]", found)
                    if len(problems) > MOST_PROBLEMS:
                        break
            return problems

        return check_items

    def _entries(self, type_: MapOf) -> Check | None:
        checks = (_value_check(type_.key), self._element(type_.value))
        if checks == (None, None):
            return None
        key_check, value_check = (check or _fine for check in checks)

        def check_entries(values: Any) -> Problems:
            if not isinstance(values, Mapping):
                return _FINE
            problems: list[tuple[str, str]] = []
            for key, value in values.items():
                if found := [*key_check(key), *value_check(value)]:
                    problems += _under(subscript(key), found)
                    if len(problems) > MOST_PROBLEMS:
                        break
            return problems

        return check_entries


def _keeps_tensors(type_: Type) -> bool:
    """Whether tensors in a record are those that it was made of."""
    match type_:
        case Record(kind="tuple" | "typeddict"):
            return True
        case Record(kind="dataclass", python=python, fields=fields):
            return keeps_values(python) and not any(_has_default_tensor(f) for f in fields)
        case Record() | Ref():
            return False
        case _:
            return True


def _has_default_tensor(field: Field) -> bool:
    """Whether a tensor may be there that was not read."""
    return (
        field.has_default and field.default is not None and any(isinstance(t, Tensor) for t in all_inside(field.type))
    )


def _value_check(type_: Scalar | WellKnown | ListOf | MapOf) -> Check | None:
    tests = tests_of(type_) if type_.rules else []
    if not tests:
        return None

    def check_value(value: Any) -> Problems:
        try:
            return [("", words) for test, words in tests if not test(value)]
        except (TypeError, ValueError, OverflowError, AttributeError):  # of another type than declared
            return _FINE

    return check_value


def _tensor_check(type_: Tensor) -> Check | None:
    if type_.dtype is None and type_.shape is None:
        return None

    found = lru_cache(_LAYOUTS)(partial(not_as_annotated, type_))

    def check_tensor(value: Any) -> Problems:
        try:
            return found(value.dtype, value.shape)
        except (AttributeError, TypeError):  # of another type than declared
            return _FINE

    return check_tensor


def _only(field: Field, get: Callable[[Any], Any], path: str, check: Check) -> Check:
    def check_field(holder: Any) -> Problems:
        try:
            value = get(holder)
        except _LEFT_OUT:
            return _FINE
        if (found := check(value)) and not _is_default(field, value):
            return _under(path, found)
        return _FINE

    return check_field


def _argument(field: Field) -> Callable[[Mapping[str, Any]], Any]:
    return itemgetter(field.name)


def _got(record: Record, field: Field) -> Callable[[Any], Any]:
    if record.kind in ("typeddict", "tuple"):
        return lambda value: record.get(value, field.name)
    return attrgetter(field.name)


def _is_default(field: Field, value: Any) -> bool:
    """A value that was left out breaks no rule. Lists and maps cannot be: they are empty."""
    if not field.has_default or isinstance(field.type, ListOf | MapOf):
        return False
    default = default_of(field)
    if value is default or isinstance(field.type, Tensor):  # arrays have no truth of their own
        return value is default
    return type(value) is type(default) and bool(value == default)


def _all_of(*checks: Check | None) -> Check | None:
    given = [check for check in checks if check is not None]
    if len(given) < 2:
        return given[0] if given else None
    return lambda value: [found for check in given for found in check(value)]


def _held(field: str, check: Check | None) -> Check | None:
    return None if check is None else lambda value: _under(field, check(value))


def _unless_none(check: Check) -> Check:
    return lambda value: _FINE if value is None else check(value)


def _under(prefix: str, problems: Problems) -> Problems:
    return [(path_below(prefix, path), words) for path, words in problems] if problems else _FINE


def _fine(_: Any) -> Problems:
    return _FINE
