"""Sources are served as they were, whatever becomes of the files."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from meshgen import pinned

PROJECT = {
    "shop/__init__.py": "",
    "shop/prices.py": "from shop.tax import RATE\n\n\ndef price(name):\n    raise LookupError(name)  # as it was\n",
    "shop/tax/__init__.py": "RATE = 1\n",
    "shop/tax/late.py": "LATE = 2\n",
    "spaces/without/init.py": "HERE = 3\n",
    "shop/labels.txt": "first",
    "data/2024/raw.py": "1/0\n",
    ".venv/lib/thing.py": "",
    "env/pyvenv.cfg": "",
    "env/thing.py": "",
    "node_modules/thing.py": "",
}


@pytest.fixture
def project(tmp_path: Path) -> Path:
    root = (tmp_path / "project").resolve()
    for name, text in PROJECT.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    return root


@pytest.fixture
def kept(project: Path, tmp_path: Path) -> Path:
    folder = tmp_path / "kept"
    folder.mkdir()
    assert pinned.take([project], folder) == ()
    return folder


def _seen(project: Path, kept: Path, code: str, **environ: str) -> Any:
    """What `code` leaves in `seen`, in a process that serves what was kept."""
    script = (
        "import json, sys\nfrom pathlib import Path\nfrom meshgen import pinned\n"
        f"sys.path.insert(0, {str(project)!r})\npinned.serve(Path({str(kept)!r}))\n"
        f"seen = None\n{code}\nprint(json.dumps(seen))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=False, env={**os.environ, **environ}
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_sources_are_copied_and_nothing_else(project: Path, kept: Path) -> None:
    files = kept / "files" / project.relative_to("/")
    copied = {str(path.relative_to(files)) for path in files.rglob("*") if path.is_file()}
    assert copied == {n for n in PROJECT if n.startswith(("shop/", "spaces/")) and n.endswith(".py")}


def _break(project: Path) -> None:
    (project / "shop/prices.py").write_text("((((")
    (project / "shop/tax/__init__.py").write_text("RATE = 9\n")
    (project / "shop/tax/late.py").unlink()
    (project / "spaces/without/init.py").unlink()
    (project / "spaces/without").rmdir()


def test_edited_broken_and_deleted_modules_are_what_they_were(project: Path, kept: Path) -> None:
    _break(project)
    code = (
        "import shop.prices, shop.tax.late as late, spaces.without.init as i\nseen = [shop.tax.RATE, late.LATE, i.HERE]"
    )
    assert _seen(project, kept, code) == [1, 2, 3]


def test_a_deleted_project_is_still_served(project: Path, kept: Path) -> None:
    project.rename(project.with_name("away"))
    assert _seen(project, kept, "import shop.prices, shop.tax\nseen = shop.tax.RATE") == 1


def test_a_module_that_came_later_is_not_there(project: Path, kept: Path) -> None:
    (project / "shop/new.py").write_text("")
    (project / "colorsys.py").write_text("1/0")  # it would hide one of the standard library
    code = "import colorsys\ntry:\n    import shop.new\nexcept ModuleNotFoundError as e:\n    seen = e.name"
    assert _seen(project, kept, code) == "shop.new"


def test_modules_have_their_own_names_and_lines(project: Path, kept: Path) -> None:
    _break(project)
    code = """
import inspect, linecache, traceback, shop.prices, spaces.without.init
try:
    shop.prices.price("x")
except LookupError:
    linecache.checkcache()
    paths = [shop.prices.__file__, shop.__path__, list(spaces.__path__)]
    seen = [traceback.format_exc(), *paths, inspect.getsource(shop.prices.price)]
"""
    text, file, path, spaces, source = _seen(project, kept, code)
    assert f'File "{project}/shop/prices.py", line 5, in price\n    raise LookupError(name)  # as it was' in text
    assert (file, path) == (str(project / "shop/prices.py"), [str(project / "shop")])
    assert spaces == [str(project / "spaces")]
    assert source.startswith("def price(name)")


def test_files_beside_the_code_are_read_where_they_are(project: Path, kept: Path) -> None:
    code = """
import pkgutil, shop
seen = [(Path(shop.__file__).parent / "labels.txt").read_text(), pkgutil.get_data("shop", "labels.txt").decode()]
"""
    assert _seen(project, kept, code) == ["first", "first"]
    names = "import pkgutil, shop\nseen = sorted(m.name for m in pkgutil.walk_packages(shop.__path__, 'shop.'))"
    _break(project)
    assert _seen(project, kept, names) == ["shop.prices", "shop.tax", "shop.tax.late"]


def test_bytecode_is_kept_beside_the_copies(project: Path, kept: Path) -> None:
    assert _seen(project, kept, "import shop.tax\nseen = shop.tax.RATE", PYTHONDONTWRITEBYTECODE="") == 1
    assert list(kept.rglob("__init__.*.pyc"))
    assert not list(project.rglob("*.pyc"))
    assert _seen(project, kept, "import shop.tax\nseen = shop.tax.RATE", PYTHONDONTWRITEBYTECODE="") == 1


def test_a_project_that_is_reached_by_a_link(project: Path, kept: Path) -> None:
    link = project.with_name("link")
    link.symlink_to(project)
    _break(project)
    assert _seen(link, kept, "import shop.tax\nseen = [shop.tax.RATE, shop.tax.__file__]") == [
        1,
        f"{link}/shop/tax/__init__.py",
    ]


def test_links_that_lead_round_in_a_circle(project: Path, tmp_path: Path) -> None:
    (project / "shop/again").symlink_to(project)
    (project / "shop/nowhere.py").symlink_to("/nowhere")
    folder = tmp_path / "other"
    folder.mkdir()
    assert pinned.take([project], folder) == ()


def test_a_project_with_too_many_folders_is_named(
    project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pinned, "_MOST_FOLDERS", 2)
    folder = tmp_path / "other"
    folder.mkdir()
    assert pinned.take([project], folder) == (project,)


def test_a_file_that_was_written_after_a_moment_and_before_the_copy(project: Path, tmp_path: Path) -> None:
    times = iter(range(1000, 2000))
    for path in project.rglob("*"):
        os.utime(path, (moment := next(times), moment))
    folder = tmp_path / "other"
    folder.mkdir()
    pinned.take([project], folder)
    assert pinned.changed_since(folder, 5000) is None
    edited = project / "shop/prices.py"
    assert pinned.changed_since(folder, edited.stat().st_mtime - 0.5) is not None
    os.utime(edited, (4e9, 4e9))  # a clock that is wrong, not an edit
    assert pinned.changed_since(folder, 5000) is None


def test_edits_are_noticed(project: Path, kept: Path) -> None:
    assert pinned.roots(kept) == (project,)
    assert pinned.folders(kept) == (project, *(project / f for f in ("shop", "shop/tax", "spaces/without")))
    assert not pinned.is_outdated(kept)
    (project / "shop/labels.txt").write_text("second")
    assert not pinned.is_outdated(kept)
    (project / "shop/tax/late.py").write_text("LATE = 3\n")
    assert pinned.is_outdated(kept)


def test_roots_and_sources(project: Path, kept: Path) -> None:
    code = """
file, other = Path(sys.path[0]) / "shop/prices.py", Path(sys.path[0]) / "shop/labels.txt"
file.unlink()
seen = [str(pinned.root_of(file)), pinned.root_of(other) and 1, len(pinned.source(file)), str(pinned.served())]
"""
    found = _seen(project, kept, code)
    assert found == [str(project), None, len(PROJECT["shop/prices.py"]), str(kept)]
