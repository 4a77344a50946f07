"""`make demo`: the content-understanding graph as a mesh, real pictures sent to it over gRPC and REST, and a trace.

The mesh is started as a user would, by `meshgen run`. The pictures are drawn here and served from this machine, so that
nothing needs a network.
"""

from __future__ import annotations

import base64
import json
import os
import signal
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from graphs.models.shapes import HELD_OUT_SEED, draw
from meshgen.cli import calling
from meshgen.control.otlp import Receiver, render_tree

GRAPH = "graphs/content_understanding.py"
ROUTE = "/content_understanding"
PICTURES = Path("build/demo")
NEXT = f"""\
What to try next:
  look at           {PICTURES}/*.png, which the mesh drew
  in one process    meshgen local graphs/quickstart.py -i '{{"number": "5", "samples": [1, 2, 3], "operation": "sum"}}'
  a mesh to keep    meshgen run graphs/quickstart.py        docs/clients.md says how to call it
  your own graph    README.md, "Your own graph in ten minutes"
(meshgen is in .venv/bin: source .venv/bin/activate)"""


@dataclass(frozen=True, slots=True)
class Picture:
    """A drawn picture on our own web server."""

    url: str
    truth: str


def main() -> int:
    """Run the demo; 0 when everything worked and stopped cleanly."""
    with TemporaryDirectory() as folder, web_server(folder) as base, Receiver() as traces:
        pictures = [draw_into(Path(folder), base, index) for index in (1, 2, 3)]
        with mesh(traces.endpoint) as address:
            print(
                f"\nThe mesh serves at {address}. Three pictures, three users, each user's classifier is another one."
            )
            answers = [ask(address, picture, user_id) for user_id, picture in enumerate(pictures)]
            print("\nThe last gRPC request, as one trace (start, then duration):\n")
            print(render_tree(traces.wait(answers[-1].trace_id, services=("render",))))
            print(f"\n{NEXT}\n")
    print("Stopped; nothing of it is left running.")
    return 0


def draw_into(folder: Path, base: str, index: int) -> Picture:
    """A picture that no model was trained on, as a file behind `base`."""
    sample = draw(HELD_OUT_SEED, index, size=(320, 240))
    sample.image.save(folder / f"{index}.png")
    return Picture(f"{base}/{index}.png", sample.caption)


def as_texts(value: Any) -> Any:
    """An answer with whole numbers as texts: REST has them so, as JavaScript's numbers end at 2^53."""
    match value:
        case dict():
            return {key: as_texts(item) for key, item in value.items()}
        case list():
            return [as_texts(item) for item in value]
        case int() if not isinstance(value, bool):
            return str(value)
        case _:
            return value


def ask(address: str, picture: Picture, user_id: int) -> calling.Answer:
    """Send one picture over gRPC and over REST; print both answers; keep the annotated picture."""
    request = {"image_url": picture.url, "user_id": user_id}
    by_grpc = calling.call(address, ROUTE, request, timeout_s=60)
    started = time.perf_counter()
    by_rest = post(f"http://{address}{ROUTE}", request)
    rest_s = time.perf_counter() - started
    if as_texts(by_grpc.value) != as_texts(by_rest):
        raise SystemExit(f"gRPC and REST disagree:\n{by_grpc.value}\n{by_rest}")

    print(f"\n{picture.url} for user {user_id}; it was drawn as: {picture.truth}")
    print(f"  {'':<16}{'gRPC':<52}REST")
    for name, left in summary(by_grpc.value).items():
        print(f"  {name:<16}{left:<52}{summary(by_rest)[name]}")
    print(f"  {'took':<16}{f'{by_grpc.took_s * 1e3:.0f} ms':<52}{rest_s * 1e3:.0f} ms")
    PICTURES.mkdir(parents=True, exist_ok=True)
    (PICTURES / f"user_{user_id}.png").write_bytes(base64.b64decode(by_rest["annotated_png"]))
    return by_grpc


def summary(report: dict[str, Any]) -> dict[str, str]:
    """An answer in four lines."""
    return {
        "classification": ", ".join(f"{label['label']} {label['score']:.2f}" for label in report["classification"]),
        "caption": report["caption"],
        "objects": ", ".join(f"{item['label']} {item['share']:.1%}" for item in report["objects"]),
        "annotated_png": f"{len(base64.b64decode(report['annotated_png']))} bytes",
    }


def post(url: str, value: Any) -> Any:
    """POST JSON, get JSON."""
    request = urllib.request.Request(url, json.dumps(value).encode(), {"content-type": "application/json"})
    with urllib.request.urlopen(request, timeout=60) as response:
        return json.load(response)


@contextmanager
def web_server(folder: str) -> Iterator[str]:
    """Serve a folder on loopback; yields its URL."""

    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, *args: object) -> None:
            """Say nothing: the demo's output is the answers."""

    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=folder)) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}"
        finally:
            server.shutdown()


@contextmanager
def mesh(otlp: str) -> Iterator[str]:
    """Run the mesh in a process of its own, as `meshgen run` does it; yields host:port of its front."""
    settings = {"MESHGEN_DOWNLOAD_ALLOW": "127.0.0.0/8", "OTEL_EXPORTER_OTLP_ENDPOINT": otlp}
    command = [sys.executable, "-m", "meshgen", "run", GRAPH, "--port", "0"]
    with subprocess.Popen(command, env={**os.environ, **settings}, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield address_in(process)
        finally:
            if process.poll() is None:
                process.send_signal(signal.SIGINT)
            code = process.wait(timeout=90)
    if code != 0:
        raise SystemExit(f"the mesh ended with exit code {code}")


def address_in(process: subprocess.Popen[str]) -> str:
    """The front's address, once `meshgen run` has printed it; it does so when every node serves."""
    assert process.stdout is not None
    for line in process.stdout:
        if line.startswith("gRPC"):
            return line.split()[1]
    raise SystemExit("the mesh did not start; its own error is above")


if __name__ == "__main__":
    sys.exit(main())
