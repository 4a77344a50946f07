"""The command line as a user runs it: in a process of its own."""

from __future__ import annotations

import json
import os
import pty
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import warm_python

import meshgen as package
from meshgen.cli.calling import _no_route, rest_path

PROJECT = Path(__file__).parents[3]
SUM = {"number": "5", "samples": [1, 2, 3], "operation": "sum"}

Run = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def meshgen() -> Run:
    def run(*args: str, stdin: str = "", cwd: Path = PROJECT) -> subprocess.CompletedProcess[str]:
        return warm_python.run("-m", "meshgen", *args, stdin=stdin, cwd=cwd)

    return run


@pytest.fixture
def project(tmp_path: Path) -> Callable[[str], Path]:
    """Writes `g.py`, a graph whose one node has this body, and returns its folder."""

    def write(body: str, *, before: str = "") -> Path:
        source = (
            "from meshgen import DAGDriver, InputNode, deployment\n"
            "import meshgen\n"
            f"{before}\n\n"
            "@deployment\n"
            "def node(x: int) -> int:\n" + "".join(f"    {line}\n" for line in body.splitlines()) + "\n"
            "with InputNode(x=int) as request:\n"
            "    app = DAGDriver.bind(node.bind(request.x))\n"
        )
        (tmp_path / "g.py").write_text(source)
        (tmp_path / "pyproject.toml").write_text("")
        return tmp_path

    return write


# --- local ---------------------------------------------------------------------------------------------------------


def local(meshgen: Run, value: object, graph: str = "graphs/quickstart.py") -> subprocess.CompletedProcess[str]:
    return meshgen("local", graph, "--input", json.dumps(value))


@pytest.mark.parametrize(("operation", "value"), [("sum", 16.0), ("max", 10.0)])
def test_local_prints_the_answer_and_nothing_else(meshgen: Run, operation: str, value: float) -> None:
    done = local(meshgen, {**SUM, "operation": operation})
    assert (done.returncode, done.stdout, done.stderr) == (0, f'{{"value": {value}}}\n', "")


@pytest.mark.parametrize("graph", ["graphs/quickstart.py:app", "graphs.quickstart:app"])
def test_local_takes_every_form_of_a_graph(meshgen: Run, graph: str) -> None:
    assert local(meshgen, SUM, graph).stdout == '{"value": 16.0}\n'


def test_local_reads_a_file_and_stdin(meshgen: Run, tmp_path: Path) -> None:
    (tmp_path / "in.json").write_text(json.dumps(SUM))
    from_file = meshgen("local", "graphs/quickstart.py", "--input", f"@{tmp_path / 'in.json'}")
    from_stdin = meshgen("local", "graphs/quickstart.py", "--input", "-", stdin=json.dumps(SUM))
    assert from_file.stdout == from_stdin.stdout == '{"value": 16.0}\n'


def test_local_through_the_codec(meshgen: Run) -> None:
    done = meshgen("local", "graphs/quickstart.py", "--codec", "--input", json.dumps(SUM))
    assert (done.returncode, done.stdout) == (0, '{"value": 16.0}\n')


@pytest.mark.parametrize(
    ("value", "line"),
    [
        ({**SUM, "operation": "median"}, "INVALID_ARGUMENT: operation: 'median' is neither sum nor max"),
        ({**SUM, "number": "five"}, "INVALID_ARGUMENT: number: 'five' is not a number"),
        ({**SUM, "samples": []}, "INVALID_ARGUMENT: samples: at least one is needed"),
        ({"number": "5", "samples": [1]}, "INVALID_ARGUMENT: .*operation"),
        ({**SUM, "samples": "many"}, "INVALID_ARGUMENT: .*samples"),
        ([1, 2], "INVALID_ARGUMENT: "),
        (None, "INVALID_ARGUMENT: "),
    ],
)
def test_local_says_what_is_wrong_with_a_request(meshgen: Run, value: object, line: str) -> None:
    done = local(meshgen, value)
    assert (done.returncode, done.stdout) == (1, "")
    assert re.match(line, done.stderr, re.DOTALL), done.stderr
    assert "Traceback" not in done.stderr


def test_local_says_where_json_is_malformed(meshgen: Run) -> None:
    done = meshgen("local", "graphs/quickstart.py", "--input", '{"number": }')
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == "INVALID_ARGUMENT: --input is not JSON: Expecting value at line 1, column 12\n"


def test_local_takes_no_key_twice(meshgen: Run) -> None:
    for document, key in (
        ('{"number": "1", "number": "2"}', "number"),
        ('{"a": [{"b": {"c": 1, "d": 2, "c": 1}}]}', "c"),
    ):
        done = meshgen("local", "graphs/quickstart.py", "--input", document)
        assert done.stderr == f"INVALID_ARGUMENT: --input has the key '{key}' twice in one object\n"


def test_local_says_that_a_file_or_a_route_does_not_exist(meshgen: Run) -> None:
    missing = meshgen("local", "graphs/quickstart.py", "--input", "@nowhere.json")
    assert (missing.returncode, missing.stdout) == (2, "")
    assert "nowhere.json" in missing.stderr
    route = meshgen("local", "graphs/quickstart.py", "--route", "/nowhere", "--input", json.dumps(SUM))
    assert (route.returncode, route.stdout) == (1, "")
    assert route.stderr.startswith("NOT_FOUND: ")


def test_wrong_usage_exits_2(meshgen: Run) -> None:
    for arguments in (["local", "graphs/quickstart.py"], ["nonsense"], ["local"], ["explain", "MG999"]):
        assert meshgen(*arguments).returncode == 2


def test_what_a_node_prints_goes_to_stderr(meshgen: Run, project: Callable[..., Path]) -> None:
    body = "print('from python')\nimport os; os.system('echo from a child')\nreturn x"
    done = meshgen("local", "g.py", "--input", '{"x": 1}', cwd=project(body, before="print('at import')"))
    assert done.stdout == '{"result": 1}\n'
    for text in ("at import", "from python", "from a child"):
        assert text in done.stderr


def test_an_exception_shows_the_users_frames_only(meshgen: Run, project: Callable[..., Path]) -> None:
    folder = project("import json\nreturn json.loads('{')", before="")
    done = meshgen("local", "g.py", "--input", '{"x": 1}', cwd=folder)
    assert (done.returncode, done.stdout) == (1, "")
    lines = done.stderr.splitlines()
    assert lines[0] == "Traceback (most recent call last):"
    assert re.match(rf'  File "{re.escape(str(folder / "g.py"))}", line \d+, in node', lines[1])
    assert str(PROJECT / "meshgen") not in done.stderr
    assert "JSONDecodeError" in done.stderr
    assert re.fullmatch(r"INTERNAL: internal error in node 'node' \(graph 'g', trace [0-9a-f]{32}\)", lines[-1])


def test_an_error_of_the_callers_own_making_has_its_code(meshgen: Run, project: Callable[..., Path]) -> None:
    done = meshgen("local", "g.py", "--input", '{"x": 1}', cwd=project("raise meshgen.NotFound('no such x')"))
    assert (done.returncode, done.stderr) == (1, "NOT_FOUND: no such x\n")


def test_a_switch_without_the_case_shows_its_place(meshgen: Run, tmp_path: Path) -> None:
    (tmp_path / "g.py").write_text(
        "from meshgen import DAGDriver, InputNode, deployment, switch\n\n"
        "@deployment\ndef node(x: str) -> str:\n    return x\n\n"
        "with InputNode(x=str) as request:\n"
        "    app = DAGDriver.bind(switch(request.x, {'a': node.bind(request.x)}))\n"
    )
    for options in ([], ["--codec"]):
        done = meshgen("local", "g.py", *options, "--input", '{"x": "b"}', cwd=tmp_path)
        lines = ["INVALID_ARGUMENT: the switch has no case for 'b'; it has 'a'", "  at g.py:8:26"]
        assert (done.returncode, done.stderr.splitlines()) == (1, lines)


@pytest.mark.parametrize("body", ["raise meshgen.NotFound({!r})", "raise ValueError({!r})"])
def test_an_errors_text_does_not_steer_the_terminal(meshgen: Run, project: Callable[..., Path], body: str) -> None:
    folder = project(body.format("gone\nINTERNAL: forged\x1b]0;title\x07"))
    done = meshgen("local", "g.py", "--input", '{"x": 1}', cwd=folder)
    assert r"  INTERNAL: forged\x1b]0;title\x07" in done.stderr.splitlines()
    assert "\x1b" not in done.stderr


@pytest.mark.parametrize(
    "command",
    [
        ["local", "g.py", "--input", '{"x": 1, "\\u001b[2J\\nforged": 1}'],
        ["local", "g.py", "--input", '{"x": 1, "\\u202e\\u2028forged": 1}'],
        ["local", "\x1b[2J\nforged.py", "--input", "{}"],
        ["local", "g.py", "--route", "\x1b[2J\nforged", "--input", "{}"],
        ["local", "g.py", "--input", "@\x1b[2J\nforged"],
        ["check", "g.py:\x1b[2J\nforged"],
        ["explain", "\x1b[2J\nforged"],
        ["\x1b[2J\nforged"],
        ["local", "--\x1b[2J\nforged"],
        ["run", "g.py", "--allow-origin", "\x1b[2J\nforged"],
    ],
)
def test_what_is_repeated_of_the_input_does_not_steer_the_terminal(
    meshgen: Run, project: Callable[..., Path], command: list[str]
) -> None:
    done = meshgen(*command, cwd=project("return 1"))
    assert "forged" in done.stderr + done.stdout
    assert not re.search("[\x1b\u2028\u202e]|^forged", done.stderr + done.stdout, re.MULTILINE)


_ENDINGS = [
    ("import sys; sys.exit()", "SystemExit", "INTERNAL: internal error in node 'node'"),
    ("raise SystemExit(0)", "SystemExit: 0", "INTERNAL: internal error in node 'node'"),
    ("raise StopIteration", "StopIteration", "INTERNAL: internal error in node 'node'"),
    ("raise BaseException('b')", "BaseException: b", "INTERNAL: internal error in node 'node'"),
    ("raise GeneratorExit", "GeneratorExit", "INTERNAL: internal error in node "),
    ("import asyncio; raise asyncio.CancelledError", "", "CANCELLED: node 'node' raised CancelledError"),
]


@pytest.mark.parametrize(("body", "raised", "line"), _ENDINGS)
@pytest.mark.parametrize(("word", "options"), [("def", []), ("async def", []), ("async def", ["--codec"])])
def test_a_node_that_would_end_the_process(
    meshgen: Run, project: Callable[..., Path], body: str, raised: str, line: str, word: str, options: list[str]
) -> None:
    folder = project(body)
    source = (folder / "g.py").read_text().replace("def node", f"{word} node")
    (folder / "g.py").write_text(source)
    done = meshgen("local", "g.py", *options, "--input", '{"x": 1}', cwd=folder)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.splitlines()[-1].startswith(line)
    assert str(PROJECT / "meshgen") not in done.stderr
    if raised:
        assert raised in done.stderr
        assert re.search(rf'File "{re.escape(str(folder / "g.py"))}", line 7, in node', done.stderr)
    else:
        assert "Traceback" not in done.stderr


def test_sys_exit_in_a_task_of_the_nodes_own(meshgen: Run, project: Callable[..., Path]) -> None:
    body = "async def end(): raise SystemExit(0)\nreturn await asyncio.create_task(end())"
    folder = project(body, before="import asyncio")
    (folder / "g.py").write_text((folder / "g.py").read_text().replace("def node", "async def node"))
    done = meshgen("local", "g.py", "--input", '{"x": 1}', cwd=folder)
    assert (done.returncode, done.stdout) == (1, "")
    assert "SystemExit: 0" in done.stderr
    assert "INTERNAL: " in done.stderr


def test_a_node_that_never_answers_meets_the_deadline(meshgen: Run, project: Callable[..., Path]) -> None:
    folder = project("import time\ntime.sleep(30)")
    started = time.monotonic()
    done = meshgen("local", "g.py", "--timeout", "0.5", "--input", '{"x": 1}', cwd=folder)
    assert done.returncode == 1
    assert "DEADLINE_EXCEEDED: " in done.stderr
    assert time.monotonic() - started < 10


@pytest.mark.parametrize("wait", ["time.sleep(30)", "await asyncio.sleep(30)"])
def test_ctrl_c_ends_a_node_at_once(project: Callable[..., Path], wait: str) -> None:
    folder = project(f"print('here')\n{wait}", before="import asyncio, time")
    if "await" in wait:
        (folder / "g.py").write_text((folder / "g.py").read_text().replace("def node", "async def node"))
    command = [sys.executable, "-m", "meshgen", "local", "g.py", "--input", '{"x": 1}']
    with subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        assert process.stderr.readline() == "here\n"
        process.send_signal(signal.SIGINT)
        output, _ = process.communicate(timeout=10)
    assert (process.returncode, output) == (130, "")


@pytest.mark.parametrize("source", ["--input", "-"])
def test_a_debugger_works_in_a_node(project: Callable[..., Path], source: str) -> None:
    folder = project("breakpoint()\nreturn x + 1")
    text = '{"x": 41}' if source == "--input" else "-"
    pid, terminal = pty.fork()
    if pid == 0:
        os.chdir(folder)
        os.environ["PYTHONPATH"] = str(PROJECT)
        command = f"{sys.executable} -m meshgen local g.py --input '{text}'"
        piped = f"echo '{{\"x\": 41}}' | {command}" if text == "-" else command
        os.execvp("sh", ["sh", "-c", piped])
    shown = _talk(terminal, [(b"(Pdb)", b"p x * 2\n"), (b"82", b"c\n")])
    _, status = os.waitpid(pid, 0)
    assert os.waitstatus_to_exitcode(status) == 0, shown
    assert '{"result": 42}' in shown


def _talk(terminal: int, script: list[tuple[bytes, bytes]]) -> str:
    shown = b""
    seen = 0
    while True:
        try:
            part = os.read(terminal, 1024)
        except OSError:  # the other side has gone
            part = b""
        if not part:
            return shown.decode()
        shown += part
        if script and script[0][0] in shown[seen:]:
            seen = len(shown)
            os.write(terminal, script.pop(0)[1])


def test_local_imports_nothing_that_it_does_not_use() -> None:
    script = (
        "import json, runpy, sys\n"
        "sys.argv[0] = 'meshgen'\n"
        "try:\n"
        "    runpy.run_module('meshgen', run_name='__main__')\n"
        "finally:\n"
        "    print(json.dumps(sorted(sys.modules)), file=sys.stderr)\n"
    )
    command = [sys.executable, "-c", script, "local", "graphs/quickstart.py", "--input", json.dumps(SUM)]
    done = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, check=True)
    imported = set(json.loads(done.stderr))
    assert {"click", "graphs.quickstart", "meshgen.inprocess"} <= imported
    heavy = {"ray", "grpc", "google", "torch", "transformers", "numpy", "PIL", "opentelemetry", "yaml", "pydantic"}
    cheap_to_leave_out = {"rich", "typer", "email", "importlib.metadata", "hashlib", "secrets", "difflib", "shlex"}
    not_asked_for = {"compiler", "contract", "contracted", "plan", "emit", "workspace", "control", "codes"}
    assert not imported & (heavy | cheap_to_leave_out | {f"meshgen.{name}" for name in not_asked_for})


# --- the other commands ----------------------------------------------------------------------------------------------


def test_check_passes_the_examples(meshgen: Run) -> None:
    done = meshgen("check", "graphs/quickstart.py", "graphs/content_understanding.py")
    assert done.returncode == 0, done.stdout
    assert done.stdout.splitlines() == [
        "graphs/quickstart.py: 0 errors, 0 warnings",
        "graphs/content_understanding.py: 0 errors, 0 warnings",
    ]


def test_check_prints_all_problems_at_once(meshgen: Run, tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text("")
    (tmp_path / "g.py").write_text(
        "from meshgen import DAGDriver, InputNode, deployment\n"
        "@deployment\n"
        "def text(x: int) -> str: ...\n"
        "@deployment\n"
        "def number(x: int) -> int: ...\n"
        "@deployment\n"
        "def pair(a: bytes, b: str) -> int: ...\n"
        "with InputNode(x=int) as request:\n"
        "    app = DAGDriver.bind(pair.bind(text.bind(request.x), number.bind(request.x)))\n"
    )
    done = meshgen("check", "g.py", cwd=tmp_path)
    assert done.returncode == 1
    places = re.findall(r"^g\.py:9:\d+: error MG\d{3}: .*$", done.stdout, re.MULTILINE)
    assert len(places) == 2, done.stdout
    assert done.stdout.count("^") >= 2
    assert done.stdout.count("hint: ") == 2
    assert done.stdout.endswith("g.py: 2 errors, 0 warnings\n")


def test_check_reads_a_syntax_error(meshgen: Run, tmp_path: Path) -> None:
    (tmp_path / "g.py").write_text("x = (\n")
    (tmp_path / "pyproject.toml").write_text("")
    done = meshgen("check", "g.py", cwd=tmp_path)
    assert done.returncode == 1
    assert re.match(r"g\.py:1:5: error MG\d{3}: SyntaxError: '\(' was never closed", done.stdout)


def test_problems_stop_every_command(meshgen: Run, tmp_path: Path) -> None:
    (tmp_path / "g.py").write_text("x = (\n")
    for command in (["local", "g.py", "-i", "1"], ["build", "g.py"], ["draw", "g.py"], ["run", "g.py"]):
        done = meshgen(*command, cwd=tmp_path)
        assert (done.returncode, done.stdout) == (1, ""), command
        assert "SyntaxError" in done.stderr
        assert "Traceback" not in done.stderr


def test_explain_one_code_and_all(meshgen: Run) -> None:
    everything = meshgen("explain").stdout
    code = everything.split()[0]
    assert re.fullmatch(r"MG\d{3}", code)
    assert meshgen("explain", code.lower()).stdout.startswith(f"{code}: ")


def test_build_writes_checks_and_repeats_itself(meshgen: Run, tmp_path: Path) -> None:
    assert meshgen("build", "graphs/quickstart.py", "--out", str(tmp_path)).returncode == 0
    first = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    assert {path.relative_to(tmp_path).parts[0] for path in first} == {"protos", "services", "envoy"}
    assert meshgen("build", "graphs/quickstart.py", "--out", str(tmp_path)).returncode == 0
    assert first == {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    assert meshgen("build", "graphs/quickstart.py", "--out", str(tmp_path), "--check").returncode == 0

    damaged = min(path for path in first if path.suffix == ".proto")
    damaged.write_text("// edited\n")
    stale = meshgen("build", "graphs/quickstart.py", "--out", str(tmp_path), "--check")
    assert stale.returncode == 1
    assert damaged.relative_to(tmp_path).as_posix() in stale.stdout
    assert damaged.read_text() == "// edited\n"


@pytest.mark.parametrize(("suffix", "start"), [(".svg", "<svg"), (".mmd", "flowchart"), (".html", "<!doctype html")])
def test_draw_writes_each_format(meshgen: Run, tmp_path: Path, suffix: str, start: str) -> None:
    file = tmp_path / f"deep/picture{suffix}"
    assert meshgen("draw", "graphs/content_understanding.py", "-o", str(file)).returncode == 0
    text = file.read_text()
    assert start in text[:400].lower()
    for name in ("classifier_v1", "segmenter", "render"):
        assert name in text


def test_draw_prints_mermaid_and_refuses_other_suffixes(meshgen: Run) -> None:
    assert "flowchart" in meshgen("draw", "graphs/quickstart.py").stdout
    assert meshgen("draw", "graphs/quickstart.py", "-o", "x.bmp").returncode == 2


_WITHOUT_EXTRAS = """
import sys

class Missing:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {extras}:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)

sys.meta_path.insert(0, Missing())
from meshgen.cli import main
main()
"""


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["local", "graphs/quickstart.py", "--input", json.dumps(SUM)], 0),
        (["local", "graphs/quickstart.py", "--codec", "--input", json.dumps(SUM)], 0),
        (["check", "graphs/quickstart.py"], 0),
        (["build", "graphs/quickstart.py", "--out", "OUT"], 0),
        (["draw", "graphs/quickstart.py"], 0),
        (["run", "graphs/quickstart.py"], 1),
        (["call", "/quickstart", "--input", "{}"], 1),
    ],
    ids=lambda value: value[0] if isinstance(value, list) else "",
)
def test_what_works_without_the_extras(tmp_path: Path, arguments: list[str], code: int) -> None:
    """`pip install meshgen-serve` alone; pip has shown the same in an environment of its own."""
    extras = {
        "ray",
        "grpc",
        "grpc_health",
        "grpc_reflection",
        "psutil",
        "envoy",
        "torch",
        "numpy",
        "PIL",
        "opentelemetry",
    }
    script = _WITHOUT_EXTRAS.format(extras=extras)
    command = [sys.executable, "-c", script, *(str(tmp_path) if part == "OUT" else part for part in arguments)]
    done = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, timeout=60)
    assert done.returncode == code, done.stderr
    if code == 1:
        assert re.fullmatch(
            r"error: this needs the package '\w+'; `pip install 'meshgen-serve\[mesh\]'` brings it\n", done.stderr
        )


def test_help_of_every_command(meshgen: Run) -> None:
    commands = ("local", "check", "explain", "build", "draw", "run", "call")
    overview = meshgen("--help").stdout
    for command in commands:
        assert command in overview
        done = meshgen(command, "--help")
        assert done.returncode == 0
        assert "Usage:" in done.stdout


@pytest.mark.parametrize(
    ("target", "route", "path"),
    [
        ("/quickstart", None, "/quickstart"),
        ("quickstart", None, "/quickstart"),
        ("quickstart", "/", "/quickstart"),
        ("/report", "labels", "/report/labels"),
        ("/report/", "/labels/", "/report/labels"),
        ("/", None, "/"),
        ("graphs/quickstart.py", None, "/quickstart"),
        ("graphs/quickstart.py:app", None, "/quickstart"),
        ("graphs.quickstart:app", None, "/quickstart"),
        (str(PROJECT / "graphs/quickstart.py"), None, "/quickstart"),
    ],
)
def test_call_finds_the_path(monkeypatch: pytest.MonkeyPatch, target: str, route: str | None, path: str) -> None:
    monkeypatch.chdir(PROJECT)
    assert rest_path(target, route) == path


def test_call_names_the_option_when_a_graph_has_several_routes() -> None:
    published = ["/probe/where", "/probe/fail", "/quickstart"]
    expected = "the mesh has several routes in /probe; name one by --route: /where, /fail"
    assert _no_route("/probe", published) == expected
    assert _no_route("/prob", published) == f"the mesh has no route /prob; it has {', '.join(published)}"


def test_call_says_that_nothing_answers(meshgen: Run) -> None:
    started = time.monotonic()
    done = meshgen("call", "/quickstart", "--input", "{}", "--address", "127.0.0.1:9")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("UNAVAILABLE: nothing answers at 127.0.0.1:9")
    assert time.monotonic() - started < 9, "a refusal is an answer"


def test_run_says_that_a_port_is_busy_before_anything_starts(meshgen: Run) -> None:
    import socket

    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        started = time.monotonic()
        done = meshgen("run", "graphs/quickstart.py", "--port", str(port))
    assert (done.returncode, done.stdout) == (1, "")
    assert f"port {port}" in done.stderr
    assert time.monotonic() - started < 10


# --- what is printed where, and when it cannot be --------------------------------------------------------------------


def test_two_graphs_of_one_name_are_refused_before_anything_is_written(
    meshgen: Run, project: Callable[..., Path]
) -> None:
    folder = project("return x")
    for name in ("a", "b"):
        (folder / name).mkdir()
        (folder / name / "same.py").write_text((folder / "g.py").read_text())
    (folder / "broken.py").write_text("x = (\n")
    for command in ("build", "run"):
        done = meshgen(command, "a/same.py", "b/same.py", cwd=folder)
        assert (done.returncode, done.stdout) == (1, "")
        assert done.stderr == "error: 'a/same.py' and 'b/same.py' are graphs of one name, 'same'; rename a file\n"
    assert meshgen("build", "g.py", "broken.py", cwd=folder).returncode == 1
    assert not (folder / "protos").exists()


def test_build_writes_nothing_where_no_project_is(meshgen: Run, project: Callable[[str], Path], tmp_path: Path) -> None:
    folder = project("return x")
    (folder / "pyproject.toml").unlink()
    for place, graph in ((folder, "g.py"), (folder.parent, f"{folder.name}/g.py"), (Path("/"), str(folder / "g.py"))):
        done = meshgen("build", graph, cwd=place)
        assert done.returncode == 1
        assert f"error: '{graph}' is in no project" in done.stderr
        assert "--out DIR" in done.stderr
    assert not (folder / "protos").exists()
    assert not Path("/protos").exists()
    assert meshgen("check", "g.py", cwd=folder).returncode == 0
    assert meshgen("build", "g.py", "--out", "made", cwd=folder).returncode == 0
    assert (folder / "made" / "protos").is_dir()


def test_build_says_where_it_writes_and_how_to_repeat_that(meshgen: Run, tmp_path: Path) -> None:
    out = tmp_path / "a folder"
    stale = meshgen("build", "--check", "graphs/quickstart.py", "--out", str(out))
    assert stale.returncode == 1
    assert stale.stderr.endswith(f"; run `meshgen build graphs/quickstart.py --out '{out}'`\n")
    assert not out.exists()
    done = meshgen("build", "graphs/quickstart.py", "--out", str(out))
    assert done.stdout.endswith(f" changed, into {out}\n")


@pytest.mark.parametrize(
    "command",
    [
        ["build", "graphs/quickstart.py", "--out", "/proc/foo"],
        ["build", "graphs/quickstart.py", "--out", "/etc/hostname"],
        ["draw", "graphs/quickstart.py", "-o", "/proc/x.svg"],
    ],
)
def test_what_cannot_be_written_is_one_line(meshgen: Run, command: list[str]) -> None:
    done = meshgen(*command)
    assert (done.returncode, done.stdout) == (1, "")
    assert re.fullmatch(rf"error: {re.escape(command[-1])}\S*: [^\n]+\n", done.stderr), done.stderr


@pytest.mark.parametrize(("where", "reason"), [("/dev/full", "No space left on device"), ("&-", "Bad file descriptor")])
@pytest.mark.parametrize("command", ["local", "check", "draw"])
def test_a_stdout_that_takes_nothing(command: str, where: str, reason: str) -> None:
    given = f"-i '{json.dumps(SUM)}'" if command == "local" else ""
    line = f"{sys.executable} -m meshgen {command} graphs/quickstart.py {given} >{where}"
    done = subprocess.run(["sh", "-c", line], cwd=PROJECT, stderr=subprocess.PIPE, text=True, timeout=60)
    assert (done.returncode, done.stderr) == (1, f"error: stdout: {reason}\n")


def test_without_a_stderr_the_result_is_still_alone_on_stdout(project: Callable[..., Path]) -> None:
    folder = project("print('from the node')\nreturn x")
    line = f"{sys.executable} -m meshgen local g.py -i '{{\"x\": 1}}' 2>&-"
    done = subprocess.run(["sh", "-c", line], cwd=folder, stdout=subprocess.PIPE, text=True, timeout=60)
    assert (done.returncode, done.stdout) == (0, '{"result": 1}\n')


@pytest.mark.parametrize(
    ("document", "message"),
    [
        ('{"x": ' + "1" * 5001 + "}", "stdin has a number of more than 4300 digits"),
        ("[" * 200_000 + "]" * 200_000, "stdin is nested too deeply"),
        ("[]", "the request must be an object"),
        ("null", "the request must be an object"),
        ("3", "the request must be an object"),
    ],
    ids=["digits", "depth", "list", "null", "number"],
)
def test_input_that_is_no_request(meshgen: Run, document: str, message: str) -> None:
    done = meshgen("local", "graphs/quickstart.py", "--input", "-", stdin=document)
    assert (done.returncode, done.stdout, done.stderr) == (1, "", f"INVALID_ARGUMENT: {message}\n")


@pytest.mark.parametrize("seconds", ["inf", "nan", "-1", "0", "1e300"])
def test_a_timeout_that_is_none(meshgen: Run, seconds: str) -> None:
    done = meshgen("local", "graphs/quickstart.py", "--input", json.dumps(SUM), "--timeout", seconds)
    assert (done.returncode, done.stdout) == (2, "")
    assert "--timeout" in done.stderr
    assert "Traceback" not in done.stderr


def test_the_longest_timeout(meshgen: Run) -> None:
    done = meshgen("local", "graphs/quickstart.py", "--input", json.dumps(SUM), "--timeout", "31536000")
    assert done.stdout == '{"value": 16.0}\n'


def test_what_a_graph_prints_when_it_is_imported_goes_to_stderr(meshgen: Run, project: Callable[..., Path]) -> None:
    folder = project("return x", before="import os\nprint('at import')\nos.system('echo from a child')")
    for command, start in (("draw", "flowchart"), ("check", "g.py: 0 errors"), ("build", "g.py: ")):
        done = meshgen(command, "g.py", cwd=folder)
        assert done.returncode == 0, done.stderr
        assert start in done.stdout.splitlines()[0]
        for text in ("at import", "from a child"):
            assert text in done.stderr
            assert text not in done.stdout


def test_version(meshgen: Run) -> None:
    done = meshgen("--version")
    assert (done.returncode, done.stdout) == (0, f"meshgen {package.__version__}\n")


# --- answers that are not what was declared --------------------------------------------------------------------------

_WRONG = """
from dataclasses import dataclass
from typing import Literal
from meshgen import DAGDriver, InputNode, deployment, switch

@dataclass
class Box:
    width: float
    sides: list[float]

@deployment
def forgets(x: int) -> int: x + 1

@deployment
def text(x: int) -> int: return "str"

@deployment
def big(x: int) -> int: return 2**70

@deployment
def chooses(x: int) -> Literal["a", "b"]: return "c"

@deployment
def items(x: int) -> list[float]: return [1.0, "x"]

@deployment
def no_box(x: int) -> Box: pass

@deployment
def bad_box(x: int) -> Box: return Box(1.0, [2.0, "x"])

@deployment
def thing(x: int): return object()

@deployment
def some(x: int): return [{"a": {1}}]

with InputNode(x=int) as request:
    x = request.x
    both = switch(x, {1: forgets.bind(x), 2: text.bind(x)})
    app = DAGDriver.bind({
        "/forgets": forgets.bind(x), "/text": text.bind(x), "/big": big.bind(x), "/chooses": chooses.bind(x),
        "/items": items.bind(x), "/no_box": no_box.bind(x), "/bad_box": bad_box.bind(x),
        "/width": bad_box.bind(x).sides[1], "/both": both, "/thing": thing.bind(x), "/some": some.bind(x),
    })
"""

_ANSWERS = [
    ("forgets", "node 'forgets' (g.py:11:5) returned None, which is not int; is a `return` missing?"),
    ("text", "node 'text' (g.py:14:5) returned str 'str', which is not int"),
    ("big", "what node 'big' (g.py:17:5) returned must fit 64 bits with its sign, got 72"),
    ("chooses", "node 'chooses' (g.py:20:5) returned str 'c', which is not Literal['a', 'b']"),
    ("items", "in what node 'items' (g.py:23:5) returned, `[1]` must be a float, got str 'x'"),
    ("no_box", "node 'no_box' (g.py:26:5) returned None, which is not Box; is a `return` missing?"),
    ("bad_box", "in what node 'bad_box' (g.py:29:5) returned, `sides[1]` must be a float, got str 'x'"),
    ("width", "`sides[1]` of what node 'bad_box' (g.py:29:5) returned is str 'x', which is not float"),
    (
        "both",
        "node 'forgets' (g.py:11:5) or 'text' (g.py:14:5) returned None, which is not int; is a `return` missing?",
    ),
    ("thing", "what node 'thing' (g.py:32:5) returned is an object, which JSON cannot hold; annotate the node"),
    (
        "some",
        "in what node 'some' (g.py:35:5) returned, `[0]['a']` is a set, which JSON cannot hold; annotate the node",
    ),
]


@pytest.mark.parametrize(("route", "message"), _ANSWERS)
def test_an_answer_that_is_not_what_was_declared_is_blamed_on_its_node(
    meshgen: Run, tmp_path: Path, route: str, message: str
) -> None:
    (tmp_path / "g.py").write_text(_WRONG.lstrip())
    (tmp_path / "pyproject.toml").write_text("")
    done = meshgen("local", "g.py", "--route", route, "-i", '{"x": 1}', cwd=tmp_path)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == f"INTERNAL: {message}\n"


def test_the_codec_blames_the_same_node(meshgen: Run, project: Callable[..., Path]) -> None:
    done = meshgen("local", "g.py", "--codec", "-i", '{"x": 1}', cwd=project("pass"))
    line = "INTERNAL: node 'node' (g.py:6:5) returned None, which is not int; is a `return` missing?\n"
    assert (done.returncode, done.stdout, done.stderr) == (1, "", line)
