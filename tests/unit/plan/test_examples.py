"""Every graph here is answered when its page is tried: the example of each route is a request that works."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from openapi_schema_validator import OAS31Validator

from meshgen.compiler import compile_graph
from meshgen.emit.openapi import openapi_document
from meshgen.frontend import load_graph
from meshgen.plan.model import Plan
from meshgen.runtime.local.graph import LocalGraph

ROOT = Path(__file__).parents[3]
OTHERS = ("tests/graphs/gauntlet.py:fused",)
ALWAYS_FAIL = {"/probe/fail", "/broken"}
"""Graphs that are there to fail."""
NEEDS_SERVE = {"/probe/batching"}
"""Its node uses what only a replica has; tests/mesh/test_docs_page.py tries it."""


def targets() -> list[Any]:
    folders = ("graphs", "tests/graphs", "tests/mesh/graphs", "benchmarks/graphs")
    files = [str(file.relative_to(ROOT)) for folder in folders for file in sorted((ROOT / folder).glob("*.py"))]
    graphs = [file for file in files if "DAGDriver" in (ROOT / file).read_text()]
    with_models = pytest.mark.models
    return [pytest.param(g, marks=with_models if "content" in g else ()) for g in (*graphs, *OTHERS)]


@pytest.fixture(params=targets())
def built(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> tuple[LocalGraph, Plan]:
    monkeypatch.chdir(ROOT)
    loaded = load_graph(request.param)
    return LocalGraph(loaded.graph), compile_graph(loaded, lock=None).plan


def test_every_example_is_answered(built: tuple[LocalGraph, Plan]) -> None:
    graph, plan = built
    for route, at in zip(graph.graph.routes, plan.mesh.routes, strict=True):
        assert at.examples, at.path
        for example in at.examples if at.path not in NEEDS_SERVE else ():
            body = json.loads(json.dumps(example))
            if at.path in ALWAYS_FAIL:
                with pytest.raises((ZeroDivisionError, FileNotFoundError)):
                    graph.call_json(body, route=route.path)
            else:
                graph.call_json(body, route=route.path)


def test_every_example_is_what_the_document_says(built: tuple[LocalGraph, Plan]) -> None:
    document = openapi_document(built[1])
    for path, item in document["paths"].items():
        media = item["post"]["requestBody"]["content"]["application/json"]
        validator = OAS31Validator({**media["schema"], "components": document["components"]})
        for example in media["examples"].values():
            assert [f"{path} {e.json_path} {e.message}" for e in validator.iter_errors(example["value"])] == []
