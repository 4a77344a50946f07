"""The back ends of a build: one row says what files each makes of a plan, and which folder they lie in.

A new one is a package of `meshgen.emit` and a row here.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from meshgen.emit.client import client_files
from meshgen.emit.envoy import envoy_files
from meshgen.emit.lock import lock_files
from meshgen.emit.openapi import openapi_files
from meshgen.emit.output.files import GeneratedFile
from meshgen.emit.proto import proto_files
from meshgen.emit.serve_config import serve_config_files
from meshgen.emit.service import service_files
from meshgen.errors import InternalError
from meshgen.plan.model import Plan


@dataclass(frozen=True, slots=True, kw_only=True)
class BackEnd:
    """One back end. Several may share a folder."""

    folder: str
    """The folder below the output root. What it makes of a graph lies in `<folder>/<graph>/`, where files without a
    source are removed."""
    files: Callable[[Plan], tuple[GeneratedFile, ...]]
    signed: str = ""
    """A file of every graph, within `<folder>/<graph>/`, that names the source of the graph."""
    shared: tuple[str, ...] = ()
    """Folders beside those of the graphs that every graph writes alike, and nobody removes."""


BACK_ENDS = (
    BackEnd(folder="protos", files=lambda plan: proto_files(plan.contract), shared=("protos/meshgen",)),
    BackEnd(folder="protos", files=lock_files),
    BackEnd(folder="services", files=service_files, signed="driver/service.py"),
    BackEnd(folder="services", files=client_files),
    BackEnd(folder="services", files=serve_config_files),
    BackEnd(folder="envoy", files=envoy_files, signed="envoy.yaml"),
    BackEnd(folder="envoy", files=openapi_files),
)


def generated_files(plan: Plan) -> tuple[GeneratedFile, ...]:
    """All files of a plan, sorted by path."""
    found = [(back_end, file) for back_end in BACK_ENDS for file in back_end.files(plan)]
    if outside := [file.path for back_end, file in found if not file.path.startswith(f"{back_end.folder}/")]:
        raise InternalError(f"a back end wrote outside its folder: {outside}")
    files = sorted((file for _, file in found), key=lambda file: file.path)
    if len({file.path for file in files}) != len(files):
        raise InternalError(f"two back ends wrote one file: {[file.path for file in files]}")
    return tuple(files)
