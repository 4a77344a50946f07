"""The table of problems. `meshgen explain CODE` prints from here; a test fails for a code that is never shown.

Ranges: 1xx loading, 2xx the graph, 3xx types, 4xx contracts and the lock, 5xx options and the mesh.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Explanation:
    """What a code means, and the way out."""

    title: str
    hint: str
    """One line; printed under every problem of this code that brings no hint of its own."""
    text: str
    """Why it is a problem, with an example of the way out."""


CODES: dict[str, Explanation] = {
    # --- 1xx: loading ---------------------------------------------------------------------------------------------
    "MG101": Explanation(
        "no such graph",
        "Check the spelling; the working folder or the nearest `pyproject.toml` is where imports start.",
        "A graph is named as `graphs/x.py`, `graphs/x.py:app` or `package.module:app`.",
    ),
    "MG102": Explanation(
        "syntax error in the graph file",
        "Python itself cannot read this line; `python -m py_compile FILE` says the same.",
        "The graph file is ordinary Python and is imported as such, so it has to compile.",
    ),
    "MG103": Explanation(
        "the graph file raised an error while it was imported",
        "Run `python FILE` to see the whole traceback.",
        "Building a graph imports its file. Work that can fail (loading weights, opening connections) belongs into a "
        "node's constructor: it runs where the node runs.",
    ),
    "MG104": Explanation(
        "the module has no such graph",
        "Write `app = DAGDriver.bind(...)` at the top level of the module, or name the attribute: `FILE:name`.",
        "meshgen looks for an attribute called `app` that `DAGDriver.bind(...)` returned.",
    ),
    # --- 2xx: the graph -------------------------------------------------------------------------------------------
    "MG201": Explanation(
        "a value of the graph is used as if it were there already",
        "Do it inside a node; an `@inline` function is the cheapest.",
        "While the graph is built, `request` and what `.bind(...)` returns stand for values that only a request "
        "brings. They can be given to nodes and looked into (`.x`, `[\"k\"]`, `[0]`), nothing else. To choose, use "
        "`switch(...)`; to go over a list, `map_each(...)`; to compute, a node.",
    ),
    "MG202": Explanation(
        "no such part",
        "Look at the type's fields.",
        "Access into the input and into what nodes return is checked against their types when the graph is built.",
    ),
    "MG203": Explanation(
        "an edge whose types do not fit",
        "Change one of the two annotations, or put a node between them that converts.",
        "What a node returns travels to the next as a typed message. `int` fits `float`, `T` fits `T | None`, a "
        "subclass fits its base; nothing else is converted silently.",
    ),
    "MG204": Explanation(
        "wrong arguments",
        "Give each parameter once; those with a default may be left out.",
        "`.bind(...)` takes the arguments of the method (or of the constructor) that it binds.",
    ),
    "MG205": Explanation(
        "no such method",
        "Check the spelling against the class.",
        "`node.method.bind(...)` names a method that the class defines; `node.bind(...)` is `__call__`.",
    ),
    "MG206": Explanation(
        "two nodes with one name",
        "Give each its own: `Model.options(name=\"small\").bind(...)`.",
        "A node's name is the name of its service, its contract and its deployment. Ray Serve once merged nodes of "
        "one name silently, and answered with the wrong model.",
    ),
    "MG207": Explanation(
        "a cycle",
        "Break it: a call can only take what was there before it.",
        "Each call runs once per request, after everything it takes. In a cycle no call could be the first. It can "
        "only arise when a list or dict is changed after it was given to `.bind(...)`.",
    ),
    "MG208": Explanation(
        "a constructor takes a value of the request",
        "Give it to a method: `Model.bind(...).forward.bind(request.x)`.",
        "Constructors run once, when a replica starts; requests come later. A constructor may take constants and "
        "handles to other nodes.",
    ),
    "MG209": Explanation(
        "parameters without a fixed name",
        "Name each parameter, or take one list or dict.",
        "A contract has one field per parameter, so `*args`, `**kwargs` and positional-only parameters have no place.",
    ),
    "MG210": Explanation(
        "several inputs in one route",
        "Make it one record, or one `InputNode` with named parts: `InputNode(a=int, b=str)`.",
        "A request brings one input. Different routes may have different inputs.",
    ),
    "MG211": Explanation(
        "the wrong kind of thing",
        "A call takes values; a constructor takes constants and class nodes; `DAGDriver.bind` takes what a call returns.",
        "Decorate with `@deployment`, bind the constructor (`Model.bind(2)`), then bind a method (`.forward.bind(x)`).",
    ),
    "MG212": Explanation(
        "a route that is no path",
        "Start it with a slash: `/report`.",
        "Routes become REST paths and rpc names: `/report` is `POST /<graph>/report` and the rpc `Report`.",
    ),
    "MG213": Explanation(
        "two routes with one rpc",
        "Rename one of them.",
        "A route's rpc is its path in PascalCase, so `/a-b` and `/a_b` would be one.",
    ),
    "MG214": Explanation(
        "a switch that cannot work",
        "Give each case a value that the selector can have, and let every branch yield the same type.",
        "`switch(selector, {0: a, 1: b}, default=c)` runs one branch per request. Its result has one type, whichever "
        "branch was taken.",
    ),
    "MG215": Explanation(
        "a map_each that cannot work",
        "Write `map_each(node.method, over=list_value, other=...)`.",
        "The method is called once per item of `over`; the item goes to the first parameter that is not given by name.",
    ),
    "MG216": Explanation(
        "a name that cannot name a service",
        "Use lower_snake_case, starting with a letter.",
        "A node's name becomes a protobuf package, a Python package and an Envoy cluster.",
    ),
    "MG217": Explanation(
        "numbered names",
        "Name them: `Model.options(name=\"small\").bind(...)`.",
        "Unnamed nodes of one class are numbered in the order of binding, as Ray did. Binding one more in front of "
        "them would shift the numbers, and with them services and contracts.",
    ),
    "MG219": Explanation(
        "a stream",
        "Return a list for now.",
        "Generators as nodes are planned; this version has unary calls only.",
    ),
    "MG220": Explanation(
        "handles in a circle",
        "Let one side return what it knows instead of calling back.",
        "A node that waits for itself through others never answers when all replicas are busy.",
    ),
    "MG221": Explanation(
        "an input adapter that does not fit",
        "Annotate it: its parameters are the request, its result is the graph's input.",
        "`DAGDriver.bind(graph, input_adapter=f)` runs `f` in the driver on every transport.",
    ),
    "MG222": Explanation(
        "an option that cannot apply",
        "Use `@deployment` when the function needs replicas or resources of its own.",
        "An inline function runs inside the driver and has no deployment.",
    ),
}
