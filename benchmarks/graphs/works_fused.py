"""The works with every node placed in the driver, whose process then answers a request alone."""

from __future__ import annotations

from benchmarks.graphs import works
from benchmarks.graphs.shapes import routes
from meshgen import DAGDriver

nodes = (works.Step, works.Model, works.total, works.parse, works.normalise, works.vote)
step, model, *functions = (node.options(placement="driver") for node in nodes)
outputs = routes(step, model, works.echo, *functions)
app = DAGDriver.options(max_ongoing_requests=100).bind(outputs)
