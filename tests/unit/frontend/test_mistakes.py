"""Each mistake is one problem that says what to write instead, at the line where it was made."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from typing import Any

import pytest

import meshgen
from meshgen import DAGDriver, GraphError, Handle, InputNode, deployment, inline, map_each, switch
from meshgen.errors import Diagnostic
from meshgen.frontend import Application, trace


@deployment
class Model:
    def __init__(self, weight: int = 1, sizes: list[int] | None = None) -> None:
        self.weight = weight

    def go(self, a: int) -> int:
        return a * self.weight

    def __call__(self, a: int) -> int:
        return a


@deployment
class Other:
    def go(self, a: int) -> int:
        return a


@deployment
class Holder:
    def __init__(
        self,
        model: Handle[Model],
        others: list[Handle[Model]] = [],  # noqa: B006 - nobody changes it
        named: dict[str, Handle[Model]] | None = None,
        size: int | str = 1,
        call: Callable[..., Any] = print,
        anything: Any = None,
    ) -> None:
        self.model = model

    def __call__(self, a: int) -> int:
        return a


@deployment
def use(a: int) -> int:
    return a


@deployment
def total(a: list[int]) -> int:
    return sum(a)


@deployment
def loose(a, b=None):  # type: ignore[no-untyped-def]
    return a


@deployment
def keywords(a: int, *, b: int, c: int) -> int:
    return a - b - c


@deployment
def table(a: int) -> dict[str, int]:
    return {"x": a}


def plain(a: int) -> int:
    return a


class Weird:
    """Whatever one asks it, it raises."""

    def __repr__(self) -> str:
        raise RuntimeError

    def __eq__(self, other: object) -> bool:
        raise RuntimeError

    def __hash__(self) -> int:
        raise RuntimeError

    def __getattr__(self, name: str) -> Any:
        raise RuntimeError


class WeirdClass:
    __class__ = property(lambda self: 1 / 0)  # type: ignore[assignment]


def nested(levels: int) -> list[Any]:
    found: list[Any] = []
    for _ in range(levels):
        found = [found]
    return found


LOOP: list[Any] = []
LOOP.append(LOOP)
MODEL = Model.bind()


def problems(build: Callable[[Any], Any]) -> tuple[Diagnostic, ...]:
    """What is wrong with a graph; each problem is in this file."""
    try:
        with InputNode(int) as request:
            made = build(request)
            app: Any = made if isinstance(made, Application) else DAGDriver.bind(made)
        found = trace(app, name="g").diagnostics
    except GraphError as error:
        found = error.diagnostics
    assert all(d.span.file == __file__ for d in found), found
    return found


@pytest.mark.parametrize(
    ("build", "message", "hint"),
    [
        # A forgotten bind, wherever a value is wanted.
        (lambda i: use.bind(Model), "the class 'Model' is given to a call without `.bind(...)`", "`Model.bind(...)`"),
        (lambda i: use.bind(a=use), "the function 'use' is given to a call without", "`use.bind(...)`"),
        (lambda i: use.bind(MODEL.go), "the method 'Model.go' is given to a call without", "`.go.bind(...)`"),
        (lambda i: use.bind(MODEL), "the class node 'Model' is given to a call", "takes the handle in its constructor"),
        (lambda i: total.bind([i, use]), "the function 'use'", "`use.bind(...)`"),
        (lambda i: loose.bind([{"x": (1, MODEL.go)}]), "the method 'Model.go'", "`.go.bind(...)`"),
        (lambda i: switch(use, {1: use.bind(i)}), "the function 'use' is given to a switch", "`use.bind(...)`"),
        (lambda i: switch(MODEL, {1: use.bind(i)}), "the class node 'Model' is given to a switch", "`.go.bind(...)`"),
        (lambda i: switch(i, {1: Model}), "the class 'Model' is given to a switch", "`Model.bind(...)`"),
        (lambda i: switch(i, {1: use.bind(i)}, default=MODEL.go), "the method 'Model.go'", "`.go.bind(...)`"),
        (lambda i: map_each(use, over=total), "the function 'total' is given to map_each", "`total.bind(...)`"),
        (lambda i: map_each(use, over=MODEL.go), "the method 'Model.go' is given to map_each", "`.go.bind(...)`"),
        (lambda i: map_each(loose, over=[1], b=use), "the function 'use' is given to a call", "`use.bind(...)`"),
        (lambda i: Holder.bind(Model).bind(i), "the class 'Model' is given to a constructor", "`Model.bind(...)`"),
        (lambda i: Holder.bind(MODEL, [Model]).bind(i), "the class 'Model' is given to a constructor", "`Model.bind"),
        (lambda i: Holder.bind(MODEL.go).bind(i), "the method 'Model.go' is given to a constructor", "`.bind(...)`"),
        (lambda i: Holder.bind(use).bind(i), "the function 'use' is given to a constructor", "`use.bind(...)`"),
        (lambda i: Holder.bind(MODEL, named={"a": use}).bind(i), "the function 'use'", "`use.bind(...)`"),
        (lambda i: {"/a": use}, "the function 'use' is given to DAGDriver.bind", "`use.bind(...)`"),
        (lambda i: {"/a": Model}, "the class 'Model' is given to DAGDriver.bind", "`Model.bind(...)`"),
        (lambda i: {"/a": MODEL.go}, "the method 'Model.go' is given to DAGDriver.bind", "`.go.bind(...)`"),
        (
            lambda i: MODEL,
            "not the class node 'Model'",
            "`with InputNode(int) as request:` and `DAGDriver.bind(node.bind(",
        ),
        (lambda i: Other.bind(), "not the class node 'Other'", "`.go.bind(...)`"),
        (
            lambda i: DAGDriver.bind(use.bind(i), input_adapter=use),
            "input_adapter is the deployment 'use'",
            "decorator",
        ),
        (lambda i: use.bind(plain), "takes int, the function `plain` is given", "`.bind(...)`"),
        (lambda i: plain, "not the function `plain`", "`.bind(...)`"),
        (lambda i: use.bind(DAGDriver.bind(use.bind(i))), "DAGDriver.bind(...) is given to a call", "a node returns"),
        (lambda i: loose.bind({i}), "inside a set", "as arguments"),
        (lambda i: loose.bind({i: 1}), "inside a dict as a key", "as arguments"),
        # The driver.
        (lambda i: DAGDriver(use.bind(i)), "DAGDriver is called", "`DAGDriver.bind(...)`"),
        (lambda i: DAGDriver.bind(), "is given nothing to serve", "what a node returns"),
        (lambda i: DAGDriver.bind(use.bind(i), use.bind(i)), "takes one output, 2 are given", '{"/a": a, "/b": b}'),
        (lambda i: DAGDriver.bind(use.bind(i), plain), "one thing by position", "`input_adapter=...`"),
        (lambda i: DAGDriver.bind(use.bind(i), http_adapter=plain), "no argument `http_adapter`", "`input_adapter=`"),
        (
            lambda i: DAGDriver.bind(use.bind(i), name="x"),
            "no argument `name`",
            "`DAGDriver.options(name=...).bind(...)`",
        ),
        (lambda i: DAGDriver.bnid(use.bind(i)), "DAGDriver has no `bnid`", "`DAGDriver.bind(...)`"),
        (lambda i: [use.bind(i)], "not a list of 1", "a route"),
        (lambda i: None, "not None", ""),
        (lambda i: {"report": use.bind(i)}, "the route 'report' cannot be a path", '`"/report"`'),
        # Constructors.
        (lambda i: Model.bind("two").go.bind(i), "takes int for `weight`, 'two' is given", "change the annotation at"),
        (lambda i: Model.bind(1, [1, "two"]).go.bind(i), "takes int for `sizes`, 'two' is given", "another value"),
        (lambda i: Model.bind(1, 2, 3).go.bind(i), "too many positional arguments", "weight, sizes"),
        (lambda i: Model.bind(wieght=2).go.bind(i), "unexpected keyword argument 'wieght'", "`weight`"),
        (lambda i: Model.bind(1, weight=2).go.bind(i), "multiple values for argument 'weight'", "weight, sizes"),
        (lambda i: Holder.bind().bind(i), "missing a required argument: 'model'", "model, others"),
        (
            lambda i: Holder.bind(Other.bind()).bind(i),
            "a handle to 'Model' for `model`, a node of 'Other'",
            "`Model.bind",
        ),
        (lambda i: Holder.bind(3).bind(i), "takes a handle to 'Model' for `model`, 3 is given", "`Model.bind(...)`"),
        (
            lambda i: Holder.bind(MODEL, named={"a": Other.bind()}).bind(i),
            "for `named`, a node of 'Other'",
            "`Model.bind",
        ),
        (lambda i: Holder.bind(MODEL, size=MODEL).bind(i), "takes int | str for `size`, a node of 'Model'", ""),
        (lambda i: Holder.bind(MODEL, size=[1]).bind(i), "takes int | str for `size`, [1] is given", ""),
        (lambda i: Holder.bind(MODEL, call=3).bind(i), "takes Callable[..., Any] for `call`, 3 is given", ""),
        (lambda i: Holder.bind([MODEL], MODEL).bind(i), "`model` and `others` in each other's place", "Swap them"),
        (lambda i: Holder.bind(i).bind(i), "takes a value that only a request brings", ""),
        # Arguments.
        (lambda i: keywords.bind(i, 1, 2), "takes 1 argument by position, 3 are given", "`b=...`, `c=...`"),
        (lambda i: keywords.bind(i, b=1, d=2), "has no parameter `d`", "a, b, c"),
        (lambda i: use.bind(), "is not given `a`", ""),
        (lambda i: map_each(use, over=["a"]), "takes int, 'a' is an item of `over`", ""),
        (lambda i: map_each(use), "is not given what to go over", ""),
        (lambda i: map_each(Model, over=[1]), "the class 'Model' is not bound", "`map_each(Model.bind(...).method"),
        (lambda i: map_each(use.bind(i), over=[1]), "not <graph value use.use>", "Leave out its `.bind(...)`"),
        (
            lambda i: switch(i, {1: use.bind(i), 2: 3, 3: "x"}),
            "the case 3 of this switch yields 'x', the others int",
            "",
        ),
        (lambda i: use.bind(switch(i, {1: 1, 2: "x"})), "yield different types: 'x', 1", ""),
        # The input.
        (lambda i: InputNode(int, a=int), "by position or by name, not both", "`InputNode(x0=..., a=...)`"),
        (lambda i: InputNode(input_type=int), "`input_type` is how Ray typed", "`InputNode(int)`"),
        (lambda i: InputNode(input_type={0: int}), "`input_type` is how Ray typed", "`InputNode(int, str)`"),
        (lambda i: InputNode(0), "takes types, not 0", "`InputNode(int)`"),
        (lambda i: use.bind(InputNode(int)), "an InputNode is given to a call", "`with InputNode(...) as request:`"),
        (lambda i: use.bind(InputNode(int, int)[0]), "looked into (`[0]`)", "`with InputNode(...) as request:`"),
        (lambda i: use.bind(InputNode(a=int).a), "looked into (`.a`)", "`with InputNode(...) as request:`"),
        (lambda i: [*InputNode(int, int)], "unpacked", "`with InputNode(...) as request:`"),
        # What Ray's graphs had.
        (lambda i: MODEL.remote(1), "called while the graph is built", "`.remote(...)` is for handles"),
        (lambda i: MODEL.options(num_replicas=2), "called while the", "`Model.options(num_replicas=...).bind(...)`"),
        (lambda i: MODEL.go.options(name="x"), "'Model.go' has no `options`", "`Model.options(...).bind(...)`"),
        (lambda i: MODEL.go.bnid(1), "'Model.go' has no `bnid`", "`.bind(...)`"),
        (lambda i: use.bind(i).execute(1), "cannot be called", "`meshgen.local(app)(...)`"),
        (lambda i: print(use.bind(i)), "cannot be printed", "`meshgen draw FILE`"),
        (lambda i: use.bind(table.bind(i).x), "looks into dict[str, int]", "`['x']`"),
        (lambda i: use.bind(use.bind(i).x), "looks into int, which has no parts", "to a node"),
        (lambda i: MODEL.gone.bind(i), "has no method `gone`", "`go`"),
        (lambda i: MODEL.weight.bind(i), "has no method `weight`", "It has: go"),
        # What cannot be a node.
        (lambda i: deployment("name"), "takes a function or a class, not 'name'", "`@deployment(name='name')`"),
        (lambda i: deployment(3), "takes a function or a class, not 3", "Decorate"),  # type: ignore[call-overload]
        (lambda i: deployment(max), "'max' is not written in Python", "a `def` of your own"),
        (lambda i: deployment(math.sqrt), "'sqrt' is not written in Python", "a `def` of your own"),
        (lambda i: inline(print), "'print' is not written in Python", "a `def` of your own"),
        (lambda i: deployment(functools.partial(plain, 1)), "not an object of class `partial`", "Decorate"),
        # Constants that nobody expects.
        (lambda i: use.bind(Weird()), "an object of class `Weird` is given", "another value"),
        (lambda i: Model.bind(Weird()).go.bind(i), "an object of class `Weird` is given", "another value"),
        (lambda i: use.bind(WeirdClass()), "an object of class `WeirdClass` is given", "another value"),
        (lambda i: total.bind(LOOP), "more than 100 levels, or holds itself", "inside a node"),
        (lambda i: loose.bind(nested(5000)), "more than 100 levels", "inside a node"),
        (lambda i: Model.bind(1, nested(5000)).go.bind(i), "more than 100 levels", "inside the constructor"),
        # What is no graph.
        (lambda i: meshgen.local(use.bind(i)), "is given <graph value use.use>", "`app = DAGDriver.bind(...)`"),
        (lambda i: meshgen.local(MODEL), "is given <node model>", "`app = DAGDriver.bind(...)`"),
        (lambda i: meshgen.local(use), "is given <deployment use>", "`app = DAGDriver.bind(...)`"),
        (lambda i: meshgen.local("graphs/x.py"), "is given 'graphs/x.py'", "Import the file"),  # type: ignore[arg-type]
        (lambda i: meshgen.local(None), "is given None", ""),  # type: ignore[arg-type]
        (lambda i: meshgen.local(Weird()), "is given an object of class `Weird`", ""),  # type: ignore[arg-type]
    ],
)
def test_one_problem_that_says_what_to_write(build: Callable[[Any], Any], message: str, hint: str) -> None:
    (found,) = problems(build)
    assert message in found.message
    assert hint in found.hint


def shared(levels: int) -> list[Any]:
    found: list[Any] = []
    for _ in range(levels):
        found = [found, found]
    return found


@pytest.mark.parametrize(
    "build",
    [
        lambda i: Holder.bind(MODEL, [MODEL], {"a": MODEL}, "x", len, Weird()).bind(i),
        lambda i: Holder.bind(MODEL, (MODEL,) and [MODEL], None, anything=WeirdClass()).bind(i),
        lambda i: Holder.bind(MODEL, anything=shared(60)).bind(i),
        lambda i: Holder.bind(MODEL, anything={"a": nested(50), "class": dict}).bind(i),
        lambda i: Model.bind(True, None).go.bind(i),
        lambda i: loose.bind(i, Weird()),
        lambda i: loose.bind([Weird(), {1: WeirdClass()}], i),
        lambda i: loose.bind(shared(60), i),
        lambda i: keywords.bind(i, c=1, b=2),
        lambda i: use.bind(switch(i, {1: 1, 2: use.bind(i)}, default=3)),
        lambda i: map_each(use, over=[1, 2]),
        lambda i: deployment(functools.lru_cache(plain)).bind(i),
        lambda i: DAGDriver.bind(graph=use.bind(i)),
    ],
)
def test_no_problem_where_there_is_none(build: Callable[[Any], Any]) -> None:
    assert problems(build) == ()


def test_parts_of_the_input_are_unpacked() -> None:
    with InputNode(int, int) as request:
        a, b = request
        app = DAGDriver.bind(keywords.bind(a, b=b, c=1))
    assert meshgen.local(app)(5, 3) == 1


def test_parts_of_the_input_that_are_called_like_what_a_call_takes() -> None:
    @deployment
    def shown(a: str, b: float) -> str:
        return f"{a}{b}"

    with InputNode(route=str, timeout_s=float) as request:
        app = DAGDriver.bind({"/one": shown.bind(request.route, request.timeout_s), "/two": shown.bind("b", 1.0)})
    graph = meshgen.local(app)
    assert graph("x", 1.5, route_="/one") == graph(route="x", timeout_s=1.5, route_="one", timeout_s_=5) == "x1.5"
    assert graph(route="x", timeout_s=1.5, route_="/one", timeout_s_=None) == "x1.5"
    with pytest.raises(meshgen.NotFound):
        graph("x", 1.5)
    with pytest.raises(TypeError, match=r"^the request lacks timeout_s$"):
        graph(route="x", route_="/one")
    with pytest.raises(TypeError, match=r"^the request takes route, timeout_s; not other$"):
        graph(route="x", other=1.5, route_="/one")


async def test_the_same_in_async_code() -> None:
    with InputNode(route=int) as request:
        app = DAGDriver.bind(use.bind(request.route))
    assert await meshgen.local(app).call(route=3) == 3
    assert await meshgen.local(app).call(route=3, route_=None, timeout_s=None) == 3


def test_problems_of_several_lines_are_at_their_own() -> None:
    with InputNode(int) as request:
        app = DAGDriver.bind(
            {
                "/a": use.bind(
                    request,
                ),
                "/b": total.bind(
                    [
                        request,
                        use,
                    ]
                ),
                "c": use.bind(request),
            }
        )
    found = trace(app, name="g").diagnostics
    assert sorted(d.span.text.strip() for d in found) == ['"c": use.bind(request),', "use,"]


def test_nodes_of_one_line_have_their_problem_once() -> None:
    with InputNode(int) as request:
        value = request
        for number in range(5):
            value = Model.options(name=f"m{number}").bind("x").go.bind(value, 1)
        found = trace(DAGDriver.bind(value), name="g").diagnostics
    assert sorted(d.code for d in found) == ["MG203", "MG204"]
