"""While some send what is large once it is decoded, others are answered, and memory stays within its bound."""

from __future__ import annotations

import http.client
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import psutil
import pytest
from running_mesh import MeshProcess, Reply

from benchmarks.heavy import many, picture
from meshgen.status import Code

pytestmark = pytest.mark.mesh

SECONDS = 4.0
BOUND = 1024 * 1024 * 1024
"""`docs/operating.md` says so."""


REFUSED = {
    "objects": ("/count", many("anything", "{}", 2_000_000), 1),
    "rows": ("/count", many("rows", '{"id":1}', 700_000), 1),
    "bomb": ("/pixels", picture(9400), 8),
}
ANSWERED = {
    "objects": ("/count", many("anything", "{}", 100_000), 1),
    "numbers": ("/count", many("numbers", "0.5", 1_000_000), 1),
    "picture": ("/pixels", picture(4000), 2),
}


@contextmanager
def sent_in_a_loop(mesh: MeshProcess, path: str, body: bytes, clients: int) -> Iterator[list[Reply]]:
    replies: list[Reply] = []
    over = threading.Event()

    def send() -> None:
        while not over.is_set():
            replies.append(mesh.post(f"/visible{path}", body))

    threads = [threading.Thread(target=send) for _ in range(clients)]
    for thread in threads:
        thread.start()
    try:
        yield replies
    finally:
        over.set()
        for thread in threads:
            thread.join()


def small_requests(mesh: MeshProcess) -> list[float]:
    """Seconds that each took, sorted."""
    connection = http.client.HTTPConnection(mesh.address, timeout=60)
    took: list[float] = []
    end = time.monotonic() + SECONDS
    while time.monotonic() < end:
        begin = time.monotonic()
        connection.request("POST", "/visible/names", b'{"text": "a"}', {"content-type": "application/json"})
        assert connection.getresponse().read() == b'{"result":["a"]}'
        took.append(time.monotonic() - begin)
        time.sleep(0.01)
    return sorted(took)


def assert_answered_meanwhile(took: list[float]) -> None:
    """They are at a tenth of a second when the machine has nothing else to do (`python -m benchmarks.heavy`)."""
    assert took[len(took) // 2] < 0.3
    assert took[-1] < 3


def memory(mesh: MeshProcess) -> dict[int, int]:
    """Bytes of each process of the run."""
    assert mesh.process is not None
    found = {}
    for process in psutil.Process(mesh.process.pid).children(recursive=True):
        try:
            found[process.pid] = process.memory_info().rss
        except psutil.Error:
            continue
    return found


@pytest.mark.parametrize("name", REFUSED)
def test_what_would_be_too_large_is_refused(mesh: MeshProcess, name: str) -> None:
    path, body, clients = REFUSED[name]
    before = memory(mesh)
    with sent_in_a_loop(mesh, path, body, clients) as replies:
        took = small_requests(mesh)
        during = memory(mesh)
    assert_answered_meanwhile(took)
    assert replies
    for reply in replies:
        assert (reply.status, reply.body["code"]) == (413, Code.RESOURCE_EXHAUSTED), reply
        assert reply.body["details"][0]["reason"] == "MESSAGE_TOO_LARGE"
        assert "128 MiB once it is decoded" in reply.body["message"]
    assert max(size - before.get(pid, 0) for pid, size in during.items() if pid in before) < BOUND


@pytest.mark.parametrize("name", ANSWERED)
def test_what_takes_long_is_done_beside_others(mesh: MeshProcess, name: str) -> None:
    path, body, clients = ANSWERED[name]
    with sent_in_a_loop(mesh, path, body, clients) as replies:
        took = small_requests(mesh)
    assert_answered_meanwhile(took)
    assert replies
    assert {reply.status for reply in replies} == {200}
