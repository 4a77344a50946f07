"""Each folder of `types/` is a graph of one node that takes and gives an awkward type.

`expected.proto` is the node's contract, `expected.txt` what `meshgen check` says of the graph: errors, and warnings.
`pytest tests/test_types.py --accept` rewrites them.
"""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import grpc_tools
import hypothesis
import pytest
from google.protobuf.descriptor_pb2 import FileDescriptorSet
from grpc_tools import protoc
from hypothesis import strategies as st
from type_values import alike, values

from meshgen.codec.rpc import Contracts
from meshgen.compiler import Build, compile_graph
from meshgen.emit.output.files import GeneratedFile
from meshgen.errors import GraphError
from meshgen.frontend.loader import Loaded
from meshgen.frontend.trace import trace
from meshgen.runtime.local.graph import LocalGraph
from meshgen.runtime.local.through_codec import ThroughCodec
from meshgen.schema.check.requests import request_check
from meshgen.schema.convert.json_value import from_json, to_json
from meshgen.schema.values.writable import writable

pytestmark = pytest.mark.xdist_group("types")  # which compile each case once
CASES = Path(__file__).parent / "types"
NAMES = sorted(p.name for p in CASES.iterdir() if (p / "graph.py").is_file())


@dataclass(frozen=True)
class Outcome:
    """What a case compiles to."""

    text: str
    """Errors and warnings."""
    build: Build | None = None

    @property
    def files(self) -> tuple[GeneratedFile, ...]:
        """None when it does not compile."""
        return () if self.build is None else self.build.files

    def proto(self, case: str) -> str:
        """The node's contract; empty when there is none."""
        return next((f.content.decode() for f in self.files if f.path == f"protos/{case}/echo/v1/echo.proto"), "")


@cache
def outcome(case: str) -> Outcome:
    """Compile a case in this process, under the name of its folder."""
    name = f"types_{case}"
    spec = importlib.util.spec_from_file_location(name, CASES / case / "graph.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # annotations are resolved by the names of their module
    try:
        spec.loader.exec_module(module)
        traced = trace(module.app, name=case, source=f"{case}.py:app")
        if traced.graph is None:
            return Outcome(_rendered(traced.diagnostics))
        loaded = Loaded(
            graph=traced.graph, root=CASES / case, module=name, attribute="app", warnings=traced.diagnostics
        )
        build = compile_graph(loaded, lock=None)
    except GraphError as error:
        return Outcome(_rendered(error.diagnostics))
    return Outcome(_rendered(build.diagnostics), build)


def _rendered(diagnostics: tuple) -> str:
    # The same problem is told of the driver and of the node; once is enough to read.
    return "".join(f"{text}\n" for text in dict.fromkeys(d.render() for d in diagnostics))


@pytest.mark.parametrize("case", NAMES)
def test_case(case: str, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(CASES / case)
    found = outcome(case)
    got = {"expected.txt": found.text, "expected.proto": found.proto(case)}
    assert any(got.values())
    for file, text in got.items():
        path = CASES / case / file
        if request.config.getoption("--accept"):
            path.write_text(text) if text else path.unlink(missing_ok=True)
        assert (path.read_text() if path.exists() else "") == text


CLEAN = [case for case in NAMES if (CASES / case / "expected.proto").is_file()]


@pytest.mark.parametrize("case", CLEAN)
@hypothesis.settings(max_examples=10, deadline=None, suppress_health_check=list(hypothesis.HealthCheck))
@hypothesis.given(data=st.data())
def test_its_values_come_back(case: str, data: st.DataObject) -> None:
    """Through bytes, and through JSON; and no rule refuses what satisfies it."""
    build = outcome(case).build
    assert build is not None
    method = build.graph.node("echo").methods[0]
    service = f"{case}.echo.v1.EchoService"
    codec = contracts(case).codec(service, method.rpc, method.params, None, method.result)
    sent = {name: data.draw(each) for name, each in given_to(case).items()}
    check = request_check(method.params)
    if check is not None:
        check(sent)
    assert alike(writable(codec.decode_request(codec.encode_request(sent))), sent)
    assert alike(writable(from_json(method.params, through_text(to_json(method.params, sent)))), sent)
    given = data.draw(given_back(case))
    assert alike(writable(codec.decode_response(codec.encode_response(given))), given)
    assert alike(writable(from_json(method.result, through_text(to_json(method.result, given)))), given)


TRANSPORTS = ("executor", "compiled", "contracts", "json")


@cache
def running(case: str, transport: str) -> LocalGraph:
    build = outcome(case).build
    assert build is not None
    if transport == "contracts":
        return LocalGraph(build.graph, [ThroughCodec(build.graph, build.plan.contract.descriptors.SerializeToString())])
    return LocalGraph(build.graph, engine="compiled" if transport == "compiled" else "executor")


@pytest.mark.parametrize("case", CLEAN)
@hypothesis.settings(max_examples=10, deadline=None, suppress_health_check=list(hypothesis.HealthCheck))
@hypothesis.given(data=st.data())
def test_a_graph_gives_back_what_it_gets(case: str, data: st.DataObject) -> None:
    """On every way through one process."""
    build = outcome(case).build
    assert build is not None
    (method,), route = build.graph.node("echo").methods, build.graph.routes[0]
    if len(method.params) != 1 or method.params[0].type != method.result:
        return
    request = build.graph.request(route)
    given = {name: data.draw(each) for name, each in asked_of(case).items()}
    record = request.record
    whole = record.construct(given) if record is not None else None
    for transport in TRANSPORTS:
        graph = running(case, transport)
        if transport == "json":
            what, asked = (request.params, given) if record is None else (record, whole)
            shown = graph.call_json(through_text(to_json(what, asked)), route=route.path)
            answer = writable(from_json(route.result, through_text(shown)))
        elif record is None:
            answer = graph(**given, route=route.path)
        else:
            answer = graph(whole, route=route.path)
        (sent,) = given.values()
        assert alike(answer, sent), transport


# Strategies are made once: that takes longer than a draw.


@cache
def given_to(case: str) -> dict[str, st.SearchStrategy[Any]]:
    build = outcome(case).build
    assert build is not None
    return {p.name: values(p.type) for p in build.graph.node("echo").methods[0].params}


@cache
def given_back(case: str) -> st.SearchStrategy[Any]:
    build = outcome(case).build
    assert build is not None
    return values(build.graph.node("echo").methods[0].result)


@cache
def asked_of(case: str) -> dict[str, st.SearchStrategy[Any]]:
    build = outcome(case).build
    assert build is not None
    return {p.name: values(p.type) for p in build.graph.request(build.graph.routes[0]).params}


@cache
def contracts(case: str) -> Contracts:
    build = outcome(case).build
    assert build is not None
    return Contracts(build.plan.contract.descriptors.SerializeToString())


def through_text(document: Any) -> Any:
    return json.loads(json.dumps(document))


@pytest.fixture(scope="session")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The files of every case that has a contract, as one project has them."""
    root = tmp_path_factory.mktemp("types")
    for case in NAMES:
        for file in outcome(case).files:
            path = root / file.path
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(file.content)
    return root


def test_buf_lint_finds_nothing(workspace: Path) -> None:
    buf = Path(sys.executable).with_name("buf")
    done = subprocess.run([buf, "lint"], cwd=workspace / "protos", capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr


def test_protoc_compiles_them(workspace: Path, tmp_path: Path) -> None:
    protos = workspace / "protos"
    files = [str(p.relative_to(protos)) for p in sorted(protos.rglob("*.proto")) if "third_party" not in p.parts]
    target = tmp_path / "all.binpb"
    roots = (protos, protos / "third_party", Path(grpc_tools.__file__).parent / "_proto")
    arguments = ["protoc", *(f"-I{root}" for root in roots), f"-o{target}", *files]
    assert protoc.main(arguments) == 0
    compiled = FileDescriptorSet.FromString(target.read_bytes())
    assert len(compiled.file) == len(files)


@pytest.mark.parametrize(
    ("trap", "line"),
    [
        ("an int in 32 bits", "optional int64 count = 1 "),
        ("a float in single precision", "optional double ratio = 2 "),
        ("repeated repeated", "repeated FloatList rows = 3;"),
        ("a map of repeated", "map<string, IntList> lists = 4;"),
        ("optional repeated", "IntList maybe = 5;"),
        ("repeated inside a oneof", "IntList either_int_list = 6 "),
        ("the values of a str enum as names", "COLOUR_RED = 1;"),
        ("an enum without a zero", "LEVEL_UNSPECIFIED = 0;"),
        ("a tuple as a list of its first", "optional string item_1 = 2 "),
        ("no Literal", '(buf.validate.field).string.in = "s",'),
        ("no Any", "google.protobuf.Value anything = "),
        ("a missing import", 'import "google/protobuf/timestamp.proto";'),
        ("constraints as comments", "(buf.validate.field).double.lte = 1.0,"),
        ("the docstring of the base class", "}\n\nmessage Undocumented {"),
    ],
)
def test_traps_of_other_mappers(trap: str, line: str) -> None:
    assert line in outcome("known_traps").proto("known_traps"), trap
