"""Big messages go by name through a folder in memory: however processes end, nothing is left there."""

from __future__ import annotations

import os
import random
import signal
import threading
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import psutil
import pytest
from running_mesh import until

from meshgen.codec.rpc import Contracts, RpcCodec
from meshgen.compiler import compile_graph
from meshgen.contract import names
from meshgen.frontend import load_graph
from meshgen.limits import MEBIBYTE
from meshgen.runtime.mesh.bulk import room
from meshgen.runtime.mesh.bulk.folder import FOLDER
from meshgen.runtime.mesh.bulk.sweep import GRACE_S

if TYPE_CHECKING:
    from conftest import MeshStarter
    from running_mesh import MeshProcess

grpc = pytest.importorskip("grpc")
pytestmark = pytest.mark.mesh

GRAPH = "tests/mesh/graphs/relays.py"
BYTES = 16 * MEBIBYTE
IN_FLIGHT = 4
KILLS = 10
BOUND = 128 * MEBIBYTE
"""Less than all of them want, so that the folder is full now and then."""
CALL_S = 20
LOST = "lost"


def codec() -> RpcCodec:
    built = compile_graph(load_graph(GRAPH), lock=None)
    request = built.graph.request(route := built.graph.routes[0])
    contracts = Contracts(built.plan.contract.descriptors.SerializeToString())
    return contracts.codec(names.service("relays"), route.rpc, request.params, request.record, route.result)


class Load:
    """So many calls at once, each with its own numbers, until it ends; some clients go before they have an answer."""

    def __init__(self, address: str) -> None:
        self._address = address
        self.statuses: Counter[str] = Counter()
        self.wrong = 0
        self._over = threading.Event()
        self._pool = ThreadPoolExecutor(IN_FLIGHT)
        self._codec = codec()

    @property
    def answered(self) -> int:
        return self.statuses["OK"]

    @contextmanager
    def under_way(self) -> Iterator[None]:
        self._over.clear()
        clients = [self._pool.submit(self._client, number) for number in range(IN_FLIGHT)]
        try:
            yield
        finally:
            self._over.set()
            for client in clients:
                client.result()

    def _client(self, seed: int) -> None:
        rng = random.Random(seed)
        options = [
            ("grpc.enable_http_proxy", 0),
            *((f"grpc.max_{way}_message_length", -1) for way in ("send", "receive")),
        ]
        with grpc.insecure_channel(self._address, options=options) as channel:
            rpc = channel.unary_unary(f"/{names.service('relays')}/Relays")
            while not self._over.is_set():
                tensor = np.full(BYTES // 4, rng.random(), np.float32)
                request = self._codec.encode_request({"tensor": tensor})
                patient = rng.random() < 0.8
                try:
                    answer = rpc(request, timeout=CALL_S if patient else rng.uniform(0.02, 0.2))
                except grpc.RpcError as error:
                    self.statuses[_status(error)] += patient
                    time.sleep(0.05)
                else:
                    self.statuses["OK"] += 1
                    self.wrong += not np.array_equal(self._codec.decode_response(answer), tensor)


def _status(error: grpc.RpcError) -> str:
    code, details = error.code().name, str(error.details())
    # Of a driver that is killed within its answer the front can only break it off.
    broken_off = code == "INTERNAL" and "RST_STREAM" in details
    return LOST if code == "UNAVAILABLE" or broken_off else f"{code}: {details}"


class Watch:
    """Looks again and again how much is in the folder."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.most = 0

    def names(self) -> list[str]:
        with suppress(FileNotFoundError):
            return [path.name for path in self._path.iterdir() if path.name != room.FILE]
        return []

    @contextmanager
    def going_on(self) -> Iterator[None]:
        over = threading.Event()

        def look() -> None:
            folder = os.open(self._path, os.O_RDONLY)
            while not over.wait(0.01):
                self.most = max(self.most, sum(room.contents(folder).sizes.values()))
            os.close(folder)

        looking = threading.Thread(target=look)
        looking.start()
        try:
            yield
        finally:
            over.set()
            looking.join()


def replicas(mesh: MeshProcess) -> list[psutil.Process]:
    return [p for p in mesh.members() if "ServeReplica:relays" in _command(p)]


def _command(process: psutil.Process) -> str:
    with suppress(psutil.Error):
        return " ".join(process.cmdline())
    return ""


def memory_folder(mesh: MeshProcess) -> Path:
    return Path(replicas(mesh)[0].environ()[FOLDER])


def test_nothing_is_left_of_big_messages_whoever_is_killed(new_mesh: MeshStarter) -> None:
    mesh = new_mesh(GRAPH).start()
    path, load, rng = memory_folder(mesh), Load(mesh.address), random.Random(1)
    (path / room.FILE).write_text(str(BOUND))
    watch = Watch(path)
    with watch.going_on():
        with load.under_way():
            until(lambda: load.answered > IN_FLIGHT, 30, lambda: f"{load.statuses}")
            for _ in range(KILLS):
                time.sleep(rng.uniform(0.5, 2.5))
                os.kill(until(lambda: rng.choice(replicas(mesh) or [None]), 30).pid, signal.SIGKILL)
            before = load.answered
            until(lambda: load.answered > before + IN_FLIGHT, 60, lambda: f"{load.statuses}")
        until(lambda: not watch.names(), GRACE_S + 10, lambda: f"{load.statuses}, {watch.names()}")
    assert set(+load.statuses) <= {"OK", LOST}
    assert load.statuses[LOST] <= 2 * IN_FLIGHT, load.statuses
    assert load.wrong == 0
    assert 0 < watch.most <= BOUND
    with load.under_way():
        until(watch.names, 30)
        mesh.send(signal.SIGKILL)
        mesh.wait()
        until(lambda: not path.exists(), 30, lambda: f"{watch.names()}")
