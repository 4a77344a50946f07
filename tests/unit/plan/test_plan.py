"""Options, names and paths of a graph, and what it lowers to."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from meshgen.codes import CODES
from meshgen.errors import Diagnostic
from meshgen.graph.model import Graph, GraphInput, Method, Node, Options, Route
from meshgen.graph.policy import Policy
from meshgen.graph.steps import Call, Input, Result
from meshgen.plan.diagram import diagram
from meshgen.plan.lower import lower, mesh, rest_path, services
from meshgen.plan.model import RestRoute
from meshgen.plan.options import deployment_options
from meshgen.plan.verify import verify_graph, verify_plan
from meshgen.schema.model import Field, Scalar, Unknown

FLOAT = Scalar("float")


def given(**options: Any) -> Options:
    """Options as a graph gives them: ours belong to the policy."""
    policy = {name: options.pop(name) for name in ("idempotent", "timeout_s") if name in options}
    return Options(**options, policy=Policy(**policy))


def node(name: str = "model", *, methods: tuple[str, ...] = ("Forward",), **options: Any) -> Node:
    published = (Method(name=m.lower(), rpc=m, params=(Field(name="x", type=FLOAT),), result=FLOAT) for m in methods)
    return Node(name=name, kind="class", target=object, methods=tuple(published), options=given(**options))


def graph(
    *nodes: Node, name: str = "sample", prefix: str = "/sample", paths: tuple[str, ...] = ("/",), **options: Any
) -> Graph:
    nodes = nodes or (node(),)
    take = GraphInput(params=(Field(name="x", type=FLOAT),))
    routes = (
        Route(path=p, rpc=f"Predict{i or ''}", input=take, output=Result(0, type=FLOAT), result=FLOAT)
        for i, p in enumerate(paths)
    )
    call = Call(id=0, node=nodes[0].name, method="forward", args=(("x", Input(type=FLOAT)),), result=FLOAT)
    return Graph(
        name=name,
        nodes=nodes,
        steps=(call,),
        routes=tuple(routes),
        route_prefix=prefix,
        options=given(**options),
        source="graphs/sample.py:app",
        doc="First line.\n\nMore.",
    )


def codes(problems: tuple[Diagnostic, ...]) -> list[str]:
    assert all(p.code in CODES for p in problems)
    return [p.code for p in problems]


def only(problems: tuple[Diagnostic, ...], code: str) -> Diagnostic:
    assert codes(problems) == [code]
    return problems[0]


def test_a_plain_graph_has_no_problems() -> None:
    assert verify_graph(graph()) == ()


@pytest.mark.parametrize(
    ("serve", "code", "words"),
    [
        ({"num_replica": 2}, "MG501", "num_replica"),
        ({"version": "1"}, "MG502", "version"),
        ({"num_replicas": 0}, "MG503", "num_replicas"),
        ({"num_replicas": True}, "MG503", "num_replicas"),
        ({"num_replicas": "many"}, "MG503", "'many'"),
        ({"max_ongoing_requests": 0}, "MG503", "max_ongoing_requests"),
        ({"max_queued_requests": 0}, "MG503", "max_queued_requests"),
        ({"health_check_period_s": "often"}, "MG503", "'often'"),
        ({"num_replicas": 2, "autoscaling_config": {"min_replicas": 1}}, "MG504", "autoscaling_config"),
        ({"autoscaling_config": {"min_replicas": 0}}, "MG505", "min_replicas"),
        ({"autoscaling_config": {"target_ongoing_requests": 4}}, "MG506", "never scale up"),
        ({"user_config": {"model": object()}}, "MG508", "`user_config['model']`"),
        ({"user_config": {1: 2}}, "MG508", "`user_config[1]`"),
    ],
)
def test_options_that_are_wrong(serve: Mapping[str, Any], code: str, words: str) -> None:
    for sample in (graph(node(serve=serve)), graph(serve=serve)):
        if code == "MG506" and sample.options.serve:
            continue  # a driver runs a hundred requests at once
        problem = only(verify_graph(sample), code)
        assert words in problem.message
        assert problem.severity == ("warning" if code == "MG506" else "error")


def test_a_misspelt_option_gets_a_suggestion() -> None:
    assert "`num_replicas`" in only(verify_graph(graph(node(serve={"num_replica": 2}))), "MG501").hint


@pytest.mark.parametrize("timeout", [0, -1.0, "1s"])
def test_a_timeout_is_above_zero(timeout: Any) -> None:
    assert "timeout_s" in only(verify_graph(graph(node(timeout_s=timeout))), "MG503").message


def test_all_problems_come_at_once() -> None:
    bad = graph(node(serve={"x": 1, "num_replicas": 0}), prefix="/{a}")
    assert codes(verify_graph(bad)) == ["MG501", "MG503", "MG510"]


@pytest.mark.parametrize("name", ["driver", "front", "google", "meshgen", "v1"])
def test_reserved_names(name: str) -> None:
    assert name in only(verify_graph(graph(name=name)), "MG509").message
    assert name in only(verify_graph(graph(node(name))), "MG509").message


@pytest.mark.parametrize("name", ["buf", "grpc"])
def test_names_that_only_nodes_may_have(name: str) -> None:
    assert name in only(verify_graph(graph(name=name)), "MG509").message
    assert codes(verify_graph(graph(node(name)))) == []


def test_reserved_and_equal_rpcs() -> None:
    assert "Check" in only(verify_graph(graph(node(methods=("Check",)))), "MG509").message
    assert "Run" in only(verify_graph(graph(node(methods=("Run", "Run")))), "MG507").message


@pytest.mark.parametrize(
    ("prefix", "paths", "words"),
    [
        ("/a", ("/x", "/x/"), "two routes"),
        ("/{a}", ("/",), "cannot be"),
        ("/a*", ("/",), "cannot be"),
        ("a", ("/",), "cannot be"),
        ("", ("/healthz",), "the front's own"),
    ],
)
def test_rest_paths_that_are_wrong(prefix: str, paths: tuple[str, ...], words: str) -> None:
    assert words in only(verify_graph(graph(prefix=prefix, paths=paths)), "MG510").message


@pytest.mark.parametrize(
    ("prefix", "path", "expected"),
    [("/a", "/", "/a"), ("/a", "/b", "/a/b"), ("", "/", "/"), ("", "/b", "/b"), ("/a/b", "/c/d", "/a/b/c/d")],
)
def test_rest_paths(prefix: str, path: str, expected: str) -> None:
    sample = graph(prefix=prefix, paths=(path,))
    assert rest_path(sample, sample.routes[0]) == expected
    assert verify_graph(sample) == ()


def test_defaults_stand_under_the_users_options() -> None:
    chosen = deployment_options(Options(serve={"num_replicas": 3, "logging_config": {"log_level": "DEBUG"}}))
    assert chosen["num_replicas"] == 3
    assert chosen["logging_config"] == {"enable_access_log": False, "log_level": "DEBUG"}
    assert chosen["max_surge_percent"] == 100
    assert chosen["max_queued_requests"] > 0
    assert list(chosen) == sorted(chosen)


def test_a_range_of_replicas_replaces_the_number() -> None:
    assert "num_replicas" not in deployment_options(Options(serve={"autoscaling_config": {"min_replicas": 1}}))


def test_a_mesh() -> None:
    shape = mesh(graph(node("b"), node("a"), paths=("/x", "/y")))
    assert [w.application for w in shape.workloads] == ["sample", "sample-a", "sample-b"]
    assert shape.driver.service == "sample.v1.SampleService"
    assert shape.driver.rpcs == ("Predict", "Predict1")
    assert shape.driver.summary == "First line."
    assert shape.routes[1] == RestRoute(path="/sample/y", service="sample.v1.SampleService", rpc="Predict1")


def test_one_node_that_must_run_once_makes_the_driver_so() -> None:
    assert mesh(graph(node(idempotent=True))).driver.idempotent
    shape = mesh(graph(node(idempotent=False)))
    assert not shape.driver.idempotent
    assert not shape.nodes[0].idempotent


def test_a_plan() -> None:
    sample = graph()
    plan = lower(sample, None, "1.0")
    assert [f.name for f in plan.contract.files] == ["sample/v1/sample.proto", "sample/model/v1/model.proto"]
    assert verify_plan(plan) == ()
    assert [s.node for s in services(sample)] == [None, "model"]


def test_a_diagram_without_annotations() -> None:
    take = GraphInput(params=(Field(name="x", type=Unknown()),))
    plain = Method(name="run", rpc="Run", params=take.params, result=Unknown())
    run = Node(name="run", kind="function", target=object, methods=(plain,), may_call=("other",))
    other = Node(name="other", kind="class", target=object, methods=())
    sample = Graph(
        name="plain",
        nodes=(run, other),
        steps=(Call(id=0, node="run", method="run", args=(("x", Input()),), result=Unknown()),),
        routes=(Route(path="/", rpc="Predict", input=take, output=Result(0), result=Unknown()),),
        route_prefix="/plain",
    )
    drawn = diagram(sample)
    assert [(n.label, n.kind) for n in drawn.nodes] == [
        ("x", "input"),
        ("run", "node"),
        ("other", "node"),
        ("Predict", "output"),
    ]
    assert [(e.source, e.target, e.label, e.kind) for e in drawn.edges] == [
        ("input", "step_0", "", "data"),
        ("step_0", "output_0", "", "data"),
        ("step_0", "node_other", "may call", "may_call"),
    ]
