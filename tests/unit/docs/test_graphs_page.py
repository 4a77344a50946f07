"""docs/graphs.md is true: each section is written as a file and imported, and what it shows is what Python prints."""

from __future__ import annotations

import doctest
import importlib.util
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

import meshgen
from meshgen.frontend import Application, trace
from meshgen.graph.options import own_options
from meshgen.plan.lower import lower

PAGE = (Path(__file__).parents[3] / "docs/graphs.md").read_text()
INTRODUCTION, *REST = re.split(r"^## ", PAGE, flags=re.MULTILINE)
SECTIONS = {text.partition("\n")[0]: text for text in REST}


def blocks(text: str, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", text, re.MULTILINE | re.DOTALL)


@pytest.fixture(params=SECTIONS)
def section(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[ModuleType, list[str]]]:
    """A section as a module, and the sessions that it shows."""
    (imports,) = blocks(INTRODUCTION, "python")
    text = SECTIONS[request.param]
    name = "page_of_graphs"
    file = tmp_path / f"{name}.py"
    file.write_text("\n\n".join((imports, *blocks(text, "python"))))
    spec = importlib.util.spec_from_file_location(name, file)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
        yield module, blocks(text, "pycon")
    finally:
        del sys.modules[name]


def test_a_section(section: tuple[ModuleType, list[str]]) -> None:
    module, sessions = section
    names = vars(module)
    written: list[str] = []
    for session in sessions:
        test = doctest.DocTestParser().get_doctest(session, names, module.__name__, "docs/graphs.md", 0)
        runner = doctest.DocTestRunner(verbose=False, optionflags=doctest.ELLIPSIS)
        runner.run(test, out=written.append, clear_globs=False)
        names |= test.globs
    assert not written, "".join(written)


def test_a_section_has_no_problems_and_can_be_built(section: tuple[ModuleType, list[str]]) -> None:
    module, sessions = section
    graphs = [value for value in vars(module).values() if isinstance(value, Application)]
    assert graphs
    assert sessions
    for app in graphs:
        traced = trace(app, name="page")
        assert [problem.render() for problem in traced.diagnostics] == []
        assert traced.graph is not None
        contract = lower(traced.graph, None, "0").contract
        assert [problem.render() for problem in contract.diagnostics] == []


def test_the_page_has_everything() -> None:
    """What is new in the language is new on its page."""
    language = {name for name in meshgen.__all__ if callable(getattr(meshgen, name)) and name[0].islower()}
    errors_and_types = {"wire_name"}  # docs/types.md has it
    for name in (language | {"InputNode", "DAGDriver", "Handle"}) - errors_and_types:
        assert re.search(rf"\b{name}\b", PAGE), name
    for holder in ("node", "driver"):
        for option in own_options(holder):  # type: ignore[arg-type]  # one of its values
            assert f"`{option}`" in PAGE, option
    assert all(blocks(text, "python") and blocks(text, "pycon") for text in SECTIONS.values())
