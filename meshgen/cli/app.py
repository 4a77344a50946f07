"""The commands. Each parses, calls one function of a layer below, and prints.

The layers are imported by the command that needs them: `meshgen local` must pay for neither Ray, gRPC nor the compiler.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer

import meshgen
from meshgen import limits
from meshgen.cli import terminal
from meshgen.cli.jsonio import json_line, read_input
from meshgen.errors import GraphError, MeshgenError, errors_only
from meshgen.status import StatusError

app = typer.Typer(
    name="meshgen",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,  # rich would double the start-up time of every command
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110},
)

_EXTRAS = {
    **dict.fromkeys(("numpy", "PIL"), "images"),
    "opentelemetry": "otel",
    **dict.fromkeys(
        ("aiohttp", "envoy", "fastapi", "fastapi_offline", "grpc", "grpc_health", "grpc_reflection", "psutil", "ray"),
        "mesh",
    ),
}
"""Which of our extras brings a package that is missing."""

_GRAPH_HELP = "graphs/x.py, graphs/x.py:app or package.module:app."
_TARGET_HELP = "A graph, as for the other commands, or a REST path such as /quickstart."
_OUT_HELP = "Folder for protos/, services/, envoy/; the project's own by default."
_DRAW_HELP = "file.svg, .mmd (Mermaid) or .html; Mermaid on stdout by default."
_NODES_HELP = "Publish the nodes' own services too; by default on loopback only."

_ORIGIN_HELP = "Lets pages of this origin call, such as https://app.example.com; those of localhost may anyway."
_SIZE_HELP = "The biggest request and answer, in MiB."

_LONGEST_S = 365 * 24 * 3600.0


def _checked_seconds(value: float | None) -> float | None:
    if value is None or 0.001 <= value <= _LONGEST_S:  # NaN is neither
        return value
    raise typer.BadParameter(f"{value} is not between 0.001 and {_LONGEST_S:.0f}, a year")


def _checked_origins(values: list[str] | None) -> list[str] | None:
    for value in values or ():
        if not re.fullmatch(r"https?://[^/*\s]+", value):
            raise typer.BadParameter(f"{value!r} is no origin, such as https://app.example.com")
    return values


def _show_version(asked: bool) -> None:
    if asked:
        typer.echo(f"meshgen {meshgen.__version__}")
        raise typer.Exit


Version = Annotated[
    bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Print the version, and stop.")
]
Graph = Annotated[str, typer.Argument(metavar="GRAPH", help=_GRAPH_HELP)]
Graphs = Annotated[list[str], typer.Argument(metavar="GRAPH", help=_GRAPH_HELP)]
Target = Annotated[str, typer.Argument(metavar="GRAPH-OR-ROUTE", help=_TARGET_HELP)]
Code = Annotated[str | None, typer.Argument(metavar="CODE", help="Such as MG203; without it, all.")]
Input = Annotated[
    str, typer.Option("--input", "-i", metavar="JSON|@FILE|-", help="The request: JSON, a file of it, or stdin.")
]
Route = Annotated[
    str | None,
    typer.Option("--route", "-r", metavar="PATH", help="Which route of a driver with several, such as /labels."),
]
Timeout = Annotated[
    float | None,
    typer.Option(
        metavar="SECONDS", callback=_checked_seconds, help="Deadline of the request in seconds; 60 by default."
    ),
]
Codec = Annotated[bool, typer.Option("--codec", help="Pass every value through the contracts, as a mesh does.")]
Out = Annotated[Path | None, typer.Option("--out", metavar="DIR", help=_OUT_HELP)]
Check = Annotated[bool, typer.Option("--check", help="Write nothing; name what is stale, and exit 1 if any is.")]
AllowBreaking = Annotated[
    bool, typer.Option("--allow-breaking", help="Go on when a change breaks old clients or nodes; it is still named.")
]
Drawing = Annotated[Path | None, typer.Option("--out", "-o", metavar="FILE", help=_DRAW_HELP)]
Host = Annotated[
    str, typer.Option(metavar="HOST", help="Address to listen on. Any other than loopback lets others in.")
]
Port = Annotated[int, typer.Option(metavar="PORT", min=0, max=65535, help="Port of the front; 0 takes a free one.")]
Cluster = Annotated[
    str | None, typer.Option("--address", metavar="RAY", help="A running Ray cluster to join; else one is started.")
]
MaxMessage = Annotated[
    int, typer.Option(metavar="MIB", min=1, max=limits.LARGEST_MB, envvar=limits.VARIABLE, help=_SIZE_HELP)
]
RateLimit = Annotated[
    int | None,
    typer.Option("--rate-limit", metavar="N", min=1, help="Requests per second that the front lets through."),
]
Origins = Annotated[
    list[str] | None,
    typer.Option("--allow-origin", metavar="ORIGIN", callback=_checked_origins, help=_ORIGIN_HELP),
]
Nodes = Annotated[bool | None, typer.Option("--expose-nodes/--hide-nodes", help=_NODES_HELP)]
Front = Annotated[str, typer.Option("--address", metavar="HOST:PORT", help="Address of the mesh's front.")]
TraceId = Annotated[bool, typer.Option("--trace-id", help="Print the id of the request's trace on stderr.")]


def main() -> None:
    """Run the command line; exit 1 for a problem of the graph, the request or the mesh, 2 for wrong usage."""
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
        terminal.say(f"error: this needs the package '{error.name}'; `pip install 'meshgen[{extra}]'` brings it")
        raise SystemExit(1) from None


@app.callback()
def _program(version: Version = False) -> None:
    """One Python file holds a graph of models. From it come contracts, services, and a mesh that serves them."""


@app.command()
def local(
    graph: Graph,
    input: Input,  # noqa: A002 - the option's name
    route: Route = None,
    codec: Codec = False,
    timeout: Timeout = None,
) -> None:
    """Run one request in this process, as plain Python calls.

    The result is JSON on stdout; whatever nodes print goes to stderr. breakpoint() works in a node.

    \b
    Example:
    meshgen local graphs/quickstart.py --input '{"number": "5", "samples": [1, 2, 3], "operation": "sum"}'
    """  # noqa: D301 - the backspace tells the help to keep the lines that follow
    from meshgen.cli.local import answer

    with terminal.only_results_on_stdout() as write:
        write(json_line(answer(graph, _request(input), route=route, codec=codec, timeout_s=timeout)))


@app.command()
def check(graphs: Graphs, allow_breaking: AllowBreaking = False) -> None:
    """Find every problem of a graph without running it.

    Each is printed with its code, place, source line and a hint; `meshgen explain CODE` says more. So is every change
    since the contracts that are committed. Exit 1 for errors; a change that breaks old clients or nodes is one.
    """
    from meshgen.cli.compiling import checked

    failed = False
    with terminal.only_results_on_stdout() as write:
        for graph in graphs:
            problems, safe = checked(graph, allow_breaking=allow_breaking)
            for problem in problems:
                write(problem.render())
            _write_safe(graph, safe, write)
            errors = len(errors_only(problems))
            failed |= errors > 0
            write(f"{graph}: {_count(errors, 'error')}, {_count(len(problems) - errors, 'warning')}")
    raise typer.Exit(1 if failed else 0)


@app.command()
def explain(
    code: Code = None,
) -> None:
    """Say what a problem's code means."""
    from meshgen.codes import CODES

    if code is None:
        for name in sorted(CODES):
            typer.echo(f"{name}  {CODES[name].title}")
        return
    entry = CODES.get(code.upper())
    if entry is None:
        raise typer.BadParameter(f"there is no code {code}; `meshgen explain` lists them all", param_hint="CODE")
    typer.echo(f"{code.upper()}: {entry.title}\n\n{entry.text}\n\nhint: {entry.hint}")


@app.command()
def build(
    graphs: Graphs,
    out: Out = None,
    check: Check = False,
    allow_breaking: AllowBreaking = False,
) -> None:
    """Write protos/, services/ and envoy/ of a graph.

    Contracts with their lock, one service per node and its Ray Serve configuration, Envoy's configuration, OpenAPI. The
    same graph gives the same bytes; commit them.
    """
    from meshgen.cli.compiling import builds, dead_folders

    with terminal.only_results_on_stdout() as write:
        built = builds(graphs, out, allow_breaking=allow_breaking)
        for target, each in built.items():
            _write_safe(target, each.safe, write)
        terminal.show([problem for each in built.values() for problem in each.problems])
        if check:
            _stop_if_stale({path for each in built.values() for path in each.stale()}, graphs, out, write)
            write("up to date")
        else:
            for target, each in built.items():
                changed = len(each.write())
                write(f"{target}: {_count(len(each.build.files), 'file')}, {changed} changed, into {each.root}")
    for folder, source in dead_folders(built.values()) if out is None else ():
        terminal.say(f"note: {folder} was made from {source}, which is gone; remove it if that graph is no more")


@app.command()
def draw(
    graph: Graph,
    out: Drawing = None,
) -> None:
    """Draw a graph as SVG, Mermaid or HTML.

    Its calls, routes and branches, who may call whom, and the types on the edges.
    """
    from meshgen.cli.drawing import RENDERERS, drawing

    kind = ".mmd" if out is None else out.suffix
    if kind not in RENDERERS:
        raise typer.BadParameter(f"{out} is none of {', '.join(RENDERERS)}", param_hint="--out")
    with terminal.only_results_on_stdout() as write:
        text = drawing(graph, kind)
        if out is None:
            write(text)
    if out is not None:
        out.parent.mkdir(parents=True, exist_ok=True)
        out.write_text(text, encoding="utf-8")


@app.command()
def run(
    graphs: Graphs,
    host: Host = "127.0.0.1",
    port: Port = 8080,
    address: Cluster = None,
    expose_nodes: Nodes = None,
    max_message_mb: MaxMessage = limits.DEFAULT_MB,
    rate_limit: RateLimit = None,
    allow_origin: Origins = None,
) -> None:
    """Bring graphs up as a mesh on this machine.

    Ray Serve runs the nodes, Envoy stands in front, REST and gRPC share one port, several graphs share one front.
    Ctrl-C or SIGTERM stops it and leaves nothing behind. Set OTEL_EXPORTER_OTLP_ENDPOINT to get traces.
    """
    from meshgen.cli.running import run_until_stopped
    from meshgen.control.model import MeshOptions

    options = MeshOptions(
        host=host,
        port=port,
        address=address,
        expose_nodes=expose_nodes,
        max_message_mb=max_message_mb,
        rate_limit=rate_limit,
        origins=tuple(allow_origin or ()),
    )
    run_until_stopped(graphs, options)


@app.command()
def call(
    target: Target,
    input: Input,  # noqa: A002 - the option's name
    route: Route = None,
    address: Front = "127.0.0.1:8080",
    timeout: Timeout = None,
    show_trace_id: TraceId = False,
) -> None:
    """Send one request to a running mesh, by gRPC.

    The contract comes from the mesh itself, by reflection. The result is JSON on stdout.
    """
    from meshgen.cli import calling

    with terminal.only_results_on_stdout() as write:
        path = calling.rest_path(target, route)
        answer = calling.call(address, path, _request(input), timeout_s=timeout)
        write(json_line(answer.value))
    if show_trace_id:
        terminal.say(f"trace {answer.trace_id}")


def _write_safe(graph: str, changes: tuple[str, ...], write: Callable[[str], None]) -> None:
    if changes:
        write(f"{graph}: {_count(len(changes), 'safe change')} since the committed contracts")
    for change in changes:
        write(f"  {change}")


def _stop_if_stale(stale: set[str], graphs: list[str], out: Path | None, write: Callable[[str], None]) -> None:
    for path in sorted(stale):
        write(f"stale: {path}")
    if stale:
        again = shlex.join(["meshgen", "build", *graphs, *(() if out is None else ("--out", str(out)))])
        terminal.say(f"{_count(len(stale), 'file')} stale; run `{again}`")
        raise typer.Exit(1)


def _request(text: str) -> Any:
    try:
        return read_input(text)
    except OSError as error:
        raise typer.BadParameter(f"{error.filename}: {error.strerror}", param_hint="--input") from None


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"
