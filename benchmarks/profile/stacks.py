"""Samples of py-spy → how much of an event loop's work is whose."""

from __future__ import annotations

import subprocess
import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

GRPC = "gRPC and uvloop"
SERVE = "Ray Serve's request path"
RAY = "other code of Ray"
CODEC = "meshgen: codec"
WIRE = "meshgen: the wire"
EXECUTOR = "meshgen: executor and calls to nodes"
HOST = "meshgen: host"
USER = "user code"
GARBAGE = "garbage collection"
OTHER = "other"
OWNERS = (GRPC, SERVE, RAY, HOST, EXECUTOR, WIRE, CODEC, USER, GARBAGE, OTHER)

_LOOP_THREAD = "AsyncIO Thread"
"""The one that runs a Serve replica's requests."""
# What a thread that has nothing to do stands in.
_WAITS = frozenset({"epoll_wait", "epoll_pwait", "poll", "select", "pthread_cond_wait", "pthread_cond_timedwait"})
_COLLECTOR = "gc_collect"
# Whose a file is, by what its path has in it; the first that fits. Everything else, Python's own library and C code
# above all, belongs to whoever called it.
_OWNERS: Sequence[tuple[str, str]] = (
    # What is compiled from text that meshgen writes: routes, and readers and writers of messages.
    ("meshgen: ", EXECUTOR),
    ("<reader of ", CODEC),
    ("<writer of ", CODEC),
    ("benchmarks/", USER),
    ("meshgen/codec/", CODEC),
    ("meshgen/contract", CODEC),
    ("meshgen/runtime/engine/", EXECUTOR),
    ("meshgen/runtime/local/", EXECUTOR),
    ("meshgen/runtime/mesh/wire/", WIRE),
    ("meshgen/runtime/mesh/bulk/", WIRE),
    ("meshgen/runtime/mesh/boundary", EXECUTOR),
    ("meshgen/runtime/mesh/call_errors", EXECUTOR),
    ("meshgen/runtime/mesh/peers", EXECUTOR),
    ("meshgen/runtime/mesh/remote", EXECUTOR),
    ("meshgen/runtime/mesh/retry", EXECUTOR),
    ("meshgen/runtime/mesh/transport", EXECUTOR),
    ("meshgen/", HOST),
    ("google/", CODEC),
    ("ray/serve/", SERVE),
    ("ray/", RAY),
    ("grpc/", GRPC),
    ("cygrpc", GRPC),
    ("uvloop", GRPC),
    ("loop.c", GRPC),
)


@dataclass(frozen=True, slots=True)
class Sample:
    """A stack that was seen `count` times; frames from the outermost on, each `function (file:line)`."""

    thread: str
    frames: tuple[str, ...]
    count: int

    @property
    def idle(self) -> bool:
        return not self.frames or _split(self.frames[-1])[0] in _WAITS


def record(pid: int, seconds: float, output: Path) -> None:
    """Sample a process with its native frames, without which time in gRPC cannot be told from waiting.

    Raises CalledProcessError when py-spy may not, or cannot.
    """
    command = [str(Path(sys.executable).with_name("py-spy")), "record", "--pid", str(pid), "--output", str(output)]
    how = ["--format", "raw", "--duration", f"{seconds:.0f}", "--rate", "100", "--threads", "--native"]
    subprocess.run([*command, *how], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def read(lines: Iterable[str]) -> Iterator[Sample]:
    """The raw format: `thread (id): name;frame;frame… count`."""
    for line in lines:
        stack, _, count = line.rstrip("\n").rpartition(" ")
        thread, *frames = stack.split(";")
        yield Sample(thread, tuple(frames), int(count))


def loop_thread(samples: Iterable[Sample]) -> str | None:
    """The thread that runs the event loop: of those that Ray names so the one that worked most; None without any."""
    busy: Counter[str] = Counter()
    for sample in samples:
        if _LOOP_THREAD in sample.thread:
            busy[sample.thread] += 0 if sample.idle else sample.count
    return busy.most_common(1)[0][0] if busy else None


def thread_id(thread: str) -> int:
    """The system's id of a thread that py-spy named."""
    return int(thread.partition("(")[2].partition(")")[0])


def shares(samples: Iterable[Sample], thread: str) -> dict[str, float]:
    """Of a thread's work, by owner; they add up to 1, or are none when it never worked."""
    found: Counter[str] = Counter()
    for sample in samples:
        if sample.thread == thread and not sample.idle:
            found[owner(sample.frames)] += sample.count
    total = found.total()
    return {name: found[name] / total for name in OWNERS if found[name]}


def owner(frames: Sequence[str]) -> str:
    """Who is at work: the innermost frame that is anybody's. What Serve has Ray do, logs and metrics, is Serve's."""
    rays = False
    for frame in reversed(frames):
        function, file = _split(frame)
        if function.startswith(_COLLECTOR):
            return GARBAGE
        name = next((name for part, name in _OWNERS if part in file), None)
        if name is RAY:
            rays = True
        elif name is not None:
            return RAY if rays and name is not SERVE else name
    return RAY if rays else OTHER


def _split(frame: str) -> tuple[str, str]:
    # Names of C++ have brackets and blanks too.
    function, _, file = frame.removesuffix(")").rpartition(" (")
    return function, file
