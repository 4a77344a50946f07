"""Schemathesis reads the OpenAPI document, and tries on each route what it says and what it does not, with all checks.

What a graph refuses by its own code is no fault, nor is what JSON Schema has no words for.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest
import schemathesis
from hypothesis import HealthCheck, settings
from schemathesis.core.failures import AcceptedNegativeData, FailureGroup, ServerError
from schemathesis.openapi.checks import RejectedPositiveData

if TYPE_CHECKING:
    from running_mesh import MeshProcess

pytestmark = pytest.mark.mesh
TRIED = (
    r"^/(quickstart|shop/orders|border/.*|large/.*|probe/where|gauntlet/(echo|map|index|switch|picture|tensor|whoami))$"
)
"""The others take the same requests, take as long as they are told, or always fail."""
CASES = 5
"""On each route, beside the examples and some dozens that go through the document's rules one by one."""

OWN_BUGS = {"swap", "tensors", "loose"}
"""Nodes that cannot work with every request that the contract takes."""
UNSAID = re.compile(
    r"^(\w+\.)?(tensor|pairs|picture)\."  # as many elements as the shape says; the dtype that one field asks for
    r"|must be (a multiple of|(at least|at most|greater than|less than) \S+)"  # a number that is sent as a text
    r"|must be a date that exists|is out of range"
    r"|invalid value \"-?\d{19,20}\" for type TYPE_U?INT64"  # a pattern for just these would fill a page
    r"|must have no element twice"
)
"""Rules of contracts that a schema cannot state."""
LAX = re.compile(r"Array with invalid items|Incorrect type")
"""Envoy's transcoder takes a few things that nobody writes (see `meshgen.schema.convert.json_value`): nulls in lists,
one element for a list of one."""


@pytest.fixture(scope="module")
def rest(mesh: MeshProcess) -> Any:
    """The document without its deadlines: those of a nanosecond would leave nothing else to be seen."""
    document = mesh.get("/openapi.json").body
    for item in document["paths"].values():
        kept = [p for p in item["post"]["parameters"] if p["name"] != "grpc-timeout"]
        item["post"]["parameters"] = kept
    return schemathesis.openapi.from_dict(document)


schema = schemathesis.pytest.from_fixture("rest").include(path_regex=TRIED)


@schema.parametrize()
@settings(max_examples=CASES, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True, database=None)
def test_a_route_does_what_the_document_says(case: Any, mesh: MeshProcess) -> None:
    reply = case.call(base_url=f"http://{mesh.address}", timeout=60)
    try:
        case.validate_response(reply)
    except FailureGroup as group:
        faults = [failure for failure in group.exceptions if not _excused(failure, reply)]
        if faults:
            pytest.fail("\n".join([*map(str, faults), reply.text[:1000], case.as_curl_command()[:2000]]), pytrace=False)


def _excused(failure: BaseException, reply: Any) -> bool:
    body = reply.json() if reply.content else {}
    match failure:
        case RejectedPositiveData():
            return _of_a_node(body) or UNSAID.search(body["message"]) is not None
        case AcceptedNegativeData():
            return LAX.search(failure.message) is not None
        case ServerError():
            return _node(body) in OWN_BUGS
        case _:
            return False


def _of_a_node(body: Any) -> bool:
    """Whether user code said no: a node, or what the graph does with the request."""
    return _node(body) != ""


def _node(body: Any) -> str:
    return "".join(d["metadata"].get("node", "") for d in body["details"] if "metadata" in d)
