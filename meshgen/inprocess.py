"""A graph of the frontend, which reads graphs, on the runtime, which runs them; neither knows the other."""

from __future__ import annotations

from pathlib import Path

from meshgen.call_sites import Site
from meshgen.errors import GraphError
from meshgen.frontend import Application, no_application, trace
from meshgen.naming import snake
from meshgen.runtime.local.graph import LocalGraph
from meshgen.runtime.local.own_names import local_graph
from meshgen.source import caller


def local(app: Application) -> LocalGraph:
    """Run a graph in this process.

    Args:
        app: what `DAGDriver.bind(...)` returned.

    Raises:
        GraphError: the graph has problems; all of them are in it.
    """
    if not isinstance(app, Application):
        raise GraphError([no_application("meshgen.local(...) is given", app, Site(caller(), (0, "app")).span)])
    traced = trace(app, name=snake(Path(app.span.file).stem) or "graph")
    if traced.graph is None:
        raise GraphError(traced.diagnostics)
    return local_graph(traced.graph)
