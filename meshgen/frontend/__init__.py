"""Python → graph: decorators, symbolic values, loading a graph file. Runs no node."""

from __future__ import annotations

from meshgen.frontend.control_flow import map_each, switch
from meshgen.frontend.deployment import Deployment, deployment, inline
from meshgen.frontend.driver import Application, DAGDriver, InputNode
from meshgen.frontend.given.unbound import no_application
from meshgen.frontend.loader import Loaded, load_graph
from meshgen.frontend.trace import Traced, trace

__all__ = [
    "Application",
    "DAGDriver",
    "Deployment",
    "InputNode",
    "Loaded",
    "Traced",
    "deployment",
    "inline",
    "load_graph",
    "map_each",
    "no_application",
    "switch",
    "trace",
]
