"""What becomes of calls when replicas behind Envoy die."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import httpx
import pytest

pytestmark = [pytest.mark.mesh, pytest.mark.asyncio]
pytest.importorskip("envoy")
from envoy_front import DRIVER, NODE, Front, error, front, replica_process  # noqa: E402 - needs it

Processes = list[asyncio.subprocess.Process]
CLIENTS = 8


@asynccontextmanager
async def served(folder: Path, replicas: int, *, idempotent: bool = True) -> AsyncIterator[tuple[Front, Processes]]:
    async with AsyncExitStack() as stack:
        both = [await stack.enter_async_context(replica_process(folder, f"r{i}")) for i in range(replicas)]
        started = await stack.enter_async_context(front(folder, idempotent=idempotent))
        for cluster in (DRIVER, NODE):
            started.serve(cluster, *(path for _, path in both))
        await started.until_healthy(replicas)
        yield started, [process for process, _ in both]


async def ended(processes: Processes) -> int:
    await asyncio.sleep(0.5)  # until it is known
    return sum(process.returncode is not None for process in processes)


@asynccontextmanager
async def asked_meanwhile(envoy_front: Front, text: str) -> AsyncIterator[list[httpx.Response]]:
    """Requests one after the other by several clients, from before the block until a while after it; their answers."""
    answers: list[httpx.Response] = []
    over = asyncio.Event()

    async def client() -> None:
        while not over.is_set():
            answers.append(await envoy_front.post({"text": text}))

    clients = asyncio.gather(*(client() for _ in range(CLIENTS)))
    yield answers
    await asyncio.sleep(2)
    over.set()
    await clients


async def until_heard_of(answers: list[httpx.Response], replicas: int) -> None:
    while len({answer.json()["host"] for answer in answers}) < replicas:  # noqa: ASYNC110 - answers tell nobody
        await asyncio.sleep(0.05)


@pytest.mark.parametrize("text", ["busy", "busy" + " " * 1_000_000], ids=["small", "large"])
async def test_killing_one_of_two_replicas_loses_no_request(tmp_path: Path, text: str) -> None:
    async with served(tmp_path, 2) as (envoy_front, processes), asked_meanwhile(envoy_front, text) as answers:
        await until_heard_of(answers, 2)
        processes[0].kill()
    assert {answer.status_code for answer in answers} == {200}
    assert max(answer.elapsed.total_seconds() for answer in answers) < 6, "three times what is wanted"


async def test_killing_three_of_four_at_once_costs_few_requests(tmp_path: Path) -> None:
    async with served(tmp_path, 4) as (envoy_front, processes), asked_meanwhile(envoy_front, "busy") as answers:
        await until_heard_of(answers, 4)
        for process in processes[:3]:
            process.kill()
    statuses = Counter(answer.status_code for answer in answers)
    assert set(statuses) <= {200, 503}
    # Those whose two replicas both died, until Envoy knows of each.
    assert statuses[503] <= CLIENTS, statuses


@pytest.mark.parametrize(
    ("idempotent", "headers", "lost"),
    [(True, {}, 2), (True, {"meshgen_tried": "1"}, 1), (False, {}, 1), (False, {"meshgen_tried": "1"}, 1)],
)
async def test_a_call_that_ends_its_replica_ends_one_more_at_most(
    tmp_path: Path, idempotent: bool, headers: dict[str, str], lost: int
) -> None:
    async with served(tmp_path, 4, idempotent=idempotent) as (envoy_front, processes):
        found, _ = await envoy_front.call_node("die", **headers)
        assert (found["grpc-status"], await ended(processes)) == ("14", lost), found
        async with asyncio.timeout(5):  # one that meets both is lost as well, until Envoy knows of them
            while (await envoy_front.call_node(""))[0]["grpc-status"] != "0":  # noqa: ASYNC110 - Envoy tells nobody
                await asyncio.sleep(0.1)


@pytest.mark.parametrize(("idempotent", "lost"), [(True, 2), (False, 1)])
async def test_a_request_that_ends_its_driver_ends_one_more_at_most(
    tmp_path: Path, idempotent: bool, lost: int
) -> None:
    async with served(tmp_path, 4, idempotent=idempotent) as (envoy_front, processes):
        # What a client says of itself counts for nothing.
        error(await envoy_front.post({"text": "die"}, **{"meshgen-tried": "1"}), 503, 14)
        assert await ended(processes) == lost
        async with asyncio.timeout(5):  # one that meets both is lost as well, until Envoy knows of them
            while (await envoy_front.post({})).status_code != 200:  # noqa: ASYNC110 - Envoy tells nobody
                await asyncio.sleep(0.1)
