"""How contestants look in pictures: the colours of Okabe and Ito, which colour-blind people tell apart."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

COLOURS: Mapping[str, str] = {
    "mesh": "#d55e00",
    "mesh-fused": "#e69f00",
    "serve": "#7f7f7f",
    "serve-throughput": "#cc79a7",
    "grpc": "#009e73",
    "grpc-envoy": "#0072b2",
}
OTHERS = ("#d55e00", "#0072b2", "#009e73", "#cc79a7")
"""For what has no contestant."""
MARKERS: Mapping[str, str] = {
    "mesh": "o",
    "mesh-fused": "D",
    "serve": "s",
    "serve-throughput": "v",
    "grpc": "^",
    "grpc-envoy": "X",
}


def pyplot() -> Any:
    """matplotlib, set so that the same numbers give the same bytes; white behind, so that dark pages do no harm."""
    import matplotlib as mpl

    mpl.use("svg")
    mpl.rcParams.update({
        "svg.hashsalt": "meshgen",
        "svg.fonttype": "path",
        "figure.facecolor": "white",
        "savefig.facecolor": "white",
        "font.size": 10,
        "axes.spines.top": False,
        "axes.spines.right": False,
    })  # fmt: skip
    from matplotlib import pyplot as plt

    return plt


def save(figure: Any, path: Path) -> None:
    """As SVG, without the date."""
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, format="svg", metadata={"Date": None})
    # Lines that end in blanks are nobody's in a diff.
    path.write_text("\n".join(line.rstrip() for line in path.read_text().splitlines()) + "\n")
    pyplot().close(figure)
