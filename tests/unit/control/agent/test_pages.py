"""The front's pages by themselves, without Envoy and Ray."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import AsyncIterator
from typing import Any

import httpx
import plan_samples
import pytest
from openapi_spec_validator import validate

from meshgen.control.agent.pages import Pages
from meshgen.control.ports import pick
from meshgen.emit.openapi import merged_openapi


@pytest.fixture
async def http() -> AsyncIterator[httpx.AsyncClient]:
    (port,) = pick(1)
    pages = Pages(merged_openapi([plan_samples.plan("first"), plan_samples.plan("second")]), port=port)
    await pages.start()
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", trust_env=False) as client:
        yield client
    await pages.stop()


async def test_the_document_of_two_graphs(http: httpx.AsyncClient) -> None:
    document = (await http.get("/openapi.json")).json()
    validate(document)
    assert document["openapi"].startswith("3.1.")
    assert document["info"]["title"] == "first, second"
    assert [tag["name"] for tag in document["tags"]] == ["first", "second"]
    posts = {path: item["post"]["operationId"] for path, item in document["paths"].items()}
    assert posts == {"/first": "first_Predict", "/second": "second_Predict"}
    assert {"first.v1.PredictRequest", "second.v1.PredictRequest", "google.rpc.Status"} <= set(
        document["components"]["schemas"]
    )


async def test_every_error_has_an_example_of_the_shape_that_it_names(http: httpx.AsyncClient) -> None:
    document = (await http.get("/openapi.json")).json()
    responses = document["paths"]["/first"]["post"]["responses"]
    assert set(responses) == {"200", "400", "413", "429", "503", "504", "default"}
    shape = set(document["components"]["schemas"]["google.rpc.Status"]["properties"])
    for status in set(responses) - {"200"}:
        content = responses[status]["content"]["application/json"]
        assert content["schema"] == {"$ref": "#/components/schemas/google.rpc.Status"}
        (example,) = content["examples"].values()
        assert set(example["value"]) == shape


async def test_the_page_loads_what_is_here(http: httpx.AsyncClient) -> None:
    page = await http.get("/docs")
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    assert "connect-src 'self'" in page.headers["content-security-policy"]
    assert "openapi.json" in page.text
    for name, kind in (("swagger-ui-bundle.js", "javascript"), ("swagger-ui.css", "css")):
        assert f"docs/assets/{name}" in page.text
        asset = await http.get(f"/docs/assets/{name}")
        assert (asset.status_code, kind in asset.headers["content-type"]) == (200, True)
    assert (await http.get("/docs/assets/%2e%2e/core.py")).status_code == 404


def test_the_document_is_the_same_in_every_process() -> None:
    code = "import json, test_pages; print(json.dumps(test_pages.document_of_two()))"
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    first, second = (
        subprocess.run(
            [sys.executable, "-c", code], env={**env, "PYTHONHASHSEED": seed}, capture_output=True, check=True
        ).stdout
        for seed in ("1", "2")
    )
    assert first == second
    assert json.loads(first) == document_of_two()
    assert json.loads(first)["servers"] == [{"url": "/"}]


def document_of_two() -> dict[str, Any]:
    return merged_openapi([plan_samples.plan("first"), plan_samples.plan("second")])


def test_schemas_of_two_graphs_have_names_of_their_own() -> None:
    """Pages show titles."""
    schemas = document_of_two()["components"]["schemas"]
    titles = [schema["title"] for schema in schemas.values() if "title" in schema]
    assert len(set(titles)) == len(titles)
    assert schemas["first.v1.PredictRequest"]["title"] == "first.v1.PredictRequest"
    alone = merged_openapi([plan_samples.plan("first")])["components"]["schemas"]
    assert alone["first.v1.PredictRequest"]["title"] == "PredictRequest"
