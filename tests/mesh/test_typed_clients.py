"""The conformance corpus through the typed clients that `meshgen build` writes, against a real mesh."""

from __future__ import annotations

import importlib.util
import sys
from functools import cache
from types import ModuleType
from typing import Any

import pytest
from running_mesh import MeshProcess
from test_conformance import Case, Outcome, build, local_graph, on

from meshgen.client import Client, Rpc
from meshgen.naming import pascal, snake
from meshgen.schema.convert.json_value import from_json, to_json
from meshgen.schema.model import Nothing, Record
from meshgen.schema.reflect.reflector import reflect
from meshgen.status import StatusError

pytestmark = pytest.mark.mesh


@cache
def module(graph: str) -> ModuleType:
    (file,) = [f for f in build(graph).files if f.path == f"services/{graph}/client.py"]
    spec = importlib.util.spec_from_loader(f"typed_client_of_{graph}", loader=None)
    assert spec is not None
    made = sys.modules[spec.name] = importlib.util.module_from_spec(spec)  # where annotations are resolved
    exec(compile(file.content, f"{spec.name}.py", "exec"), made.__dict__)
    return made


def answer(client: Client, rpc: Rpc[Any], method: str, case: Case) -> Outcome:
    request, result = reflect(rpc._request), reflect(rpc._result)
    assert isinstance(request, Record)
    try:
        arguments = from_json(request.fields, case.input)
    except StatusError as error:  # there is nothing that Python could send
        return Outcome(error=error.code, message=error.message)
    try:
        value = getattr(client, method)(**arguments, timeout_s=case.timeout_s or 30)
    except StatusError as error:
        found = tuple((v.field, v.description) for v in error.violations)
        return Outcome(error=error.code, message=error.message, violations=found or None, node=error.node)
    return Outcome({} if isinstance(result, Nothing) else to_json(result, value))


@on("grpc")
def test_a_typed_client_gets_what_the_corpus_says(case: Case, mesh: MeshProcess) -> None:
    try:
        route = local_graph(case.graph).route(case.route)
    except StatusError:
        pytest.skip("a client has no method for a route that does not exist")
    made = module(case.graph)
    rpc = next(r for r in vars(made).values() if isinstance(r, Rpc) and r.path.endswith(f"/{route.rpc}"))
    with getattr(made, f"{pascal(case.graph)}Client")(mesh.address) as client:
        case.check(answer(client, rpc, snake(route.rpc), case))
