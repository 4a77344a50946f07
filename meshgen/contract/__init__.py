"""Schema → packages, messages, field numbers and services; the lock; the descriptor set."""

from __future__ import annotations

from meshgen.contract.builder import build
from meshgen.contract.lockfile import dump_lock, load_lock
from meshgen.contract.model import Contract, RpcSpec, ServiceSpec

__all__ = ["Contract", "RpcSpec", "ServiceSpec", "build", "dump_lock", "load_lock"]
