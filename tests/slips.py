"""Slips of the pen: graphs of the project with one place of them changed so that they are wrong by construction.

Each kind of slip is a function that finds its places in a graph's text. `python tests/slips.py` makes all of them, and
says which do not give exactly one problem, at the changed line or where what was changed is used, that names it.
"""

from __future__ import annotations

import ast
import itertools
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from meshgen.cli.compiling import checked
from meshgen.errors import Diagnostic

PROJECT = Path(__file__).parents[1]
GRAPHS = ("graphs/quickstart.py", *(f"tests/graphs/{name}.py" for name in ("adapted", "border", "gauntlet", "parcels")))
MOST = 15
"""How many of one kind are made, taken from all graphs in turn."""

Function = ast.FunctionDef | ast.AsyncFunctionDef
DECORATORS = ("deployment", "inline")
WRONG = {"str": "12345", "int": "'seven'", "float": "'seven'", "bool": "'seven'"}
"""A constant that a type does not have; any other type gets the number."""


@dataclass(frozen=True)
class Slip:
    """A graph with something wrong in it."""

    kind: str
    graph: str
    text: str
    lines: frozenset[int]
    """Where the problem may be."""
    names: tuple[str, ...]
    """What its message or hint names: one of these."""


class Source:
    """A graph's text, and what is bound in it."""

    def __init__(self, graph: str, text: str) -> None:
        self.graph, self.text, self.raw = graph, text, text.encode()
        self.tree = ast.parse(text)
        placed = (node for node in ast.walk(self.tree) if hasattr(node, "lineno"))
        self.in_order = sorted(placed, key=lambda n: (n.lineno, n.col_offset))
        self.starts = [0, *itertools.accumulate(len(line.encode()) for line in text.splitlines(keepends=True))]
        top = [
            node for node in self.tree.body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)
        ]
        self.decorated = {
            node.name: node for node in top if any(_decorator(d) in DECORATORS for d in node.decorator_list)
        }
        self.nodes = dict(self._assigned())
        self.parents = {child: node for node in ast.walk(self.tree) for child in ast.iter_child_nodes(node)}

    def changed(self, node: ast.AST, new: str) -> str:
        """The text with something else in the place of a part."""
        place = self._place(node)
        return (self.raw[: place.start] + new.encode() + self.raw[place.stop :]).decode()

    def segment(self, node: ast.AST) -> str:
        return self.raw[self._place(node)].decode()

    def binds(self) -> Iterator[Bind]:
        """Every bind of a call whose target can be seen, in order."""
        for node in self.walk(ast.Call):
            if isinstance(node.func, ast.Attribute) and node.func.attr == "bind" and (bind := self._bind(node)):
                yield bind

    def walk(self, kind: type) -> list:
        return [node for node in self.in_order if isinstance(node, kind)]

    def uses(self, name: str) -> list[ast.Name]:
        return [n for n in self.walk(ast.Name) if n.id == name and isinstance(n.ctx, ast.Load)]

    def statement(self, node: ast.AST) -> ast.stmt:
        while not isinstance(node, ast.stmt):
            node = self.parents[node]
        return node

    def given(self, bind: Bind, *args: str) -> str:
        """The text with other arguments given to a bind."""
        return self.changed(bind.node, f"{self.segment(bind.node.func)}({', '.join(args)})")

    def lines(self, *nodes: ast.AST) -> frozenset[int]:
        return frozenset(line for n in nodes for line in range(n.lineno, n.end_lineno + 1))  # type: ignore[attr-defined]

    def _place(self, node: ast.AST) -> slice:
        start, end = self.starts[node.lineno - 1], self.starts[node.end_lineno - 1]  # type: ignore[attr-defined]
        return slice(start + node.col_offset, end + node.end_col_offset)  # type: ignore[attr-defined]

    def _assigned(self) -> Iterator[tuple[str, ast.ClassDef]]:
        for node in ast.walk(self.tree):
            match node:
                case ast.Assign(
                    targets=[ast.Name(id=name)], value=ast.Call(func=ast.Attribute(value=owner, attr="bind"))
                ):
                    cls = self.decorated.get(_bare(owner))
                    if isinstance(cls, ast.ClassDef):
                        yield name, cls

    def _bind(self, node: ast.Call) -> Bind | None:
        owner = node.func.value  # type: ignore[attr-defined]
        name = _bare(owner)
        if name in self.decorated:
            target = self.decorated[name]
            if isinstance(target, ast.ClassDef):
                return Bind(node, name, _method(target, "__init__"), 1, True)
            return Bind(node, name, target, 0, False)
        if isinstance(owner, ast.Name) and owner.id in self.nodes:
            return Bind(node, owner.id, _method(self.nodes[owner.id], "__call__"), 1, False)
        if isinstance(owner, ast.Attribute) and isinstance(owner.value, ast.Name) and owner.value.id in self.nodes:
            return Bind(node, owner.attr, _method(self.nodes[owner.value.id], owner.attr), 1, False)
        return None


@dataclass(frozen=True)
class Bind:
    """`target.bind(...)`."""

    node: ast.Call
    name: str
    function: Function | None
    skip: int
    is_constructor: bool

    @property
    def params(self) -> list[ast.arg]:
        return [] if self.function is None else self.function.args.args[self.skip :]

    @property
    def required(self) -> int:
        return len(self.params) - (len(self.function.args.defaults) if self.function else 0)

    def given(self) -> list[tuple[ast.expr, ast.arg]]:
        return list(zip(self.node.args, self.params, strict=False))


def _decorator(node: ast.expr) -> str:
    return node.func.id if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) else getattr(node, "id", "")


def _annotation(param: ast.arg) -> str:
    return "" if param.annotation is None else ast.unparse(param.annotation).removeprefix("Annotated[").split(",")[0]


def _bare(node: ast.expr) -> str:
    """The name behind `Name`, or `Name.options(...)`."""
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "options":
        return _bare(node.func.value)
    return node.id if isinstance(node, ast.Name) else ""


def _method(cls: ast.ClassDef, name: str) -> Function | None:
    found = (n for n in cls.body if isinstance(n, Function) and n.name == name)
    return next(found, None)


def misspelt(name: str) -> str:
    """The name with two letters swapped, or one doubled."""
    for i in range(len(name) - 2, 0, -1):
        if name[i] != name[i + 1]:
            return name[:i] + name[i + 1] + name[i] + name[i + 2 :]
    return name + name[-1]


Found = Iterator[tuple[str, frozenset[int], tuple[str, ...]]]
Kind = Callable[[Source], Found]
KINDS: dict[str, Kind] = {}


def kind(function: Kind) -> Kind:
    KINDS[function.__name__] = function
    return function


# --- binds ---------------------------------------------------------------------------------------------------------


@kind
def dropped_bind(source: Source) -> Found:
    for bind in source.binds():
        if isinstance(source.parents[bind.node], ast.Call | ast.List | ast.Dict | ast.keyword):
            owner = bind.node.func.value  # type: ignore[attr-defined]
            line = bind.node.lineno
            names = (
                _bare(owner) or bind.name,
                source.nodes[bind.name].name if bind.name in source.nodes else bind.name,
            )
            yield source.changed(bind.node, source.segment(owner)), frozenset({line}), names


@kind
def misspelt_bind(source: Source) -> Found:
    for bind in source.binds():
        owner = bind.node.func.value  # type: ignore[attr-defined]
        new = source.changed(bind.node.func, f"{source.segment(owner)}.bnid")
        yield new, source.lines(bind.node.func), ("bnid",)


@kind
def called_instead(source: Source) -> Found:
    for bind in source.binds():
        owner = bind.node.func.value  # type: ignore[attr-defined]
        if not bind.is_constructor and bind.node.args and not isinstance(bind.node.args[0], ast.Constant):
            yield source.changed(bind.node.func, source.segment(owner)), source.lines(bind.node), ("bind",)


@kind
def misspelt_method(source: Source) -> Found:
    for bind in source.binds():
        owner = bind.node.func.value  # type: ignore[attr-defined]
        if isinstance(owner, ast.Attribute):
            wrong = misspelt(owner.attr)
            yield source.changed(owner, f"{source.segment(owner.value)}.{wrong}"), source.lines(bind.node), (wrong,)


@kind
def missing_argument(source: Source) -> Found:
    for bind in source.binds():
        if 0 < len(bind.node.args) <= bind.required and not bind.node.keywords:
            lost = bind.params[len(bind.node.args) - 1].arg
            yield source.given(bind, *map(source.segment, bind.node.args[:-1])), source.lines(bind.node), (lost,)


@kind
def surplus_argument(source: Source) -> Found:
    for bind in source.binds():
        if bind.function is not None and not bind.node.keywords and len(bind.node.args) == len(bind.params):
            args = ", ".join([*map(source.segment, bind.node.args), "None"])
            yield (
                source.changed(bind.node, f"{source.segment(bind.node.func)}({args})"),
                source.lines(bind.node),
                (bind.name, "takes"),
            )


@kind
def duplicated_argument(source: Source) -> Found:
    for bind in source.binds():
        if bind.params and bind.node.args and bind.params[0].arg not in {k.arg for k in bind.node.keywords}:
            name = bind.params[0].arg
            args = ", ".join(
                [
                    *map(source.segment, (*bind.node.args, *bind.node.keywords)),
                    f"{name}={source.segment(bind.node.args[0])}",
                ]
            )
            yield (
                source.changed(bind.node, f"{source.segment(bind.node.func)}({args})"),
                source.lines(bind.node),
                (name,),
            )


@kind
def wrong_keyword(source: Source) -> Found:
    for bind in source.binds():
        if bind.params and len(bind.node.args) == 1 and not bind.node.keywords:
            wrong = misspelt(bind.params[0].arg) if len(bind.params[0].arg) > 2 else "wrong"
            text = source.given(bind, f"{wrong}={source.segment(bind.node.args[0])}")
            yield text, source.lines(bind.node), (wrong,)


@kind
def swapped_arguments(source: Source) -> Found:
    for bind in source.binds():
        for (value, one), (_, other) in itertools.pairwise(bind.given()):
            types = {_annotation(one), _annotation(other)}
            if len(types) == 2 and "Any" not in types and types != {"int", "float"}:
                args = [source.segment(x) for x in bind.node.args]
                i = bind.node.args.index(value)
                args[i], args[i + 1] = args[i + 1], args[i]
                text = source.given(bind, *args, *map(source.segment, bind.node.keywords))
                yield text, source.lines(bind.node), (one.arg, other.arg)
                break


@kind
def wrong_constant(source: Source) -> Found:
    for bind in source.binds():
        for value, param in [] if bind.is_constructor else bind.given():
            if param.annotation is not None:
                wrong = WRONG.get(_annotation(param), "12345")
                yield source.changed(value, wrong), source.lines(value, bind.node), (param.arg,)


@kind
def wrong_constructor_argument(source: Source) -> Found:
    for bind in source.binds():
        for value, param in bind.given() if bind.is_constructor else []:
            for wrong in (WRONG.get(_annotation(param), "12345"), "[None]"):
                yield source.changed(value, wrong), source.lines(value), (param.arg,)


@kind
def wrong_handle(source: Source) -> Found:
    function = next((name for name, node in source.decorated.items() if isinstance(node, Function)), "")
    for bind in source.binds():
        for value, param in bind.given() if bind.is_constructor else []:
            for handle in value.elts if isinstance(value, ast.List) else [value]:
                if isinstance(handle, ast.Name) and handle.id in source.nodes:
                    cls, line = source.nodes[handle.id], source.lines(handle)
                    yield source.changed(handle, cls.name), line, (cls.name,)
                    yield source.changed(handle, f'"{handle.id}"'), line, (param.arg,)
                    yield source.changed(handle, function), line, (function,)
                    yield source.changed(handle, f"{handle.id}.{_public(cls)}"), line, ("method",)


def _public(cls: ast.ClassDef) -> str:
    return next((n.name for n in cls.body if isinstance(n, ast.FunctionDef) and not n.name.startswith("_")), "run")


@kind
def node_for_a_value(source: Source) -> Found:
    for bind in source.binds():
        for value, _ in [] if bind.is_constructor else bind.given():
            if source.nodes:
                name, cls = next(iter(source.nodes.items()))
                if source.statement(bind.node).lineno > _line_of(source, name):
                    yield source.changed(value, name), source.lines(value), (cls.name,)


def _line_of(source: Source, name: str) -> int:
    assigns = (n for n in source.walk(ast.Assign) if getattr(n.targets[0], "id", "") == name)
    return next(assigns).end_lineno


@kind
def class_for_a_value(source: Source) -> Found:
    classes = [name for name, node in source.decorated.items() if isinstance(node, ast.ClassDef)]
    for bind in source.binds():
        for value, _ in [] if bind.is_constructor else bind.given()[:1]:
            for name in classes[:1]:
                yield source.changed(value, name), source.lines(value), (name,)


@kind
def bind_on_a_class(source: Source) -> Found:
    for bind in source.binds():
        owner = bind.node.func.value  # type: ignore[attr-defined]
        if isinstance(owner, ast.Attribute) and isinstance(owner.value, ast.Name):
            cls = source.nodes[owner.value.id].name
            yield source.changed(owner.value, cls), source.lines(bind.node), (f"{cls}.bind(...)", f"{cls}.{owner.attr}")


# --- the input -----------------------------------------------------------------------------------------------------


@kind
def misspelt_field(source: Source) -> Found:
    for node in source.walk(ast.Attribute):
        inside = any(isinstance(n, ast.With) for n in _around(source, node))
        if inside and isinstance(node.value, ast.Name) and node.value.id in _inputs(source) and len(node.attr) > 2:
            wrong = misspelt(node.attr)
            yield source.changed(node, f"{node.value.id}.{wrong}"), source.lines(node), (wrong,)


def _around(source: Source, node: ast.AST) -> Iterator[ast.AST]:
    while node in source.parents:
        node = source.parents[node]
        yield node


def _inputs(source: Source) -> set[str]:
    items = (item for w in source.walk(ast.With) for item in w.items)
    return {i.optional_vars.id for i in items if isinstance(i.optional_vars, ast.Name)}


@kind
def wrong_input(source: Source) -> Found:
    for node in source.walk(ast.Call):
        if _decorator(node) == "InputNode" and node.args:
            func = source.segment(node.func)
            given = source.segment(node.args[0])
            yield source.changed(node, f"{func}(input_type={given})"), source.lines(node), ("input_type",)
            yield source.changed(node, f"{func}({given}, more=int)"), source.lines(node), ("more",)
            yield source.changed(node, f"{func}(12345)"), source.lines(node), ("12345",)
            yield source.changed(node.func, "InputNodee"), source.lines(node), ("InputNodee",)


# --- names ---------------------------------------------------------------------------------------------------------


@kind
def misspelt_import(source: Source) -> Found:
    for node in source.walk(ast.ImportFrom):
        for alias in node.names if node.module == "meshgen" else []:
            wrong = misspelt(alias.name)
            yield source.changed(alias, wrong), source.lines(alias), (wrong,)
        if node.module in ("meshgen", "dataclasses"):
            wrong = misspelt(node.module)
            names = ", ".join(a.name for a in node.names)
            yield source.changed(node, f"from {wrong} import {names}"), source.lines(node), (wrong,)


@kind
def misspelt_name(source: Source) -> Found:
    for bind in source.binds():
        for value in bind.node.args:
            if isinstance(value, ast.Name):
                wrong = misspelt(value.id) if len(value.id) > 2 else f"{value.id}x"
                yield source.changed(value, wrong), source.lines(value), (wrong,)


@kind
def misspelt_annotation(source: Source) -> Found:
    for node in source.decorated.values():
        functions = [node] if not isinstance(node, ast.ClassDef) else [_method(node, _public(node))]
        for function in filter(None, functions):
            for part in (*[a.annotation for a in function.args.args], function.returns):
                if isinstance(part, ast.Name) and part.id in ("str", "int", "float"):
                    yield source.changed(part, "tsr"), source.lines(part), ("tsr",)


@kind
def misspelt_annotation_of_a_field(source: Source) -> Found:
    for cls in source.walk(ast.ClassDef):
        if any(_decorator(d) == "dataclass" for d in cls.decorator_list):
            for part in cls.body:
                if isinstance(part, ast.AnnAssign) and ast.unparse(part.annotation) in ("str", "float", "list[float]"):
                    yield source.changed(part.annotation, "flaot"), source.lines(part), ("flaot",)


FEW = ("str", "float", "list[float]", "list[str]")


@kind
def wrong_annotation(source: Source) -> Found:
    """A parameter that takes something else than it is given; it is used once."""
    binds = [*source.binds()]
    for node in source.decorated.values():
        own = [b for b in binds if b.function is node]
        if isinstance(node, Function) and len(own) == len(source.uses(node.name)) == 1:
            for _, param in own[0].given():
                if param.annotation is not None and ast.unparse(param.annotation) in FEW:
                    yield source.changed(param.annotation, "bytes"), source.lines(param, own[0].node), (param.arg,)


@kind
def mutable_default(source: Source) -> Found:
    for cls in source.walk(ast.ClassDef):
        if any(_decorator(d) == "dataclass" for d in cls.decorator_list):
            last = cls.body[-1]
            if isinstance(last, ast.AnnAssign) and last.value is None and isinstance(last.target, ast.Name):
                new = f"{source.segment(last)}\n    rest: list[int] = []"
                yield source.changed(last, new), frozenset({last.end_lineno + 1}), ("rest",)  # type: ignore[operator]


@kind
def no_decorator(source: Source) -> Found:
    binds = [*source.binds()]
    for name, node in source.decorated.items():
        places = [b.node for b in binds if _bare(b.node.func.value) == name]  # type: ignore[attr-defined]
        if places:
            line = node.decorator_list[0].lineno
            text = source.text.splitlines(keepends=True)
            text[line - 1] = "\n"
            uses = [source.statement(n) for n in source.uses(name)]
            yield "".join(text), source.lines(*uses), ("@deployment",)


# --- options, routes, control flow ---------------------------------------------------------------------------------


@kind
def misspelt_option(source: Source) -> Found:
    for call in source.walk(ast.Call):
        owner = _bare(call) if isinstance(call.func, ast.Attribute) and call.func.attr == "options" else ""
        options = _decorator(call) == "deployment" or owner in ("DAGDriver", *source.decorated)
        for keyword in call.keywords if options else []:
            if keyword.arg not in (None, "name"):
                wrong = misspelt(keyword.arg)
                yield (
                    source.changed(keyword, f"{wrong}={source.segment(keyword.value)}"),
                    source.lines(keyword),
                    (wrong,),
                )


@kind
def old_option(source: Source) -> Found:
    for node in source.decorated.values():
        for decorator in node.decorator_list:
            if isinstance(decorator, ast.Name) and decorator.id == "deployment":
                for given, names in (
                    ("num_gpus=1", "ray_actor_options"),
                    ("max_concurrent_queries=3", "max_ongoing_requests"),
                    ("init_args=(1,)", ".bind(...)"),
                    ('autoscaling_config={"min_replica": 1}', "min_replicas"),
                    ("min_replicas=2", "autoscaling_config"),
                    ("timeout_s=-1", "timeout_s"),
                    ('placement="drivre"', "driver"),
                ):
                    yield source.changed(decorator, f"deployment({given})"), source.lines(decorator), (names,)


@kind
def two_nodes_of_one_name(source: Source) -> Found:
    named = [
        k for c in source.walk(ast.Call) for k in c.keywords if k.arg == "name" and isinstance(k.value, ast.Constant)
    ]
    for first, second in itertools.permutations(named, 2):
        places = source.lines(source.statement(first), source.statement(second))
        yield source.changed(second.value, source.segment(first.value)), places, (first.value.value,)


@kind
def wrong_route(source: Source) -> Found:
    for node in source.walk(ast.Dict):
        for key in node.keys:
            if isinstance(key, ast.Constant) and str(key.value).startswith("/"):
                for wrong in (key.value[1:], key.value + " x", "/1" + key.value[1:], key.value + "/"):
                    yield source.changed(key, repr(wrong)), source.lines(key), (wrong,)


@kind
def wrong_case(source: Source) -> Found:
    for node in source.walk(ast.Call):
        if _decorator(node) == "switch" and isinstance(node.args[1], ast.Dict):
            for key, value in zip(node.args[1].keys, node.args[1].values, strict=True):
                yield source.changed(key, "12345"), source.lines(key), ("12345",)
                yield source.changed(value, "'many'"), source.lines(node), ("many",)
                yield source.changed(value, "Undecorated"), source.lines(value), ("Undecorated",)
            for keyword in node.keywords:
                yield source.changed(keyword.value, "{'a': 1}"), source.lines(node), ("switch",)
            yield source.changed(node.args[1], "{}"), source.lines(node), ("switch",)


@kind
def wrong_map(source: Source) -> Found:
    for node in source.walk(ast.Call):
        if _decorator(node) == "map_each":
            first = node.args[0]
            over = next(k for k in node.keywords if k.arg == "over")
            yield source.changed(over.value, "12345"), source.lines(node), ("12345", "over")
            yield source.changed(over, source.segment(over.value)), source.lines(node), ("name", "positional")
            yield source.changed(first, f"{source.segment(first)}.bind(1)"), source.lines(node), ("bind",)
            yield source.changed(first, "len"), source.lines(node), ("len",)


@kind
def wrong_driver(source: Source) -> Found:
    for node in source.walk(ast.Call):
        func = source.segment(node.func)
        if func.startswith("DAGDriver") and func.endswith(".bind"):
            given = source.segment(node.args[0])
            yield source.changed(node, f"{func}()"), source.lines(node), ("DAGDriver.bind",)
            yield source.changed(node, f"{func}({given}, http_adapter=print)"), source.lines(node), ("input_adapter",)
            yield source.changed(node, f"{func}({given}, {given})"), source.lines(node), ("DAGDriver.bind",)
            yield source.changed(node.func, func.removesuffix(".bind")), source.lines(node), ("DAGDriver",)
            yield source.changed(node.func, func.removesuffix("bind") + "bnid"), source.lines(node), ("bnid",)


def slips() -> Iterator[Slip]:
    """All of them, at most `MOST` of a kind."""
    sources = [Source(graph, (PROJECT / graph).read_text()) for graph in GRAPHS]
    for name, find in KINDS.items():
        found = [[Slip(name, s.graph, *each) for each in find(s)] for s in sources]
        in_turn = (slip for row in itertools.zip_longest(*found) for slip in row if slip is not None)
        yield from itertools.islice((slip for slip in in_turn if _differs(slip)), MOST)


def _differs(slip: Slip) -> bool:
    return slip.text != (PROJECT / slip.graph).read_text()


@dataclass(frozen=True)
class Wrong:
    """A slip that was not answered as it should be."""

    slip: Slip
    why: str
    said: str

    def __str__(self) -> str:
        return f"{self.slip.kind} in {self.slip.graph}, lines {sorted(self.slip.lines)}: {self.why}\n{self.said}\n"


def found_in(text: str, file: Path) -> list[Diagnostic]:
    """What `meshgen check` says of a graph."""
    file.write_text(text)
    problems, *_ = checked(str(file), allow_breaking=False)
    sys.modules.pop(file.stem, None)
    return [*problems]


@cache
def said_anyway(graph: str) -> frozenset[str]:
    """What is said of a graph in which nothing slipped."""
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "pyproject.toml").touch()
        found = found_in((PROJECT / graph).read_text(), Path(folder).resolve() / "before.py")
        return frozenset(problem.message for problem in found)


def judged(slip: Slip, file: Path) -> Wrong | None:
    """Check a slip; None when it gives exactly one problem, at its line, that names what is wrong.

    Args:
        slip: it.
        file: where to put it.
    """
    try:
        problems = [p for p in found_in(slip.text, file) if p.message not in said_anyway(slip.graph)]
    except Exception as error:
        return Wrong(slip, "a traceback of ours", f"{type(error).__name__}: {error}")
    said = "\n".join(p.render() for p in problems)
    if len(problems) != 1:
        return Wrong(slip, f"{len(problems)} problems", said)
    (problem,) = problems
    if Path(problem.span.file) != file:
        return Wrong(slip, "another file", said)
    if problem.span.line not in slip.lines:
        return Wrong(slip, "another line", said)
    if not any(name in f"{problem.message} {problem.hint}" for name in slip.names):
        return Wrong(slip, f"none of {slip.names} is named", said)
    return None


def wrong_answers(found: Iterable[Slip], folder: Path) -> Iterator[Wrong]:
    """The slips that are not answered as they should be."""
    (folder / "pyproject.toml").touch()
    for number, slip in enumerate(found):
        if wrong := judged(slip, folder / f"slip_{number}.py"):
            yield wrong


def main(kinds: Sequence[str]) -> int:
    made = [slip for slip in slips() if not kinds or slip.kind in kinds]
    sys.path.insert(0, str(PROJECT))
    with tempfile.TemporaryDirectory() as folder:
        wrong = [*wrong_answers(made, Path(folder).resolve())]
    print(*wrong, sep="\n")
    counts, bad = Counter(slip.kind for slip in made), Counter(each.slip.kind for each in wrong)
    for name, count in counts.items():
        print(f"{name:34} {count:3}  {f'{bad[name]} wrong' if bad[name] else 'right'}")
    print(f"{len(counts)} kinds, {len(made)} slips, {len(wrong)} wrong")
    return bool(wrong)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
