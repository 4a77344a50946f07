"""What is made once before the first contestant starts: stubs, the mesh's descriptors, a picture and what is in it."""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from benchmarks.contestants.base import Place
from benchmarks.contestants.plain import Plain
from benchmarks.handwritten.stubs import compile_stubs
from benchmarks.processes import ROOT, ContestantError
from benchmarks.works import Case


def build(folder: Path, files: Sequence[str], tree: Path = ROOT) -> None:
    """Write `stubs/` for the hand-written contract, and `mesh/`, which that checkout builds of its files."""
    compile_stubs(folder / "stubs")
    if files:
        command = [sys.executable, "-m", "meshgen", "build", *files, "--out", str(folder / "mesh")]
        environment = {**os.environ, "PYTHONPATH": str(tree)}
        subprocess.run(command, check=True, cwd=tree, env=environment, stdout=subprocess.DEVNULL)


@contextmanager
def pictures(folder: Path, build: Path) -> Iterator[tuple[Case, ...]]:
    """A picture behind a web server of our own, and the reports that plain Python makes of it."""
    draw = (
        "from graphs.models.shapes import HELD_OUT_SEED, draw; import sys;"
        "draw(HELD_OUT_SEED, 1, size=(320, 240)).image.save(sys.argv[1])"
    )
    subprocess.run([sys.executable, "-c", draw, str(folder / "picture.png")], check=True, cwd=ROOT)
    with _web_server(folder) as base:
        questions = [Case({"image_url": f"{base}/picture.png", "user_id": user}, None) for user in range(3)]
        yield _answered(questions, Place(folder=folder, build=build, mark="picture"))


def _answered(questions: list[Case], place: Place) -> tuple[Case, ...]:
    asked, answered = place.folder / "asked.pickle", place.folder / "answered.pickle"
    asked.write_bytes(pickle.dumps(questions))
    process = Plain().start("content", place)
    try:
        reply = process.ask({"op": "answer", "work": "content", "cases": str(asked), "answer": str(answered)})
        if reply["status"] != "OK":
            raise ContestantError(process.tail())
    finally:
        process.stop(None)
    # The harness itself needs neither torch nor its models: importing the graph's records brings none of them.
    return tuple(pickle.loads(answered.read_bytes()))


@contextmanager
def _web_server(folder: Path) -> Iterator[str]:
    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, *args: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(folder))) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}"
        finally:
            server.shutdown()
