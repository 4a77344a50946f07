"""What a node publishes because others hold handles to it: every public method that can be in a contract.

In process a handle gives every public method. On a mesh there is what the contract has, so whatever cannot be in it is
named: as an error when the code of a holder calls it, else as a warning. Methods that the user has from a library are
left out without a word, unless they are called.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

from meshgen.errors import Diagnostic, general_hint
from meshgen.frontend.handle_calls import RemoteCall, remote_calls
from meshgen.frontend.signature import Signature, method_of
from meshgen.graph.members import Member, member, own_public_names, public_members
from meshgen.graph.model import Method
from meshgen.naming import RESERVED_RPCS, writable
from meshgen.schema.model import Nothing, Type
from meshgen.schema.relate.defaults import default_fault
from meshgen.schema.traits import all_inside, no_contract
from meshgen.source import Span

_HOOKS = frozenset({"check_health", "reconfigure"})
"""Methods that replicas call, not other nodes."""


@dataclass(frozen=True, slots=True)
class Published:
    """What a handle can reach of a class on a mesh, and what it cannot."""

    methods: tuple[Method, ...]
    problems: tuple[Diagnostic, ...]


@dataclass(frozen=True, slots=True)
class Holder:
    """A class whose objects have handles."""

    cls: type
    targets: tuple[type, ...]
    """The classes of the nodes that they lead to."""


@dataclass(frozen=True, slots=True)
class Fault:
    """One reason why a method cannot be in a contract, and the way out."""

    reason: str
    way: str


class HandleTarget:
    """A class that others hold handles to."""

    def __init__(self, cls: type, holders: Sequence[Holder]) -> None:
        """Args: the class; who has handles to it."""
        self._cls = cls
        self._holders = holders

    def published(self, known: Sequence[str]) -> Published:
        """Every public method, sorted into what can be in a contract and what cannot.

        Args:
            known: methods that are in it already, since a step calls them.
        """
        methods: list[Method] = []
        problems: list[Diagnostic] = []
        for each in public_members(self._cls):
            if each.name in known:
                continue
            place = None if each.is_users else self._called(each.name)
            if not each.is_users and place is None:
                continue
            signature = method_of(each.function, each.name, skip_self=each.skip_self, span=place)
            faults = list(_faults(signature))
            if not faults:
                methods.append(signature.method)
            elif problem := self._problem(each, signature.method.span, faults):
                problems.append(problem)
        return Published(tuple(methods), tuple(problems))

    def _problem(self, each: Member, span: Span, faults: list[Fault]) -> Diagnostic | None:
        called = self._called(each.name)
        name = f"{self._cls.__name__}.{each.name}"
        reason = "; ".join(fault.reason for fault in faults)
        way = " ".join(dict.fromkeys(fault.way for fault in faults))
        if not each.is_users:
            text = f"'{name}' comes from {each.owner.__module__} and cannot be in the contract: {reason}"
            own = ", ".join(f"`.{n}.remote(...)`" for n in own_public_names(self._cls))
            return Diagnostic(code="MG229", message=text, span=span, hint=f"Call a method of its own: {own}.")
        if called is not None:
            text = f"'{name}' is called by a handle ({called}), but cannot be in the contract: {reason}"
            return Diagnostic(code="MG229", message=text, span=span, hint=way)
        if each.name in _HOOKS:
            return None
        if each.name != "__call__":
            way = f"{way} If nobody calls it by a handle, rename it `_{each.name}`."
        text = f"'{name}' is public, but cannot be in the contract: {reason}"
        return Diagnostic(code="MG229", message=text, span=span, hint=way, severity="warning")

    def _called(self, name: str) -> Span | None:
        """Where a holder calls the method; None when nobody is seen to."""
        for call, holder in self._calls:
            means = "__call__" if member(self._cls, call.attribute) is None else call.attribute
            # Which of its handles the holder calls is not known; that which can be called is meant.
            if means == name and not any(_fits(other, name) for other in holder.targets if other is not self._cls):
                return call.span
        return None

    @cached_property
    def _calls(self) -> tuple[tuple[RemoteCall, Holder], ...]:
        return tuple((call, holder) for holder in self._holders for call in remote_calls(holder.cls))


def _fits(cls: type, name: str) -> bool:
    """A class has a method of that name that can be in a contract."""
    found = member(cls, name)
    if found is None or not found.is_users:
        return False
    return not any(_faults(method_of(found.function, name, skip_self=found.skip_self)))


def _faults(signature: Signature) -> Iterator[Fault]:
    """Everything for which a method cannot be in a contract."""
    method = signature.method
    for fault in signature.faults:
        yield Fault(f"it {fault.reason}", general_hint(fault.code))
    if method.rpc in RESERVED_RPCS:
        yield Fault(f"every server has an rpc `{method.rpc}`", "Give it another name.")
    for param in method.params:
        what = f"its parameter `{param.name}`"
        default, way = default_fault(param)
        if not writable(param.name):
            yield Fault(f"{what} cannot be a protobuf name", "Rename the parameter.")
        elif default:
            yield Fault(f"{what}: {default}", way or "Change the default, or the annotation.")
        else:
            yield from _faults_of_type(what, param.type, "Annotate it.")
    if not isinstance(method.result, Nothing) and not any(f.code == "MG219" for f in signature.faults):
        hint = "Annotate the result; `-> None` when it returns nothing."
        yield from _faults_of_type("its result", method.result, hint)


def _faults_of_type(what: str, type_: Type, way: str) -> Iterator[Fault]:
    for bad in filter(None, map(no_contract, all_inside(type_))):
        yield Fault(f"{what} {bad.reason}", bad.hint or way)
