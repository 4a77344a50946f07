"""The commands. Each parses, calls one function of a layer below, and prints.

The layers are imported by the command that needs them: `meshgen local` must pay for neither Ray, gRPC nor the compiler.
"""

from __future__ import annotations

import contextlib
import gc
import re
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import click

import meshgen
from meshgen import limits
from meshgen.cli import terminal
from meshgen.cli.jsonio import json_line, read_input
from meshgen.errors import GraphError, MeshgenError, errors_only
from meshgen.harmless import one_message
from meshgen.status import StatusError

_EXTRAS = {
    **dict.fromkeys(("numpy", "PIL"), "images"),
    "opentelemetry": "otel",
    **dict.fromkeys(
        (
            "aiohttp",
            "envoy",
            "fastapi",
            "fastapi_offline",
            "grpc",
            "grpc_health",
            "grpc_reflection",
            "psutil",
            "ray",
            "watchfiles",
        ),
        "mesh",
    ),
}
"""Which of our extras brings a package that is missing."""

_GRAPH_HELP = "graphs/x.py, graphs/x.py:app or package.module:app."
_TARGET_HELP = "A graph, as for the other commands, or a REST path such as /quickstart."
_ROUTE_HELP = "Which route of a driver with several, such as /labels."
_CODEC_HELP = "Pass every value through the contracts, as a mesh does."
_OUT_HELP = "Folder for the generated files; the project's own by default."
_STALE_HELP = "Write nothing; name what is stale, and exit 1 if any is."
_BREAKING_HELP = "Go on when a change breaks old clients or nodes; it is still named."
_DRAW_HELP = "file.svg, .mmd (Mermaid) or .html; Mermaid on stdout by default."
_HOST_HELP = "Address to listen on. Any other than loopback lets others in."
_NODES_HELP = "Publish the nodes' own services too; by default on loopback only."
_ORIGIN_HELP = "Lets pages of this origin call, such as https://app.example.com; those of localhost may anyway."

_SPANS_HELP = "Spans as OTLP JSON, such as `meshgen run --trace` writes."
_RELOAD_HELP = "Deploy again what edits of the project change; without it, what was started is served to the end."
_TRACE_HELP = "Write the spans of all requests there, as OTLP JSON, for `meshgen advise`."

_LONGEST_S = 365 * 24 * 3600.0


def _seconds(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        raise click.BadParameter(f"{text!r} is not a number") from None
    if 0.001 <= value <= _LONGEST_S:  # NaN is not
        return value
    raise click.BadParameter(f"{value} is not between 0.001 and {_LONGEST_S:.0f}, a year")


def _origin(text: str) -> str:
    if re.fullmatch(r"https?://[^/*\s]+", text):
        return text
    raise click.BadParameter(f"{text!r} is no origin, such as https://app.example.com")


_file = click.Path(path_type=Path)

# What several commands take.
_graph = click.argument("graph", help=_GRAPH_HELP)
_graphs = click.argument("graphs", metavar="GRAPH...", nargs=-1, required=True, help=_GRAPH_HELP)
_input = click.option(
    "--input", "-i", "text", metavar="JSON|@FILE|-", required=True, help="The request: JSON, a file of it, or stdin."
)
_route = click.option("--route", "-r", metavar="PATH", help=_ROUTE_HELP)
_timeout = click.option(
    "--timeout",
    "timeout_s",
    metavar="SECONDS",
    type=_seconds,
    help="Deadline of the request in seconds; 60 by default.",
)
_allow_breaking = click.option("--allow-breaking", is_flag=True, help=_BREAKING_HELP)


def main() -> None:
    """Run the command line; exit 1 for a problem of the graph, the request or the mesh, 2 for wrong usage."""
    gc.freeze()  # what was imported stays; to look through it for garbage once more at the end takes as long as a run
    try:
        terminal.require_stdout()
        app()
    except (GraphError, StatusError, MeshgenError) as error:
        terminal.report(error)
        raise SystemExit(1) from None
    except OSError as error:  # of a file that a command writes or reads; user code's own have become statuses
        if error.filename is None:
            raise
        terminal.say(f"error: {error.filename}: {error.strerror}")
        raise SystemExit(1) from None
    except ModuleNotFoundError as error:  # never the user's: those are problems of his graph, or of a node
        extra = _EXTRAS.get((error.name or "").partition(".")[0])
        if extra is None:
            raise
        terminal.say(f"error: this needs the package '{error.name}'; `pip install 'meshgen-serve[{extra}]'` brings it")
        raise SystemExit(1) from None


class _Program(click.Group):
    """Lists the commands in the order of this file, and ends by Ctrl-C as shells expect it."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002
        return list(self.commands)

    def make_context(self, *args: Any, **kwargs: Any) -> click.Context:
        with _usage_errors_escaped():
            return super().make_context(*args, **kwargs)

    def invoke(self, ctx: click.Context) -> Any:
        try:
            with _usage_errors_escaped():
                return super().invoke(ctx)
        except KeyboardInterrupt:
            raise SystemExit(128 + signal.SIGINT) from None


@contextlib.contextmanager
def _usage_errors_escaped() -> Iterator[None]:
    """They repeat what was typed, or pasted."""
    try:
        yield
    except click.exceptions.NoArgsIsHelpError:
        raise
    except click.UsageError as error:
        raise click.UsageError(one_message(error.format_message()), error.ctx) from None


@click.group(
    "meshgen",
    cls=_Program,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110, "show_default": True},
)
@click.version_option(meshgen.__version__, message="meshgen %(version)s", help="Print the version, and stop.")
def app() -> None:
    """One Python file holds a graph of models. From it come contracts, services, and a mesh that serves them."""


@app.command()
@_graph
@_input
@_route
@click.option("--codec", is_flag=True, help=_CODEC_HELP)
@_timeout
def local(graph: str, text: str, route: str | None, codec: bool, timeout_s: float | None) -> None:
    """Run one request in this process, as plain Python calls.

    The result is JSON on stdout; whatever nodes print goes to stderr. breakpoint() works in a node.

    \b
    Example:
    meshgen local graphs/quickstart.py --input '{"number": "5", "samples": [1, 2, 3], "operation": "sum"}'
    """  # noqa: D301 - the backspace tells the help to keep the lines that follow
    from meshgen.cli.local import answer

    with terminal.only_results_on_stdout() as write:
        write(json_line(answer(graph, _request(text), route=route, codec=codec, timeout_s=timeout_s)))


@app.command()
@_graphs
@_allow_breaking
def check(graphs: tuple[str, ...], allow_breaking: bool) -> None:
    """Find every problem of a graph without running it.

    Each is printed with its code, place, source line and a hint; `meshgen explain CODE` says more. So is every change
    since the contracts that are committed. Exit 1 for errors; a change that breaks old clients or nodes is one.
    """
    from meshgen.cli.compiling import checked

    failed = False
    with terminal.only_results_on_stdout() as write:
        for graph in graphs:
            problems, safe_changes, guest_lines = checked(graph, allow_breaking=allow_breaking)
            for problem in problems:
                write(problem.render())
            _write_safe(graph, safe_changes, write)
            _write_all(graph, guest_lines, write)
            errors = len(errors_only(problems))
            failed |= errors > 0
            write(f"{one_message(graph)}: {_count(errors, 'error')}, {_count(len(problems) - errors, 'warning')}")
    raise SystemExit(1 if failed else 0)


@app.command()
@click.argument("code", required=False, help="Such as MG203; without it, all.")
def explain(code: str | None) -> None:
    """Say what a problem's code means."""
    from meshgen.codes import CODES

    if code is None:
        for name in sorted(CODES):
            click.echo(f"{name}  {CODES[name].title}")
        return
    entry = CODES.get(code.upper())
    if entry is None:
        raise click.BadParameter(f"there is no code {code}; `meshgen explain` lists them all", param_hint="CODE")
    click.echo(f"{code.upper()}: {entry.title}\n\n{entry.text}\n\nhint: {entry.hint}")


@app.command()
@_graphs
@click.option("--out", metavar="DIR", type=_file, help=_OUT_HELP)
@click.option("--check", is_flag=True, help=_STALE_HELP)
@_allow_breaking
def build(graphs: tuple[str, ...], out: Path | None, check: bool, allow_breaking: bool) -> None:
    """Write the generated files of a graph.

    Contracts with their lock, one service per node and its Ray Serve configuration, Envoy's configuration, OpenAPI. The
    same graph gives the same bytes; commit them.
    """
    from meshgen.cli.compiling import abandoned_folders, builds

    with terminal.only_results_on_stdout() as write:
        built = builds(graphs, out, allow_breaking=allow_breaking)
        for target, each in built.items():
            _write_safe(target, each.safe_changes, write)
            _write_all(target, each.guest_lines, write)
        terminal.show([problem for each in built.values() for problem in each.problems])
        if check:
            _stop_if_stale({path for each in built.values() for path in each.stale()}, graphs, out, write)
            write("up to date")
        else:
            for target, each in built.items():
                changed = len(each.write())
                write(f"{target}: {_count(len(each.build.files), 'file')}, {changed} changed, into {each.root}")
    for folder, source in abandoned_folders(built.values()) if out is None else ():
        terminal.say(f"note: {folder} was made from {source}, which is gone; remove it if that graph is no more")


@app.command()
@_graph
@click.option("--out", "-o", metavar="FILE", type=_file, help=_DRAW_HELP)
def draw(graph: str, out: Path | None) -> None:
    """Draw a graph as SVG, Mermaid or HTML.

    Its calls, routes and branches, who may call whom, and the types on the edges.
    """
    from meshgen.cli.drawing import RENDERERS, drawing

    kind = ".mmd" if out is None else out.suffix
    if kind not in RENDERERS:
        raise click.BadParameter(f"{out} is none of {', '.join(RENDERERS)}", param_hint="--out")
    with terminal.only_results_on_stdout() as write:
        text = drawing(graph, kind)
        if out is None:
            write(text)
    if out is not None:
        out.parent.mkdir(parents=True, exist_ok=True)
        out.write_text(text, encoding="utf-8")


@app.command()
@_graph
@click.option("--trace", metavar="FILE", type=_file, required=True, help=_SPANS_HELP)
def advise(graph: str, trace: Path) -> None:
    """Say which nodes are too cheap for a hop of their own.

    Reads how long each node worked in real requests, and how long its callers waited beyond that.
    """
    from meshgen.cli.advising import advise_on

    with terminal.only_results_on_stdout() as write:
        advise_on(graph, trace, write)


@app.command()
@_graphs
@click.option("--host", metavar="HOST", default="127.0.0.1", help=_HOST_HELP)
@click.option(
    "--port",
    metavar="PORT",
    type=click.IntRange(0, 65535),
    default=8080,
    help="Port of the front; 0 takes a free one.",
)
@click.option("--address", metavar="RAY", help="A running Ray cluster to join; else one is started.")
@click.option("--expose-nodes/--hide-nodes", default=None, help=_NODES_HELP)
@click.option(
    "--max-message-mb",
    metavar="MIB",
    type=click.IntRange(1, limits.LARGEST_MB),
    default=limits.DEFAULT_MB,
    envvar=limits.VARIABLE,
    show_envvar=True,
    help="The biggest request and answer, in MiB.",
)
@click.option(
    "--rate-limit",
    metavar="N",
    type=click.IntRange(1),
    help="Requests per second that the front lets through.",
)
@click.option("--allow-origin", "origins", metavar="ORIGIN", type=_origin, multiple=True, help=_ORIGIN_HELP)
@click.option("--trace", metavar="FILE", type=_file, help=_TRACE_HELP)
@click.option("--reload", is_flag=True, help=_RELOAD_HELP)
def run(graphs: tuple[str, ...], **options: Any) -> None:
    """Bring graphs up as a mesh on this machine.

    Ray Serve runs the nodes, Envoy stands in front, REST and gRPC share one port, several graphs share one front.
    Ctrl-C or SIGTERM stops it and leaves nothing behind. Set OTEL_EXPORTER_OTLP_ENDPOINT to get traces.
    """
    from meshgen.cli.running import run_until_stopped
    from meshgen.control.model import MeshOptions

    if options["reload"] and options["address"]:
        raise click.BadParameter("is for a Ray of the run's own, not with --address", param_hint="--reload")
    run_until_stopped(graphs, MeshOptions(**options))


@app.command()
@click.argument("target", metavar="GRAPH-OR-ROUTE", help=_TARGET_HELP)
@_input
@_route
@click.option("--address", metavar="HOST:PORT", default="127.0.0.1:8080", help="Address of the mesh's front.")
@_timeout
@click.option("--trace-id", "show_trace_id", is_flag=True, help="Print the id of the request's trace on stderr.")
def call(target: str, text: str, route: str | None, address: str, timeout_s: float | None, show_trace_id: bool) -> None:
    """Send one request to a running mesh, by gRPC.

    The contract comes from the mesh itself, by reflection. The result is JSON on stdout.
    """
    from meshgen.cli import calling

    with terminal.only_results_on_stdout() as write:
        path = calling.rest_path(target, route)
        answer = calling.call(address, path, _request(text), timeout_s=timeout_s)
        write(json_line(answer.value))
    if show_trace_id:
        terminal.say(f"trace {answer.trace_id}")


def _write_safe(graph: str, changes: tuple[str, ...], write: Callable[[str], None]) -> None:
    if changes:
        write(f"{graph}: {_count(len(changes), 'safe change')} since the committed contracts")
    for change in changes:
        write(f"  {change}")


def _write_all(graph: str, lines: tuple[str, ...], write: Callable[[str], None]) -> None:
    for line in lines:
        write(f"{graph}: {line}")


def _stop_if_stale(stale: set[str], graphs: tuple[str, ...], out: Path | None, write: Callable[[str], None]) -> None:
    for path in sorted(stale):
        write(f"stale: {path}")
    if stale:
        import shlex  # no other command needs it

        again = shlex.join(["meshgen", "build", *graphs, *(() if out is None else ("--out", str(out)))])
        terminal.say(f"{_count(len(stale), 'file')} stale; run `{again}`")
        raise SystemExit(1)


def _request(text: str) -> Any:
    try:
        return read_input(text)
    except OSError as error:
        raise click.BadParameter(f"{error.filename}: {error.strerror}", param_hint="--input") from None


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"
