"""A graph over every kind of type: what may be looked into, given on, and selected by."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Literal, NotRequired, TypedDict

import pytest
from annotated_types import Ge

from meshgen import DAGDriver, Float32, InputNode, Int32, RenamedFrom, deployment, local, switch
from meshgen.frontend.driver import Application
from meshgen.frontend.trace import Traced, trace
from meshgen.graph.steps import Call


class Options(TypedDict):
    depth: int
    label: NotRequired[str]


@dataclass
class Circle:
    radius: float


@dataclass
class Tree:
    value: int
    child: Tree | None
    children: list[Tree]
    shape: Circle | int
    extra: Any
    options: Options


@deployment
def number(x: int) -> int:
    return x


@deployment
def single(x: Annotated[float, Float32]) -> Annotated[float, Float32]:
    return x


@deployment
def anything(x: Any) -> Any:
    return x


@deployment
def mixed(x: int | list[int] | dict[str, int] | Options) -> int:
    return 1


@deployment
def either(x: list[int | str] | Circle) -> int:
    return 1


@deployment
def positive(x: Annotated[int, Ge(0)]) -> int:
    return x


@deployment
def choose(x: int) -> Literal[1, 2]:
    return 2 if x > 1 else 1


@deployment
def series(x: Sequence[int]) -> int:
    return len(x)


@deployment
def options(x: Options) -> int:
    return x["depth"]


def traced(build: Callable[[Any], Any], record: Any = Tree) -> Traced:
    with InputNode(record) as request:
        app: Application = DAGDriver.bind(build(request))
    return trace(app, name="g")


def problems(build: Callable[[Any], Any], record: Any = Tree) -> list[tuple[str, str]]:
    return [(d.message, d.hint) for d in traced(build, record).diagnostics]


@pytest.mark.parametrize(
    "build",
    [
        lambda t: number.bind(t.children[0].value),
        lambda t: number.bind(t.children[0].children[1].children[2].value),
        lambda t: anything.bind(t.extra["a"][0]["b"]),
        lambda t: number.bind(t.extra["a"]),
        lambda t: anything.bind(t.options),
        lambda t: options.bind(t.extra),
        lambda t: options.bind({"depth": t.value}),
        lambda t: options.bind({"depth": t.value, "label": "a"}),
        lambda t: anything.bind([t.value, {"a": t.value}]),
        lambda t: either.bind([t.value, "a", 1]),
        lambda t: either.bind(Circle(1.0)),
        lambda t: single.bind(t.value),
        lambda t: series.bind((t.value, 1)),
        lambda t: positive.bind(3),
        lambda t: switch(choose.bind(t.value), {1: number.bind(1), 2: number.bind(2)}),
    ],
)
def test_fits(build: Callable[[Any], Any]) -> None:
    assert problems(build) == []


@pytest.mark.parametrize(
    ("build", "message", "hint"),
    [
        (lambda t: number.bind(t.shape.radius), "one of several (Circle | int)", ""),
        (lambda t: number.bind(t.child.value), "may be None", ""),
        (lambda t: number.bind(t.extra.a), "into Any: what JSON holds has items, and no attributes", "`['a']`"),
        (lambda t: anything.bind(t.options["label"]), "a key that Options may lack", "whole dict"),
        (lambda t: anything.bind(t.options["lable"]), "Options has no field `lable`", "`label`"),
        (lambda t: number.bind(t.children[0].valu), "Tree has no field `valu`", "`value`"),
        (lambda t: number.bind(t.shape), "takes int, 'input.shape' gives Circle | int", ""),
        (lambda t: anything.bind(t.shape), "takes Any, 'input.shape' gives Circle | int", ""),
        (lambda t: anything.bind((t.value, 1)), "takes Any, a tuple of 2 is given", ""),
        (lambda t: options.bind({"label": "a", "x": t.value}), "a dict without `depth`", ""),
        (lambda t: options.bind({"depth": 1, "lable": "a"}), "takes Options, {'depth': 1, 'lable': 'a'} is given", ""),
        (lambda t: options.bind({"depth": t.value, "lable": "a"}), "a dict with `lable` is given, which Options", ""),
        (lambda t: either.bind([t.value, 1.5]), "takes Circle | list[int | str], a list of 2 is given", ""),
        (lambda t: positive.bind(-3), "its constraints refuse: x must be", "another value"),
        (lambda t: number.bind(True), "takes int, True is given", ""),
        (lambda t: switch(choose.bind(t.value), {1: number.bind(1), 3: number.bind(2)}), "3 can never be taken", ""),
        (lambda t: switch(choose.bind(t.value), {True: number.bind(1)}), "True can never be taken", ""),
        (lambda t: switch(single.bind(1.0), {1: number.bind(1)}), "not by float", ""),
    ],
)
def test_does_not_fit(build: Callable[[Any], Any], message: str, hint: str) -> None:
    (found,) = problems(build)
    assert message in found[0]
    assert hint in found[1]


def test_any_is_looked_into_at_run_time() -> None:
    with InputNode(Any) as request:
        app = DAGDriver.bind(number.bind(request["a"][1]))
    assert local(app)({"a": [1, 2]}) == 2


def test_a_switch_by_numbers() -> None:
    with InputNode(int) as request:
        app = DAGDriver.bind(switch(choose.bind(request), {1: number.bind(10), 2: number.bind(20)}))
    assert [local(app)(x) for x in (1, 5)] == [10, 20]


def test_parameters_and_parts_of_the_input_keep_their_old_names() -> None:
    @deployment
    def f(new: Annotated[int, RenamedFrom("old"), Int32]) -> int:
        return new

    with InputNode(x=Annotated[int, RenamedFrom("y")]) as request:
        found = trace(DAGDriver.bind(f.bind(request.x)), name="g")
    assert found.graph is not None
    (step,) = found.graph.steps
    assert isinstance(step, Call)
    (param,) = found.graph.node("f").methods[0].params
    (part,) = found.graph.routes[0].input.params
    assert [(p.name, p.renamed_from, str(p.type)) for p in (param, part)] == [("new", "old", "int"), ("x", "y", "int")]
