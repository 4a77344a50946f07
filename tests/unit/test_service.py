from __future__ import annotations

from pathlib import Path
from typing import Any, cast

import pytest

from meshgen import service

CONTRACT = b"descriptors"


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "pyproject.toml").write_text("")
    (tmp_path / "graphs" / "parts").mkdir(parents=True)
    (tmp_path / "graphs" / "x.py").write_text("import json\nfrom graphs.parts import near\nfrom .parts.far import f\n")
    (tmp_path / "graphs" / "parts" / "near.py").write_text("")
    (tmp_path / "graphs" / "parts" / "far.py").write_text("import graphs.x")
    (tmp_path / "graphs" / "other.py").write_text("")
    monkeypatch.chdir(tmp_path)
    service._code.cache_clear()
    return tmp_path


def version(source: str = "graphs/x.py:app", node: str | None = "n", contract: bytes = CONTRACT) -> str:
    service._code.cache_clear()
    return service._version(service._resolve(source), node, contract)


@pytest.mark.parametrize("source", ["graphs/x.py:app", "graphs.x:app"])
def test_the_version_follows_the_code_that_a_graph_imports(project: Path, source: str) -> None:
    before = version(source)
    (project / "graphs" / "other.py").write_text("changed = 1")
    assert version(source) == before
    for name in ("graphs/x.py", "graphs/parts/near.py", "graphs/parts/far.py"):
        (project / name).write_text((project / name).read_text() + "# changed")
        assert version(source) != before
        before = version(source)


def test_the_version_follows_node_and_contract(project: Path) -> None:
    assert len({version(), version(node="m"), version(node=None), version(contract=b"other")}) == 4


def test_a_graph_is_found_from_elsewhere(project: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    expected = f"{project / 'graphs' / 'x.py'}:app"
    assert service._resolve("graphs/x.py:app") == expected
    elsewhere = tmp_path / "graphs" / "parts"
    monkeypatch.chdir(elsewhere)
    assert service._resolve("graphs/x.py:app", tuple(elsewhere.parents)) == expected
    monkeypatch.syspath_prepend(str(project))
    assert service._resolve("graphs/x.py:app") == expected
    with pytest.raises(FileNotFoundError, match=r"graphs/y\.py"):
        service._resolve("graphs/y.py:app")


def test_an_application_is_a_node_with_options_and_a_version(project: Path) -> None:
    pytest.importorskip("ray.serve")
    (project / "contract.binpb").write_bytes(CONTRACT)
    app = service.application("graphs/x.py:app", "n", project / "contract.binpb", {"num_replicas": 2})
    deployment = app._bound_deployment
    assert (deployment.name, deployment.num_replicas) == ("node", 2)
    assert deployment.version == version()
    load, source, *rest = cast("tuple[Any, ...]", deployment.init_args)
    assert (source, rest) == (f"{project / 'graphs' / 'x.py'}:app", ["n", CONTRACT])
    assert (load.func, load.args) == (service.load, ("graphs/x.py:app",))


def test_a_replica_finds_its_own_copy_of_the_project(project: Path) -> None:
    (project / "graphs" / "tiny_hosted.py").write_text(
        "from meshgen import DAGDriver, InputNode, deployment\n"
        "@deployment\n"
        "def same(x: int) -> int: return x\n"
        "with InputNode(int) as i: app = DAGDriver.bind(same.bind(i))\n"
    )
    assert service.load("graphs/tiny_hosted.py:app", "/elsewhere/graphs/tiny_hosted.py:app").name == "tiny_hosted"
