"""The real consumers of what is generated: buf, protoc and mypy."""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
import tempfile
from pathlib import Path

import grpc_tools  # type: ignore[import-untyped]
from google.protobuf.descriptor_pb2 import FileDescriptorProto, FileDescriptorSet
from grpc_tools import protoc

from meshgen.contract.model import Contract
from meshgen.contract.validation import rules_of, set_rules
from meshgen.emit.proto import proto_files

PROJECT = Path(__file__).parents[2]
PROTOS = PROJECT / "protos"
BUF = str(Path(sysconfig.get_path("scripts")) / "buf")


def write_workspace(folder: Path, *contracts: Contract) -> Path:
    """A folder as `meshgen build` leaves it. Returns its `protos`."""
    for contract in contracts:
        for file in proto_files(contract):
            path = folder / file.path
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(file.content)
    return folder / "protos"


def same_when_compiled(folder: Path, *contracts: Contract) -> None:
    """The text is what buf wants, and protoc makes of it what it was made from."""
    protos = write_workspace(folder, *contracts)
    assert buf_complaints(protos) == ""
    ours = {f.name: f for contract in contracts for f in contract.descriptors.file}
    names = [f.name for contract in contracts for f in contract.files]
    for file in compiled(protos, *names).file:
        assert _with_merged_options(file) == _with_merged_options(ours[file.name]), file.name


def _with_merged_options(file: FileDescriptorProto) -> FileDescriptorProto:
    """protoc writes each option that it does not know by itself; as bytes that is not the same as all at once."""
    copy = FileDescriptorProto()
    copy.CopyFrom(file)
    for field in (field for message in copy.message_type for field in message.field):
        rules = rules_of(field)
        if rules:
            field.ClearField("options")
            set_rules(field, rules)
    return copy


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


def mypy(folder: Path, *targets: str) -> subprocess.CompletedProcess[str]:
    """What mypy says of these of a folder, with the settings of this project, which are stricter than `--strict`.

    The settings are the key of its cache: with others, everything that meshgen imports would be checked once more.
    Tests that use the cache are of one group, since mypy does not share it with another one at work.
    """
    options = ("--config-file", str(PROJECT / "pyproject.toml"), "--cache-dir", str(PROJECT / ".mypy_cache"))
    env = {**os.environ, "MYPYPATH": str(PROJECT)}
    command = [sys.executable, "-m", "mypy", *options, *targets]
    return subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True, timeout=280, check=False)
