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
    # --- 1xx: loading
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
        "Run `python -m MODULE` to see the whole traceback.",
        "Building a graph imports its file. Work that can fail (loading weights, opening connections) belongs in a "
        "node's constructor: it runs where the node runs.",
    ),
    "MG104": Explanation(
        "the module has no such graph",
        "Write `app = DAGDriver.bind(...)` at the top level of the module, or name the attribute: `FILE:name`.",
        "meshgen looks for an attribute called `app` that `DAGDriver.bind(...)` returned.",
    ),
    # --- 2xx: the graph
    "MG201": Explanation(
        "a value of the graph is used as if it were there already",
        "Do it inside a node; an `@inline` function is the cheapest.",
        "While the graph is built, `request` and what `.bind(...)` returns stand for values that only a request "
        'brings. They can be given to nodes and looked into (`.x`, `["k"]`, `[0]`), nothing else. To choose, use '
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
        "subclass fits its base unless it has more fields; nothing else is converted silently.",
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
        'Give each its own: `Model.options(name="small").bind(...)`.',
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
        'Name them: `Model.options(name="small").bind(...)`.',
        "Unnamed nodes of one class are numbered in the order of binding, as Ray did. Binding one more in front of "
        "them would shift the numbers, and with them services and contracts.",
    ),
    "MG218": Explanation(
        "something that no route needs",
        "Give what it returns to a node that a route needs, or to `DAGDriver.bind(...)`; else take it out.",
        "Only what a route's output needs, directly or not, is part of the graph and runs. A call that nobody reads is "
        "left out, whatever its node would have done beside: a node's effect on the next one is what it returns.",
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
        "Leave the option out; or give the node replicas of its own, by `@deployment` without `placement`.",
        "An inline function, and a node that is placed in other replicas, shares those: their number, resources, "
        "queue, health period and logging are the host's. `name`, `timeout_s` and `idempotent` apply everywhere, "
        "`max_ongoing_requests` and `user_config` to placed nodes too.",
    ),
    "MG223": Explanation(
        "an example that is no request",
        "Write values of the input's types, or what JSON has for them: `InputNode(Review, examples=[Review(...)])`.",
        "Examples are offered by `/docs` and by the OpenAPI document, so they have to be requests that the contract "
        "takes: each is read as a request would be. Of one type they are its values, of several a tuple, of named "
        "ones a dict; with an `input_adapter` they are what that takes.",
    ),
    "MG229": Explanation(
        "a public method without a contract",
        "Annotate its parameters and its result (`-> None` when it returns nothing), or rename it `_helper`.",
        "A node that is given to another's constructor arrives as a handle. In process a handle gives every public "
        "method; on a mesh those that a contract can have: with named and annotated parameters, an annotated result, and "
        "no `yield`. A method that has none is an error when the code of a holder calls it "
        "(`self.model.method.remote(...)`), and is named as a warning otherwise. Methods that a class inherits from a "
        "library, such as torch's `nn.Module`, are in the contract only when they are called.",
    ),
    # --- 3xx: types
    "MG310": Explanation(
        "a type without a contract",
        "Annotate it with a scalar, an enum, a record, a list or a dict of these, an Image or a tensor.",
        "Services exchange typed messages, so every parameter and result of a node needs a type that a message can "
        "carry. docs/types.md lists them: scalars, enums, Literals, dataclasses and other records, lists, dicts, "
        "unions, `T | None`, datetime and its kin, Any, images, arrays and tensors. `meshgen local` runs without "
        "types.",
    ),
    "MG311": Explanation(
        "a default that is not of its type",
        "Change the default, or the annotation.",
        "A parameter that is left out is filled in by the caller and sent like any other value, so a default has to "
        "be one that the type can carry. `x: int = None` is `int | None`; a datetime needs a time zone.",
    ),
    # --- 4xx: contracts and the lock
    "MG401": Explanation(
        "the lock cannot be read",
        "Restore protos/<graph>/lock.json from version control.",
        "The lock holds every field number and name that was ever on the wire. Without it, numbers could be given out "
        "twice and old clients would read wrong values, so a damaged lock is never replaced by a new one.",
    ),
    "MG402": Explanation(
        "the lock gives one number to two names",
        "Give the newer of the two fields the next free number, then build again.",
        "This is what a merge of two branches leaves when each added a field to the same message. Keep the number of "
        "the field that is already deployed; give the other one 1 + the highest number of the message.",
    ),
    "MG403": Explanation(
        "the lock and the contracts are not there together",
        "Restore it from version control; or say --allow-breaking, and what is missing is written anew.",
        "A build writes protos/<graph>/lock.json and envoy/<graph>/descriptors.binpb; both are committed. The lock "
        "has the numbers, the descriptors are what `check` and `build` compare with. Without one of them a change "
        "that breaks old clients would go unseen. After a merge, take either side's descriptors and build again.",
    ),
    "MG404": Explanation(
        "two names are one on the wire",
        "Rename one of them.",
        "Fields are snake_case in contracts, and protobuf takes names for one that differ in case and underscores alone: "
        "`userId` and `user_id`, `CIR` and `cir`, `x1` and `x_1`. "
        "Values of enums carry their enum's name, so `Foo.BAR_X` and `FooBar.X` would be one value.",
    ),
    "MG405": Explanation(
        "a name that protobuf cannot write",
        "Rename it with ASCII letters, digits and underscores, a letter first.",
        "Protobuf names are ASCII and start with a letter: `größe` and `_1` have no counterpart. In an enum, "
        "`UNSPECIFIED` is the zero that every protobuf enum has for a value that nobody gave.",
    ),
    "MG406": Explanation(
        "two types have one message name",
        "Rename one of the classes.",
        "A type's message is named after its class, so two classes called `Label` in one graph cannot both have one. "
        "Lists of lists, optional lists and maps of lists have messages too: `list[list[int]]` uses `IntList`. In the "
        "file of one service, the service and the requests and responses that it ever had keep their names.",
    ),
    "MG407": Explanation(
        "a change that old clients or nodes do not survive",
        "Add a new field beside the old one, and keep both until everybody has moved; or say --allow-breaking.",
        "`check` and `build` compare the graph with the committed contracts, envoy/<graph>/descriptors.binpb. Clients "
        "that were made from those, and nodes that still run with them during an upgrade, would be refused, would "
        "miss something, or would misread it. docs/evolving.md says how each change can be made safely; "
        "--allow-breaking turns the error into a warning, for a change that nobody depends on.",
    ),
    "MG408": Explanation(
        "a default that a client cannot mean",
        "Make the default None (`list[int] | None = None`) and put the value in inside the function.",
        "Lists and maps have no presence in protobuf: one that was left out and an empty one are the same bytes, and "
        "both arrive empty. Between nodes the default is filled in by the caller; a client has to send it. In the "
        "same way None is sent by leaving a field out, so `int | None = 5` cannot carry None: sending it is an error.",
    ),
    "MG409": Explanation(
        "a value of any type",
        "Write the type; for a dict with known keys a TypedDict.",
        "`Any` travels as `google.protobuf.Value`, which holds what JSON can hold. JSON has one kind of number, so "
        "ints become doubles: they are exact up to 2^53 and an error beyond. Clients are not told what to send.",
    ),
    "MG410": Explanation(
        "a rename of what is not there",
        "`RenamedFrom` takes the name that the field had at the last build; leave it out for a new field.",
        '`Annotated[int, RenamedFrom("old")]` gives a field the number that the lock has for `old`. When the lock has '
        "never seen that name, the old field is still there or had another type, or two fields ask for it, there is no "
        "number to take. Once the rename has been built, the marker may stay or go.",
    ),
    "MG411": Explanation(
        "a member of an enum with another number than its value",
        "Let clients send names; or give the enum a new name on the wire by `@wire_name`, and with it new numbers.",
        "Over REST a number for an enum is the contract's number. For an enum of ints that is the value in Python, unless "
        "the lock had a number for the member before it had the value: numbers of the lock never change, because old "
        "clients have them. `meshgen local` takes a number for the value always, and `meshgen call` takes names alone.",
    ),
    "MG420": Explanation(
        "a constraint that the contract cannot state",
        "Check it in the node, or use a constraint that has a rule: bounds, lengths, patterns.",
        "Constraints become protovalidate rules, which clients in every language can check. Some have no such rule: "
        "predicates in Python, bounds of dates and Decimals. The comment of the field names them, for people to read.",
    ),
    "MG421": Explanation(
        "one message with two sets of constraints",
        "Put it into a dataclass of its own; the constraints then belong to its fields.",
        "A list in a list, an optional list and an item of a tuple are carried by a message that is named after what "
        "it holds: `list[list[int]]` uses `IntList` everywhere. Constraints inside, and shapes and dtypes of arrays, "
        "are part of that message, so they have to be the same everywhere. A dataclass has a message of its own:\n\n"
        "    @dataclass\n"
        "    class Row:\n"
        "        cells: list[Annotated[int, Ge(0)]]",
    ),
    # --- 5xx: options and the mesh
    "MG501": Explanation(
        "no such option",
        "Use an option of Ray Serve's `@serve.deployment`, or `idempotent`, `timeout_s`, `name`, `placement`.",
        "`@deployment(...)` and `.options(...)` take Ray Serve's options by Serve's own names, and four of meshgen's.",
    ),
    "MG502": Explanation(
        "an option that the mesh sets itself",
        "Leave it out.",
        "A few of Serve's options follow from the graph: the version from the code and the contract, so that only what "
        "has changed is restarted, and the REST path from the driver's routes.",
    ),
    "MG503": Explanation(
        "an option out of its range",
        "Give a value that Serve takes.",
        "Serve would refuse the value when the node is deployed; meshgen says so when it is built.",
    ),
    "MG504": Explanation(
        "a number of replicas and a range",
        'Leave `num_replicas` out: `autoscaling_config={"min_replicas": 1, "max_replicas": 4}`.',
        "`num_replicas` fixes the number of replicas, `autoscaling_config` lets Serve choose it; both at once "
        "contradict each other.",
    ),
    "MG505": Explanation(
        "scaling to zero",
        "Set `min_replicas` to 1 or more.",
        "Calls go straight to replicas. With none left nobody would notice that a request waits, so the node would stay "
        "at zero and every call would fail.",
    ),
    "MG506": Explanation(
        "a node that may never scale up",
        "Set `max_ongoing_requests` to twice `target_ongoing_requests` or more.",
        "Serve adds replicas when more than `target_ongoing_requests` run in each. It runs at most "
        "`max_ongoing_requests` and queues the others, and what is queued does not count.",
    ),
    "MG507": Explanation(
        "two services or rpcs with one name",
        "Rename one of them.",
        "Names on the wire are made from Python names (`do_it` and `doIt` are both `DoIt`), and must differ there too.",
    ),
    "MG508": Explanation(
        "an option that is no plain data",
        'Write it as a dict: `autoscaling_config={"min_replicas": 1}`.',
        "Options are written into generated files, so they are made of dicts with string keys, lists, numbers, "
        "strings, booleans and None; not of Ray's configuration objects.",
    ),
    "MG509": Explanation(
        "a name that is taken",
        "Choose another: `.options(name=...)` for a node, the file's name for a graph.",
        "`meshgen`, `google` and `v1` are protobuf packages, and so are `buf` and `grpc`, which a node may be called all "
        "the same; `driver` is the folder of a graph's own service, "
        "`client` its client's module, `front` and `otlp` are clusters of every mesh; `Check`, `Watch` and "
        "`ServerReflectionInfo` are rpcs of every server.",
    ),
    "MG510": Explanation(
        "a REST path that cannot be",
        "Use letters, digits and `-._~` between slashes, and a path of its own for each route.",
        "A route answers at `route_prefix` and its own path. Braces and stars would be patterns, and `/healthz`, `/docs` "
        "and `/openapi.json` belong to the front.",
    ),
    "MG511": Explanation(
        "a placement that cannot be",
        'Write `placement="driver"`, or `placement="with:<node>"` with a node that has replicas of its own.',
        "A placed node runs in the processes of the driver or of another node, which must have processes of their own. "
        "Nobody may wait for a call that comes back into his own process: when all its slots wait, none is left for "
        "the call. docs/placement.md says more.",
    ),
}
