"""What a request runs, how often, in which order, and what happens when a call fails."""

from __future__ import annotations

import asyncio
import contextlib
import threading
import time
from collections import Counter
from dataclasses import dataclass

import numpy as np
import pytest

import meshgen
from meshgen import DAGDriver, Handle, InputNode, InvalidArgument, current_request, deployment, inline, map_each, switch

CALLS: Counter[str] = Counter()


@pytest.fixture(autouse=True)
def _no_calls() -> None:
    CALLS.clear()


@dataclass
class Box:
    width: float
    sides: list[float]


@dataclass
class Request:
    box: Box
    names: dict[str, int]
    kind: int = 0


@deployment
def double(x: float) -> float:
    CALLS["double"] += 1
    return 2 * x


@deployment
def add(a: float, b: float) -> float:
    CALLS["add"] += 1
    return a + b


@deployment
async def slow(x: float, seconds: float) -> float:
    await asyncio.sleep(seconds)
    CALLS["slow"] += 1
    return x


@deployment
def blocking(x: float, seconds: float) -> float:
    time.sleep(seconds)
    return x


@deployment
def fail(x: float) -> float:
    message = f"cannot take {x}"
    raise ValueError(message)


@deployment
def boxed(width: float) -> Box:
    return Box(width, [width, width])


@deployment
class Scale:
    def __init__(self, factor: float) -> None:
        CALLS["Scale"] += 1
        self.factor = factor

    def __call__(self, x: float) -> float:
        CALLS[f"scale {self.factor}"] += 1
        return self.factor * x


REQUEST = Request(Box(3.0, [1.0, 2.0]), {"a": 7}, 1)


def test_numbers_of_numpy_are_taken_as_the_codec_takes_them() -> None:
    with InputNode(float) as x:
        app = DAGDriver.bind(double.bind(x))
    assert meshgen.local(app)(np.float32(1.5)) == 3.0
    assert meshgen.local(app)(np.int64(2)) == 4.0
    with pytest.raises(InvalidArgument, match="must be a float, got bool"):
        meshgen.local(app)(np.bool_(True))


def test_a_call_runs_once_however_often_its_result_is_used() -> None:
    with InputNode(float) as x:
        shared = double.bind(x)
        app = DAGDriver.bind(add.bind(shared, add.bind(shared, shared)))
    assert meshgen.local(app)(1.0) == 6.0
    assert CALLS == {"double": 1, "add": 2}


def test_access_into_input_and_results_to_any_depth() -> None:
    with InputNode(Request) as request:
        width = add.bind(request.box.width, request["box"].sides[1])
        box = boxed.bind(width)
        app = DAGDriver.bind(add.bind(box.sides[0], request.names["a"]))
    assert meshgen.local(app)(REQUEST) == 12.0


def test_nodes_in_lists_and_dicts_arrive_as_values() -> None:
    @deployment
    def total(parts: list[float], named: dict[str, float], fixed: tuple[float, int]) -> float:
        return sum(parts) + sum(named.values()) + sum(fixed)

    with InputNode(float) as x:
        y = double.bind(x)
        app = DAGDriver.bind(total.bind([x, y], {"y": y}, (y, 3)))
    assert meshgen.local(app)(1.0) == 1 + 2 + 2 + 2 + 3


def test_a_fixed_tuple_can_be_unpacked() -> None:
    @deployment
    def split(x: float) -> tuple[float, int]:
        return x, 3

    with InputNode(float) as x:
        a, b = split.bind(x)
        app = DAGDriver.bind(add.bind(a, b))
    assert meshgen.local(app)(1.0) == 4.0


def test_a_route_runs_only_its_own_ancestors() -> None:
    with InputNode(float) as x:
        app = DAGDriver.bind({"/double": double.bind(x), "/add": add.bind(x, x)})
    graph = meshgen.local(app)
    assert graph(2.0, route="/add") == 4.0
    assert CALLS == {"add": 1}
    with pytest.raises(meshgen.NotFound, match=r"/double, /add"):
        graph(2.0, route="/nowhere")


def test_switch_runs_only_the_branch_taken() -> None:
    with InputNode(Request) as request:
        width = request.box.width
        cases = {i: Scale.options(name=f"scale_{i}").bind(i).bind(double.bind(width)) for i in range(3)}
        app = DAGDriver.bind(add.bind(switch(request.kind, cases), width))
    assert meshgen.local(app)(REQUEST) == 9.0
    assert CALLS == {"Scale": 1, "scale 1": 1, "double": 1, "add": 1}


def test_switch_default_and_no_match() -> None:
    with InputNode(int) as kind:
        app = DAGDriver.bind(
            {"/default": switch(kind, {0: double.bind(1.0)}, default=5.0), "/none": switch(kind, {0: double.bind(1.0)})}
        )
    graph = meshgen.local(app)
    assert graph(9, route="/default") == 5.0
    with pytest.raises(InvalidArgument, match=r"no case for 9; it has 0"):
        graph(9, route="/none")


def test_a_switch_without_the_case_says_where_it_is_beside_the_message() -> None:
    with InputNode(int) as kind:
        app = DAGDriver.bind(switch(kind, {0: double.bind(1.0)}))
    graph = meshgen.local(app)
    with pytest.raises(InvalidArgument, match=r"^the switch has no case for 7; it has 0") as caught:
        graph(7)
    (note,) = caught.value.__notes__
    assert note.startswith("at ")
    assert "test_executor.py:" in note


def test_switch_over_an_inline_node_may_share_a_step_between_branches() -> None:
    @inline
    def parity(n: int) -> str:
        return "odd" if n % 2 else "even"

    with InputNode(int) as n:
        shared = double.bind(n)
        app = DAGDriver.bind(switch(parity.bind(n), {"odd": add.bind(shared, 1), "even": shared}))
    graph = meshgen.local(app)
    assert (graph(3), graph(4)) == (7, 8)


def test_independent_branches_run_in_parallel() -> None:
    with InputNode(float) as x:
        app = DAGDriver.bind(add.bind(blocking.bind(x, 1.0), slow.bind(x, 1.0)))
    start = time.perf_counter()
    assert meshgen.local(app)(1.0) == 2.0
    assert time.perf_counter() - start < 1.9, "one after the other they take 2 s"


def test_a_chain_of_sync_calls_runs_on_the_callers_thread() -> None:
    @deployment
    def where(x: float) -> str:
        return threading.current_thread().name

    with InputNode(float) as x:
        app = DAGDriver.bind(where.bind(double.bind(x)))
    assert meshgen.local(app)(1.0) == threading.current_thread().name


async def test_in_an_event_loop_sync_nodes_do_not_block_it() -> None:
    with InputNode(float) as x:
        app = DAGDriver.bind(blocking.bind(x, 0.2))
    graph = meshgen.local(app)
    ticks = 0

    async def tick() -> None:
        nonlocal ticks
        while True:
            await asyncio.sleep(0.01)
            ticks += 1

    ticker = asyncio.create_task(tick())
    assert await graph.call(1.0) == 1.0
    ticker.cancel()
    assert ticks > 5
    with pytest.raises(RuntimeError, match="await"):
        graph(1.0)


def test_map_each_keeps_order_and_is_bounded() -> None:
    running, most = 0, 0

    @deployment(max_ongoing_requests=100)
    async def work(x: float, plus: float) -> float:
        nonlocal running, most
        running += 1
        most = max(most, running)
        await asyncio.sleep(0.001 * (10 - x))
        running -= 1
        return x + plus

    with InputNode(list[float]) as xs:
        app = DAGDriver.bind(map_each(work, over=xs, max_concurrency=3, plus=double.bind(1.0)))
    graph = meshgen.local(app)
    assert graph([float(i) for i in range(10)]) == [i + 2.0 for i in range(10)]
    assert most == 3
    assert graph([]) == []


def test_the_first_failure_is_raised_and_siblings_are_cancelled() -> None:
    with InputNode(float) as x:
        app = DAGDriver.bind(add.bind(slow.bind(x, 5.0), fail.bind(x)))
    start = time.perf_counter()
    with pytest.raises(ValueError, match=r"cannot take 1\.0") as caught:
        meshgen.local(app)(1.0)
    assert time.perf_counter() - start < 2
    assert CALLS["slow"] == 0
    assert "in node 'fail'" in caught.value.__notes__[0]


def test_errors_of_user_code_keep_their_cause_and_their_traceback() -> None:
    @deployment
    def wrapped(x: float) -> float:
        try:
            return fail.target(x)  # type: ignore[no-any-return]
        except ValueError as e:
            raise KeyError("outer") from e

    with InputNode(float) as x:
        app = DAGDriver.bind(add.bind(wrapped.bind(x), double.bind(x)))
    with pytest.raises(KeyError) as caught:
        meshgen.local(app)(1.0)
    assert isinstance(caught.value.__cause__, ValueError)
    assert caught.traceback[-1].name == "wrapped"


def test_a_class_node_in_a_constructor_arrives_as_a_handle() -> None:
    @deployment
    class Pick:
        def __init__(self, models: list[Handle[Scale]], other: Handle[Scale]) -> None:
            self.models = models
            self.other = other

        async def __call__(self, x: float, which: int) -> float:
            first = self.models[which].remote(x)
            second = self.other.remote(x)
            return float(await first + await second)

    @deployment
    class PickSync:
        def __init__(self, model: Handle[Scale]) -> None:
            self.model = model

        def __call__(self, x: float) -> float:
            return float(self.model.remote(x).result(5))

    with InputNode(float) as x:
        models = [Scale.options(name=f"s{i}").bind(i) for i in range(3)]
        picked = Pick.bind(models, models[0]).bind(x, 2)
        app = DAGDriver.bind(add.bind(picked, PickSync.bind(models[1]).bind(x)))
    graph = meshgen.local(app)
    assert graph.graph.node("pick").may_call == ("s0", "s1", "s2")
    assert graph(2.0) == 6.0
    assert CALLS["Scale"] == 3


def test_input_adapter_function_record_and_untyped_input() -> None:
    def adapt(width: float, names: list[str]) -> Request:
        return Request(Box(width, []), dict.fromkeys(names, 1))

    with InputNode() as request:
        app = DAGDriver.bind(double.bind(request.box.width), input_adapter=adapt)
    graph = meshgen.local(app)
    assert graph(width=2.0, names=["a"]) == 4.0
    assert [p.name for p in graph.graph.request(graph.graph.routes[0]).params] == ["width", "names"]

    with InputNode() as request:
        app = DAGDriver.bind(double.bind(request.width), input_adapter=Box)
    assert meshgen.local(app)(Box(3.0, [])) == 6.0


def test_several_inputs_by_position_and_by_name() -> None:
    with InputNode(float, Box) as request:
        app = DAGDriver.bind(add.bind(request[0], request[1].width))
    assert meshgen.local(app)(1.0, Box(2.0, [])) == 3.0
    with InputNode(x=float, y=float) as request:
        app = DAGDriver.bind(add.bind(request.x, request["y"]))
    assert meshgen.local(app)(x=1.0, y=4.0) == 5.0


def test_an_index_that_the_request_does_not_have_is_the_callers_fault() -> None:
    with InputNode(Box) as box:
        app = DAGDriver.bind(double.bind(box.sides[4]))
    with pytest.raises(InvalidArgument, match=r"sides\[4\]") as caught:
        meshgen.local(app)(Box(1.0, [1.0]))
    assert caught.value.violations[0].field == "sides[4]"


@pytest.mark.parametrize("node", [slow, blocking])
def test_a_node_that_does_not_answer_in_time(node: meshgen.frontend.Deployment) -> None:
    with InputNode(float) as x:
        app = DAGDriver.bind({"/chain": node.bind(x, 30.0), "/parallel": add.bind(node.bind(x, 30.0), double.bind(x))})
    graph = meshgen.local(app)
    for route in ("/chain", "/parallel"):
        start = time.perf_counter()
        with pytest.raises(meshgen.DeadlineExceeded, match=f"node '{node.name}' did not answer"):
            graph(1.0, route=route, timeout_s=0.2)
        assert time.perf_counter() - start < 2


def test_a_nodes_own_time_limit() -> None:
    with InputNode(float) as x:
        app = DAGDriver.bind(blocking.options(timeout_s=0.1).bind(x, 30.0))
    with pytest.raises(meshgen.DeadlineExceeded, match=r"0\.1 s"):
        meshgen.local(app)(1.0)


def test_current_request_reaches_any_depth() -> None:
    seen = []

    def deep() -> None:
        seen.append(current_request())

    @deployment
    def look(x: float) -> float:
        deep()
        return x

    with InputNode(float) as x:
        app = DAGDriver.bind(add.bind(look.bind(x), look.bind(x)))
    meshgen.local(app)(1.0, timeout_s=7)
    assert {r.node for r in seen} == {"look"}
    assert len({r.trace_id for r in seen}) == 1
    assert len(seen[0].trace_id) == 32
    remaining = seen[0].remaining()
    assert remaining is not None
    assert 5 < remaining <= 7
    with pytest.raises(LookupError):
        current_request()


def test_user_config_reaches_reconfigure() -> None:
    @deployment(user_config={"factor": 5})
    class Tuned:
        def reconfigure(self, config: dict[str, int]) -> None:
            self.factor = config["factor"]

        def __call__(self, x: float) -> float:
            return self.factor * x

    with InputNode(float) as x:
        app = DAGDriver.bind(Tuned.bind().bind(x))
    assert meshgen.local(app)(2.0) == 10.0


def test_a_long_chain_and_a_deep_diamond() -> None:
    with InputNode(float) as x:
        value = x
        for _ in range(2000):
            value = add.bind(value, 1.0)
        app = DAGDriver.bind(value)
    assert meshgen.local(app)(0.0) == 2000.0
    with InputNode(float) as x:
        value = x
        for _ in range(30):
            value = add.bind(value, value)
        app = DAGDriver.bind(value)
    CALLS.clear()
    assert meshgen.local(app)(1.0) == 2.0**30
    assert CALLS["add"] == 30


def test_decorated_things_are_still_plain_python() -> None:
    assert double(2.0) == 4.0
    assert Scale(3)(2.0) == 6.0
    assert isinstance(Scale(1), Scale)  # type: ignore[arg-type]

    class Half(Scale):  # type: ignore[misc]
        pass

    assert Half(0.5)(2.0) == 1.0


def test_unannotated_nodes_run_in_process() -> None:
    @deployment
    def loose(x, y=2):  # type: ignore[no-untyped-def]
        return x["a"] + y

    with InputNode() as request:
        app = DAGDriver.bind(loose.bind(request))
    assert meshgen.local(app)({"a": 1}) == 3


class _Odd(BaseException):
    pass


@pytest.mark.parametrize("kind", [SystemExit, StopIteration, StopAsyncIteration, _Odd])
@pytest.mark.parametrize("where", ["sync", "async", "constructor", "reconfigure", "handle"])
@pytest.mark.parametrize("parallel", [False, True])
def test_what_would_end_the_process_is_an_error_of_the_node(
    kind: type[BaseException], where: str, parallel: bool
) -> None:
    error = kind("b")

    def act(here: str) -> None:
        if here == where:
            raise error

    @deployment
    def plain(x: float) -> float:
        act("sync")
        return x

    @deployment
    async def waiting(x: float) -> float:
        await asyncio.sleep(0)
        act("async")
        return x

    @deployment(user_config={})
    class Made:
        def __init__(self) -> None:
            act("constructor")

        def reconfigure(self, config: dict[str, int]) -> None:
            act("reconfigure")

        def __call__(self, x: float) -> float:
            act("handle")
            return x

    @deployment
    class Asks:
        def __init__(self, made: Handle[Made]) -> None:
            self.made = made

        async def __call__(self, x: float) -> float:
            return await self.made.remote(x)  # type: ignore[no-any-return]

    with InputNode(float) as x:
        found = {"sync": plain, "async": waiting}.get(where)
        call = Asks.bind(Made.bind()).bind(x) if found is None else found.bind(x)
        app = DAGDriver.bind(add.bind(call, double.bind(x)) if parallel else call)
    with pytest.raises(Exception) as caught:
        meshgen.local(app)(1.0)
    assert error in (caught.value, caught.value.__cause__)
    if found is None:  # through a handle
        assert isinstance(caught.value, meshgen.Internal)
        assert caught.value.node == "made"
    else:
        assert f"in node '{found.name}'" in caught.value.__notes__[0]


@pytest.mark.parametrize("node", ["sync", "async", "thread"])
def test_cancelled_without_anybody_who_cancelled(node: str) -> None:
    @deployment
    def plain(x: float) -> float:
        raise asyncio.CancelledError

    @deployment
    async def waiting(x: float) -> float:
        raise asyncio.CancelledError

    with InputNode(float) as x:
        call = (waiting if node == "async" else plain).bind(x)
        app = DAGDriver.bind(add.bind(call, double.bind(x)) if node == "thread" else call)
    with pytest.raises(meshgen.Cancelled, match="raised CancelledError") as caught:
        meshgen.local(app)(1.0)
    assert caught.value.node == ("waiting" if node == "async" else "plain")


async def test_a_request_that_is_cancelled_stays_cancelled() -> None:
    with InputNode(float) as x:
        app = DAGDriver.bind(slow.bind(x, 30.0))
    task = asyncio.ensure_future(meshgen.local(app).call(1.0))
    await asyncio.sleep(0.05)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


def test_what_async_nodes_keep_lives_from_request_to_request() -> None:
    @deployment
    class Batcher:
        def __init__(self) -> None:
            self.queue: asyncio.Queue[tuple[float, asyncio.Future[float]]] | None = None

        async def __call__(self, x: float) -> float:
            if self.queue is None:
                self.queue = asyncio.Queue()
                self.task = asyncio.create_task(self.work())
            answer: asyncio.Future[float] = asyncio.get_running_loop().create_future()
            await self.queue.put((x, answer))
            return await answer

        async def work(self) -> None:
            assert self.queue is not None
            while True:
                x, answer = await self.queue.get()
                answer.set_result(2 * x)

    with InputNode(float) as x:
        app = DAGDriver.bind(Batcher.bind().bind(x))
    graph = meshgen.local(app)
    assert [graph(1.0, timeout_s=5), graph(2.0, timeout_s=5)] == [2.0, 4.0]
    graph.close()


def test_sync_nodes_may_run_a_loop_of_their_own() -> None:
    @deployment
    def own_loop(x: float) -> float:
        asyncio.run(asyncio.sleep(0))
        return x

    with InputNode(float) as x:
        app = DAGDriver.bind(double.bind(own_loop.bind(x)))
    assert meshgen.local(app)(1.0) == 2.0


def test_constructors_do_not_count_against_the_deadline() -> None:
    @deployment
    class Heavy:
        def __init__(self) -> None:
            time.sleep(0.4)

        def __call__(self, x: float) -> float:
            return x

    with InputNode(float) as x:
        app = DAGDriver.bind({"/chain": Heavy.bind().bind(x), "/join": add.bind(Heavy.bind().bind(x), double.bind(x))})
    graph = meshgen.local(app)
    assert graph(1.0, route="/chain", timeout_s=0.3) == 1.0
    assert graph(1.0, route="/join", timeout_s=0.3) == 3.0


def test_constructors_run_one_at_a_time_and_what_all_wait_for_counts_once() -> None:
    inside, left = threading.Lock(), []

    @deployment
    class Heavy:
        def __init__(self) -> None:
            assert inside.acquire(blocking=False), "two at once"
            time.sleep(0.05)
            inside.release()

        def __call__(self, x: float) -> float:
            left.append(current_request().remaining())
            return x

    with InputNode(float) as x:
        heavy = [Heavy.options(name=f"heavy_{i}").bind().bind(x) for i in range(4)]
        app = DAGDriver.bind(add.bind(add.bind(*heavy[:2]), add.bind(*heavy[2:])))
    assert meshgen.local(app)(1.0, timeout_s=7) == 4.0
    assert len(left) == 4
    assert all(seconds is not None and seconds <= 7 for seconds in left)


def test_a_constructor_may_call_its_handles() -> None:
    @deployment
    class Inner:
        def value(self) -> float:
            return 5.0

    @deployment
    class Middle:
        def __init__(self, inner: Handle[Inner]) -> None:
            self.inner = inner

        def value(self) -> float:
            return float(self.inner.value.remote().result(5))

    @deployment
    class Outer:
        def __init__(self, middle: Handle[Middle]) -> None:
            self.value = middle.value.remote().result(5)

        def __call__(self, x: float) -> float:
            return float(x + self.value)

    with InputNode(float) as x:
        app = DAGDriver.bind(Outer.bind(Middle.bind(Inner.bind())).bind(x))
    assert meshgen.local(app)(1.0) == 6.0


def test_waiting_for_a_slot_counts_against_the_deadline() -> None:
    with InputNode(list[float]) as xs:
        app = DAGDriver.bind(map_each(slow.options(max_ongoing_requests=1), over=xs, seconds=0.2))
    with pytest.raises(meshgen.DeadlineExceeded):
        meshgen.local(app)([1.0] * 6, timeout_s=0.5)


def test_code_that_swallows_the_deadline_is_late_all_the_same() -> None:
    @deployment
    def stubborn(x: float) -> float:
        with contextlib.suppress(Exception):
            time.sleep(2)
        return x

    with InputNode(float) as x:
        app = DAGDriver.bind(stubborn.bind(x))
    with pytest.raises(meshgen.DeadlineExceeded):
        meshgen.local(app)(1.0, timeout_s=0.2)


def test_another_timer_of_the_process_survives() -> None:
    import signal

    before = signal.setitimer(signal.ITIMER_REAL, 30)
    try:
        with InputNode(float) as x:
            app = DAGDriver.bind(double.bind(x))
        meshgen.local(app)(1.0)
        assert 20 < signal.getitimer(signal.ITIMER_REAL)[0] <= 30
    finally:
        signal.setitimer(signal.ITIMER_REAL, *before)


def test_a_status_in_a_users_task_group_keeps_its_code() -> None:
    from meshgen.runtime.call.errors import as_status

    @deployment
    class Asks:
        def __init__(self, models: list[Handle[Missing]]) -> None:
            self.models = models

        async def __call__(self, x: float) -> float:
            async with asyncio.TaskGroup() as group:
                for model in self.models:
                    group.create_task(_value(model.remote(x)))
            return x

    with InputNode(float) as x:
        app = DAGDriver.bind(Asks.bind([Missing.bind()]).bind(x))
    with pytest.raises(ExceptionGroup) as caught:
        meshgen.local(app)(1.0)
    assert as_status(caught.value, "?").code is meshgen.Code.NOT_FOUND


@deployment
class Missing:
    def __call__(self, x: float) -> float:
        raise meshgen.NotFound("it is not here")


async def _value(response: meshgen.runtime.nodes.handles.Response) -> float:
    return float(await response)


def test_a_response_may_be_given_on() -> None:
    @deployment
    class Twice:
        def __init__(self, model: Handle[Scale]) -> None:
            self.model = model

        async def __call__(self, x: float) -> float:
            return float(await self.model.remote(self.model.remote(x)))

    with InputNode(float) as x:
        app = DAGDriver.bind(Twice.bind(Scale.bind(3.0)).bind(x))
    assert meshgen.local(app)(1.0) == 9.0


def test_status_classes_of_users() -> None:
    import pickle

    class Mine(meshgen.NotFound):
        def __init__(self, what: int) -> None:
            self.what = what

    error = Mine(3)
    assert (error.message, error.node, error.violations) == ("", "", ())
    again = pickle.loads(pickle.dumps(meshgen.InvalidArgument("no", node="n")))
    assert (type(again), again.message, again.node) == (meshgen.InvalidArgument, "no", "n")


def test_map_each_never_drops_an_item() -> None:
    @deployment
    async def cancels(x: float) -> float:
        if x == 2:
            raise asyncio.CancelledError
        return x

    with InputNode(list[float]) as xs:
        app = DAGDriver.bind(map_each(cancels, over=xs))
    with pytest.raises(meshgen.Cancelled):
        meshgen.local(app)([1.0, 2.0, 3.0])


def test_the_adapter_is_nobody_elses_node() -> None:
    @inline
    def input_adapter(x: float) -> float:
        return 100 * x

    def adapt(x: float) -> float:
        return x + 1

    with InputNode(float) as x:
        app = DAGDriver.bind(double.bind(input_adapter.bind(x)), input_adapter=adapt)
    assert meshgen.local(app)(1.0) == 400.0


def test_a_deadline_that_never_comes() -> None:
    with InputNode(float) as x:
        graph = meshgen.local(DAGDriver.bind({"/sync": double.bind(x), "/async": slow.bind(x, 0.0)}))
    for route in ("/sync", "/async"):
        for seconds in (float("inf"), 1e300):
            assert graph(1.0, route=route, timeout_s=seconds) in (1.0, 2.0)
