"""What is bound and no route needs: a warning, since it will never run. Often a node that somebody forgot to wire."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from meshgen.errors import Diagnostic
from meshgen.frontend.bound import BoundNode, BoundStep, BoundSwitch
from meshgen.frontend.driver import Application
from meshgen.frontend.order import in_order, needed_by
from meshgen.frontend.symbolic import Value
from meshgen.source import Span


def unwired(record: Sequence[object]) -> Iterator[Diagnostic]:
    """MG218 for the last of each chain of calls that leads nowhere, and for nodes that nobody calls.

    Args:
        record: everything that was bound, and every application.
    """
    outputs = [out for app in record if isinstance(app, Application) for _, out in app.routes if isinstance(out, Value)]
    wired = in_order(outputs, [])
    steps = [bound for bound in record if isinstance(bound, BoundStep)]
    loose = in_order([Value(step, step.span) for step in steps], [])  # type: ignore[arg-type]  # the union is closed
    if wired is None or loose is None or not outputs:
        return
    idle = [step for step in loose.steps if step not in set(wired.steps)]
    read = {id(source) for step in idle for source in needed_by(step)}
    for step in idle:
        if id(step) not in read:
            what = "this switch" if isinstance(step, BoundSwitch) else f"the call of '{step.name}'"
            yield _problem(f"no route needs {what}, so it never runs", step.span)
    called = {id(node) for node in (*wired.nodes, *loose.nodes)}
    for node in record:
        if isinstance(node, BoundNode) and id(node) not in called:
            message = f"nobody calls the node '{node.definition.name}', so it is no part of the graph"
            yield _problem(
                message, node.span, "Bind one of its methods, or give it to a constructor; else take it out."
            )


def _problem(message: str, span: Span, hint: str = "") -> Diagnostic:
    return Diagnostic(code="MG218", message=message, span=span, hint=hint, severity="warning")
