"""Compiles bench.proto, as the build of a hand-written project would."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

PROTO = Path(__file__).with_name("bench.proto")


def compile_stubs(folder: Path) -> Path:
    """Write bench_pb2.py, bench_pb2_grpc.py and the descriptor set, whose path is returned."""
    folder.mkdir(parents=True, exist_ok=True)
    descriptors = folder / "bench.binpb"
    outputs = [f"--python_out={folder}", f"--grpc_python_out={folder}", f"--descriptor_set_out={descriptors}"]
    command = [sys.executable, "-m", "grpc_tools.protoc", f"-I{PROTO.parent}", *outputs, PROTO.name]
    subprocess.run(command, check=True)
    return descriptors
