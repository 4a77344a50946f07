"""Versions of workloads: which edits restart what; and where a graph is found."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import pytest
from edited import Project, forget
from google.protobuf.descriptor_pb2 import FileDescriptorSet

from meshgen import service
from meshgen.compiler import compile_graph
from meshgen.errors import MeshgenError
from meshgen.frontend import load_graph

PROJECT = Path(__file__).parents[2]
QUICKSTART = "graphs/quickstart.py"
GAUNTLET = "tests/graphs/gauntlet.py"
TINY = """\
from meshgen import DAGDriver, InputNode, deployment
@deployment
def same(x: int) -> int: return x
with InputNode(int) as i: app = DAGDriver.bind(same.bind(i))
"""

Versions = dict[str | None, str]


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Project]:
    """A copy of two graphs of this repository, and a tiny one."""
    files = {path: (PROJECT / path).read_text() for path in (QUICKSTART, GAUNTLET)}
    monkeypatch.chdir(tmp_path)
    service._loaded.cache_clear()
    # The packages of this repository have the same names.
    ours = {name: sys.modules.pop(name) for name in list(sys.modules) if name.partition(".")[0] in ("graphs", "tests")}
    yield Project(tmp_path, {**files, "graphs/smallest.py": TINY})
    service._loaded.cache_clear()
    forget()
    sys.modules.update(ours)


def versions(project: Project, path: str, attribute: str = "app") -> Versions:
    """The version of each workload."""
    project.load(path, attribute)
    return versions_of(f"{path}:{attribute}")


def versions_of(source: str) -> Versions:
    loaded = load_graph(source)
    graph = loaded.graph
    contract = compile_graph(loaded, lock=None).plan.contract.descriptors.SerializeToString(deterministic=True)
    hosts = [None, *(node.name for node in graph.services if node.host == node.name)]
    return {host: service._version(source, graph, host, service._contracts(contract, graph, host)) for host in hosts}


def restarted(project: Project, path: str, old: str, new: str, attribute: str = "app") -> set[str | None]:
    before = versions(project, path, attribute)
    assert len(set(before.values())) == len(before)
    with project.edited(path, old, new):
        after = versions(project, path, attribute)
    assert before.keys() == after.keys()
    return {host for host in before if before[host] != after[host]}


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ('"""Preprocessor 2: the mean of the samples."""', '"""The mean."""', {"average"}),
        ('"""A model with one weight."""', '"""A model."""', {"model_1", "model_2"}),
        ("bind(3)", "bind(4)", {"model_2"}),
        ('"""The smallest graph', '"""A graph', set()),
        ("# Runs once per replica,", "# Runs once,", set()),
        ("@deployment  # Ray Serve's options go here", "@deployment(num_replicas=2)  # here", set()),
        # The driver writes and reads what passes between nodes.
        ("    value: float\n", "    value: float\n    more: float = 0.0\n", {None, "combine"}),
        ("def average(samples: list[float])", "def average(samples: list[float], by: float = 1)", {None, "average"}),
        ("    operation: str\n", "    operation: str\n    more: str = ''\n", {None}),
        ("combine.bind([first, second]", "combine.bind([second, first]", {None}),
    ],
)
def test_an_edit_restarts_what_it_touches(project: Project, old: str, new: str, expected: set[str | None]) -> None:
    assert restarted(project, QUICKSTART, old, new) == expected


@pytest.mark.parametrize(
    ("old", "new", "app", "fused"),
    [
        # `fail` asks for all subclasses of a class, so it restarts with any edit of its file.
        ('"""Twice."""', '"""Two times."""', {"double", "fail"}, {None, "echo"}),
        ('"""A class with two methods."""', '"""2."""', {"scale_plus", "scale_minus", "fail"}, {"chooser", "echo"}),
        ('"""The selector of the switch."""', '"""Selects."""', {None, "fail"}, {None, "echo"}),
        ('"""Everything that a graph may hold, one', '"""Everything, one', {"fail"}, {"echo"}),
        ("SyncChooser].bind(plus)", "SyncChooser].bind(minus)", {"sync_chooser", "fail"}, {"chooser", "echo"}),
    ],
)
def test_guests_restart_with_their_hosts(
    project: Project, old: str, new: str, app: set[str | None], fused: set[str | None]
) -> None:
    assert restarted(project, GAUNTLET, old, new) == app
    assert restarted(project, GAUNTLET, old, new, "fused") == fused


def test_a_helper_restarts_those_who_use_it(project: Project) -> None:
    text = (project.root / QUICKSTART).read_text()
    helper = "def shared() -> float:\n    return 1.0\n\n\n@deployment\ndef average"
    text = text.replace("@deployment\ndef average", helper)
    text = text.replace("sum(samples) / len(samples)", "shared() * sum(samples) / len(samples)")
    text = text.replace("return self.weight * x", "return shared() * self.weight * x")
    project.write(QUICKSTART, text)
    assert restarted(project, QUICKSTART, "return 1.0", "return 2.0") == {"average", "model_1", "model_2"}


SCRIPT = """\
import json, sys
sys.path[:0] = {path!r}
from test_service import versions_of
print(json.dumps([[str(k), v] for s in {sources!r} for k, v in versions_of(s).items()]))
"""


def in_a_process(folder: Path, seed: str) -> Any:
    path = [str(PROJECT / "tests" / "unit"), str(PROJECT)]
    code = SCRIPT.format(path=path, sources=[f"{QUICKSTART}:app", f"{GAUNTLET}:app", f"{GAUNTLET}:fused"])
    env = {**os.environ, "PYTHONHASHSEED": seed, "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=folder, env=env, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_versions_are_the_same_in_every_process_and_folder(tmp_path: Path) -> None:
    folders = [tmp_path / "one", tmp_path / "two" / "deeper"]
    for folder in folders:
        for path in (QUICKSTART, GAUNTLET):
            (folder / path).parent.mkdir(parents=True)
            shutil.copy(PROJECT / path, folder / path)
        (folder / "pyproject.toml").write_text("")
    found = [in_a_process(folders[0], "0"), in_a_process(folders[0], "1"), in_a_process(folders[1], "77")]
    assert found[0] == found[1] == found[2]
    assert len(found[0]) == 6 + 22 + 4


# --- applications --------------------------------------------------------------------------------------------------


def test_a_graph_is_found_from_elsewhere(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    expected = f"{project.root / 'graphs' / 'smallest.py'}:app"
    assert service._resolve("graphs/smallest.py:app") == expected
    elsewhere = project.root / "tests" / "graphs"
    monkeypatch.chdir(elsewhere)
    assert service._resolve("graphs/smallest.py:app", tuple(elsewhere.parents)) == expected
    monkeypatch.syspath_prepend(str(project.root))
    assert service._resolve("graphs/smallest.py:app") == expected
    with pytest.raises(FileNotFoundError, match=r"graphs/y\.py"):
        service._resolve("graphs/y.py:app")


def contract(project: Project, source: str) -> Path:
    project.load(source)
    path = project.root / "contract.binpb"
    found = compile_graph(load_graph(source), lock=None).plan.contract.descriptors
    path.write_bytes(found.SerializeToString())
    return path


def test_an_application_is_a_node_with_options_and_a_version(project: Project) -> None:
    pytest.importorskip("ray.serve")
    path = contract(project, "graphs/smallest.py")
    app = service.application("graphs/smallest.py:app", "same", path, {"num_replicas": 2})
    deployment = app._bound_deployment
    assert (deployment.name, deployment.num_replicas) == ("node", 2)
    assert deployment.version == versions(project, "graphs/smallest.py")["same"]
    load, source, node, descriptors = cast("tuple[Any, ...]", deployment.init_args)
    assert (source, node) == (f"{project.root / 'graphs' / 'smallest.py'}:app", "same")
    assert (load.func, load.args) == (service.load, ("graphs/smallest.py:app", None))
    files = [f.name for f in FileDescriptorSet.FromString(descriptors).file]
    assert "smallest/same/v1/same.proto" in files
    assert "smallest/v1/smallest.proto" not in files


def test_a_node_that_is_gone_is_named(project: Project) -> None:
    pytest.importorskip("ray.serve")
    with pytest.raises(MeshgenError, match=r"no node 'gone'; run `meshgen build`"):
        service.application("graphs/smallest.py:app", "gone", contract(project, "graphs/smallest.py"), {})


def test_a_replica_finds_its_own_copy_of_the_project(project: Project) -> None:
    project.load("graphs/smallest.py")
    assert service.load("graphs/smallest.py:app", None, "/elsewhere/graphs/smallest.py:app").name == "smallest"
