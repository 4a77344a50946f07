"""Which messages and enums a graph needs, and every reason why its types have no contract."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Literal, TypeAlias

from meshgen import definition_sites
from meshgen.call_sites import Site
from meshgen.contract.constraints import stated_rules, unstated_rules
from meshgen.contract.field_comments import field_comment
from meshgen.contract.model import RpcSpec, ServiceSpec
from meshgen.contract.named_types import Named, message_name, named_types
from meshgen.contract.validation import Rule
from meshgen.contract.wire import WireField, Wrapper, field_shape, leaf_signature, signature, wire_field, wire_fields
from meshgen.errors import Diagnostic, errors_only
from meshgen.naming import collisions, enum_value, enum_zero, json_name, snake, upper_snake, writable
from meshgen.schema.classes import opened
from meshgen.schema.model import (
    AnyValue,
    EnumOf,
    Field,
    Nothing,
    Record,
    Type,
    Unknown,
)
from meshgen.schema.relate.defaults import default_fault, empty_is_lost, none_is_lost
from meshgen.schema.relate.union_members import spread
from meshgen.schema.traits import NoContract, down_to_records, no_contract
from meshgen.source import Span, of_callable

Place: TypeAlias = Callable[[], Span]
"""Tells where something was written, when it is asked: only problems do."""


@dataclass(slots=True)
class Inventory:
    """The named types of a graph by message name, and the problems found on the way."""

    records: dict[str, Record] = field(default_factory=dict)
    enums: dict[str, EnumOf] = field(default_factory=dict)
    problems: list[Diagnostic] = field(default_factory=list)
    _seen: dict[str, Named] = field(default_factory=dict)

    @classmethod
    def of(cls, services: Sequence[ServiceSpec]) -> Inventory:
        """Take stock of all rpcs. Types that have problems are reported once for each place of use."""
        inventory = cls()
        for service in sorted(services, key=lambda s: s.node is None):
            for rpc in service.rpcs:
                inventory._rpc(service, rpc)
        inventory._clashing_values()
        if not errors_only(inventory.problems):
            for service in services:
                inventory._clashing_rules(service)
        return inventory

    def _rpc(self, service: ServiceSpec, rpc: RpcSpec) -> None:
        owner = service.owner(rpc)
        self._request(rpc, owner if rpc.input_span is None else "input")
        # What a route yields is what some node returns, and a node's missing annotation has been reported there.
        reported = service.node is None and isinstance(rpc.result, Unknown) and self.problems
        if not isinstance(rpc.result, Nothing) and not reported:
            at = partial(definition_sites.result, rpc.span) if service.node is not None else lambda: rpc.span
            self._use(rpc.result, f"the result of '{owner}'", at)

    def _request(self, rpc: RpcSpec, owner: str) -> None:
        declared = rpc.input_span or rpc.span
        if rpc.input_hint:
            self._problem("MG310", "the input has no type annotation", lambda: declared, hint=rpc.input_hint)
        elif rpc.request_record is not None:
            self._use(rpc.request_record, "the input", lambda: declared)
        else:
            places = [partial(_of_parameter, declared, p.name, i) for i, p in enumerate(rpc.params)]
            self._fields(rpc.params, owner, places, lambda: declared)

    def _fields(self, fields: Sequence[Field], owner: str, places: Sequence[Place], home: Place) -> None:
        for item, at in zip(fields, places, strict=True):
            if not _has_name(item):
                self._problem("MG405", f"'{owner}.{item.name}' cannot be a protobuf name", at)
        self._clashing_names([f for f in fields if _has_name(f)], owner, home)
        for item, at in zip(fields, places, strict=True):
            self._use(item.type, f"'{owner}.{item.name}'", at)
            fault, hint = default_fault(item)
            if fault:
                self._problem("MG311", f"'{owner}.{item.name}': {fault}", at, hint=hint)
            if none_is_lost(item):
                message = f"'{owner}.{item.name}': None cannot be sent, because leaving it out means the default"
                self._problem("MG408", message, at, severity="warning")
            if empty_is_lost(item):
                message = f"'{owner}.{item.name}': a client that leaves it out sends an empty one, not the default"
                self._problem("MG408", message, at, severity="warning")

    def _clashing_names(self, fields: Sequence[Field], owner: str, at: Place) -> None:
        """Fields, and members of unions, by the name that protobuf would give them in JSON: so it compares them."""
        for first, second in collisions(f.name for f in fields):
            same = json_name(snake(first))
            self._problem("MG404", f"'{owner}': '{first}' and '{second}' are both '{same}' to protobuf", at)
        plain = dict.fromkeys(snake(f.name) for f in fields)
        members: dict[str, str] = {}
        for item in fields:
            for wire in wire_field(item) if spread(item.type) else ():
                own = f"the member {wire.type} of '{item.name}'"
                key = json_name(wire.name)
                other = members.get(key) or next((f"'{name}'" for name in plain if json_name(name) == key), "")
                if other:
                    self._problem("MG404", f"'{owner}': {own} and {other} are both '{key}' to protobuf", at)
                members.setdefault(key, own)

    def _use(self, type_: Type, place: str, at: Place) -> None:
        """Take stock of a field of this type."""
        if bad := _without_contract(type_):
            home, message, span = bad.home, f"{place} {bad.reason}", at()
            if home is not None and (at_home := definition_sites.field(home.cls, home.member, span)) != span:
                message, span = f"the class '{home.cls.__name__}' {home.reason}", at_home
            self.problems.append(Diagnostic(code="MG310", message=message, span=span, hint=bad.hint))
            return
        if any(isinstance(inner, AnyValue) for inner in down_to_records(type_)):
            message = f"{place} holds any value: whole numbers travel as doubles, which are exact up to 2^53"
            self._problem("MG409", message, at, severity="warning")
        for text in dict.fromkeys(unstated_rules(type_)):
            self._problem("MG420", f"{place}: the contract cannot state {text}", at, severity="warning")
        for wire in wire_field(Field(name="value", type=type_)):
            self._wire(wire, place, at)

    def _wire(self, wire: WireField, place: str, at: Place) -> None:
        item = field_shape(wire).leaf
        if isinstance(item, Record | EnumOf | Wrapper):
            self._name(item, place, at)
        for inner in item.fields if isinstance(item, Wrapper) else ():
            self._wire(inner, place, at)

    def _name(self, item: Named, place: str, at: Place) -> None:
        name = message_name(item)
        known = self._seen.get(name)
        if known is not None:
            if not _same(known, item):
                message = f"{place}: two different types are called '{name}' ({_origin(known)}, {_origin(item)})"
                self._problem("MG406", message, at)
            return
        self._seen[name] = item
        match item:
            case Record():
                self.records[name] = item
                if item.kind != "tuple" and not writable(item.name):
                    self._problem("MG405", f"{place}: '{item.name}' cannot be a protobuf name", at)
                cls = opened(item.python).cls
                self._fields(item.fields, item.name, [partial(_of_field, cls, f.name, at) for f in item.fields], at)
            case EnumOf():
                self.enums[name] = item
                self._enum(item, at)
            case Wrapper(inner=inner, field=oneof):
                if any(wire.oneof and wire.name == oneof for wire in item.fields):
                    message = f"{place}: a member of {inner} is called '{oneof}' on the wire, and so is their oneof"
                    self._problem("MG404", message, at)

    def _clashing_rules(self, service: ServiceSpec) -> None:
        """Each service has messages of its own, and in one message a field has one set of rules."""
        known: dict[str, list[dict[str, Rule] | str]] = {}
        for rpc in service.rpcs:
            for place, type_ in _places(service, rpc):
                for item in named_types([type_]):
                    name, rules = message_name(item), _rules(item)
                    if known.setdefault(name, rules) != rules:
                        message = f"{place}: '{name}' is used with other constraints elsewhere, and has one message"
                        self.problems.append(Diagnostic(code="MG421", message=message, span=rpc.span))

    def _enum(self, enum: EnumOf, at: Place) -> None:
        if not writable(enum.name):
            self._problem("MG405", f"'{enum.name}' cannot be a protobuf name", at)
        seen: dict[str, str] = {}
        for member in enum.python:
            if not member.name.isascii() or not snake(member.name):
                self._problem("MG405", f"'{enum.name}.{member.name}' cannot be a protobuf name", at)
            elif enum_value(enum.name, member.name) == enum_zero(enum.name):
                message = f"'{enum.name}.{member.name}' has the name that stands for a value nobody gave"
                hint = "Call the member `UNKNOWN` or `NONE`."
                self._problem("MG405", message, at, hint=hint)
            # protoc compares values by their words in PascalCase.
            key = json_name("_" + upper_snake(member.name).lower())
            if key in seen:
                wire = enum_value(enum.name, member.name)
                self._problem("MG404", f"'{enum.name}': '{seen[key]}' and '{member.name}' are both '{wire}'", at)
            seen.setdefault(key, member.name)

    def _clashing_values(self) -> None:
        """The values of all enums are in one scope."""
        owners: dict[str, str] = {}
        for name, enum in sorted(self.enums.items()):
            for value in sorted({enum_zero(name), *(enum_value(name, m.name) for m in enum.python)}):
                if owners.setdefault(value, name) != name:
                    message = f"the enums '{owners[value]}' and '{name}' both have a value '{value}'"
                    self._problem("MG404", message, partial(of_callable, enum.python))

    def _problem(
        self, code: str, message: str, at: Place, severity: Literal["error", "warning"] = "error", hint: str = ""
    ) -> None:
        self.problems.append(Diagnostic(code=code, message=message, span=at(), severity=severity, hint=hint))


def _has_name(field: Field) -> bool:
    return writable(field.name) and not field.name.startswith("[")  # as JSON writes extensions


def _of_parameter(declared: Span, name: str, index: int) -> Span:
    return definition_sites.parameter(Site(declared, (name, index)).span, name)


def _of_field(cls: type, name: str, otherwise: Place) -> Span:
    return definition_sites.field(cls, name, otherwise())


def _without_contract(type_: Type) -> NoContract | None:
    """Why this type cannot travel, and the way out; records are looked into where they are named."""
    return next(filter(None, map(no_contract, down_to_records(type_))), None)


def _places(service: ServiceSpec, rpc: RpcSpec) -> Iterator[tuple[str, Type]]:
    """Each use of a type in an rpc, with what to call it."""
    owner = service.owner(rpc)
    for item in rpc.request_fields:
        yield f"'{owner}.{item.name}'", item.type
    for item in rpc.response_fields:
        yield f"the result of '{owner}'", item.type


def _same(one: Named, other: Named) -> bool:
    """Whether one message or enum serves both: a list and a tuple have one holder, a record and itself inside it."""
    match one, other:
        case Wrapper(), Wrapper():
            return leaf_signature(one) == leaf_signature(other)
        case Record(kind="tuple"), Record(kind="tuple"):
            return _signatures(f.type for f in one.fields) == _signatures(f.type for f in other.fields)
        case Record(), Record():
            return one.python == other.python and _signatures(one.args) == _signatures(other.args)
        case _:
            return one == other


def _signatures(types: Iterable[Type]) -> list[str]:
    return [str(type_) if _without_contract(type_) else signature(type_) for type_ in types]


def _rules(item: Named) -> list[dict[str, Rule] | str]:
    """What the message of a type states, in rules and in words."""
    if isinstance(item, Wrapper):
        return [stated_rules(wire, shared=True) for wire in item.fields]
    if isinstance(item, Record):
        return [*map(stated_rules, wire_fields(item.fields)), *map(field_comment, item.fields)]
    return []


def _origin(item: Named) -> str:
    match item:
        case Wrapper(inner=inner):
            return f"the holder of {inner}"
        case Record(kind="tuple"):
            return str(item)
        case Record(python=python) | EnumOf(python=python):
            return f"{python.__module__}.{python.__qualname__}"
