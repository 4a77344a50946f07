"""How small requests fare while others send what is heavy once it is decoded: `python -m benchmarks.heavy HOST:PORT`.

Wants a mesh of its own: `meshgen run tests/mesh/graphs/visible.py`. What counts is the 99th percentile of each line.
"""

from __future__ import annotations

import argparse
import base64
import http.client
import io
import json
import multiprocessing
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from PIL import Image

SECONDS = 10.0
PAUSE_S = 0.01
_JSON = {"content-type": "application/json"}
_SMALL = b'{"text": "a"}'


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """Requests that are sent in a loop."""

    path: str
    body: bytes
    clients: int = 1


def picture(side: int) -> bytes:
    """A PNG of one colour."""
    file = io.BytesIO()
    Image.new("RGB", (side, side)).save(file, "PNG")
    return json.dumps({"picture": {"encoded": base64.b64encode(file.getvalue()).decode()}}).encode()


def many(field: str, item: str, count: int) -> bytes:
    """A list of equal values."""
    return f'{{"{field}": [{",".join([item] * count)}]}}'.encode()


def kinds() -> Mapping[str, Kind]:
    """What is sent, by its name."""
    bomb, objects = picture(9400), many("anything", "{}", 2_000_000)
    return {
        "2 million empty objects": Kind(path="/count", body=objects),
        "88 megapixels": Kind(path="/pixels", body=bomb),
        "88 megapixels, 8 clients": Kind(path="/pixels", body=bomb, clients=8),
        "25 megapixels": Kind(path="/pixels", body=picture(5000)),
        "100,000 objects": Kind(path="/count", body=many("anything", "{}", 100_000)),
        "300,000 records": Kind(path="/count", body=many("rows", '{"id":1}', 300_000)),
        "2 million numbers": Kind(path="/count", body=many("numbers", "0.5", 2_000_000)),
    }


def send(address: str, kind: Kind, until: float, answers: Any) -> None:
    """Send a kind of request until then; put the status of each answer."""
    while time.time() < until:
        connection = http.client.HTTPConnection(address, timeout=120)
        connection.request("POST", f"/visible{kind.path}", kind.body, _JSON)
        answer = connection.getresponse()
        answer.read()
        connection.close()
        answers.put(answer.status)


def small(address: str, until: float) -> list[float]:
    """Milliseconds of small requests until then, sorted."""
    connection = http.client.HTTPConnection(address, timeout=120)
    took: list[float] = []
    while time.time() < until:
        begin = time.perf_counter()
        connection.request("POST", "/visible/names", _SMALL, _JSON)
        connection.getresponse().read()
        took.append((time.perf_counter() - begin) * 1e3)
        time.sleep(PAUSE_S)
    return sorted(took)


def beside(address: str, kind: Kind) -> tuple[list[float], Counter[int]]:
    """Milliseconds of small requests beside a kind, and the statuses that the kind got."""
    until = time.time() + SECONDS
    answers: Any = multiprocessing.Queue()
    senders = [
        multiprocessing.Process(target=send, args=(address, kind, until, answers), daemon=True)
        for _ in range(kind.clients)
    ]
    for sender in senders:
        sender.start()
    took = small(address, until)
    for sender in senders:
        sender.join()
    return took, Counter(answers.get() for _ in range(answers.qsize()))


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("address", help="of the front, HOST:PORT")
    address = parser.parse_args().address
    small(address, time.time() + 2)
    alone = small(address, time.time() + SECONDS)
    print(f"{'beside':>26} {'small':>6} {'p50 ms':>7} {'p99 ms':>7} {'most':>7}   answers to the others")
    for name, took, got in (("nothing", alone, {}), *((n, *beside(address, k)) for n, k in kinds().items())):
        p50, p99 = took[len(took) // 2], took[len(took) * 99 // 100]
        shown = ", ".join(f"{count} with {status}" for status, count in got.items())
        print(f"{name:>26} {len(took):>6} {p50:>7.1f} {p99:>7.1f} {took[-1]:>7.1f}   {shown}", flush=True)


if __name__ == "__main__":
    main()
