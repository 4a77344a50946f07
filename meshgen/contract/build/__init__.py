"""Services in schema terms, and the lock → descriptors."""

from __future__ import annotations

from meshgen.contract.build.builder import build

__all__ = ["build"]
