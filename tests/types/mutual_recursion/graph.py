"""Two records inside each other."""

from __future__ import annotations

from dataclasses import dataclass

from meshgen import DAGDriver, InputNode, deployment


@dataclass
class Folder:
    files: list[File]


@dataclass
class File:
    name: str
    folder: Folder | None


@deployment
def echo(x: Folder) -> File:
    return x.files[0]


with InputNode(x=Folder) as request:
    app = DAGDriver.bind(echo.bind(request.x))
