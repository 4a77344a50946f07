"""What changes the identity of a node's code and of a graph's structure, and what does not."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest
from edited import Project, forget

from meshgen.graph import identity

HEAD = """\
from __future__ import annotations

from meshgen import DAGDriver, InputNode, deployment
"""
Make = Callable[..., Project]


@pytest.fixture
def make(tmp_path: Path) -> Iterator[Make]:
    def project(graph: str, **modules: str) -> Project:
        files = {f"{name}.py": text for name, text in modules.items()}
        return Project(tmp_path, {"g.py": HEAD + dedent(graph), **files})

    yield project
    forget()


def codes(project: Project) -> dict[str, identity.CodeIdentity]:
    graph = project.load()
    return {node.name: identity.code(graph, node.name) for node in graph.nodes}


def hashes(project: Project) -> dict[str, str]:
    return {name: code.hash for name, code in codes(project).items()}


def changed(project: Project, old: str, new: str, path: str = "g.py") -> set[str]:
    """The nodes whose code counts as another one after an edit."""
    before = hashes(project)
    with project.edited(path, old, new):
        after = hashes(project)
    return {name for name in before if before[name] != after[name]}


def whole(project: Project) -> dict[str, list[str]]:
    return {name: [f.module for f in code.whole_files] for name, code in codes(project).items()}


# --- a module of nodes ---------------------------------------------------------------------------------------------

TWO = """
    import math
    from dataclasses import dataclass

    # a comment
    SCALE = 3
    LIMITS = [math.pi, SCALE]
    UNUSED = 1


    @dataclass
    class Point:
        x: float

        def moved(self) -> float:
            return shared(self.x)


    def shared(x: float) -> float:
        return x * SCALE


    def only_b(x: float) -> float:
        return x + 1


    def unrelated() -> int:
        return 1


    def built(n: int) -> list[int]:
        return [0] * n


    BUILT = built(3)


    class Base:
        def helped(self, x: float) -> float:
            return x - 1


    @deployment
    def a(x: float) -> float:
        '''Node a.'''
        return shared(x)


    @deployment(max_ongoing_requests=7)
    def b(x: float) -> float:
        '''Node b.'''
        return only_b(shared(x))


    @deployment
    class C(Base):
        '''Node c.'''

        def __init__(self, weight: float) -> None:
            self.weight = weight

        def __call__(self, x: float) -> float:
            return self.helped(x) + sum(LIMITS) + len(BUILT)


    @deployment
    def d(point: Point) -> float:
        return point.x


    @deployment
    def join(one: float, two: float, three: float) -> Point:
        return Point(one + two + three)


    with InputNode(float) as number:
        middle = join.bind(a.bind(number), b.bind(number), C.bind(2).bind(number))
        app = DAGDriver.bind(d.bind(middle))
"""


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("'''Node a.'''", "'''Node A.'''", {"a"}),
        ("'''Node c.'''", "'''Node C.'''", {"c"}),
        ("x * SCALE", "SCALE * x", {"a", "b", "d", "join"}),
        ("SCALE = 3", "SCALE = 4", {"a", "b", "c", "d", "join"}),
        ("SCALE = 3", "SCALE: int = 2 + 1", {"a", "b", "c", "d", "join"}),
        ("return x + 1", "return x + 2", {"b"}),
        ("return x - 1", "return x - 2", {"c"}),
        ("[math.pi, SCALE]", "[math.e, SCALE]", {"c"}),
        ("built(3)", "built(4)", {"c"}),
        ("[0] * n", "[1] * n", {"c"}),
        ("C.bind(2)", "C.bind(3)", {"c"}),
        ("C.bind(2)", "C.bind(weight=2)", {"c"}),
        ("return shared(self.x)", "return self.x", {"d", "join"}),
        ("# a comment", "# another comment\n\n\n# and more", set()),
        ("return x * SCALE", "return (\n        x  *  SCALE  # scaled\n    )", set()),
        ("return 1\n", "return 2\n", set()),
        ("UNUSED = 1", "UNUSED = 2", set()),
        ("def unrelated", "def another() -> None: ...\n\n\ndef unrelated", set()),
        ("max_ongoing_requests=7", "max_ongoing_requests=8, num_replicas=2", set()),
        ("@deployment\ndef d", "@deployment(max_queued_requests=7)\ndef d", set()),
        ("C.bind(2)", "C.options(num_replicas=3, health_check_period_s=2).bind(2)", set()),
        ("a.bind(number), b.bind(number)", "b.bind(number), a.bind(number)", set()),
    ],
)
def test_an_edit_changes_the_nodes_that_use_what_is_edited(make: Make, old: str, new: str, expected: set[str]) -> None:
    project = make(TWO)
    assert changed(project, old, new) == expected
    assert not any(whole(project).values())


def test_names_of_parameters_are_not_those_of_the_module(make: Make) -> None:
    project = make(
        """
        @deployment
        def a(number: int) -> int:
            return [number for number in (number,)][0]

        with InputNode(int) as number:
            app = DAGDriver.bind(a.bind(a.bind(number)))
        """
    )
    assert changed(project, "a.bind(a.bind(number))", "a.bind(number)") == set()


# --- modules -------------------------------------------------------------------------------------------------------

IMPORTING = """
    import parts.far
    import parts.far as renamed
    from parts import near
    from parts.lists import first
    from parts.models import Model as Renamed, make

    alias = Renamed


    @deployment
    def a(x: int) -> int:
        return near.used(x)

    @deployment
    def b(x: int) -> int:
        return parts.far.used(first(x))

    @deployment
    def c(x: int) -> int:
        from parts.lazy import used
        import parts.lazier as lazier

        return used(lazier.used(x))

    @deployment
    def d(x: int) -> int:
        return near.through.used(x) + renamed.other(x)

    class Sub(alias):
        pass

    with InputNode(int) as number:
        first_model = Renamed.options(name="plain").bind(1)
        second_model = deployment(Sub).bind(2)
        app = DAGDriver.bind(d.bind(c.bind(b.bind(a.bind(second_model.bind(first_model.bind(number)))))))
    """
PARTS = {
    "parts/near": "from parts import through\ndef used(x: int) -> int: return x\ndef unused(x: int) -> int: return x\n",
    "parts/far": "def used(x: int) -> int: return x\ndef other(x: int) -> int: return x * x\n",
    "parts/lists": "from .inner import first\n",
    "parts/inner": "import parts.lists\ndef first(x: int) -> int: return x\n",
    "parts/through": "def used(x: int) -> int: return x\n",
    "parts/lazy": "def used(x: int) -> int: return x\ndef unused() -> int: return 1\n",
    "parts/lazier": "def used(x: int) -> int: return x\n",
    "parts/models": (
        "from meshgen import deployment\n"
        "from parts.lazy import unused\n"
        "@deployment(num_replicas=1)\n"
        "class Model:\n"
        "    def __init__(self, weight: int) -> None: self.weight = weight\n"
        "    def __call__(self, x: int) -> int: return x + unused()\n"
        "def make() -> int: return 1\n"
    ),
}


@pytest.mark.parametrize(
    ("path", "old", "new", "expected"),
    [
        ("near", "used(x: int) -> int: return x\ndef un", "used(x: int) -> int: return -x\ndef un", {"a"}),
        ("near", "def unused(x: int) -> int: return x\n", "", set()),
        ("far", "used(x: int) -> int: return x\n", "used(x: int) -> int: return -x\n", {"b"}),
        ("far", "return x * x", "return x ** 2", {"d"}),
        ("inner", "return x", "return -x", {"b"}),
        ("through", "return x", "return -x", {"d"}),
        ("lazy", "return x\n", "return -x\n", {"c"}),
        ("lazier", "return x\n", "return -x\n", {"c"}),
        ("lazy", "return 1", "return 2", {"plain", "sub"}),
        ("models", "self.weight = weight", "self.weight = -weight", {"plain", "sub"}),
        ("models", "num_replicas=1", "num_replicas=2", set()),
        ("models", "def make() -> int: return 1", "def make() -> int: return 2", set()),
    ],
)
def test_what_is_imported_counts_by_name(make: Make, path: str, old: str, new: str, expected: set[str]) -> None:
    project = make(IMPORTING, **PARTS)
    assert not any(whole(project).values())
    assert changed(project, old, new, f"parts/{path}.py") == expected


def test_names_that_modules_import_from_each_other_end(make: Make) -> None:
    project = make(
        """
        from one import thing

        @deployment
        def a(x: int) -> int:
            return thing and x

        with InputNode(int) as number:
            app = DAGDriver.bind(a.bind(number))
        """,
        one="try:\n    from two import thing\nexcept ImportError:\n    thing = 1\n",
        two="from one import thing\n",
    )
    assert changed(project, "thing = 1", "thing = 2", "one.py") == {"a"}


# --- what importing does -------------------------------------------------------------------------------------------

EFFECTS = """
    import random
    import side
    from registry import HANDLERS, Shape, register, traced

    random.seed(1)
    TABLE = {}
    TABLE["key"] = 1
    if __name__ == "__main__":
        print("one")


    @register
    def one() -> int:
        return 11


    @traced
    def helper() -> int:
        return 22


    class Square(Shape):
        size = 33


    @deployment
    @traced
    def handles(x: int) -> int:
        '''Uses the registry.'''
        return sum(h() for h in HANDLERS)

    @deployment
    @traced
    def shapes(x: int) -> int:
        return len(Shape.known)

    @deployment
    def other(x: int) -> int:
        return x

    with InputNode(int) as number:
        app = DAGDriver.bind(handles.bind(shapes.bind(other.bind(number))))
    """
REGISTRY = """\
import functools
import logging

LOGGER = logging.getLogger("x")
HANDLERS = []
def register(f):
    HANDLERS.append(f)
    return f
def traced(f):
    @functools.wraps(f)
    def inner(*args):
        LOGGER.debug("called")
        return f(*args)
    return inner
class Shape:
    known = {}
    def __init_subclass__(cls):
        cls.known[cls.__name__] = cls
"""


@pytest.mark.parametrize(
    ("path", "old", "new", "expected"),
    [
        ("g.py", "random.seed(1)", "random.seed(2)", {"handles", "shapes", "other"}),
        ("g.py", 'TABLE["key"] = 1', 'TABLE["key"] = 2', {"handles", "shapes", "other"}),
        ("side.py", "enable(1)", "enable(2)", {"handles", "shapes", "other"}),
        ("g.py", "return 11", "return 12", {"handles"}),
        ("g.py", "return 22", "return 23", set()),
        ("g.py", "size = 33", "size = 34", {"shapes"}),
        ("g.py", "'''Uses the registry.'''", "'''Uses it.'''", {"handles"}),
        ("g.py", 'print("one")', 'print("two")', set()),
        ("registry.py", '"called"', '"was called"', {"handles", "shapes"}),
    ],
)
def test_what_importing_does_counts(make: Make, path: str, old: str, new: str, expected: set[str]) -> None:
    project = make(EFFECTS, side="def enable(x: int) -> None: ...\nenable(1)\n", registry=REGISTRY)
    assert changed(project, old, new, path) == expected


def test_binding_in_loops_is_no_effect(make: Make) -> None:
    project = make(
        """
        @deployment
        class M:
            def __init__(self, n: int) -> None: ...
            def __call__(self, x: int) -> int:
                return x

        models = []
        for n in range(2):
            models.append(M.options(name=f"m_{n}").bind(n))

        @deployment
        def total(xs: list[int]) -> int:
            return sum(xs)

        with InputNode(int) as number:
            app = DAGDriver.bind(total.bind([m.bind(number) for m in models]))
        """
    )
    assert len(set(hashes(project).values())) == 3
    assert changed(project, "range(2)", "range(3)") == set()
    assert changed(project, ".bind(n))", ".bind(n * 2))") == {"m_1"}


# --- in doubt ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("before", "body", "reason"),
    [
        ("import importlib", "importlib.import_module('json')", "it uses `importlib.import_module`"),
        ("from importlib import import_module as load", "load('json')", "it uses `importlib.import_module`"),
        ("import sys", "sys.modules['json']", "it uses `sys.modules`"),
        ("", "exec('1')", "it uses `exec`"),
        ("", "Exception.__subclasses__()", "it asks for `__subclasses__`"),
        ("from starred import *", "known()", "it has a star import"),
        ("", "later  # noqa", "nothing in it defines `later`"),
    ],
)
def test_in_doubt_the_whole_file_counts(make: Make, before: str, body: str, reason: str) -> None:
    project = make(
        f"""
        {before}

        def unrelated() -> int:
            return 1

        @deployment
        def a(x: int) -> int:
            {body}
            return x

        @deployment
        def b(x: int) -> int:
            return x

        with InputNode(int) as number:
            app = DAGDriver.bind(b.bind(a.bind(number)))
        """,
        starred="import below\ndef known() -> int: return 1\n",
        below="x = 1\n",
    )
    found = codes(project)
    assert identity.WholeFile("g", reason) in found["a"].whole_files
    assert found["b"].whole_files == ()
    assert changed(project, "return 1\n", "return 2\n") == {"a"}
    if "star" in before:
        assert changed(project, "x = 1", "x = 2", "below.py") == {"a"}


def test_a_module_that_is_a_value_counts_as_a_whole(make: Make) -> None:
    project = make(
        """
        import plugins

        @deployment
        def a(x: int) -> int:
            return getattr(plugins, "one")(x)

        with InputNode(int) as number:
            app = DAGDriver.bind(a.bind(number))
        """,
        plugins="import below\ndef one(x: int) -> int: return x\n",
        below="x = 1\n",
    )
    assert whole(project) == {"a": ["below", "plugins"]}
    assert changed(project, "x = 1", "x = 2", "below.py") == {"a"}


def test_nodes_that_are_made_while_code_runs(make: Make) -> None:
    project = make(
        """
        import functools

        def unrelated() -> int:
            return 1

        def adder(n: int):
            @deployment(name=f"add_{n}")
            def add(x: int) -> int:
                return x + n
            return add

        def unwrapped(f):
            def inner(x: int) -> int:
                return f(x)
            return inner

        @unwrapped
        def hidden(x: int) -> int:
            return x * 5

        with InputNode(int) as number:
            app = DAGDriver.bind(adder(1).bind(adder(2).bind(deployment(name="inner")(hidden).bind(number))))
        """
    )
    assert len(set(hashes(project).values())) == 3
    assert whole(project) == {"add_1": ["g"], "add_2": ["g"], "inner": ["g"]}
    assert changed(project, "return x * 5", "return x * 6") == {"add_1", "add_2", "inner"}
    assert changed(project, "return 1\n", "return 2\n") == {"add_1", "add_2", "inner"}


def test_a_wrapper_of_another_module_leads_back_to_what_it_wraps(make: Make) -> None:
    project = make(
        """
        from wrapping import unwrapped

        @deployment(name="a")
        @unwrapped
        def hidden(x: int) -> int:
            return x * 5

        with InputNode(int) as number:
            app = DAGDriver.bind(a.bind(number) if (a := hidden) else None)
        """,
        wrapping="def unwrapped(f):\n    def inner(x: int) -> int:\n        return f(x)\n    return inner\n",
    )
    assert changed(project, "return x * 5", "return x * 6") == {"a"}


# --- arguments -----------------------------------------------------------------------------------------------------

ARGUMENTS = """
    import dataclasses, datetime, enum, functools, re, threading
    from collections import OrderedDict
    from decimal import Decimal
    from pathlib import Path

    import numpy as np

    HERE = Path(__file__).parent

    class Colour(enum.Enum):
        RED = 1
        BLUE = 2

    @dataclasses.dataclass
    class Settings:
        size: int
        tags: set[str] = dataclasses.field(default_factory=set)

        def used(self) -> int:
            return 7

    class Loose:
        def __init__(self, size: int) -> None:
            self.size = size
            self.me = self

        def used(self) -> int:
            return 8

    def helper(x: int) -> int:
        return deeper(x)

    def deeper(x: int) -> int:
        return x + 100

    @deployment
    class M:
        def __init__(self, *args: object) -> None: ...
        def __call__(self, x: int) -> int:
            return x

    @deployment
    class Other:
        def __call__(self, x: int) -> int:
            return x

    with InputNode(int) as number:
        app = DAGDriver.bind(Other.bind().bind(M.bind(ARGUMENT).bind(number)))
    """


@pytest.mark.parametrize(
    ("argument", "other"),
    [
        ("1", "1.0"),
        ("1", "True"),
        ("0.0", "-0.0"),
        ("'a'", "b'a'"),
        ("[1]", "(1,)"),
        ("{'a': 1}", "{'a': 2}"),
        ("{'a', 'b'}", "{'a', 'c'}"),
        ("frozenset('ab')", "frozenset('ac')"),
        ("Colour.RED", "Colour.BLUE"),
        ("Settings(1)", "Settings(2)"),
        ("Settings(1, {'x', 'y'})", "Settings(1, {'x'})"),
        ("Loose(1)", "Loose(2)"),
        ("[Loose(1)]", "[Loose(2)]"),
        ("OrderedDict(a=1)", "OrderedDict(a=2)"),
        ("Decimal('1.0')", "Decimal('1.00')"),
        ("datetime.date(2020, 1, 1)", "datetime.date(2020, 1, 2)"),
        ("re.compile('a')", "re.compile('b')"),
        ("np.arange(3)", "np.arange(4)"),
        ("np.float32(1)", "np.float32(2)"),
        ("helper", "deeper"),
        ("functools.partial(helper, 1)", "functools.partial(helper, 2)"),
        ("Loose(1).used", "Loose(2).used"),
        ("lambda x: x", "lambda x: -x"),
        ("[lambda x: x, lambda x: -x][0]", "[lambda x: x, lambda x: -x][1]"),
        ("(lambda n: lambda x: x + n)(1)", "(lambda n: lambda x: x + n)(2)"),
        ("Settings", "Loose"),
        ("list[int]", "list[str]"),
        ("len", "sum"),
        ("HERE / 'a'", "HERE / 'b'"),
        ("str(HERE / 'a')", "str(HERE / 'b')"),
    ],
)
def test_arguments_count_by_value(make: Make, argument: str, other: str) -> None:
    project = make(ARGUMENTS.replace("ARGUMENT", argument))
    assert hashes(project) == hashes(project)
    if "lambda n:" not in argument:
        assert not any(whole(project).values())
    assert "m" in changed(project, f"M.bind({argument})", f"M.bind({other})")


@pytest.mark.parametrize(
    ("argument", "old", "new"),
    [
        ("Settings(1)", "return 7", "return 9"),
        ("{'a': [Loose(1)]}", "return 8", "return 9"),
        ("Loose(1).used", "return 8", "return 9"),
        ("helper", "x + 100", "x + 99"),
        ("functools.partial(helper, 1)", "x + 100", "x + 99"),
        ("lambda x: helper(x)", "x + 100", "x + 99"),
        ("functools.lru_cache(helper)", "x + 100", "x + 99"),
        ("Colour.RED", "BLUE = 2", "BLUE = 3"),
        ("[Settings]", "return 7", "return 9"),
    ],
)
def test_arguments_bring_their_code(make: Make, argument: str, old: str, new: str) -> None:
    assert changed(make(ARGUMENTS.replace("ARGUMENT", argument)), old, new) == {"m"}


def test_an_argument_that_cannot_be_told_from_others_makes_the_file_count(make: Make) -> None:
    project = make(ARGUMENTS.replace("ARGUMENT", "threading.Lock()"))
    assert whole(project) == {"m": ["g"], "other": []}
    assert changed(project, "return 7", "return 9") == {"m"}


def test_where_the_project_lies_does_not_count(make: Make, tmp_path: Path) -> None:
    text = HEAD + dedent(ARGUMENTS.replace("ARGUMENT", "HERE, str(HERE / 'a'), f'file://{HERE}/b'"))
    folders = [tmp_path / "one", tmp_path / "two" / "deeper"]
    found = []
    for folder in folders:
        folder.mkdir(parents=True)
        found.append(hashes(Project(folder, {"g.py": text})))
    assert found[0] == found[1]


# --- handles, guests, the driver -----------------------------------------------------------------------------------

HANDLES = """
    from dataclasses import dataclass
    from meshgen import Handle, inline

    @dataclass
    class Answer:
        value: int

        def __post_init__(self) -> None:
            print("made")

    @deployment
    class Leaf:
        '''A leaf.'''

        def __call__(self, x: int) -> Answer:
            return Answer(x)

    @deployment(placement="with:branch")
    def guest(x: int) -> int:
        '''A guest.'''
        return x

    @inline
    def small(x: int) -> int:
        '''Inline.'''
        return x

    @deployment
    class Branch:
        '''A branch.'''

        def __init__(self, leaf: Handle[Leaf], by_name: "dict[str, Handle[Leaf]]") -> None:
            self.leaf = leaf

        async def __call__(self, x: int) -> int:
            return (await self.leaf.remote(x)).value

    def adapt(text: str) -> int:
        return int(text)

    with InputNode(int) as number:
        leaf = Leaf.options(timeout_s=2).bind()
        app = DAGDriver.bind(
            Branch.bind(leaf, {}).bind(guest.bind(small.bind(number))), input_adapter=adapt
        )
    """


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("'''A leaf.'''", "'''Leaf.'''", {"leaf"}),
        ("'''A guest.'''", "'''Guest.'''", {"branch"}),
        ("'''Inline.'''", "'''In.'''", {None}),
        ("'''A branch.'''", "'''Branch.'''", {"branch"}),
        ('print("made")', 'print("done")', {"leaf", "branch"}),
        ("return int(text)", "return 2 * int(text)", {None}),
        ("timeout_s=2", "timeout_s=3", {"leaf", "branch"}),
        ("timeout_s=2", "timeout_s=2, num_replicas=2", set()),
        ("guest.bind(small.bind(number))", "small.bind(guest.bind(number))", {None}),
    ],
)
def test_a_replica_is_what_runs_in_it_and_what_it_knows_of_others(
    make: Make, old: str, new: str, expected: set[str | None]
) -> None:
    project = make(HANDLES)

    def replicas() -> dict[str | None, str]:
        graph = project.load()
        return {host: identity.replica(graph, host).hash for host in (None, "leaf", "branch")}

    before = replicas()
    with project.edited("g.py", old, new):
        after = replicas()
    assert {host for host in before if before[host] != after[host]} == expected


def test_a_replica_speaks_the_contracts_of_what_it_runs_and_calls(make: Make) -> None:
    graph = make(HANDLES).load()
    assert identity.spoken(graph, "leaf") == ("leaf",)
    assert identity.spoken(graph, "branch") == ("branch", "guest", "leaf")
    assert identity.spoken(graph, None) == (None, "branch", "guest")


# --- structure -----------------------------------------------------------------------------------------------------

STEPS = """
    from meshgen import map_each, switch

    @deployment
    def a(x: int, by: int = 1) -> int:
        '''A node.'''
        return x

    @deployment
    def b(xs: list[int]) -> int:
        return sum(xs)

    with InputNode(number=int, numbers=list[int]) as request:
        many = map_each(a, over=request.numbers, max_concurrency=2, by=request.number)
        one = switch(request.number, {1: a.bind(request.number), 2: b.bind(many)}, default=7)
        app = DAGDriver.bind({"/one": one, "/two": b.bind([one, 3])})
    """


@pytest.mark.parametrize(
    ("old", "new", "same"),
    [
        ("'''A node.'''", "'''Node.'''", True),
        ("return sum(xs)", "return len(xs)", True),
        ("max_concurrency=2", "max_concurrency=3", True),
        ("@deployment\ndef b", "@deployment(timeout_s=3, placement='driver')\ndef b", True),
        ("2: b.bind(many)", "3: b.bind(many)", False),
        ("default=7", "default=8", False),
        ("[one, 3]", "[3, one]", False),
        ("[one, 3]", "[one, many[0]]", False),
        ("by=request.number", "by=2", False),
        ('"/two"', '"/three"', False),
        ("number=int", "number=int, more=float", False),
        ("def b(", "def c(", False),
    ],
)
def test_a_structure_is_steps_and_their_arguments(make: Make, old: str, new: str, same: bool) -> None:
    project = make(STEPS)
    before = identity.structure(project.load())
    with project.edited("g.py", old, new):
        if old == "def b(":
            text = (project.root / "g.py").read_text()
            (project.root / "g.py").write_text(text.replace("b.bind", "c.bind"))
        assert (identity.structure(project.load()) == before) is same


def test_identities_do_not_change_between_releases_by_themselves(make: Make) -> None:
    """When one of these changes, say so: durable runs and caches of before no longer fit."""
    golden: dict[str, Any] = {
        "structure": "f4242a858f27a38e",
        "a": "1a744b0a3ef89f78",
        "b": "d2e2d5fbeffd9b71",
    }
    graph = make(STEPS).load()
    found = {"structure": identity.structure(graph), **{n: identity.code(graph, n).hash for n in ("a", "b")}}
    assert {name: text[:16] for name, text in found.items()} == golden


SCRIPT = """\
import json, sys
from meshgen.frontend import load_graph
from meshgen.graph import identity
graph = load_graph("g.py").graph
print(json.dumps([identity.structure(graph), *(identity.code(graph, n.name).hash for n in graph.nodes)]))
"""


def test_identities_are_the_same_in_every_process(make: Make) -> None:
    argument = "{'a', 'b', 'c'}, frozenset('abc'), Settings(1, {'x', 'y', 'z'}), {Colour.RED: {'k', 'l'}}, object"
    project = make(ARGUMENTS.replace("ARGUMENT", argument))
    graph = project.load()
    expected = [identity.structure(graph), *hashes(project).values()]
    for seed in ("0", "1", "77"):
        env = {**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": str(Path(__file__).parents[3])}
        command = [sys.executable, "-c", SCRIPT]
        done = subprocess.run(command, cwd=project.root, env=env, capture_output=True, text=True, timeout=60)
        assert done.returncode == 0, done.stderr
        assert json.loads(done.stdout) == expected
