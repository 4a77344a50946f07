"""Examples of an `InputNode` → requests in JSON, or a problem for each that is none."""

from __future__ import annotations

from typing import Any

from meshgen.errors import Diagnostic
from meshgen.frontend.bound import BoundInput
from meshgen.graph.model import GraphInput
from meshgen.schema.model import Unknown
from meshgen.schema.traits import all_inside
from meshgen.source import Span


def requests(bound: BoundInput, request: GraphInput, problems: list[Diagnostic]) -> tuple[dict[str, Any], ...]:
    """What the examples of an input are as requests.

    Args:
        bound: the input, with its examples.
        request: what a client sends.
        problems: takes one for each example that does not fit.
    """
    if not bound.examples or any(isinstance(inner, Unknown) for p in request.params for inner in all_inside(p.type)):
        return ()  # a type that is unknown is a problem of its own, and nothing can be said of its examples
    from meshgen.schema.example.given import UnfitError  # reads and writes JSON, which a graph by itself does not
    from meshgen.schema.example.request import given

    found = []
    for index, example in enumerate(bound.examples):
        try:
            parts = example if request.record is not None else _parts(request, example)
            found.append(given(request.params, request.record, parts))
        except UnfitError as error:
            problem = _problem(bound.span, index, str(error))
            problems += [problem] if problem not in problems else []
    return tuple(found)


def _parts(request: GraphInput, example: Any) -> dict[str, Any]:
    """{name: value} of an example of an input that is no record."""
    from meshgen.schema.example.given import UnfitError

    names = [param.name for param in request.params]
    if request.whole:
        return {names[0]: example}
    if isinstance(example, dict):
        return example
    if not isinstance(example, tuple | list) or len(example) != len(names):
        raise UnfitError(f"must be a dict of {', '.join(names)}, or a tuple of them in this order")
    return dict(zip(names, example, strict=True))


def _problem(span: Span, index: int, text: str) -> Diagnostic:
    return Diagnostic(code="MG223", message=f"examples[{index}] of the input is no request: {text}", span=span)
