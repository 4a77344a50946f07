"""Handles in process: every public method, Python's own errors for mistakes, and what is told of a failed call."""

from __future__ import annotations

import copy
import functools
import sys
from collections.abc import Callable
from dataclasses import dataclass
from types import ModuleType
from typing import Any, NoReturn

import pytest
from pydantic import BaseModel

import meshgen
from meshgen import DAGDriver, Handle, deployment
from meshgen.runtime.nodes.handles import Response


class Base:
    def inherited(self, x):  # type: ignore[no-untyped-def]
        return x + 1


@deployment
class Many(Base):
    """Nothing of it can be in a contract."""

    attribute = 1

    def plain(self, x):  # type: ignore[no-untyped-def]
        return x

    async def waiting(self, x):  # type: ignore[no-untyped-def]
        return x

    def stars(self, first, *others, **named):  # type: ignore[no-untyped-def]
        return [first, *others, named]

    def positional(self, x, /, y=2):  # type: ignore[no-untyped-def]
        return x, y

    def keyword(self, a, *, b):  # type: ignore[no-untyped-def]
        return a - b

    @staticmethod
    def static(x):  # type: ignore[no-untyped-def]
        return x

    @classmethod
    def of_class(cls, x):  # type: ignore[no-untyped-def]
        return cls.__name__, x

    @functools.lru_cache  # noqa: B019 - the point of it
    def cached(self, x):  # type: ignore[no-untyped-def]
        return x

    def each(self, n):  # type: ignore[no-untyped-def]
        yield from range(n)

    @property
    def shown(self):  # type: ignore[no-untyped-def]
        return 1

    def _private(self):  # type: ignore[no-untyped-def]
        return 1


def run(body: Callable[[Any], Any], target: Any = Many) -> Any:
    """What a node answers that does something with its handle to `target`."""

    @deployment
    class Holder:
        def __init__(self, handle: Any) -> None:
            self.handle = handle

        async def __call__(self) -> Any:
            found = body(self.handle)
            return await found if isinstance(found, Response) else found

    return meshgen.local(DAGDriver.options(name="handles").bind(Holder.bind(target.bind()).bind()))()


@pytest.mark.parametrize(
    ("call", "expected"),
    [
        (lambda h: h.plain.remote(1), 1),
        (lambda h: h.waiting.remote(x=1), 1),
        (lambda h: h.stars.remote(1, 2, 3, a=4), [1, 2, 3, {"a": 4}]),
        (lambda h: h.stars.remote(first=1), [1, {}]),
        (lambda h: h.positional.remote(1), (1, 2)),
        (lambda h: h.positional.remote(1, y=3), (1, 3)),
        (lambda h: h.keyword.remote(3, b=1), 2),
        (lambda h: h.static.remote(1), 1),
        (lambda h: h.of_class.remote(1), ("Many", 1)),
        (lambda h: h.cached.remote(1), 1),
        (lambda h: h.inherited.remote(1), 2),
    ],
)
def test_a_handle_gives_every_public_method(call: Callable[[Any], Any], expected: Any) -> None:
    assert run(call) == expected


@pytest.mark.parametrize(
    ("call", "kind", "text"),
    [
        (lambda h: h.keyword.remote(3, 1), TypeError, r"'many.keyword' takes \(a, \*, b\): too many positional"),
        (lambda h: h.plain.remote(), TypeError, "'many.plain' takes .x.: missing a required argument: 'x'"),
        (lambda h: h.plain.remote(1, 2), TypeError, "too many positional arguments"),
        (lambda h: h.plain.remote(1, x=2), TypeError, "multiple values for argument 'x'"),
        (lambda h: h.plain.remote(y=2), TypeError, "argument"),
        (lambda h: h.plain.remote(h), TypeError, "given a handle as `x`; only a constructor takes one"),
        (lambda h: h.plain(1), TypeError, r"write `await handle\.plain\.remote\(\.\.\.\)`"),
        (lambda h: h(1), TypeError, r"write `await handle\.remote\(\.\.\.\)`"),
        (lambda h: h.remote(1), AttributeError, "has no `__call__`; call one of its methods: it has: cached,"),
        (lambda h: h.plane, AttributeError, "no public method `plane`: Did you mean `plain`"),
        (lambda h: h.attribute, AttributeError, "no public method `attribute`: it has: .*attributes stay"),
        (lambda h: h.shown, AttributeError, "no public method `shown`"),
        (lambda h: h._private, AttributeError, "is private"),
        (lambda h: h.each.remote(2), TypeError, "yields its results.*return a list"),
        (lambda h: h.options(method_name="plain"), AttributeError, r"write `handle\.method\.remote\(\.\.\.\)`"),
        (lambda h: h.plain.options(x=1), AttributeError, r"write `await handle\.plain\.remote\(\.\.\.\)`"),
        (lambda h: h.plain.remote(1).real, AttributeError, "await it first"),
        (lambda h: bool(h.plain.remote(1)), TypeError, "is no answer yet: await it"),
        (lambda h: [h.plain.remote(1).result()], RuntimeError, "write `await"),
        (lambda h: setattr(h, "a", 1), AttributeError, "cannot be set by a handle"),
    ],
)
def test_a_mistake_at_a_handle_is_told_as_python_would(call: Any, kind: type[Exception], text: str) -> None:
    with pytest.raises(kind, match=text):
        run(call)


def test_protocols_of_python_do_not_meet_the_node() -> None:
    assert run(lambda h: (hasattr(h, "__len__"), hasattr(h, "nothing"), repr(copy.copy(h)))) == (
        False,
        False,
        "<handle to many>",
    )


def test_a_response_is_awaited_once_and_the_error_says_so() -> None:
    @deployment
    class Twice:
        def __init__(self, many: Handle[Many]) -> None:
            self.many = many

        async def old(self) -> Any:
            return await (await self.many.plain.remote("text"))

        async def forgets(self) -> Any:
            return self.many.plain.remote("text")

    twice = Twice.bind(Many.bind())
    graph = meshgen.local(DAGDriver.bind({"/old": twice.old.bind(), "/forgets": twice.forgets.bind()}))
    with pytest.raises(TypeError) as raised:
        graph(route="/old")
    assert any("awaited once" in note for note in raised.value.__notes__)
    with pytest.raises(TypeError, match="which nobody has awaited"):
        graph(route="/forgets")


def test_ray_get_of_a_response_says_what_to_write_and_starts_no_ray(monkeypatch: pytest.MonkeyPatch) -> None:
    ray: Any = ModuleType("ray")

    def get(refs: Any, *, timeout: float | None = None) -> Any:
        assert not isinstance(refs, Response), "Ray would start itself here"
        return refs, timeout

    ray.get = ray.wait = get
    monkeypatch.setitem(sys.modules, "ray", ray)
    with pytest.raises(TypeError, match=r"`ray\.get` knows nothing of this: write `await response`"):
        run(lambda h: ray.get(h.plain.remote(1)))
    with pytest.raises(TypeError, match=r"`ray\.wait` knows nothing"):
        run(lambda h: ray.wait([h.plain.remote(1), 2]))
    assert run(lambda h: (h.plain.remote(1), ray.get("ref", timeout=1))[1]) == ("ref", 1)


class Odd(meshgen.NotFound):
    """A status of the user's own."""

    def __init__(self) -> None:
        super().__init__("odd", reason="ODD", metadata={"n": 1})  # type: ignore[dict-item]  # as users do


@dataclass(frozen=True)
class Frozen(Exception):
    text: str


@deployment
class Fails:
    def bug(self) -> NoReturn:
        raise KeyError("b")

    def frozen(self) -> NoReturn:
        raise Frozen("b")

    def odd(self) -> NoReturn:
        raise Odd

    def group(self) -> NoReturn:
        raise ExceptionGroup("several", [meshgen.Aborted("first"), meshgen.Aborted("second")])

    def violations(self) -> NoReturn:
        raise meshgen.InvalidArgument("no", violations=(meshgen.Violation("a", "is b"),))

    def long(self) -> NoReturn:
        raise meshgen.Aborted("a" * 5000)


def failed(method: str) -> BaseException:
    with pytest.raises(Exception) as raised:
        run(lambda h: getattr(h, method).remote(), Fails)
    return raised.value


def test_a_bug_behind_a_handle_is_internal_with_the_original_as_its_cause() -> None:
    for method, kind in (("bug", KeyError), ("frozen", Frozen)):
        error = failed(method)
        assert type(error) is meshgen.Internal
        assert (error.message, error.node) == ("internal error in node 'fails'", "fails")
        assert type(error.__cause__) is kind


def test_a_status_behind_a_handle_is_of_the_class_that_a_mesh_knows() -> None:
    odd = failed("odd")
    assert type(odd) is meshgen.NotFound
    assert (odd.message, odd.reason, odd.metadata, odd.node) == ("odd", "ODD", {"n": "1"}, "fails")
    group = failed("group")
    assert (type(group), str(group)) == (meshgen.Aborted, "first")
    violations = failed("violations")
    assert isinstance(violations, meshgen.InvalidArgument)
    assert violations.violations == (meshgen.Violation("a", "is b"),)
    assert str(failed("long")).endswith("a…"), "what a trailer carries"


class Model(BaseModel):
    """A class of a library's kind, with dozens of public methods that are not the user's."""

    factor: int = 2

    def apply(self, x: int) -> int:
        return self.factor * x


def test_a_pydantic_model_is_a_node() -> None:
    decorated = deployment(Model)
    assert run(lambda h: h.apply.remote(3), decorated) == 6
    assert run(lambda h: h.model_dump.remote(), decorated) == {"factor": 2}, "a method that it has from pydantic"
