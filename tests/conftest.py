"""Options and fixtures of every test."""

from __future__ import annotations

import gc
import os
import signal
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

import hypothesis
import pytest

if TYPE_CHECKING:
    from running_mesh import MeshProcess

    from meshgen.control.otlp import Receiver

GRAPHS = (
    "graphs/quickstart.py",
    "tests/graphs/gauntlet.py",
    "tests/graphs/gauntlet.py:fused",
    "tests/graphs/adapted.py",
    "tests/graphs/border.py",
    "tests/mesh/graphs/probe.py",
    "tests/mesh/graphs/fragile.py",
    "tests/mesh/graphs/large.py",
    "tests/mesh/graphs/visible.py",
)
"""What the shared mesh runs."""


# A run that decides whether something lands finds the same cases each time; those at home look for new ones.
# How long one takes says more of the machine than of the code.
hypothesis.settings.register_profile("home", deadline=None)
hypothesis.settings.register_profile("ci", derandomize=True, deadline=None)
hypothesis.settings.load_profile("ci" if os.environ.get("CI") else "home")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--accept", action="store_true", help="rewrite expected outputs from what the code does now")


def pytest_configure() -> None:
    # A terminated pytest would leave the meshes that it has started; an interrupted one tears its fixtures down.
    signal.signal(signal.SIGTERM, signal.default_int_handler)


@pytest.hookimpl(wrapper=True)  # before the same hook of xdist, which reads the groups
def pytest_collection_modifyitems(items: list[pytest.Item]) -> Generator[None]:
    """Put the tests on meshes into one worker, and last: a mesh starts badly beside other tests that fill the cores.

    Those that start meshes of their own come before those that share one, which then need not stand by meanwhile.
    """
    meshes = [item for item in items if item.get_closest_marker("mesh")]
    for item in meshes:
        item.add_marker(pytest.mark.xdist_group("mesh"))
    sharing = [item for item in meshes if "mesh" in getattr(item, "fixturenames", ())]
    last = {item: place for place, group in enumerate((meshes, sharing), 1) for item in group}
    items.sort(key=lambda item: last.get(item, 0))
    return (yield)


@pytest.hookimpl(trylast=True)
def pytest_collection_finish() -> None:
    """Modules and tests stay to the end: what collects garbage need not look at them each time."""
    gc.collect()
    gc.freeze()


@pytest.fixture(autouse=True)
def _no_fault_of_the_fast_codec() -> Iterator[None]:
    """The general codec does what the fast one fails at, so that no other test would notice."""
    from meshgen.codec import fast_faults

    before = fast_faults.noted()
    yield
    assert fast_faults.noted() - before == {}


@pytest.fixture(scope="session")
def spans() -> Iterator[Receiver]:
    """Takes the spans of the shared mesh."""
    from meshgen.control.otlp import Receiver

    with Receiver() as receiver:
        yield receiver


@pytest.fixture(scope="session")
def mesh(tmp_path_factory: pytest.TempPathFactory, spans: Receiver) -> Iterator[MeshProcess]:
    """A mesh on Ray Serve and Envoy, started once. At its end it must stop cleanly."""
    from running_mesh import MeshProcess

    running = MeshProcess(GRAPHS, tmp_path_factory.mktemp("mesh"), env={"OTEL_EXPORTER_OTLP_ENDPOINT": spans.endpoint})
    try:
        yield running.start()
        assert running.alive, f"the mesh ended during the tests:\n{running.output}"
        assert running.stop() == 0, running.output
        assert running.leftovers() == []
    finally:
        running.close()


MeshStarter = Callable[..., "MeshProcess"]


@pytest.fixture
def new_mesh(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MeshStarter]:
    """Makes meshes of a test's own, not yet started: `new_mesh("graph.py", options=[...])`."""
    from running_mesh import MeshProcess

    made: list[MeshProcess] = []

    def make(*graphs: str, options: Sequence[str] = (), env: Mapping[str, str] | None = None) -> MeshProcess:
        made.append(MeshProcess(graphs, tmp_path_factory.mktemp("mesh"), options=options, env=env))
        return made[-1]

    yield make
    for one in made:
        one.close()
