"""Services in schema terms, and the lock → descriptors."""

from meshgen.contract.build.builder import build

__all__ = ["build"]
