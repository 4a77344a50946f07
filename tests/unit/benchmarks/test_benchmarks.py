"""The benchmark's own arithmetic: percentiles, what loops count, rows, ratios, tables, and the right answers."""

from __future__ import annotations

import asyncio
import json
import math
import random
import subprocess
import time
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path

import psutil
import pytest

from benchmarks import compile_growth, extras, prepared, report, rows
from benchmarks import page as page_of
from benchmarks.__main__ import CODEC_S
from benchmarks.codec_report import CodecRow
from benchmarks.compile_growth import Cost
from benchmarks.contestants import BY_NAME as BY_CONTESTANT
from benchmarks.contestants import CONTESTANTS
from benchmarks.contestants.base import Place
from benchmarks.extras import TITLES as EXTRAS
from benchmarks.growth import CONCURRENT, NODES, compile_verdicts, steepest, verdicts
from benchmarks.growth_report import growth
from benchmarks.handwritten.calls import BY_ROUTE
from benchmarks.histogram import Histogram
from benchmarks.inprocess import measured
from benchmarks.load import NOT_SENT, OK, WRONG, closed_loop, open_loop
from benchmarks.messages import Contract
from benchmarks.processes import ROOT
from benchmarks.profile import stacks, usage
from benchmarks.profile.report import report as profile_tables
from benchmarks.rows import Results, Row, Spread
from benchmarks.schedule import SECONDS, Plan, described, loads
from benchmarks.tables import number
from benchmarks.targets import TARGETS, judged, local_cost, local_overhead, memory_overhead
from benchmarks.works import BESIDE, BY_NAME, FUSED, QUICK, WORKS, Case, Work, titles
from meshgen.frontend.loader import load_graph

KEYS = {
    "work", "contestant", "repetition", "rps", "p50_ms", "p95_ms", "p99_ms", "cpu_ms_per_request", "peak_rss_mb",
    "errors",
}  # fmt: skip
MESHES = (("mesh", "works"), ("mesh-fused", "works"), ("mesh", "replicas"))
"""Who has a graph in meshgen's language, and which."""
SMALL = [w for w in WORKS if w.graph == "works" and "16MB" not in w.name]


# --- histogram ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("spread", [1.0, 3.0])
@pytest.mark.parametrize("percent", [0.1, 50, 95, 99, 99.9, 100])
def test_a_percentile_is_within_a_bucket_of_the_exact_one(percent: float, spread: float) -> None:
    draw = random.Random(7)
    values = [int(draw.lognormvariate(13, spread)) + 1 for _ in range(20_000)]
    histogram = Histogram()
    for value in values:
        histogram.add(value)
    exact = sorted(values)[max(1, math.ceil(len(values) * percent / 100)) - 1]
    assert histogram.percentile(percent) == pytest.approx(exact, rel=2 ** (1 / 64) - 1)


def test_a_histogram_of_one_value_and_of_none() -> None:
    histogram = Histogram()
    assert math.isnan(histogram.percentile(50))
    assert histogram.milliseconds(50) == 0.0
    histogram.add(2_000_000)
    assert histogram.milliseconds(1) == histogram.milliseconds(99) == 2.0


# --- loops -------------------------------------------------------------------------------------------------------


async def test_a_closed_loop_keeps_just_so_many_in_flight() -> None:
    now = most = 0

    async def send(_number: int) -> str:
        nonlocal now, most
        now += 1
        most = max(most, now)
        await asyncio.sleep(0.01)
        now -= 1
        return OK

    tally = await closed_loop(send, in_flight=4, seconds=0.1)
    found = tally.report()
    assert (most, now) == (4, 0)
    assert found["requests"] == tally.latencies.count >= 4
    assert found["rps"] == pytest.approx(found["requests"] / found["seconds"])
    assert found["p50_ms"] >= 9


async def test_what_is_not_ok_is_an_error_and_has_no_latency() -> None:
    async def send(number: int) -> str:
        await asyncio.sleep(0.001)
        return (OK, WRONG, "UNAVAILABLE")[number % 3]

    tally = await closed_loop(send, in_flight=1, seconds=0.05)
    found = tally.report()
    assert found["errors"] == tally.statuses[WRONG] + tally.statuses["UNAVAILABLE"] > 0
    assert found["requests"] + found["errors"] == sum(found["statuses"].values())
    assert tally.latencies.count == found["requests"]


async def test_an_open_loop_sends_at_its_rate_however_slow_the_answers_are() -> None:
    sent: list[float] = []

    async def send(_number: int) -> str:
        sent.append(time.perf_counter())
        await asyncio.sleep(0.1)
        return OK

    tally = await open_loop(send, rate=100, seconds=0.3)
    assert len(sent) == tally.done == 30
    assert sent[-1] - sent[0] > 0.25


async def test_an_open_loop_counts_a_stall_against_all_that_were_due_meanwhile() -> None:
    async def send(number: int) -> str:
        if number == 0:
            time.sleep(0.2)  # noqa: ASYNC251 - nobody sends meanwhile: the stall that closed loops hide
        return OK

    tally = await open_loop(send, rate=100, seconds=0.2)
    assert tally.done == 20
    assert tally.latencies.milliseconds(50) > 50


async def test_an_open_loop_stops_sending_when_too_many_wait_and_says_so() -> None:
    async def send(_number: int) -> str:
        await asyncio.sleep(0.7)
        return OK

    tally = await open_loop(send, rate=1000, seconds=0.1, most_waiting=10)
    assert tally.done == 10
    assert tally.errors == tally.statuses[NOT_SENT] == 90


def test_calls_in_process_are_checked_one_by_one() -> None:
    cases = (Case({"x": 1}, 2), Case({"x": 2}, 4))
    right = measured(lambda request: 2 * request["x"], cases, 0.01)
    assert right.errors == 0
    assert right.done == right.statuses.total() >= 2
    half = measured(lambda _request: 2, cases, 0.01)
    assert half.errors == half.done > 0


# --- works -------------------------------------------------------------------------------------------------------


def _same(left: object, right: object) -> bool:
    return bool((left == right).all()) if hasattr(left, "dtype") else left == right  # type: ignore[attr-defined]


@pytest.mark.parametrize("work", SMALL, ids=lambda w: w.name)
def test_the_right_answers_are_those_of_plain_python(work: Work) -> None:
    cases = work.cases()
    assert len(cases) >= 2
    for case in cases:
        assert _same(BY_ROUTE[work.route](**case.request), case.answer)
    assert not _same(cases[0].answer, cases[1].answer)


@pytest.mark.parametrize("work", [w for w in SMALL if "1MB" not in w.name], ids=lambda w: w.name)
def test_the_graph_gives_the_same_answers(work: Work) -> None:
    import meshgen
    from benchmarks.graphs.works_sync import app

    graph = meshgen.local(app)
    for case in work.cases():
        assert _same(graph(route=work.route, **case.request), case.answer)


def test_both_graphs_have_a_route_for_each_work() -> None:
    from benchmarks.graphs import works, works_sync

    wanted = {w.route for w in WORKS if w.graph == "works"}
    assert (
        {path for path, _ in works.app.routes} == {path for path, _ in works_sync.app.routes} == wanted == set(BY_ROUTE)
    )


def test_numbers_of_all_works_fit_a_message() -> None:
    for work in SMALL:
        for case in work.cases():
            if isinstance(case.answer, int):
                assert abs(case.answer) < 2**62


# --- schedule ----------------------------------------------------------------------------------------------------


def _plan(repetitions: int = 5, seconds: float = 1.25) -> Plan:
    return Plan(
        works=WORKS, contestants=CONTESTANTS, repetitions=repetitions, seconds=seconds, extras=frozenset(EXTRAS)
    )


def test_a_full_run_takes_40_minutes_at_most() -> None:
    besides = compile_growth.ESTIMATE_S + CODEC_S
    assert _plan(seconds=SECONDS).estimate_s() + besides <= 2400
    assert "about 4" not in described(_plan(repetitions=1), besides)


def test_each_repetition_starts_every_contestant_once_per_graph_and_begins_with_another() -> None:
    sessions = list(_plan(repetitions=3).sessions())
    assert len(sessions) == len(set(sessions)) == 3 * sum(len(c.graphs) for c in CONTESTANTS)
    firsts = [next(c.name for r, c, _ in sessions if r == repetition) for repetition in (1, 2, 3)]
    assert len(set(firsts)) == 3


def test_what_is_quick_exists() -> None:
    assert set(QUICK) <= {*BY_NAME, *EXTRAS} == set(titles())


def test_calls_in_process_have_one_load_and_services_up_to_three() -> None:
    names = {c.name: [load.name for load in loads(c, BY_NAME["chain4"], 1)] for c in CONTESTANTS}
    assert names["plain"] == names["local"] == ["warm", "one"]
    assert names["grpc"] == names["serve"] == ["warm", "one", "many", "open"]
    assert names["mesh"] == names["grpc-envoy"] == [*names["grpc"], "at4", "at16", "at64", "at256"]
    assert [load.name for load in loads(BY_CONTESTANT["mesh"], BY_NAME["chain1"], 1)] == ["warm", "one", "many"]


def test_a_contestant_is_asked_for_its_works_only() -> None:
    plan = _plan()
    assert {w.name for w in plan.of(BY_CONTESTANT["mesh-fused"], "works")} == FUSED
    assert {w.name for w in plan.of(BY_CONTESTANT["mesh"], "replicas")} == {"replicas1", "replicas2", "replicas4"}
    assert "benchmarks/graphs/works_fused.py" in plan.files
    assert all((ROOT / file).exists() for file in plan.files)


# --- rows --------------------------------------------------------------------------------------------------------


def _row(
    contestant: str, repetition: int, rps: float, *, work: str = "chain4", p50: float = 1.0, errors: int = 0
) -> Row:
    return Row(
        work=work, contestant=contestant, repetition=repetition, rps=rps, p50_ms=p50, p95_ms=2 * p50, p99_ms=3 * p50,
        cpu_ms_per_request=0.5, peak_rss_mb=100.0, errors=errors,
    )  # fmt: skip


def _points() -> dict[str, dict[str, float]]:
    def point(rps: float, p50: float, rss: float, errors: int) -> dict[str, float]:
        return {
            "rps": rps, "p50_ms": p50, "p95_ms": 2 * p50, "p99_ms": 3 * p50, "cpu_ms_per_request": 1 / rps,
            "peak_rss_mb": rss, "errors": errors,
        }  # fmt: skip

    return {
        "warm": point(1, 9, 5, 1),
        "one": point(10, 1, 7, 0),
        "many": point(50, 4, 6, 2),
        "open": point(25, 2, 1, 4),
    }


def test_a_row_takes_throughput_from_many_in_flight_and_latency_from_one() -> None:
    made = rows.row("chain4", "mesh", 2, _points())
    assert (made.rps, made.p50_ms, made.p95_ms, made.p99_ms) == (50, 1, 2, 3)
    assert (made.cpu_ms_per_request, made.peak_rss_mb, made.errors) == (0.02, 7, 7)


def test_a_row_of_calls_in_process_has_both_from_the_one_load() -> None:
    points = {name: point for name, point in _points().items() if name in ("warm", "one")}
    made = rows.row("chain4", "plain", 1, points)
    assert (made.rps, made.p50_ms, made.errors) == (10, 1, 1)


def test_the_file_is_a_list_of_rows_with_just_the_agreed_keys(tmp_path: Path) -> None:
    path = tmp_path / "results/latest.json"
    written = [_row("mesh", 1, 600), rows.failed("chain4", "serve", 1)]
    rows.write(path, written)
    loaded = json.loads(path.read_text())
    assert [set(each) for each in loaded] == [KEYS, KEYS]
    assert loaded[1]["errors"] == 1
    assert rows.read(path) == written


def test_ratios_are_of_the_same_repetition() -> None:
    results = Results([
        _row("mesh", 1, 600), _row("serve", 1, 100),
        _row("mesh", 2, 60), _row("serve", 2, 20),
        _row("mesh", 3, 500), _row("serve", 3, 100),
        _row("mesh", 4, 500), rows.failed("chain4", "serve", 4),
    ])  # fmt: skip
    assert results.ratio("chain4", "rps", "mesh", "serve") == Spread(5, 3, 6)
    assert results.spread("chain4", "serve", "rps") == Spread(100, 20, 100)
    assert results.errors("chain4", "serve") == 1
    assert results.ratio("chain4", "rps", "mesh", "nobody") is None


def test_targets_are_judged_by_the_median() -> None:
    results = Results([
        *(_row("mesh", i, 1600, p50=2) for i in (1, 2, 3)),
        *(_row("serve", i, rps, p50=3) for i, rps in ((1, 100), (2, 90), (3, 200))),
    ])  # fmt: skip
    found = {(t.metric, t.below): (ratio.median, reached) for t, ratio, reached in judged(results)}
    assert found == {("rps", "serve"): (16, True), ("p50_ms", "serve"): (pytest.approx(2 / 3), False)}


def test_a_work_is_compared_with_another_one_of_the_same_contestant() -> None:
    results = Results([
        *(_row("mesh", i, 1, work="chain1", p50=2) for i in (1, 2)),
        *(_row("mesh", i, 1, work=BESIDE, p50=p50) for i, p50 in ((1, 3), (2, 4))),
        *(_row("mesh", i, 1, work=f"tensor{n}_16MB", p50=30 + 10 * n) for i in (1, 2) for n in (1, 4)),
    ])  # fmt: skip
    lines = report.targets_table(results).splitlines()
    assert f"| {BESIDE} | p50: mesh ÷ mesh of chain1 | ≤ 2 | 1.75 (1.50 to 2.00) | yes |" in lines
    assert "| tensor4_16MB | ms of p50 that three more nodes add to one | ≤ 15 | 30.0 (30.0 to 30.0) | no |" in lines


def test_what_local_adds_is_a_slope_and_a_constant() -> None:
    """3 µs per request and 1.5 µs per call in one repetition, 2 and 0.5 in another."""
    results = Results([
        *(_row("plain", i, 1, work=f"chain{n}", p50=0.001 * n) for i in (1, 2) for n in (1, 10)),
        *(_row("local", 1, 1, work=f"chain{n}", p50=0.001 * n + 0.003 + 0.0015 * n) for n in (1, 10)),
        *(_row("local", 2, 1, work=f"chain{n}", p50=0.001 * n + 0.002 + 0.0005 * n) for n in (1, 10)),
    ])  # fmt: skip
    cost = local_cost(results)
    assert cost is not None
    assert cost.per_call == Spread(pytest.approx(1.0), pytest.approx(0.5), pytest.approx(1.5))
    assert cost.per_request == Spread(pytest.approx(2.5), pytest.approx(2.0), pytest.approx(3.0))
    assert cost.reached
    assert {work: added.most for work, added in local_overhead(results)} == {
        "chain1": pytest.approx(4.5), "chain10": pytest.approx(1.8),
    }  # fmt: skip
    assert "| chain1, chain10 | µs that local adds per call | ≤ 2 | 1.00 (0.500 to 1.50) | yes |" in (
        report.targets_table(results)
    )
    assert local_cost(Results([])) is None


def test_targets_name_works_and_contestants_that_exist() -> None:
    names = {c.name for c in CONTESTANTS}
    assert all(t.work in titles() and {t.above, t.below} <= names for t in TARGETS)


# --- page --------------------------------------------------------------------------------------------------------


def test_a_table_has_medians_spreads_ratios_and_errors() -> None:
    results = Results([
        _row("mesh", 1, 600), _row("mesh", 2, 620), _row("mesh", 3, 1590),
        _row("serve", 1, 60), _row("serve", 2, 62, errors=3), _row("serve", 3, 53),
    ])  # fmt: skip
    assert report.work_table(results, "chain4").splitlines() == [
        "### Chain of 4 (`chain4`)",
        "",
        "| contestant | rps | ÷ mesh | p50 ms | p95 ms | p99 ms | CPU ms | RSS MB | errors |",
        "|---|---:|---:|---:|---:|---:|---:|---:|---:|",
        "| meshgen mesh | 620 (600 to 1,590) |  | 1.00 | 2.00 | 3.00 | 0.500 | 100 | 0 |",
        (
            "| Ray Serve, defaults | 60.0 (53.0 to 62.0) | 0.100 (0.0333 to 0.100) "
            "| 1.00 | 2.00 | 3.00 | 0.500 | 100 | 3 |"
        ),
    ]


def test_a_contestant_without_numbers_stays_in_the_table() -> None:
    results = Results([_row("mesh", 1, 600), rows.failed("chain4", "grpc", 1)])
    assert "| grpc.aio by hand |  |  |  |  |  |  |  | 1 |" in report.work_table(results, "chain4")


def test_the_open_loop_has_a_column_per_contestant() -> None:
    def point(contestant: str, p50: float) -> dict[str, object]:
        return {
            "work": "echo", "contestant": contestant, "load": "open", "p50_ms": p50, "p99_ms": 2 * p50, "rate": 1000.0,
        }  # fmt: skip

    points = [point("mesh", p50) for p50 in (1, 2, 9)] + [{**point("grpc", 1), "load": "many"}]
    assert report.open_table(points).splitlines()[2:] == [
        "| work | meshgen mesh |",
        "|---|---:|",
        "| echo | 2.00 / 4.00 at 1,000 |",
    ]
    assert report.open_table([]) == ""


def test_the_section_replaces_itself_and_nothing_else(tmp_path: Path) -> None:
    page = tmp_path / "performance.md"
    page.write_text("# Performance\n\nThe codec.\n")
    page_of.put(page, "works", "first")
    page.write_text(page.read_text() + "\n## After\n")
    page_of.put(page, "works", "second")
    text = page.read_text()
    assert (
        text == "# Performance\n\nThe codec.\n\n## Works\n\n<!-- works: written by `make bench` -->\n\nsecond\n\n"
        "<!-- works: end -->\n\n## After\n"
    )


def test_the_section_makes_its_page(tmp_path: Path) -> None:
    page = tmp_path / "docs/performance.md"
    page_of.put(page, "growth", "body")
    assert page.read_text().startswith("# Performance\n\n## Growth\n")


@pytest.mark.parametrize(
    ("value", "text"),
    [(0, "0"), (0.000123456, "0.000123"), (0.5, "0.500"), (12.34, "12.3"), (123.4, "123"), (1234567.8, "1,234,568")],
)
def test_numbers_have_three_digits(value: float, text: str) -> None:
    assert number(value) == text


def test_what_meshgen_adds_to_a_replica_is_a_difference() -> None:
    def weight(contestant: str, megabytes: float) -> Row:
        return replace(rows.failed("memory_node", contestant, 1, errors=0), peak_rss_mb=megabytes)

    results = Results([weight("mesh", 170), weight("serve-throughput", 150)])
    assert list(memory_overhead(results)) == [("memory_node", 20, True)]
    assert "| meshgen mesh | 170 (170 to 170) |" in report.work_table(results, "memory_node")


def test_commands_are_measured_as_whole_processes() -> None:
    found = extras.commands("plain")
    assert found is not None
    assert found["errors"] == 0
    assert found["p50_ms"] > 1
    assert found["peak_rss_mb"] > 5
    assert extras.commands("mesh") is None


# --- messages ----------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def contracts(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Contract]:
    """The hand-written contract, and the one that meshgen makes of the graph."""
    folder = tmp_path_factory.mktemp("contracts")
    prepared.build(folder, tuple(BY_CONTESTANT[name].files[graph] for name, graph in MESHES))
    place = Place(folder=folder, build=folder, mark="")
    found = {name: BY_CONTESTANT[name].contract("works", place) for name in ("grpc", "mesh", "mesh-fused")}
    found |= {f"{name}, replicas": BY_CONTESTANT[name].contract("replicas", place) for name in ("grpc-envoy", "mesh")}
    return {name: contract for name, contract in found.items() if contract is not None}


@pytest.mark.parametrize("contestant", ["grpc", "mesh", "mesh-fused"])
@pytest.mark.parametrize("work", [w for w in SMALL if "1MB" not in w.name], ids=lambda w: w.name)
def test_each_contract_has_every_work(contracts: dict[str, Contract], contestant: str, work: Work) -> None:
    contract = contracts[contestant]
    first, second = work.cases()[:2]
    assert contract.method(work.rpc).endswith(f"/{work.rpc}")
    assert contract.request(work.rpc, first.request) != contract.request(work.rpc, second.request)


@pytest.mark.parametrize("contestant", ["grpc", "mesh"])
def test_an_answer_is_right_only_when_all_of_it_is(contracts: dict[str, Contract], contestant: str) -> None:
    contract = contracts[contestant]
    verdict = BY_NAME["ensemble"].cases()[0].fields
    answer = contract.answer("Ensemble", verdict)
    assert contract.right("Ensemble", answer, verdict)
    assert contract.right("Ensemble", answer + b"\x7a\x02\x00\x00", verdict)  # a field that nobody knows
    assert not contract.right("Ensemble", answer, {**verdict, "mean": 1.0})
    assert not contract.right("Ensemble", answer, {**verdict, "scores": verdict["scores"][1:]})
    tensors = BY_NAME["tensor1_1KB"].cases()
    answer = contract.answer("Tensor1", tensors[0].fields)
    assert contract.right("Tensor1", answer, tensors[0].fields)
    assert not contract.right("Tensor1", answer, tensors[1].fields)


# --- growth ------------------------------------------------------------------------------------------------------


def _grown(costs: dict[int, float]) -> Results:
    """A mesh whose chains of so many nodes take so long."""
    return Results([_row("mesh", i, 1000 / ms, work=f"chain{n}", p50=ms) for n, ms in costs.items() for i in (1, 2)])


@pytest.mark.parametrize(
    ("cost", "worse"),
    [
        (lambda n: 3 * n, False),
        (lambda n: 5 + 3 * n, False),
        (lambda n: 7, False),
        (lambda n: n * math.log2(n + 1), True),
        (lambda n: n * n, True),
        (lambda n: 2 + n * n, True),
    ],
)
def test_worse_than_linear_is_computed(cost: Callable[[int], float], worse: bool) -> None:
    found = list(verdicts(_grown({n: cost(n) for n in (1, 4, 10)}), []))
    assert [(v.axis, v.contestant, bool(v.problems)) for v in found] == [(NODES, "mesh", worse)]
    text = growth(_grown({n: cost(n) for n in (1, 4, 10)}), [], [])
    assert ("Worse than linear:\n\n- nodes, meshgen mesh: " in text) == worse
    assert ("Nothing here is worse than linear." in text) != worse


def test_the_steepest_part_counts() -> None:
    found = steepest({1: 1, 10: 10, 100: 1000, 1000: 1001})
    assert found is not None
    assert (found.exponent, found.begin, found.end) == (pytest.approx(2), 10, 100)
    assert steepest({}) is steepest({5: 1}) is None
    assert steepest({0: 1, 5: 1, 6: 0}) is None


def _at(in_flight: int, rps: float, *, load: str | None = None, contestant: str = "mesh") -> dict[str, object]:
    return {
        "work": "chain4", "contestant": contestant, "load": load or f"at{in_flight}", "repetition": 1,
        "in_flight": in_flight, "rps": rps, "p50_ms": 1000 * in_flight / rps,
    }  # fmt: skip


def test_more_requests_in_flight_must_not_lower_throughput() -> None:
    steady = [_at(1, 100, load="one"), _at(4, 300), _at(32, 400, load="many"), _at(64, 400)]
    (found,) = verdicts(Results([]), [*steady, _at(99, 1, load="open")])
    assert found.axis is CONCURRENT
    assert list(found.rps.medians) == [1, 4, 32, 64]
    assert not found.problems
    (found,) = verdicts(Results([]), [*steady, _at(256, 200)])
    assert found.problems == ("p50 from 64 to 256", "time per request from 64 to 256")
    assert not list(verdicts(Results([]), [_at(1, 100, load="one"), _at(32, 400, load="many")]))


def test_more_replicas_must_not_lower_throughput() -> None:
    def replicated(*rps: float) -> Results:
        return Results([_row("mesh", 1, r, work=f"replicas{n}") for n, r in zip((1, 2, 4), rps, strict=True)])

    (found,) = verdicts(replicated(100, 200, 300), [])
    assert not found.problems
    (found,) = verdicts(replicated(100, 200, 150), [])
    assert found.problems == ("time per request from 2 to 4",)


def _costs(command: str, cost: Callable[[int], float]) -> list[Cost]:
    sizes = compile_growth.SIZES
    return [Cost(command=command, nodes=n, seconds=9, cpu_seconds=0.3 + cost(n), peak_mb=30) for n in sizes]


def test_commands_are_judged_without_their_start_and_by_their_cpu() -> None:
    found = list(
        compile_verdicts([*_costs("check", lambda n: 0.001 * n), *_costs("build", lambda n: max(n, n**2 / 250))])
    )
    assert [(v.command, v.problems) for v in found] == [("check", ()), ("build", ("time from 100 to 500 nodes",))]
    killed = replace(_costs("draw", float)[-1], ended=False, seconds=45.0)
    text = growth(Results([]), [], [killed])
    assert "| draw | over 45 s |" in text
    assert "`meshgen draw`: not ready with 500 nodes" in text


def test_a_generated_graph_runs_and_has_so_many_nodes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compile_growth, "_RUNS", 1)
    said: list[str] = []
    costs = list(compile_growth.measure(said.append, sizes=(12,)))
    assert [c.command for c in costs] == list(compile_growth.COMMANDS)
    assert all(c.nodes == 12 and c.ended and c.seconds > 0 and c.peak_mb > 10 for c in costs)
    assert len(said) == len(costs)
    for nodes in (2, 12):
        file = tmp_path / f"grown_{nodes}.py"
        file.write_text(compile_growth.source(nodes))
        assert len(load_graph(f"{file}:app").graph.nodes) == nodes


def test_a_command_that_fails_says_how(tmp_path: Path) -> None:
    with pytest.raises(subprocess.CalledProcessError) as caught:
        compile_growth._run("check", 1, ("check", "absent.py"), tmp_path)
    assert "absent.py" in caught.value.output


# --- profile -----------------------------------------------------------------------------------------------------

_LOOP = "thread (7): AsyncIO Thread: default"
_UVLOOP = "run_forever (ray/_raylet.so);uv_run (core.c:4);Loop__run (loop.c:203);task_step (_asynciomodule.c:29)"
_SERVE = "Replica._direct (ray/serve/_private/replica.py:2961)"
_HOSTED = "handle (meshgen/runtime/mesh/request.py:67)"


def _samples(*lines: str) -> list[stacks.Sample]:
    return list(stacks.read(lines))


@pytest.mark.parametrize(
    ("frames", "owner"),
    [
        (_UVLOOP, stacks.GRPC),
        (f"{_UVLOOP};0x7f (grpc/_cython/cygrpc.cpython-311-x86_64-linux-gnu.so);write (libc.so.6)", stacks.GRPC),
        (f"{_UVLOOP};{_HOSTED}", stacks.HOST),
        (f"{_UVLOOP};{_HOSTED};{_SERVE};wait_for (asyncio/tasks.py:449);getpid (libc.so.6)", stacks.SERVE),
        (f"{_UVLOOP};{_SERVE};Logger.info (logging/__init__.py:1);factory (ray/_private/log.py:7)", stacks.SERVE),
        (f"{_UVLOOP};{_SERVE};{_HOSTED};run (meshgen/codec/fast_decode.py:3);<lambda> (<string>:1)", stacks.CODEC),
        (f"{_UVLOOP};{_HOSTED};RemoteTransport.call (meshgen/runtime/mesh/remote.py:87)", stacks.EXECUTOR),
        (f"{_UVLOOP};{_HOSTED};Step.advance (benchmarks/graphs/works.py:27)", stacks.USER),
        (f"{_UVLOOP};{_HOSTED};Message (google/_upb/_message.abi3.so);malloc (libc.so.6)", stacks.CODEC),
        (f"{_UVLOOP};{_HOSTED};gc_collect_main (libpython3.11.so.1.0)", stacks.GARBAGE),
        (
            f"{_UVLOOP};{_HOSTED};route (meshgen: benchmarks/graphs/works.py, route /chain4, as calls:7)",
            stacks.EXECUTOR,
        ),
        (f"{_UVLOOP};{_HOSTED};f3 (<reader of fields>:2)", stacks.CODEC),
        ("operator() (const X&, int) (ray/_raylet.so)", stacks.RAY),
        ("start (libc.so.6)", stacks.OTHER),
    ],
)
def test_a_sample_is_of_the_innermost_that_is_anybodys(frames: str, owner: str) -> None:
    (sample,) = _samples(f"{_LOOP};{frames} 3\n")
    assert sample.count == 3
    assert stacks.owner(sample.frames) == owner


def test_shares_are_of_the_loops_work_alone() -> None:
    samples = _samples(
        f"{_LOOP};{_UVLOOP} 6",
        f"{_LOOP};{_UVLOOP};{_HOSTED} 2",
        f"{_LOOP};{_UVLOOP};uv__io_poll (linux.c:1432);epoll_pwait (libc.so.6) 90",
        "thread (3): MainThread;main_loop (ray/_private/worker.py:1069) 50",
        "thread (8): AsyncIO Thread: other;wait (x.py:1);epoll_wait (libc.so.6) 99",
    )
    thread = stacks.loop_thread(samples)
    assert thread == _LOOP
    assert stacks.thread_id(thread) == 7
    assert stacks.shares(samples, thread) == {stacks.GRPC: 0.75, stacks.HOST: 0.25}
    assert stacks.loop_thread(samples[3:4]) is None


@pytest.mark.parametrize(
    ("name", "title", "role"),
    [
        ("ray::ServeReplica:works:node", "ray::ServeReplica:works:node", usage.DRIVER),
        ("ray::ServeReplic", "ray::ServeReplica:works-step_1:node.handle_request", "step_1"),
        ("ray::ServeContro", "ray::ServeController.listen_for_change", usage.CONTROLLER),
        ("envoy", "/x/bin/envoy -c /tmp/envoy.yaml", usage.ENVOY),
        ("raylet", "/x/raylet --raylet_socket_name=/tmp/ray/raylet", usage.REST),
        ("python", "/x/python -m meshgen run benchmarks/graphs/works.py --port 0", usage.RUN),
    ],
)
def test_processes_are_known_by_what_they_say_they_are(name: str, title: str, role: str) -> None:
    assert usage.role(name, title, "works") == role
    assert usage.ROLES.keys() >= usage.OTHERS


def test_processor_time_is_of_a_window() -> None:
    own = usage.parts([psutil.Process()], "works")
    before = usage.seconds(own)
    begin = time.process_time()
    while time.process_time() - begin < 0.1:
        pass
    # The kernel counts in hundredths of a second, for each thread.
    assert usage.between(before, usage.seconds(own))[own[0].role] > 0.05
    assert usage.between({}, {"a": 2.0}) == {"a": 2.0}
    assert sum(usage.threads(own[0].process).values()) > 0.05


def _profile(commit: str, driver: float) -> dict[str, object]:
    return {
        "commit": commit, "work": "chain4", "in_flight": 32, "rps": 500.0, "idle_percent": 40.0,
        "us_per_request": {"driver": driver, "nodes": 2000.0, "Envoy": 800.0}, "nodes": 4,
        "within": {"driver": {stacks.GRPC: driver / 2, stacks.SERVE: driver / 2}},
    }  # fmt: skip


def test_a_profile_has_a_column_before_and_one_after() -> None:
    both = profile_tables(_profile("aaa", 2200.0), _profile("bbb", 1000.0))
    assert "|  | before (`aaa`) | after (`bbb`) |" in both
    assert "| **µs of CPU per request** | **5,000** | **3,800** |" in both
    assert "| Envoy | 800 | 800 |" in both
    assert f"| {stacks.SERVE} | 1,100 | 500 |" in both
    assert "rest of Ray" not in both.partition("|")[2]
    assert "after (`bbb`)" not in profile_tables(_profile("aaa", 2200.0), None)
    assert profile_tables(None, None) == ""


# --- the whole page ----------------------------------------------------------------------------------------------


def test_a_page_without_results_says_so(tmp_path: Path) -> None:
    page_of.write(tmp_path / "results", tmp_path / "docs")
    assert (tmp_path / "docs/performance.md").read_text().count("Not measured yet.") == 6
    assert not list((tmp_path / "docs").glob("*.svg"))


def test_a_page_is_written_from_the_records_alone(tmp_path: Path) -> None:
    results, docs = tmp_path / "results", tmp_path / "docs"
    measured = [
        _row(name, i, rps, work=work, p50=100 / rps)
        for name, rps in (("mesh", 600.0), ("serve", 60.0), ("grpc-envoy", 700.0))
        for work in ("chain1", "chain4", "chain10", "replicas1", "replicas2", "replicas4")
        for i in (1, 2)
    ]
    rows.write(results / "latest.json", measured)
    points = [_at(n, 400, load="many" if n == 32 else None) for n in (4, 32, 256)]
    (results / "points.json").write_text(json.dumps({"machine": {"cores": 2}, "points": points}))
    rows.record(results / "growth.json", [asdict(cost) for cost in _costs("check", lambda n: 0.001 * n)])
    row = CodecRow(
        payload="numpy", bytes=1 << 20, operation="write", protobuf_us=2000, meshgen_us=80, ratio=25, least=20, most=30
    )
    rows.record(results / "codec.json", [asdict(row), asdict(replace(row, bytes=4096))])
    small = [asdict(replace(row, payload="bytes", bytes=size)) for size in (100, 60 << 10)]
    rows.record(results / "codec_small.json", small)
    (results / "profile.json").write_text(json.dumps(_profile("bbb", 1000.0)))
    page_of.write(results, docs)
    text = (docs / "performance.md").read_text()
    assert "Not measured yet." not in text
    assert "| numpy, 1 MiB | write | 2.00 ms | 80.0 µs | 25.0 | 20.0 to 30.0 |" in text
    assert "| numpy, 4" not in text
    assert all(f"| bytes, {size} | write | " in text for size in ("100 bytes", "60 KiB"))
    pictures = {path.name: path.read_bytes() for path in docs.glob("*.svg")}
    assert set(pictures) == {"performance.svg", "performance-growth.svg"}
    page_of.write(results, docs)
    assert (docs / "performance.md").read_text() == text
    assert {path.name: path.read_bytes() for path in docs.glob("*.svg")} == pictures
