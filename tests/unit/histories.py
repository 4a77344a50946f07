"""Random histories of a graph: its services in schema terms, edited step by step as people edit their graphs."""

from __future__ import annotations

import enum
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

from hypothesis import strategies as st
from schema_samples import BYTES, FLOAT, INT, STR

from meshgen.contract.model import RpcSpec, ServiceSpec
from meshgen.schema.model import (
    AnyValue,
    Choice,
    EnumOf,
    Field,
    ListOf,
    MapOf,
    Nothing,
    Optional,
    Record,
    Ref,
    Scalar,
    Type,
    Union,
    WellKnown,
)
from meshgen.schema.rules import Rules

NAMES = ("a", "b", "c", "user_id", "x")
RECORDS = ("Label", "Box", "BoxInt")
ENUM = "Color"
MEMBERS = ("RED", "GREEN", "BLUE", "GREY")
NODES = ("one", "two")
_PYTHON: dict[str, Any] = {name: type(name, (), {}) for name in RECORDS}


@dataclass(frozen=True, slots=True)
class Row:
    """A field as somebody wrote it. `type` is a name, or a container with what is in it."""

    name: str
    type: Any
    default: bool
    old: str = ""


@dataclass(frozen=True, slots=True)
class Version:
    """One state of a graph."""

    records: dict[str, tuple[Row, ...]]
    members: tuple[str, ...]
    requests: dict[str, tuple[Row, ...] | str]
    """Of each service (`driver` among them): parameters, or the name of a record."""
    results: dict[str, Any]
    """Of each service."""
    renamed: frozenset[tuple[str, str]] = field(default=frozenset())
    """Names (old, new) that this step has renamed somewhere."""

    def services(self) -> tuple[ServiceSpec, ...]:
        """As the compiler gives them to the contract."""
        resolved = _Resolver(self)
        return tuple(
            ServiceSpec(node=None if name == "driver" else name, rpcs=(resolved.rpc(name),)) for name in self.requests
        )


class _Resolver:
    def __init__(self, version: Version) -> None:
        self._version = version
        self._enum: Any = enum.Enum(ENUM, list(version.members))  # type: ignore[misc]
        self._records: dict[str, Record] = {}

    def rpc(self, service: str) -> RpcSpec:
        wanted = self._version.requests[service]
        record = self._record(wanted) if isinstance(wanted, str) else None
        params = () if isinstance(wanted, str) else tuple(map(self._field, wanted))
        http = "/g" if service == "driver" else None
        result = self._type(self._version.results[service])
        return RpcSpec(name="Run", params=params, request_record=record, result=result, http=http)

    def _record(self, name: str) -> Record:
        if name not in self._records:
            fields = tuple(map(self._field, self._version.records[name]))
            self._records[name] = Record(name=name, kind="dataclass", python=_PYTHON[name], fields=fields)
        return self._records[name]

    def _field(self, row: Row) -> Field:
        type_ = self._type(row.type)
        if not row.default or isinstance(type_, ListOf | MapOf):
            return Field(name=row.name, type=type_, renamed_from=row.old)
        optional = type_ if isinstance(type_, Optional) else Optional(type_)
        return Field(name=row.name, type=optional, default=None, renamed_from=row.old)

    def _type(self, type_: Any) -> Type:
        match type_:
            case str() if type_ in RECORDS:
                return self._record(type_)
            case ("inside", name):
                return Ref(name, _PYTHON[name], resolve=lambda: self._record(name))
            case str():
                return EnumOf(self._enum) if type_ == ENUM else _PLAIN[type_]
            case ("list", item):
                return ListOf(self._type(item))
            case ("map", item):
                return MapOf(STR, self._type(item))
            case ("optional", item):
                return Optional(self._type(item))
            case ("union", *members):
                return Union(tuple(map(self._type, members)))
            case _:
                raise AssertionError(type_)


_PLAIN: dict[str, Type] = {
    "int": INT,
    "float": FLOAT,
    "str": STR,
    "bytes": BYTES,
    "int32": Scalar("int32"),
    "ge 0": Scalar("int", Rules(ge=0)),
    "1 to 9": Scalar("int", Rules(ge=1, lt=10)),
    "text": Scalar("str", Rules(min_len=1)),
    "datetime": WellKnown("datetime"),
    "UUID": WellKnown("UUID"),
    "Any": AnyValue(),
    "p or q": Choice(("p", "q")),
    "q or r": Choice(("q", "r")),
    "None": Nothing(),
}
_FIELD_TYPES = sorted(_PLAIN.keys() - {"None"})


@st.composite
def types(draw: st.DrawFn, records: tuple[str, ...], depth: int = 2) -> Any:
    """A type over these records."""
    kinds = ["plain", "plain", "enum", *(["record"] if records else [])]
    kinds += ["list", "map", "optional", "union"] if depth else []
    match draw(st.sampled_from(kinds)):
        case "plain":
            return draw(st.sampled_from(_FIELD_TYPES))
        case "enum":
            return ENUM
        case "record":
            return draw(st.sampled_from(records))
        case "union":
            members = ["int", "str", "float", ENUM, ("list", "int"), *records]
            return ("union", *draw(st.lists(st.sampled_from(members), min_size=2, max_size=3, unique_by=str)))
        case "optional":
            item = draw(types(records, depth - 1))
            return item if isinstance(item, tuple) and item[0] == "optional" else ("optional", item)
        case kind:
            return (kind, draw(types(records, depth - 1)))


class _Editor:
    """Draws versions and edits of them. A record refers to earlier ones, and to itself."""

    def __init__(self, draw: st.DrawFn) -> None:
        self._draw = draw

    def first(self) -> Version:
        records: dict[str, tuple[Row, ...]] = {}
        for name in RECORDS:
            records[name] = self._rows(tuple(records))
        members = self._pick(st.lists(st.sampled_from(MEMBERS), min_size=1, unique=True))
        services = ("driver", *NODES)
        return Version(
            records=records,
            members=tuple(members),
            requests={s: self._request() for s in services},
            results={s: self._result() for s in services},
        )

    def next(self, version: Version) -> Version:
        version = replace(version, renamed=frozenset())
        for _ in range(self._pick(st.integers(1, 3))):
            edit = self._pick(st.sampled_from([self._edit_rows, self._edit_rows, self._edit_rows, *self._others()]))
            version = edit(version)
        return version

    def _others(self) -> tuple[Callable[[Version], Version], ...]:
        return self._edit_enum, self._swap_request, self._swap_result, self._edit_nodes

    def _pick(self, strategy: st.SearchStrategy[Any]) -> Any:
        return self._draw(strategy)

    def _row(self, name: str, records: tuple[str, ...]) -> Row:
        inside = [("list", ("inside", r)) for r in RECORDS if r not in records][:1]  # the record that has this row
        type_ = self._pick(types(records) | st.sampled_from(inside) if inside else types(records))
        return Row(name, type_, self._pick(st.booleans()))

    def _rows(self, records: tuple[str, ...]) -> tuple[Row, ...]:
        names = self._pick(st.lists(st.sampled_from(NAMES), max_size=3, unique=True))
        return tuple(self._row(name, records) for name in names)

    def _request(self) -> tuple[Row, ...] | str:
        return self._pick(st.sampled_from(RECORDS)) if self._pick(st.booleans()) else self._rows(RECORDS)

    def _result(self) -> Any:
        return self._pick(st.sampled_from([*RECORDS, "None"]) | types(RECORDS))

    def _edit_rows(self, version: Version) -> Version:
        """Change the fields of a record, or the parameters of a service."""
        parameters = [s for s, wanted in version.requests.items() if not isinstance(wanted, str)]
        place = self._pick(st.sampled_from([*RECORDS, *parameters]))
        if place in RECORDS:
            earlier = RECORDS[: RECORDS.index(place)]
            rows, renamed = self._edited(version.records[place], earlier)
            return replace(version, records={**version.records, place: rows}, renamed=version.renamed | renamed)
        wanted = version.requests[place]
        assert not isinstance(wanted, str)
        rows, renamed = self._edited(wanted, RECORDS)
        return replace(version, requests={**version.requests, place: rows}, renamed=version.renamed | renamed)

    def _edited(
        self, rows: tuple[Row, ...], records: tuple[str, ...]
    ) -> tuple[tuple[Row, ...], frozenset[tuple[str, str]]]:
        none: frozenset[tuple[str, str]] = frozenset()
        free = [name for name in NAMES if name not in {row.name for row in rows}]
        kinds = [*(["add"] if free else []), *(["remove", "retype", "default", "reorder", "rename"] if rows else [])]
        kind = self._pick(st.sampled_from(kinds))
        if kind == "add":
            return (*rows, self._row(self._pick(st.sampled_from(free)), records)), none
        index = self._pick(st.integers(0, len(rows) - 1))
        row = rows[index]
        rest = (*rows[:index], *rows[index + 1 :])
        if kind == "remove":
            return rest, none
        if kind == "reorder":
            return (*rest, row), none
        if kind == "default":
            return (*rows[:index], replace(row, default=not row.default), *rows[index + 1 :]), none
        if kind == "rename" and free:
            new = self._pick(st.sampled_from(free))
            return (*rest, replace(row, name=new, old=row.name)), frozenset({(row.name, new)})
        return (*rows[:index], self._row(row.name, records), *rows[index + 1 :]), none

    def _edit_enum(self, version: Version) -> Version:
        members = self._pick(st.lists(st.sampled_from(MEMBERS), min_size=1, unique=True))
        return replace(version, members=tuple(members))

    def _swap_request(self, version: Version) -> Version:
        service = self._pick(st.sampled_from(sorted(version.requests)))
        return replace(version, requests={**version.requests, service: self._request()})

    def _swap_result(self, version: Version) -> Version:
        service = self._pick(st.sampled_from(sorted(version.results)))
        return replace(version, results={**version.results, service: self._result()})

    def _edit_nodes(self, version: Version) -> Version:
        """Remove a node, or bring one back."""
        node = self._pick(st.sampled_from(NODES))
        if node in version.requests:
            requests = {s: r for s, r in version.requests.items() if s != node}
            return replace(version, requests=requests, results={s: version.results[s] for s in requests})
        requests = {**version.requests, node: self._request()}
        return replace(version, requests=requests, results={**version.results, node: self._result()})


@st.composite
def histories(draw: st.DrawFn) -> tuple[Version, ...]:
    """Three to eight versions of a graph."""
    editor = _Editor(draw)
    versions = [editor.first()]
    for _ in range(draw(st.integers(2, 7))):
        versions.append(editor.next(versions[-1]))
    return tuple(versions)
