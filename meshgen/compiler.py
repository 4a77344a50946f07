"""A loaded graph → the files of its mesh. The whole pipeline is `compile_graph`; it writes nothing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

from google.protobuf.descriptor_pb2 import FileDescriptorSet

import meshgen
from meshgen.back_ends import generated_files
from meshgen.contract.compare.comparison import Change, compare
from meshgen.contract.compare.places import Places
from meshgen.emit.output.files import GeneratedFile
from meshgen.errors import Diagnostic, GraphError, InternalError, errors_only, once
from meshgen.frontend import Loaded
from meshgen.graph.model import Graph
from meshgen.plan.lower import lower
from meshgen.plan.model import Plan
from meshgen.plan.verify import verify_graph, verify_plan


@dataclass(frozen=True, kw_only=True)
class Build:
    """What a graph compiles to."""

    graph: Graph
    plan: Plan
    diagnostics: tuple[Diagnostic, ...]
    """Warnings, those of loading among them; errors are raised."""
    changes: tuple[Change, ...]
    """What has changed since the committed contracts, the worst first. Whoever writes files asks
    `breaking_diagnostics` whether they may be written."""

    @cached_property
    def files(self) -> tuple[GeneratedFile, ...]:
        """What to write, sorted by path. Made when somebody asks: to check a graph, or to call it, takes no files."""
        return generated_files(self.plan)


def compile_graph(
    loaded: Loaded, *, lock: Mapping[str, Any] | None, committed: FileDescriptorSet | None = None
) -> Build:
    """Verify → lower → verify → compare; the result emits. Loading has traced and verified the graph already.

    Args:
        loaded: from `meshgen.frontend.load_graph`.
        lock: the wire identity on record; None for a first build.
        committed: the contracts that clients have; None when there are none, or nobody asks.

    Raises:
        GraphError: every problem found up to the first stage that has any.
    """
    graph = loaded.graph
    names = [node.name for node in graph.nodes]
    problems = tuple(once(verify_graph(graph), names))
    plan = _lowered(graph, lock, problems)
    _stop_on_errors(problems)
    if faults := verify_plan(plan):
        raise InternalError("; ".join(fault.message for fault in faults))
    return Build(
        graph=graph,
        plan=plan,
        diagnostics=(*loaded.warnings, *problems, *plan.contract.diagnostics),
        changes=() if committed is None else compare(committed, plan.contract.descriptors, plan.contract.records),
    )


def breaking_diagnostics(build: Build, *, allow_breaking: bool) -> tuple[Diagnostic, ...]:
    """MG407 for every change that old clients or nodes do not survive: an error, or a warning when it is allowed."""
    severity: Literal["error", "warning"] = "warning" if allow_breaking else "error"
    breaking = [change for change in build.changes if change.breaking]
    contract = build.plan.contract
    places = Places(contract.graph, contract.services if breaking else ())
    return tuple(
        Diagnostic(code="MG407", message=str(c), span=places.find(c.parts), hint=c.way, severity=severity)
        for c in breaking
    )


def _lowered(graph: Graph, lock: Mapping[str, Any] | None, problems: tuple[Diagnostic, ...]) -> Plan:
    """Options and types are at fault independently of each other; a person wants to hear of both."""
    try:
        return lower(graph, lock, meshgen.__version__)
    except GraphError as error:
        raise GraphError((*problems, *error.diagnostics)) from None


def _stop_on_errors(problems: tuple[Diagnostic, ...]) -> None:
    if errors_only(problems):
        raise GraphError(problems)
