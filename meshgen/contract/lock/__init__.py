"""Which numbers and names were ever used on the wire, and the file that keeps them."""

from __future__ import annotations

from meshgen.contract.lock.document import dump_lock, load_lock

__all__ = ["dump_lock", "load_lock"]
