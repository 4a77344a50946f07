"""docs/performance.md: its sections are written from the results on record, what others wrote between them stays."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from benchmarks import growth_plot, plot, report, rows
from benchmarks.codec_report import SHOWN, CodecRow
from benchmarks.codec_report import report as codec_table
from benchmarks.compile_growth import Cost
from benchmarks.growth_report import growth
from benchmarks.profile.report import report as profile_tables
from benchmarks.rows import Results

_ABSENT = "Not measured yet."


def write(results: Path, docs: Path) -> None:
    """Write every section and both pictures.

    Args:
        results: the folder with what was measured; whatever is missing there is said to be missing.
        docs: the folder with performance.md.
    """
    found = Results(rows.read(results / "latest.json") if (results / "latest.json").exists() else ())
    recorded = _json(results / "points.json", {"machine": {}, "points": []})
    points = recorded["points"]
    costs = [Cost(**cost) for cost in _json(results / "growth.json", [])]
    sections = {"targets": report.targets_table(found), "codec": codec_table(_codec(results, "codec"), SHOWN)}
    sections["small"] = codec_table(_codec(results, "codec_small"))
    if found.rows:
        picture = "![Requests per second over those of Ray Serve's defaults](performance.svg)\n\n"
        drawn = picture if plot.draw(found, docs / "performance.svg") else ""
        sections["works"] = f"{report.facts(found, recorded['machine'])}\n\n{drawn}{report.works(found, points)}"
    if growth_plot.draw(found, points, costs, docs / "performance-growth.svg"):
        sections["growth"] = f"![Growth](performance-growth.svg)\n\n{growth(found, points, costs)}"
    before, after = (_json(results / name, None) for name in ("profile_before.json", "profile.json"))
    sections["profile"] = profile_tables(before, after)
    for name in ("targets", "works", "profile", "codec", "small", "growth"):
        put(docs / "performance.md", name, sections.get(name) or _ABSENT)


def _codec(results: Path, name: str) -> list[CodecRow]:
    return [CodecRow(**row) for row in _json(results / f"{name}.json", [])]


def _json(path: Path, absent: Any) -> Any:
    return json.loads(path.read_text()) if path.exists() else absent


def put(path: Path, name: str, body: str) -> None:
    """Write between the marks of a section; a page without them gets the section at its end."""
    begin, end = f"<!-- {name}: written by `make bench` -->", f"<!-- {name}: end -->"
    page = path.read_text(encoding="utf-8") if path.exists() else "# Performance\n"
    before, found, rest = page.partition(begin)
    after = rest.partition(end)[2] if found else "\n"
    before = before if found else f"{page.rstrip()}\n\n## {name.capitalize()}\n\n"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"{before}{begin}\n\n{body.strip()}\n\n{end}{after}", encoding="utf-8")
