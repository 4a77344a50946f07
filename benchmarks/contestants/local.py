"""meshgen in process: `meshgen.local(app)`, sync nodes, tracing off."""

from __future__ import annotations

from typing import ClassVar

from benchmarks.contestants.base import InProcess


class Local(InProcess):
    name: ClassVar[str] = "local"
    title: ClassVar[str] = "meshgen local"
