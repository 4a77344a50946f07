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

PROJECT = Path(__file__).parents[3]
README = (PROJECT / "README.md").read_text()
BLOCKS = re.findall(r"^```(\w+)\n(.*?)^```", README, re.MULTILINE | re.DOTALL)
FILES = {
    match[1]: text for language, text in BLOCKS if language == "python" and (match := re.match(r"# (\S+\.py)\n", text))
}


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A newcomer's project: the files that the README shows, and the quickstart."""
    (tmp_path / "pyproject.toml").touch()
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
    options = ["-q", "-p", "no:cacheprovider", "-p", "no:asyncio"]
    done = run([sys.executable, "-m", "pytest", *options, "test_reviews.py"], project)
    assert done.returncode == 0, done.stdout


def test_print_goes_to_stderr(project: Path) -> None:
    graph = project / "graphs/reviews.py"
    graph.write_text(graph.read_text().replace("    words = text", '    print("here")\n    words = text'))
    request = '{"text": "fine", "language": "en"}'
    command = [sys.executable, "-m", "meshgen", "local", "graphs/reviews.py", "--input", request]
    done = subprocess.run(command, cwd=project, capture_output=True, text=True, timeout=60)
    assert (done.stdout, done.stderr) == ('{"words": 1, "mood": "good"}\n', "here\n")


def test_codec_finds_an_answer_that_was_not_declared(project: Path) -> None:
    graph = project / "graphs/reviews.py"
    graph.write_text(graph.read_text().replace("return words", "return dict.fromkeys(words)"))
    request = '{"text": "so so", "language": "en"}'
    command = [sys.executable, "-m", "meshgen", "local", "graphs/reviews.py", "--input", request]
    assert run(command, project).returncode == 0
    done = run([*command, "--codec"], project)
    assert done.returncode == 1
    assert "INTERNAL" in done.stdout


@pytest.mark.xdist_group("mypy")
def test_a_clone_stays_clean_when_one_follows_the_readme_in_it(project: Path) -> None:
    """`make check` lints and checks what lies in graphs/ and services/."""
    (project / "pyproject.toml").write_text((PROJECT / "pyproject.toml").read_text())
    built = run([sys.executable, "-m", "meshgen", "build", "graphs/reviews.py"], project)
    assert built.returncode == 0, built.stdout
    (project / "meshgen").symlink_to(PROJECT / "meshgen")
    scripts = Path(sys.executable).parent
    mypy = ["mypy", "graphs", "services", "--cache-dir", f"{PROJECT}/.mypy_cache"]
    for program, *arguments in (["ruff", "check", "graphs", "services", "test_reviews.py"], mypy):
        done = run([str(scripts / program), *arguments], project)
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
