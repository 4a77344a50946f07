"""Fields → values and records: defaults, required fields, and a record's own constructor.

The same rules for every source of fields (protobuf, JSON); the source brings one reader for each field.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cache
from itertools import chain
from typing import Any, Final

from meshgen.schema.check.requests import Check, Checking
from meshgen.schema.convert.field_access import ABSENT
from meshgen.schema.convert.set_elements import SETS, distinct
from meshgen.schema.misfit import MOST_PROBLEMS, Misfit, path_below, subscript
from meshgen.schema.model import CONTAINERS, Container, Field, ListOf, MapOf, Record, Union, Unknown
from meshgen.schema.relate.union_members import spread
from meshgen.schema.wire_names import member_name

Reader = Callable[[Any], Any]
"""Source of a whole record → one field's value, or `ABSENT`; raises Misfit."""

LEFT_TO_THE_CLASS: Final = object()
"""What `when_absent` says of fields that the record's class fills itself."""
_MOST_DETAILS = 10_000
"""The most details of an error of pydantic's that are asked for: it writes all of them out or none."""
_WITH_DEFAULTS = ("dataclass", "pydantic", "namedtuple")


def reader_of_fields(
    fields: Iterable[Field],
    reader: Callable[[Field], Reader],
    record: Record | None = None,
    *,
    rules: bool = False,
) -> Reader:
    """A function from a source to a dict of all fields; raises Misfit with every problem.

    Args:
        fields: what to read.
        reader: gives one field's reader.
        record: whose fields they are; those that its class fills itself are left out.
        rules: when some fields cannot be read, look for broken rules in the others: all problems come at once.
    """
    fields = tuple(fields)
    rows = [(f, f.name, reader(f), spread(f.type) is None, when_absent(f, record)) for f in fields]
    checks = _checks_of(fields, rules)

    def read(source: Any) -> dict[str, Any]:
        values: dict[str, Any] = {}
        problems: list[tuple[str, str]] = []
        for field, name, read_field, alone, absent in rows:
            try:
                value = read_field(source)
            except Misfit as misfit:
                problems += misfit.under(name if alone else "")  # its members have names of their own
                continue
            if value is not ABSENT:
                values[name] = value
            elif absent is None:
                problems.append((name, _is_required(field)))
            elif absent is not LEFT_TO_THE_CLASS:
                values[name] = absent()
        if problems:
            raise Misfit(chain(problems, *(check(values) for check in checks().values())))
        return values

    return read


def _is_required(field: Field) -> str:
    """What is said of a field that is missing."""
    if (union := spread(field.type)) is not None:
        return f"is required: one of {', '.join(member_name(m, field.name) for m in union.members)}"
    match field.type:
        case Unknown(annotation=annotation, reason=reason, hint=hint) if reason:
            return f"is required, of the type {annotation}, which {reason}: {hint.rstrip('.')}"
        case _:
            return "is required"


def reader_of_record(record: Record, reader: Callable[[Field], Reader], *, rules: bool = False) -> Reader:
    """A function from a source to a value of the record; raises Misfit with every problem."""
    read, checks = reader_of_fields(record.fields, reader, record, rules=rules), _checks_of(record.fields, rules)
    # pydantic collects every broken rule there is, so those of many elements are looked for before it is asked.
    holders = [f for f in record.fields if isinstance(f.type, ListOf | MapOf)] if record.kind == "pydantic" else []
    checks_first = _checks_of(holders, rules)

    def read_record(source: Any) -> Any:
        values = read(source)
        if holders and any(len(check(values)) > MOST_PROBLEMS for check in checks_first().values()):
            raise Misfit(chain(*(check(values) for check in checks().values())))
        try:
            return construct(record, values)
        except Misfit as misfit:
            broken = {name: found for name, check in checks().items() if (found := check(values))}
            own = [(path, words) for path, words in misfit.problems if re.split(r"[.[]", path)[0] not in broken]
            raise Misfit(chain(*broken.values(), own)) from misfit.__cause__

    return read_record


def _checks_of(fields: Sequence[Field], rules: bool) -> Callable[[], Mapping[str, Check]]:
    """The checks of fields in {name: value}, compiled when something is wrong for the first time."""

    @cache
    def checks() -> Mapping[str, Check]:
        checking = Checking()
        compiled = {f.name: checking.argument(f) for f in fields if rules}
        return {name: check for name, check in compiled.items() if check is not None}

    return checks


def construct(record: Record, values: dict[str, Any]) -> Any:
    """A value of the record; what its class refuses becomes a Misfit."""
    try:
        return record.construct(values)
    except (ValueError, TypeError) as error:
        details = getattr(error, "errors", None) if record.kind == "pydantic" else None
        if details is None:
            raise Misfit.here(str(error) or type(error).__name__) from error
        if (count := getattr(error, "error_count", int)()) > _MOST_DETAILS:
            raise Misfit.here(f"holds {count} values that {record} refuses") from None
        raise Misfit((_path(item["loc"]), item["msg"]) for item in details()) from error


def _path(location: tuple[int | str, ...]) -> str:
    path = ""
    for part in location:
        step = f"[{part}]" if isinstance(part, int) else part
        path = path_below(path, step) if path else step
    return path


def when_absent(field: Field, record: Record | None) -> Any:
    """None for a required field, `LEFT_TO_THE_CLASS`, or what makes the value."""
    if isinstance(field.type, ListOf | MapOf):
        # A list that was not sent and an empty one are the same bytes, so a default cannot be meant.
        return field.type.python
    if field.required:
        return None
    if field.omitted:
        return LEFT_TO_THE_CLASS
    if field.has_default and record is not None and record.kind in _WITH_DEFAULTS:
        return LEFT_TO_THE_CLASS
    return field.make_default


def list_reader(item: Reader | None, container: Container) -> Callable[[Iterable[Any]], Any]:
    """Reads each element once (None leaves them as they are); on a misfit reads on, to find the others."""
    make: Callable[..., Any] = CONTAINERS[container]
    if container in SETS:
        make = distinct(make)
    if item is None:
        return make

    def read(values: Iterable[Any]) -> Any:
        made: list[Any] = []
        problems: list[tuple[str, str]] = []
        for index, value in enumerate(values):
            try:
                made.append(item(value))
            except Misfit as misfit:
                problems += misfit.under(f"[{index}]")
                if len(problems) > MOST_PROBLEMS:
                    break
        if problems:
            raise Misfit(problems)
        return make(made)

    return read


def entries_reader(element: Reader) -> Callable[[Mapping[Any, Any]], dict[Any, Any]]:
    """Reads the value of each entry once; on a misfit reads on, to find the others."""

    def read(entries: Mapping[Any, Any]) -> dict[Any, Any]:
        made: dict[Any, Any] = {}
        problems: list[tuple[str, str]] = []
        for key, value in entries.items():
            try:
                made[key] = element(value)
            except Misfit as misfit:
                problems += misfit.under(subscript(key))
                if len(problems) > MOST_PROBLEMS:
                    break
        if problems:
            raise Misfit(problems)
        return made

    return read


def held(field: str, read: Reader) -> Reader:
    """A reader of a message's only field, with the field in the path of problems."""

    def read_held(source: Any) -> Any:
        try:
            return read(source)
        except Misfit as misfit:
            raise Misfit(misfit.under(field)) from misfit.__cause__

    return read_held


def one_member(union: Union, read: Reader) -> Reader:
    """A reader of a union's own message, in which one member must be set."""
    expected = f"must have one of {', '.join(sorted(member_name(m) for m in union.members))}"

    def read_member(source: Any) -> Any:
        value = read(source)
        if value is ABSENT:
            raise Misfit.here(expected)
        return value

    return read_member
