"""What is installed by name is this project: on the package index `meshgen` is somebody else's."""

from __future__ import annotations

import re
import subprocess
import tomllib
from pathlib import Path

import pytest

PROJECT = Path(__file__).parents[3]
PYPROJECT = tomllib.loads((PROJECT / "pyproject.toml").read_text())
NAME = "meshgen-serve"
_EXTRAS_OF_IT = re.compile(r"\bmeshgen(?P<rest>-serve)?\[(?P<extras>[a-z]+(?:,[a-z]+)*)\]")
_INSTALLED = re.compile(r"(?:pip|uv|pipx)3? (?:install|add)\b[^\n`]*?[\s'\"](?P<name>meshgen\b(?:-serve)?)")


def texts() -> list[tuple[str, str]]:
    """Every text file that belongs to the project, or will."""
    listing = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
    done = subprocess.run(listing, cwd=PROJECT, capture_output=True, text=True, check=False)
    names = done.stdout.split("\0") if done.returncode == 0 else []
    files = [PROJECT / name for name in names if name.endswith((".md", ".py", ".toml", ".sh", ".yml", ".yaml", "file"))]
    return [(str(file.relative_to(PROJECT)), file.read_text()) for file in files if file.is_file()]


def wrong_names(text: str) -> list[str]:
    extras = [found[0] for found in _EXTRAS_OF_IT.finditer(text) if found["rest"] is None]
    return extras + [found[0] for found in _INSTALLED.finditer(text) if found["name"] != NAME]


def test_the_distribution_has_a_name_of_its_own() -> None:
    assert PYPROJECT["project"]["name"] == NAME
    assert PYPROJECT["project"]["scripts"] == {"meshgen": "meshgen.cli:main"}


def test_nothing_tells_to_install_the_other_project() -> None:
    found = texts()
    if not found:
        pytest.skip("no git here")
    old = {name: wrong for name, text in found if "test_distribution" not in name and (wrong := wrong_names(text))}
    assert old == {}


def test_every_extra_that_is_named_exists() -> None:
    known = set(PYPROJECT["project"]["optional-dependencies"])
    found = [match for _, text in texts() for match in _EXTRAS_OF_IT.finditer(text)]
    assert {extra for match in found for extra in match["extras"].split(",")} - known == set()


@pytest.mark.parametrize(
    "text",
    ["pip install 'meshgen[client]'", "pip install meshgen", '"meshgen[dev]"', "python -m pip install -U meshgen==1"],
)
def test_it_would_be_seen(text: str) -> None:
    assert wrong_names(text)


@pytest.mark.parametrize("text", ["pip install 'meshgen-serve[client]'", "pip install .", "pip install '.[mesh]'"])
def test_right_ones_are_not(text: str) -> None:
    assert wrong_names(text) == []
