"""Names within the file of one service: its own messages come first, and types that are called like them give way."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from meshgen.contract.lock.ledger import Ledger
from meshgen.contract.model import ServiceSpec
from meshgen.contract.named_types import Named, message_name, named_types, stand_in_name
from meshgen.contract.names import request, response, service
from meshgen.errors import Diagnostic
from meshgen.schema.model import EnumOf, Ref


def own_names(graph: str, node: str | None, ledger: Ledger) -> frozenset[str]:
    """The service, and the requests and responses that it has or ever had."""
    return ledger.messages(node) | {_service(graph, node)}


def local_name(item: Named | Ref, own: frozenset[str]) -> str:
    """The name of a type in a file that has names of its own."""
    name = message_name(item)
    return stand_in_name(name) if name in own else name


def clashes(graph: str, services: Sequence[ServiceSpec], ledger: Ledger) -> Iterator[Diagnostic]:
    """Types that cannot give way. The ledger has the rpcs of this build already."""
    for spec in services:
        yield from _clashes(graph, spec, own_names(graph, spec.node, ledger))


def _clashes(graph: str, spec: ServiceSpec, own: frozenset[str]) -> Iterator[Diagnostic]:
    names: dict[str, str] = {}
    for rpc in spec.rpcs:
        for item in named_types([field.type for field in rpc.fields]):
            name, local = message_name(item), local_name(item, own)
            known = names.get(local)
            names.setdefault(local, name)
            if known is None and isinstance(item, EnumOf) and local != name:  # its name is in the names of its values
                message = f"the enum '{name}' is called like {_owner(graph, spec, name)}"
                yield Diagnostic(code="MG406", message=message, span=rpc.span)
            elif known not in (None, name):
                other = name if name in own else known
                message = f"'{other}', called like {_owner(graph, spec, other)}, has to be '{local}'"
                yield Diagnostic(code="MG406", message=f"{message}, and so is another type", span=rpc.span)


def _owner(graph: str, spec: ServiceSpec, name: str) -> str:
    if name == _service(graph, spec.node):
        return f"the service of '{spec.node or graph}'"
    rpcs = (rpc.name for rpc in spec.rpcs if name in (request(rpc.name), response(rpc.name)))
    return next((f"a message of rpc '{rpc}'" for rpc in rpcs), "a message of an rpc of an earlier build")


def _service(graph: str, node: str | None) -> str:
    return service(graph, node).rsplit(".", 1)[1]
