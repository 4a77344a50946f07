"""The table of problems. `meshgen explain CODE` prints from here; a test fails for a code that is never shown.

Ranges: 1xx loading, 2xx the graph, 3xx types, 4xx contracts and the lock, 5xx options and the mesh.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Explanation:
    """What a code means, and the way out."""

    title: str
    hint: str
    """One line; printed under every problem of this code that brings no hint of its own."""
    text: str
    """Why it is a problem, with an example of the way out."""


CODES: Mapping[str, Explanation] = {}
