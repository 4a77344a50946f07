"""`/docs` as somebody meets it who has nothing but the address: what it offers to send is answered."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from browser import browse

if TYPE_CHECKING:
    from running_mesh import MeshProcess

pytestmark = pytest.mark.mesh
ALWAYS_FAILS = "/probe/fail"
EXECUTE = """(() => {
  const route = document.querySelector('[data-path="PATH"]')?.closest(".opblock");
  if (!route) return null;
  if (!route.classList.contains("is-open")) {
    if (!window.opened) { window.opened = true; route.querySelector(".opblock-summary-control").click(); }
    return null;
  }
  const answered = route.querySelector(".live-responses-table tbody .response-col_status");
  if (answered) return answered.innerText.split("\\n")[0] + " " + route.querySelector("textarea").value;
  const button = route.querySelector("button.execute");
  if (button && !window.sent) { window.sent = true; button.click(); }
  return null;
})()"""


def test_what_each_route_offers_is_answered(mesh: MeshProcess) -> None:
    failed: dict[str, Any] = {}
    paths = mesh.get("/openapi.json").body["paths"]
    assert len(paths) > 30
    for path, item in paths.items():
        examples = item["post"]["requestBody"]["content"]["application/json"]["examples"]
        for example in examples.values():
            reply = mesh.post(path, example["value"])
            if reply.status != (500 if path == ALWAYS_FAILS else 200):
                failed[path] = (example["value"], reply)
    assert failed == {}


@pytest.mark.parametrize("path", ["/quickstart", "/border/values"])
def test_a_person_who_only_clicks_gets_an_answer(mesh: MeshProcess, path: str, tmp_path: Path) -> None:
    seen = browse(f"http://{mesh.address}/docs", EXECUTE.replace("PATH", path), tmp_path / "profile")
    assert seen.value is not None, seen
    assert seen.value.startswith("200 "), seen.value


def test_names_on_the_page_differ(mesh: MeshProcess) -> None:
    schemas = mesh.get("/openapi.json").body["components"]["schemas"]
    titles = [schema["title"] for schema in schemas.values() if "title" in schema]
    assert len(set(titles)) == len(titles)
