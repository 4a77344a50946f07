"""The README is true: its files are written, its commands run, and what it shows is what they print."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from docs.errors_page import page
from meshgen.cli.drawing import drawing

PROJECT = Path(__file__).parents[2]
README = (PROJECT / "README.md").read_text()
BLOCKS = re.findall(r"^```(\w+)\n(.*?)^```", README, re.MULTILINE | re.DOTALL)
FILES = {
    match[1]: text for language, text in BLOCKS if language == "python" and (match := re.match(r"# (\S+\.py)\n", text))
}


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A newcomer's project: the files that the README shows, and the quickstart."""
    (tmp_path / "pyproject.toml").write_text('[tool.pytest.ini_options]\nasyncio_mode = "auto"\n')
    (tmp_path / "graphs").mkdir()
    (tmp_path / "graphs/quickstart.py").write_text((PROJECT / "graphs/quickstart.py").read_text())
    for name, text in FILES.items():
        (tmp_path / name).write_text(text)
    return tmp_path


def run(command: list[str], folder: Path) -> subprocess.CompletedProcess[str]:
    env = {**os.environ, "PYTHONPATH": f"{folder}{os.pathsep}{PROJECT}"}
    return subprocess.run(
        command, cwd=folder, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=120
    )


def transcript() -> list[tuple[str, str]]:
    """Each `$ command` of the README with the lines that it shows below it."""
    entries: list[tuple[str, list[str]]] = []
    for language, text in BLOCKS:
        for line in text.splitlines() if language == "console" else ():
            if line.startswith("$ "):
                entries.append((line[2:], []))
            else:
                entries[-1][1].append(line)
    return [(command, "\n".join(lines)) for command, lines in entries]


def test_the_readme_shows_files_and_commands() -> None:
    assert set(FILES) == {"graphs/reviews.py", "test_reviews.py"}
    assert len(transcript()) >= 6


@pytest.mark.parametrize(("command", "shown"), transcript(), ids=[command[:60] for command, _ in transcript()])
def test_commands_print_what_the_readme_shows(project: Path, command: str, shown: str) -> None:
    program, *arguments = shlex.split(command)
    assert program == "meshgen"
    done = run([sys.executable, "-m", "meshgen", *arguments], project)
    if shown:
        assert done.stdout.rstrip() == shown
    else:
        assert done.returncode == 0, done.stdout


def test_the_example_test_passes(project: Path) -> None:
    done = run([sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "test_reviews.py"], project)
    assert done.returncode == 0, done.stdout


def test_the_pages_and_pictures_made_by_meshgen_are_current() -> None:
    """`make build` writes them."""
    drawn = drawing(str(PROJECT / "graphs/content_understanding.py"), ".svg")
    assert (PROJECT / "docs/content_understanding.svg").read_text() == drawn
    assert (PROJECT / "docs/errors.md").read_text() == page()


def test_every_link_leads_somewhere() -> None:
    pages = [PROJECT / "README.md", *sorted((PROJECT / "docs").glob("*.md"))]
    for file in pages:
        for link in re.findall(r"\]\(([^)#]+)[^)]*\)", file.read_text()):
            if not link.startswith("http"):
                assert (file.parent / link).exists(), f"{file.name}: {link}"
