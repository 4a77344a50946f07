"""Plain Python calls, written by hand: the limit for local runs."""

from __future__ import annotations

from typing import ClassVar

from benchmarks.contestants.base import InProcess


class Plain(InProcess):
    name: ClassVar[str] = "plain"
    title: ClassVar[str] = "plain Python calls"
