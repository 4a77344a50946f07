"""The load generator: a process of its own that reads commands as lines of JSON, and answers in the same way.

    {"op": "send", "address", "method", "request": file, "answer": file}    → one line
    {"op": "load", "address", "method", "cases": [[request, answer]…], "mode", …} → `{"begin": true}`, then the report

The bytes of every answer are compared with those of the answer that was found right before the load.
"""

from __future__ import annotations

import asyncio
import json
import resource
import sys
from pathlib import Path
from typing import Any

import grpc
import grpc.aio
import uvloop

from benchmarks.load import OK, WRONG, Send, Tally, closed_loop, open_loop

_TIMEOUT_S = 60.0
_OPTIONS = (
    ("grpc.max_send_message_length", -1),
    ("grpc.max_receive_message_length", -1),
    ("grpc.enable_http_proxy", 0),
    ("grpc.enable_retries", 0),
)


class Generator:
    def __init__(self) -> None:
        self._channels: dict[str, grpc.aio.Channel] = {}

    def obey(self, command: dict[str, Any], runner: asyncio.Runner) -> dict[str, Any]:
        if command["op"] == "send":
            return self._send(command, runner)
        cases = [(Path(request).read_bytes(), Path(answer).read_bytes()) for request, answer in command["cases"]]
        say({"begin": True})
        before = resource.getrusage(resource.RUSAGE_SELF)
        tally = runner.run(self._load(command, cases))
        after = resource.getrusage(resource.RUSAGE_SELF)
        used = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        return {**tally.report(), "generator_cpu": used / tally.seconds}

    def _send(self, command: dict[str, Any], runner: asyncio.Runner) -> dict[str, Any]:
        try:
            answer = runner.run(self._ask(command, Path(command["request"]).read_bytes()))
        except grpc.aio.AioRpcError as error:
            return {"status": error.code().name, "details": error.details()}
        Path(command["answer"]).write_bytes(answer)
        return {"status": OK}

    async def _ask(self, command: dict[str, Any], request: bytes) -> bytes:
        answer: bytes = await self._call(command)(request, timeout=_TIMEOUT_S)
        return answer

    async def _load(self, command: dict[str, Any], cases: list[tuple[bytes, bytes]]) -> Tally:
        send = _sender(self._call(command), cases)
        if command["mode"] == "open":
            return await open_loop(send, rate=command["rate"], seconds=command["seconds"])
        return await closed_loop(send, in_flight=command["in_flight"], seconds=command["seconds"])

    def _call(self, command: dict[str, Any]) -> Any:
        address = command["address"]
        if address not in self._channels:
            self._channels[address] = grpc.aio.insecure_channel(address, options=_OPTIONS)
        return self._channels[address].unary_unary(command["method"], None, None)


def _sender(call: Any, cases: list[tuple[bytes, bytes]]) -> Send:
    async def send(number: int) -> str:
        request, right = cases[number % len(cases)]
        try:
            answer = await call(request, timeout=_TIMEOUT_S)
        except grpc.aio.AioRpcError as error:
            return error.code().name
        return OK if answer == right else WRONG

    return send


def say(line: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(line) + "\n")
    sys.stdout.flush()


def main() -> None:
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        generator = Generator()
        for line in sys.stdin:
            say(generator.obey(json.loads(line), runner))


if __name__ == "__main__":
    main()
