"""The content-understanding graph as a mesh: pictures, and everything that is none."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from running_mesh import MeshProcess

from docs.demo import ROUTE, as_texts, web_server
from graphs.models.shapes import VALIDATION_SEED, draw
from meshgen.cli.calling import call
from meshgen.status import Code, StatusError

pytestmark = [pytest.mark.mesh, pytest.mark.models]


@dataclass(frozen=True, slots=True)
class World:
    """A mesh, and servers for it to download from."""

    mesh: MeshProcess
    base: str
    silent: str
    """Takes connections and never answers."""
    closed: str
    """Takes none."""


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    folder = tmp_path_factory.mktemp("pictures")
    draw(VALIDATION_SEED, 3, size=(320, 240)).image.save(folder / "cross.png")
    (folder / "page.html").write_text("<html></html>")
    (folder / "big.png").write_bytes(os.urandom(10_000_001))
    env = {"MESHGEN_DOWNLOAD_ALLOW": "127.0.0.0/8"}
    mesh = MeshProcess(["graphs/content_understanding.py"], tmp_path_factory.mktemp("mesh"), env=env)
    with web_server(str(folder)) as base, socket.create_server(("127.0.0.1", 0)) as silent, socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))  # and not listening
        try:
            yield World(mesh.start(), base, *(f"http://127.0.0.1:{s.getsockname()[1]}" for s in (silent, closed)))
            assert mesh.stop() == 0, mesh.output
            assert mesh.leftovers() == []
        finally:
            if mesh.process is not None and mesh.alive:
                mesh.process.kill()


def test_grpc_and_rest_see_the_same(world: World) -> None:
    request = {"image_url": f"{world.base}/cross.png", "user_id": 2}
    by_grpc = call(world.mesh.address, ROUTE, request, timeout_s=60).value
    by_rest = world.mesh.post(ROUTE, request)
    assert by_rest.status == 200
    assert as_texts(by_grpc) == as_texts(by_rest.body)
    assert by_grpc["classification"][0]["label"] == "cross"
    assert "cross" in by_grpc["caption"]


@pytest.mark.parametrize(
    ("path", "code", "http"),
    [
        ("BASE/nothing.png", Code.NOT_FOUND, 404),
        ("BASE/page.html", Code.INVALID_ARGUMENT, 400),
        ("BASE/big.png", Code.INVALID_ARGUMENT, 400),
        ("http://192.168.0.1/a.png", Code.PERMISSION_DENIED, 403),
        ("http://169.254.169.254/latest", Code.PERMISSION_DENIED, 403),
        ("http://127.0.0.1:1/a.png", Code.INVALID_ARGUMENT, 400),  # no port of a web server
        ("CLOSED/a.png", Code.UNAVAILABLE, 503),
        ("ftp://127.0.0.1/a.png", Code.INVALID_ARGUMENT, 400),
        ("SILENT/a.png", Code.DEADLINE_EXCEEDED, 504),
    ],
)
def test_what_cannot_be_had_has_one_code_everywhere(world: World, path: str, code: Code, http: int) -> None:
    bases = {"BASE": world.base, "SILENT": world.silent, "CLOSED": world.closed}
    start = path.partition("/")[0]
    request = {"image_url": path.replace(start, bases[start]) if start in bases else path, "user_id": 0}
    with pytest.raises(StatusError) as raised:
        call(world.mesh.address, ROUTE, request, timeout_s=30)
    assert raised.value.code is code
    assert world.mesh.post(ROUTE, request).status == http
    assert world.mesh.get("/healthz").status == 200


def test_a_deadline_is_shorter_than_the_downloaders_own(world: World) -> None:
    with pytest.raises(StatusError) as raised:
        call(world.mesh.address, ROUTE, {"image_url": f"{world.silent}/a.png", "user_id": 0}, timeout_s=1)
    assert raised.value.code is Code.DEADLINE_EXCEEDED
