"""The contestants that are a process of their own: calls in a loop, and their own clock.

    python -m benchmarks.inprocess local|plain works|content

Speaks like the load generator: `{"op": "first"}` answers once, `{"op": "load", "work", "seconds"}` measures.
"""

from __future__ import annotations

import json
import pickle
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from benchmarks.load import OK, WRONG, Tally
from benchmarks.works import BY_NAME, Case

Call = Callable[[Mapping[str, Any]], Any]


def main() -> None:
    contestant, graph = sys.argv[1:]
    route = _local(graph) if contestant == "local" else _plain(graph)
    for line in sys.stdin:
        command = json.loads(line)
        work = BY_NAME[command["work"]]
        call = route(work.route)
        cases = _pickled(command["cases"]) if "cases" in command else work.cases()
        match command["op"]:
            case "first":
                say({"status": OK if all(_right(call(c.request), c) for c in cases) else WRONG})
            case "answer":  # of a request that only the harness knows, for everybody to be compared with
                Path(command["answer"]).write_bytes(pickle.dumps([Case(c.request, call(c.request)) for c in cases]))
                say({"status": OK})
            case "load":
                say({"begin": True})
                say(measured(call, cases, command["seconds"]).report())
            case other:
                raise ValueError(f"no command {other!r}")


def measured(call: Call, cases: tuple[Case, ...], seconds: float) -> Tally:
    """Call one after the other until the time is over; each answer is checked, outside of its own time."""
    tally = Tally()
    clock = time.perf_counter_ns
    begin = now = clock()
    end = begin + int(seconds * 1e9)
    spent = 0
    while now < end:
        for case in cases:
            started = clock()
            answer = call(case.request)
            now = clock()
            tally.add(OK if _right(answer, case) else WRONG, now - started)
            spent += now - started
    tally.seconds = spent / 1e9
    return tally


def _right(answer: Any, case: Case) -> bool:
    if answer is case.answer:
        return True
    if hasattr(answer, "dtype"):
        return bool((answer == case.answer).all())
    return bool(answer == case.answer)


def _pickled(path: str) -> tuple[Case, ...]:
    return tuple(pickle.loads(Path(path).read_bytes()))


def _local(graph: str) -> Callable[[str], Call]:
    import meshgen

    if graph == "content":
        from graphs.content_understanding import ContentRequest
        from graphs.content_understanding import app as content

        understand = meshgen.local(content)
        return lambda _route: lambda request: understand(ContentRequest(**request))
    from benchmarks.graphs.works_sync import app

    run = meshgen.local(app)
    return lambda route: lambda request: run(route=route, **request)


def _plain(graph: str) -> Callable[[str], Call]:
    from benchmarks.handwritten import calls

    if graph == "content":
        function = calls.content()
        return lambda _route: lambda request: function(**request)
    return lambda route: lambda request: calls.BY_ROUTE[route](**request)


def say(line: Mapping[str, Any]) -> None:
    sys.stdout.write(json.dumps(line) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
