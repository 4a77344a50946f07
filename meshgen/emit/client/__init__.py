"""`services/<graph>/client.py`: typed clients of a graph's driver."""

from __future__ import annotations

from meshgen.emit.client.module import client_files

__all__ = ["client_files"]
