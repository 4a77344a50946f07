"""Callers of a replica's socket that mean it ill or are broken, a replica that has to bear them, and how it fares.

Run as a program (`make fuzz`) it takes some minutes; the tests take a short form of the same. Each attack is made by a
process of its own, beside a caller who behaves, for whom nothing should change.
"""

from __future__ import annotations

import asyncio
import logging
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

from meshgen.runtime.mesh.handler import Streaming
from meshgen.runtime.mesh.wire.peer import Peer
from meshgen.runtime.mesh.wire.server import Server

MOST = 64 * 1024 * 1024
HEAD = b"POST /s/echo HTTP/1.1\r\nhost: x\r\ncontent-type: application/grpc\r\nte: trailers\r\ngrpc-timeout: 2S\r\n"
CHUNKED = HEAD + b"k-bin: AAE\r\nwho: me\r\ntransfer-encoding: chunked\r\n\r\n"
WHOLE = HEAD + b"k-bin: AAE\r\nwho: me\r\ncontent-length: 7\r\n\r\n\0\0\0\0\2hi"
SEEDS = (
    WHOLE,
    WHOLE + WHOLE,
    CHUNKED + b"7\r\n\0\0\0\0\2hi\r\n0\r\n\r\n",
    CHUNKED + b"3\r\n\0\0\0\r\n4;a=b\r\n\0\2hi\r\n0\r\na: b\r\n\r\n",
    CHUNKED.replace(b"echo", b"both") + b"7\r\n\0\0\0\0\2hi\r\n" * 5 + b"0\r\n\r\n",
    HEAD.replace(b"echo", b"endless") + b"content-length: 5\r\n\r\n\0\0\0\0\0",
    WHOLE.replace(b"te: trailers", b"expect: 100-continue"),
    WHOLE.replace(b"hi", b"x" * 20_000).replace(b"length: 7", b"length: 20005").replace(b"\0\0\2", b"\0\x4e\x20"),
    b"GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n",
    b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
)
PARTS = (
    *(b"\r\n", b"\n", b"\r\n\r\n", b": ", b"\0", b"\xff", b"a" * 5_000, b"0\r\n\r\n", b"ffffffff\r\n"),
    *(b"transfer-encoding: chunked\r\n", b"content-length: 9\r\n", b"connection: close\r\n", b"upgrade: h2c\r\n"),
    b"\0\x7f\xff\xff\xff",
)


# --- the replica ---


async def echo(data: Any, _metadata: object, _seconds: float | None) -> bytes:
    return bytes(data)


async def both(messages: AsyncIterator[Any], _metadata: object, _seconds: float | None) -> AsyncIterator[bytes]:
    async for message in messages:
        yield bytes(message)


async def endless(_messages: object, _metadata: object, _seconds: float | None) -> AsyncIterator[bytes]:
    while True:
        yield bytes(10_000)


async def serve(path: Path) -> None:
    rpcs = {"/s/echo": echo, "/s/both": Streaming(both), "/s/endless": Streaming(endless)}
    server = Server(path, rpcs, most=MOST, well=lambda: True, leaving=lambda: False)
    await server.start()
    print("ready", flush=True)
    while True:
        await asyncio.sleep(1)
        print(len(server._open), flush=True)


# --- who attacks ---


async def send(path: Path, *pieces: bytes, hold: float = 0, read: bool = True, pause: float = 0) -> None:
    with suppress(OSError, TimeoutError):
        reader, writer = await asyncio.open_unix_connection(str(path), limit=1024)
        try:
            for piece in pieces:
                writer.write(piece)
                if pause:
                    await asyncio.sleep(pause * PATIENCE[-1])
            async with asyncio.timeout((hold or 0.2) * PATIENCE[-1]):
                if read:
                    while await reader.read(65536):
                        pass
                else:
                    await asyncio.sleep(3600)
        finally:
            writer.transport.abort()


def mutated(rng: random.Random) -> bytes:
    data = bytearray(rng.choice(SEEDS))
    for _ in range(rng.choice((1, 1, 2, 5))):
        place, end = rng.randrange(len(data) + 1), rng.randrange(len(data) + 1)
        match rng.randrange(6):
            case 0 if data:
                data[place % len(data)] = rng.randrange(256)
            case 1:
                del data[place : place + rng.randrange(1, 20)]
            case 2:
                data[place:place] = rng.choice(PARTS)
            case 3:
                data[place:place] = data[min(place, end) : max(place, end)][:2000]
            case 4:
                data[place:place] = rng.randbytes(rng.randrange(1, 9))
            case _:
                del data[place:]
    return bytes(data)


async def mutate(path: Path, count: int, rng: random.Random) -> None:
    left = iter(range(count))

    async def some() -> None:
        for _ in left:
            data = mutated(rng)
            cut = rng.randrange(len(data) + 1)
            await send(path, data[:cut], data[cut:], hold=rng.choice((0.001, 0.01, 0.02)), pause=rng.choice((0, 0.001)))

    await asyncio.gather(*(some() for _ in range(40)))


def at_once(make: Callable[[int], Awaitable[None]]) -> Callable[[Path, int, random.Random], Awaitable[None]]:
    async def together(_path: Path, count: int, _rng: random.Random) -> None:
        await asyncio.gather(*(make(i) for i in range(count)))

    return together


PATHS: list[Path] = []
"""Of the replica that this process attacks."""
PATIENCE = [1.0]
"""How much of its time an attack takes."""


def to(*pieces: bytes, **how: Any) -> Callable[[Path, int, random.Random], Awaitable[None]]:
    return at_once(lambda _: send(PATHS[-1], *pieces, **how))


BIG = b"\0\0\x10\0\0" + bytes(0x100000)
ATTACKS: dict[str, tuple[Callable[[Path, int, random.Random], Awaitable[None]], int]] = {
    "mutated requests": (mutate, 100_000),
    "connections at once": (to(WHOLE, hold=3), 1_000),
    "that say nothing": (to(hold=5), 1_000),
    "half a request": (at_once(lambda i: send(PATHS[-1], WHOLE[: 1 + i % (len(WHOLE) - 1)], hold=5)), 1_000),
    "slow writers": (to(*(bytes([b]) for b in WHOLE), pause=0.05), 200),
    "2 GiB announced for 9 bytes": (
        to(HEAD + b"content-length: 2147483648\r\n\r\n\0\x03\xff\xff\xff1234", hold=5),
        200,
    ),
    "pipelined": (to(WHOLE * 50), 1_000),
    "headers without end": (to(HEAD, *(b"a: " + b"b" * 60_000 for _ in range(20))), 500),
    "extensions of chunks": (to(CHUNKED, *(b"1;" + b"x" * 60_000 + b"\r\n\0\r\n" for _ in range(20))), 500),
    "chunks of one byte": (to(CHUNKED, b"".join(b"1\r\n%c\r\n" % b for b in BIG[:50_000])), 50),
    "answers never read": (to(HEAD + b"content-length: %d\r\n\r\n" % len(BIG) + BIG, hold=5, read=False), 50),
    "streams never read": (to(SEEDS[5], hold=5, read=False), 100),
    "streams that are left": (to(SEEDS[5], hold=0.05), 500),
}


# --- how it fares ---


WORST_MS = 2_000
"""Generously: attackers and tests run on the same cores. With cores to itself it is 300 ms."""
GROWN_MB, LEFT_MB = 120, 10
"""The most is that of 50 answers of a mebibyte, with their requests, that nobody takes."""


@dataclass
class Fared:
    """What one attack did."""

    name: str
    seconds: float
    grown_mb: float
    """Of the replica's memory, at most."""
    p99_ms: float
    worst_ms: float
    """Of the caller who behaves."""

    def __str__(self) -> str:
        cost = f"{self.seconds:6.1f} s, memory +{self.grown_mb:5.1f} MB, p99 {self.p99_ms:6.1f} ms"
        return f"{self.name:32}{cost}, at most {self.worst_ms:6.1f} ms"


def complaints(fared: Sequence[Fared], said: str) -> list[str]:
    """What is not as it should be: others wait, memory grows and stays, or the replica finds a fault of its own."""
    found = [f"others were kept waiting: {each}" for each in fared if each.worst_ms > WORST_MS]
    found += [f"memory grew: {each}" for each in fared if each.grown_mb > GROWN_MB]
    found += [f"memory still grows when all are gone: {fared[-1]}"] if fared[-1].grown_mb > LEFT_MB else []
    return [*found, *([f"the replica said:\n{said}"] if said else [])]


def run(phases: Sequence[tuple[str, ...]], share: float = 1.0, seed: int = 1) -> tuple[list[Fared], str]:
    """How a replica fares, and what it said beside how many connections are open.

    Args:
        phases: the attacks that are made at the same time, by their names; one after the other.
        share: of each attack.
        seed: of the mutations.
    """
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "s"
        replica = subprocess.Popen(
            [sys.executable, __file__, "serve", str(path)], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        try:
            assert replica.stdout is not None
            assert replica.stdout.readline() == "ready\n"
            fared = asyncio.run(_all(path, replica, phases, share, seed))
            assert replica.poll() is None, "the replica has ended"
        finally:
            replica.kill()
            said, _ = replica.communicate()
    lines = said.splitlines(keepends=True)
    assert int([line for line in lines if line.strip().isdigit()][-1]) < 3, "connections are left"
    return fared, "".join(line for line in lines if not line.strip().isdigit())


async def _all(path: Path, replica: Any, phases: Sequence[tuple[str, ...]], share: float, seed: int) -> list[Fared]:
    process, fared = psutil.Process(replica.pid), []
    await _beside(path, process, asyncio.sleep(0.5))  # it has warmed up
    fared.append(Fared("nobody", *await _beside(path, process, asyncio.sleep(max(0.5, 5 * share)))))
    for names in phases:
        attacker = await asyncio.create_subprocess_exec(
            sys.executable, __file__, "attack", str(path), ",".join(names), str(share), str(seed)
        )
        seen = await _beside(path, process, attacker.wait())
        assert attacker.returncode == 0
        fared.append(Fared(" + ".join(names) if len(names) < 3 else "all of them", *seen))
    # All of them are gone: what they left is let go, and calls go on.
    fared.append(Fared("nobody, at the end", *await _beside(path, process, asyncio.sleep(max(1.5, 5 * share)))))
    return fared


async def _beside(path: Path, process: psutil.Process, work: Awaitable[Any]) -> tuple[float, float, float, float]:
    """Seconds, growth, and the latencies of a caller who behaves, while something goes on."""
    peer, took, most = Peer(path), [], 0
    before, begin = process.memory_info().rss, time.monotonic()
    going_on = asyncio.ensure_future(work)
    while not going_on.done():
        sent = time.monotonic()
        assert await peer.call(b"/s/echo", b"x" * 100, 10, ()) == b"x" * 100
        took.append(time.monotonic() - sent)
        most = max(most, process.memory_info().rss)
        await asyncio.sleep(0.005)
    await going_on
    peer.close()
    took.sort()
    grown = (most - before) / 1e6
    return time.monotonic() - begin, grown, took[len(took) * 99 // 100] * 1e3, took[-1] * 1e3


def main() -> None:
    import uvloop

    match sys.argv[1:]:
        case ["serve", path]:
            uvloop.run(serve(Path(path)))
        case ["attack", path, names, share, seed]:
            asyncio.run(attack(Path(path), names.split(","), float(share), random.Random(seed)))
        case _:
            seed = random.randrange(1 << 30)
            print(f"seed {seed}")
            fared, said = run([*((name,) for name in ATTACKS), tuple(ATTACKS)], seed=seed)
            print(*fared, sep="\n")
            sys.exit("\n".join(complaints(fared, said)) or 0)


async def attack(path: Path, names: Sequence[str], share: float, rng: random.Random) -> None:
    logging.getLogger("asyncio").setLevel(logging.CRITICAL)  # it tells each write to a connection that was closed
    PATHS.append(path)
    PATIENCE.append(min(1.0, 10 * share))
    made = [(ATTACKS[name][0], max(1, int(ATTACKS[name][1] * share))) for name in names]
    await asyncio.gather(*(make(path, count, rng) for make, count in made))


if __name__ == "__main__":
    main()
