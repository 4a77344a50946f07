"""How the harness asks a contestant: through the load generator, or through its own stdin."""

from __future__ import annotations

import pickle
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol

from benchmarks.load import OK
from benchmarks.messages import Contract
from benchmarks.processes import Meter, Process
from benchmarks.works import BY_NAME, Case, Work


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """How one point is measured."""

    name: str
    """`warm`, `one`, `many`, `open`, or `at` and how many are in flight."""
    seconds: float
    in_flight: int = 1
    rate: float = 0.0
    """Requests per second of the open loop."""


class WrongAnswerError(Exception):
    """What a contestant answers is wrong before there is any load."""


class Caller(Protocol):
    """Asks one contestant."""

    def check(self, work: Work, cases: tuple[Case, ...]) -> None:
        """Ask each case once. Raises WrongAnswerError."""

    def load(self, work: Work, load: Load, mark: str) -> dict[str, Any]:
        """Measure one point; `check` has been called."""


class Remote:
    """Through the load generator; keeps the bytes of requests and of right answers in files for it."""

    def __init__(self, generator: Process, other: Process, address: str, contract: Contract, folder: Path) -> None:
        """Args: the generator, another one for what runs beside, and what they ask."""
        self._generator = generator
        self._other = other
        self._address = address
        self._contract = contract
        self._folder = folder
        self._cases: dict[str, list[tuple[str, str]]] = {}

    def check(self, work: Work, cases: tuple[Case, ...]) -> None:
        files = []
        for i, case in enumerate(cases):
            request, answer = (self._folder / f"{work.name}_{i}.{kind}" for kind in ("request", "answer"))
            request.write_bytes(self._contract.request(work.rpc, case.request))
            reply = self._ask({"op": "send", "request": str(request), "answer": str(answer)}, work.rpc)
            if reply["status"] != OK:
                raise WrongAnswerError(f"{reply['status']}: {reply['details']}")
            if not self._contract.right(work.rpc, answer.read_bytes(), case.fields):
                raise WrongAnswerError(f"request {i} of {work.name} is answered wrongly")
            files.append((str(request), str(answer)))
        self._cases[work.name] = files

    def load(self, work: Work, load: Load, mark: str) -> dict[str, Any]:
        if work.beside is None:
            return _measured(self._generator, self._command(work, load), mark)
        self._other.ask(self._command(BY_NAME[work.beside], replace(load, in_flight=1)))
        report = _measured(self._generator, self._command(work, load), mark)
        return {**report, "errors": report["errors"] + self._other.answer()["errors"]}

    def _command(self, work: Work, load: Load) -> dict[str, Any]:
        return {
            "op": "load",
            "mode": "open" if load.name == "open" else "closed",
            "cases": self._cases[work.name],
            "in_flight": load.in_flight,
            "rate": load.rate,
            "seconds": load.seconds,
            **self._where(work.rpc),
        }

    def _ask(self, command: Mapping[str, Any], rpc: str) -> dict[str, Any]:
        return self._generator.ask({**command, **self._where(rpc)})

    def _where(self, rpc: str) -> dict[str, str]:
        return {"address": self._address, "method": self._contract.method(rpc)}


class Own:
    """Through its stdin: the contestant is one process, and measures itself."""

    def __init__(self, process: Process, folder: Path) -> None:
        self._process = process
        self._folder = folder

    def check(self, work: Work, cases: tuple[Case, ...]) -> None:
        if work.graph == "content":
            self._path(work).write_bytes(pickle.dumps(list(cases)))
        reply = self._process.ask({"op": "first", **self._which(work)})
        if reply["status"] != OK:
            raise WrongAnswerError(f"{work.name} is answered wrongly")

    def load(self, work: Work, load: Load, mark: str) -> dict[str, Any]:
        return _measured(self._process, {"op": "load", "seconds": load.seconds, **self._which(work)}, mark)

    def _which(self, work: Work) -> dict[str, str]:
        given = {"cases": str(self._path(work))} if work.graph == "content" else {}
        return {"work": work.name, **given}

    def _path(self, work: Work) -> Path:
        return self._folder / f"{work.name}.pickle"


def _measured(process: Process, command: Mapping[str, Any], mark: str) -> dict[str, Any]:
    """Run one load; CPU and memory of the contestant from the first request to the last answer."""
    meter = Meter(mark)
    process.ask(command)  # answers when it begins
    with meter:
        report = process.answer()
    requests = max(report["requests"], 1)
    cpu = meter.cpu_seconds
    return {**report, "cpu_ms_per_request": 1e3 * cpu / requests, "peak_rss_mb": meter.peak_rss_mb}
