"""The real consumers of contracts: buf and protoc."""

from __future__ import annotations

import subprocess
import sysconfig
import tempfile
from pathlib import Path

import grpc_tools  # type: ignore[import-untyped]
from google.protobuf.descriptor_pb2 import FileDescriptorSet
from grpc_tools import protoc

from meshgen.contract import Contract
from meshgen.emit.proto import proto_files

PROTOS = Path(__file__).parents[2] / "protos"
BUF = str(Path(sysconfig.get_path("scripts")) / "buf")


def write_workspace(folder: Path, *contracts: Contract) -> Path:
    """A folder as `meshgen build` leaves it. Returns its `protos`."""
    for contract in contracts:
        for file in proto_files(contract):
            path = folder / file.path
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(file.content)
    return folder / "protos"


def buf_complaints(protos: Path) -> str:
    """What `buf lint` and `buf format` say; empty when all is well."""
    lint = subprocess.run([BUF, "lint"], cwd=protos, capture_output=True, text=True, check=False)
    style = subprocess.run([BUF, "format", "-d"], cwd=protos, capture_output=True, text=True, check=False)
    return lint.stdout + lint.stderr + style.stdout + style.stderr


def compiled(protos: Path, *names: str) -> FileDescriptorSet:
    """What protoc makes of the text."""
    paths = [f"-I{protos}", f"-I{protos / 'third_party'}", f"-I{Path(grpc_tools.__file__).parent / '_proto'}"]
    with tempfile.NamedTemporaryFile() as out:
        assert protoc.main(["protoc", *paths, f"--descriptor_set_out={out.name}", *names]) == 0
        return FileDescriptorSet.FromString(Path(out.name).read_bytes())
