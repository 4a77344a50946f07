"""A graph to be hurt by tests: it says where it runs, hangs, and grows. Its file imports Ray, as many do."""

from __future__ import annotations

import os
import time

from ray import serve

from meshgen import DAGDriver, Handle, InputNode, current_request, deployment, inline


@deployment(num_replicas=2, health_check_period_s=1)
def where(text: str) -> int:
    """The process that answers, after a little work."""
    time.sleep(0.02)
    return os.getpid()


@deployment(num_replicas=1, timeout_s=2)
def hang(text: str) -> str:
    """Never answers one special text."""
    if text == "hang":
        time.sleep(8)
    return text


@deployment(
    max_ongoing_requests=8,
    autoscaling_config={
        "min_replicas": 1,
        "max_replicas": 2,
        "target_ongoing_requests": 1,
        "upscale_delay_s": 1,
        "metrics_interval_s": 0.5,
        "look_back_period_s": 1,
        "downscale_delay_s": 3,
    },
)
async def growing(text: str) -> int:
    """The process that answers, slowly."""
    import asyncio

    await asyncio.sleep(0.2)
    return os.getpid()


NARROW = 2
NARROW_QUEUE = 3
AT_ONCE = [0]


@deployment(max_ongoing_requests=NARROW, max_queued_requests=NARROW_QUEUE)
async def narrow(text: str) -> int:
    """How many run at once in the replica, itself among them."""
    import asyncio

    AT_ONCE[0] += 1
    try:
        await asyncio.sleep(0.5)
        return AT_ONCE[0]
    finally:
        AT_ONCE[0] -= 1


@deployment(max_ongoing_requests=32, user_config={"unit": "texts"})
class Batching:
    """Batches as Ray's guide has it, made by async code."""

    async def __init__(self) -> None:  # type: ignore[misc]  # it is awaited
        import asyncio

        self.loop = asyncio.get_running_loop()
        self.unit = ""

    async def reconfigure(self, config: dict[str, str]) -> None:
        """Takes what counts."""
        self.unit = config["unit"]

    @serve.batch(max_batch_size=8, batch_wait_timeout_s=0.2)
    async def _together(self, texts: list[str]) -> list[int]:
        return [len(texts) for _ in texts]

    async def count(self, text: str) -> str:
        """How many came together."""
        import asyncio

        assert asyncio.get_running_loop() is self.loop, "what the constructor makes is of the loop of the calls"
        return f"{await self._together(text)} {self.unit}"

    async def stay(self, path: str) -> str:
        """Waits until it is cancelled, if there is such a file, and writes there when that was."""
        if os.path.isfile(path):  # noqa: ASYNC240, PTH113 - not worth a thread
            import asyncio

            try:
                os.unlink(path)  # noqa: PTH108 - it has begun
                await asyncio.sleep(30)
            except asyncio.CancelledError:
                now = time.monotonic()
                with open(path, "w") as file:  # noqa: ASYNC230, PTH123 - as above
                    file.write(str(now))
                raise
        return path


@deployment
class Asking:
    """Has another node wait."""

    def __init__(self, other: Handle[Batching]) -> None:
        self.other = other

    async def ask(self, path: str) -> str:
        """As long as it is not cancelled."""
        return str(await self.other.stay.remote(path))


@deployment
def fail(text: str) -> str:
    """Has a bug."""
    raise ZeroDivisionError(f"secret detail {text}")


def _came(key: str) -> str:
    return repr(current_request().metadata.get(key))


@deployment(placement="with:batching")
class Far:
    """A node that a node calls."""

    def ask(self, key: str) -> str:
        """What came by a key of metadata."""
        return _came(key)


@deployment(placement="with:fail")
class Between:
    """A node that calls another one."""

    def __init__(self, far: Handle) -> None:
        self.far = far

    async def ask(self, key: str) -> list[str]:
        """What came here and there."""
        return [_came(key), await self.far.ask.remote(key)]


@inline
def here(key: str, others: list[str]) -> list[str]:
    """What came in the driver, before the others."""
    return [_came(key), *others]


with InputNode(text=str) as request:
    batching = Batching.bind()
    app = DAGDriver.bind(
        {
            "/where": where.bind(request.text),
            "/hang": hang.bind(request.text),
            "/growing": growing.bind(request.text),
            "/narrow": narrow.bind(request.text),
            "/batching": batching.count.bind(request.text),
            "/asking": Asking.bind(batching).ask.bind(request.text),
            "/fail": fail.bind(request.text),
            "/metadata": here.bind(request.text, Between.bind(Far.bind()).ask.bind(request.text)),
        }
    )
