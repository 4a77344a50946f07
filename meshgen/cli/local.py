"""`meshgen local`: one request through a graph in this process."""

from __future__ import annotations

from typing import Any

from meshgen.cli.terminal import say
from meshgen.frontend import load_graph
from meshgen.inprocess import LocalGraph
from meshgen.runtime.failure import as_status
from meshgen.status import StatusError


def answer(target: str, value: Any, *, route: str | None, codec: bool, timeout_s: float | None) -> Any:
    """The answer to a request, both as JSON has them.

    Raises:
        GraphError: the graph has problems.
        StatusError: what a client would get; the cause of an INTERNAL one is the user's exception.
    """
    graph = load_graph(target).graph
    running = LocalGraph(graph)
    try:
        return running.call_json(value, route=route, timeout_s=timeout_s, on_unknown=_warn)
    except StatusError:
        raise
    except Exception as error:  # the boundary where the errors of user code become statuses
        raise as_status(error, graph.name) from error
    finally:
        running.close()


def _warn(field: str) -> None:
    say(f"note: the request has the field '{field}', which the contract does not know; it is ignored")
