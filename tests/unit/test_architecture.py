"""Rules about the code itself: sizes, names, what may import what, what is public."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from fnmatch import fnmatch
from graphlib import TopologicalSorter
from pathlib import Path

import grimp
import pytest

import meshgen
from meshgen.codes import CODES

PROJECT = Path(__file__).parents[2]
MODULES = sorted((PROJECT / "meshgen").rglob("*.py"))
MAX_MODULE_LINES = 400
MAX_FUNCTION_LINES = 50
MAX_CLASS_LINES = 200
MAX_MODULES_IN_A_PACKAGE = 20
PACKAGES = sorted({module.parent for module in MODULES})


def test_there_are_modules() -> None:
    assert len(MODULES) > 20


@pytest.mark.parametrize("module", MODULES, ids=lambda path: str(path.relative_to(PROJECT)))
def test_module_is_small_and_named_for_its_job(module: Path) -> None:
    assert len(module.read_text().splitlines()) <= MAX_MODULE_LINES
    assert not re.search(r"util|helper|common|misc", module.stem)


@pytest.mark.parametrize("module", MODULES, ids=lambda path: str(path.relative_to(PROJECT)))
def test_module_says_its_job_and_its_functions_are_short(module: Path) -> None:
    tree = ast.parse(module.read_text())
    doc = ast.get_docstring(tree)
    assert doc
    assert "TODO" not in doc
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            # A docstring is not what makes a function long.
            lines = (
                (node.end_lineno or node.lineno) - node.lineno + 1 - len((ast.get_docstring(node) or "").splitlines())
            )
            assert lines <= MAX_FUNCTION_LINES, f"{node.name} has {lines} lines"
        elif isinstance(node, ast.ClassDef):
            lines = (node.end_lineno or node.lineno) - node.lineno + 1
            assert lines <= MAX_CLASS_LINES, f"{node.name} has {lines} lines"


@pytest.mark.parametrize("package", PACKAGES, ids=lambda path: str(path.relative_to(PROJECT)))
def test_a_package_has_room(package: Path) -> None:
    assert len([m for m in package.glob("*.py") if m.name != "__init__.py"]) <= MAX_MODULES_IN_A_PACKAGE


def test_no_imports_go_in_circles() -> None:
    """Imports for types count, too, and so do those inside of functions."""
    graph = grimp.build_graph("meshgen", exclude_type_checking_imports=False, cache_dir=None)
    imports = {module: graph.find_modules_directly_imported_by(module) for module in graph.modules}
    # A package's `__init__` stands for the package, which is no module that its own parts would need.
    TopologicalSorter(imports).prepare()


def test_only_rayserve_takes_of_the_inside_of_ray() -> None:
    inside = re.compile(r"^\s*(?:from|import) ray\S*(?:\._|\.context\b)|^\s*from ray\S* import _", re.MULTILINE)
    taking = {m.relative_to(PROJECT / "meshgen").parts[0] for m in MODULES if inside.search(m.read_text())}
    assert taking == {"rayserve"}


def test_imports_keep_to_the_layers() -> None:
    done = subprocess.run(
        [Path(sys.executable).with_name("lint-imports"), "--no-cache"], cwd=PROJECT, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_folder_of_tests_is_looked_into(pytestconfig: pytest.Config) -> None:
    folders = {
        folder for file in (PROJECT / "tests").rglob("test_*.py") for folder in file.relative_to(PROJECT).parts[:-1]
    }
    skipped = pytestconfig.getini("norecursedirs")
    assert [name for name in sorted(folders) if any(fnmatch(name, pattern) for pattern in skipped)] == []


def test_every_target_of_make_runs_whatever_files_there_are() -> None:
    text = (PROJECT / "Makefile").read_text()
    (phony,) = re.findall(r"^\.PHONY: (.*)$", text, re.MULTILINE)
    assert set(phony.split()) == set(re.findall(r"^([a-z]+):.*##", text, re.MULTILINE))


def test_every_code_is_explained() -> None:
    used = {code for module in MODULES for code in re.findall(r"\"(MG\d{3})\"", module.read_text())}
    assert used <= set(CODES)
    for code, entry in CODES.items():
        assert re.fullmatch(r"MG[1-5]\d\d", code)
        assert entry.title
        assert entry.hint
        assert len(entry.text) > len(entry.title)


def test_codes_are_in_order() -> None:
    assert list(CODES) == sorted(CODES)


def test_no_code_is_explained_in_vain() -> None:
    texts = [m.read_text() for m in MODULES if m.name != "codes.py" and not m.name.startswith("code_texts")]
    assert [code for code in CODES if not any(code in text for text in texts)] == []


def test_every_code_is_in_the_docs() -> None:
    page = (PROJECT / "docs/errors.md").read_text()
    assert [code for code in CODES if code not in page] == []


def test_the_public_names_are_these() -> None:
    assert meshgen.__all__ == [
        "Aborted",
        "AlreadyExists",
        "Cancelled",
        "Code",
        "DAGDriver",
        "DataLoss",
        "DeadlineExceeded",
        "FailedPrecondition",
        "Float32",
        "GraphError",
        "Handle",
        "InputNode",
        "Int32",
        "Internal",
        "InternalError",
        "InvalidArgument",
        "LocalGraph",
        "MeshgenError",
        "NotFound",
        "OutOfRange",
        "PermissionDenied",
        "RenamedFrom",
        "RequestContext",
        "ResourceExhausted",
        "StatusError",
        "TensorSpec",
        "Unauthenticated",
        "Unavailable",
        "Unimplemented",
        "Unknown",
        "Violation",
        "current_request",
        "deployment",
        "inline",
        "local",
        "map_each",
        "switch",
        "wire_name",
    ]
    assert all(hasattr(meshgen, name) for name in meshgen.__all__)


def test_graphs_in_process_do_without_protobuf_and_arrays() -> None:
    heavy = {"google.protobuf", "grpc", "numpy", "PIL", "ray"}
    code = f"import sys, meshgen, meshgen.frontend.trace; print(*({heavy!r} & sys.modules.keys()))"
    done = subprocess.run([sys.executable, "-c", code], cwd=PROJECT, capture_output=True, text=True, check=True)
    assert done.stdout.split() == []
