"""The OpenAPI document: what it says of every type, and that a validator agrees."""

from __future__ import annotations

import dataclasses
import enum
import re
from dataclasses import dataclass
from typing import Any

import pytest
from google.protobuf.json_format import MessageToDict
from google.rpc.error_details_pb2 import BadRequest
from google.rpc.status_pb2 import Status

from meshgen.codec.grpc_status import encode
from meshgen.contract.build import build
from meshgen.contract.model import RpcSpec, ServiceSpec
from meshgen.emit.openapi import openapi_document, openapi_files
from meshgen.emit.openapi.model import Parameter, Schema, to_schema
from meshgen.plan.model import Mesh, Plan, RestRoute, Workload
from meshgen.schema.convert.json_value import from_json
from meshgen.schema.model import Field, Record
from meshgen.schema.reflect.reflector import reflect
from meshgen.status import InvalidArgument


class Colour(enum.Enum):
    RED = 1
    BLUE = 2


@dataclass
class Label:
    """A class of things."""

    name: str
    score: float | None
    colour: Colour = Colour.RED


@dataclass
class Everything:
    count: int
    ratio: float
    flag: bool
    text: str
    data: bytes
    labels: list[Label]
    by_name: dict[str, Label]
    rows: list[list[int]]
    note: str | None = None


def plan(cls: type[Any] = Everything) -> Plan:
    request = reflect(cls)
    assert isinstance(request, Record)
    rpc = RpcSpec(name="Run", params=request.fields, request_record=request, result=reflect(list[Label]), http="/s/run")
    other = RpcSpec(name="Other", params=(Field(name="x", type=reflect(int)),), result=reflect(None), http="/s/other")
    spec = ServiceSpec(node=None, rpcs=(rpc, other))
    service = "s.v1.SService"
    driver = Workload(node=None, application="s", service=service, rpcs=("Run", "Other"), package="s.v1", serve={})
    routes = tuple(RestRoute(path=f"/s/{r.lower()}", service=service, rpc=r) for r in driver.rpcs)
    mesh = Mesh(graph="s", source="graphs/s.py:app", driver=driver, nodes=(), routes=routes)
    return Plan(contract=build("s", [spec], None), mesh=mesh, version="1")


@pytest.fixture(scope="module")
def schemas() -> dict[str, Any]:
    found: dict[str, Any] = openapi_document(plan())["components"]["schemas"]
    return found


def test_the_document_is_valid() -> None:
    validator = pytest.importorskip("openapi_spec_validator")
    validator.validate(openapi_document(plan()))


def test_a_path_per_route() -> None:
    document = openapi_document(plan())
    assert list(document["paths"]) == ["/s/run", "/s/other"]
    operation = document["paths"]["/s/run"]["post"]
    assert operation["operationId"] == "Run"
    assert operation["requestBody"]["content"]["application/json"]["schema"]["$ref"].endswith("/s.v1.RunRequest")
    assert operation["responses"]["default"]["content"]["application/json"]["schema"]["$ref"].endswith("Status")


@pytest.mark.parametrize("timeout_s", [5.0, 60.0])
def test_the_default_deadline(timeout_s: float) -> None:
    built = plan()
    mesh = dataclasses.replace(built.mesh, driver=dataclasses.replace(built.mesh.driver, timeout_s=timeout_s))
    operation = openapi_document(dataclasses.replace(built, mesh=mesh))["paths"]["/s/run"]["post"]
    assert f" {timeout_s:g} seconds when it is left out" in operation["parameters"][0]["description"]
    (example,) = operation["responses"]["504"]["content"]["application/json"]["examples"].values()
    assert example["value"]["message"].endswith(f" {timeout_s:g} s")


def test_the_example_of_an_error_is_what_a_caller_gets() -> None:
    answer = openapi_document(plan())["paths"]["/s/run"]["post"]["responses"]["400"]
    (example,) = answer["content"]["application/json"]["examples"].values()
    with pytest.raises(InvalidArgument) as caught:
        from_json((Field(name="user_id", type=reflect(int)),), {})
    status = Status.FromString(encode(caught.value, graph="s", trace_id=""))
    assert example["value"]["message"] == status.message
    _, bad = status.details
    violations = BadRequest()
    assert bad.Unpack(violations)
    # As Envoy prints it: every plain field, empty or not.
    shown = MessageToDict(violations, preserving_proto_field_name=True, always_print_fields_with_no_presence=True)
    assert example["value"]["details"][1] == {"@type": bad.type_url, **shown}


def test_every_type(schemas: dict[str, Any]) -> None:
    properties = schemas["s.v1.RunRequest"]["properties"]
    label = {"$ref": "#/components/schemas/s.v1.Label"}
    bounds = {"minimum": 1 - 2**63, "maximum": 2**63 - 1}
    assert properties["count"] == {
        "type": ["string", "integer"],
        "format": "int64",
        "pattern": "^-?[0-9]{1,19}$",
        **bounds,
    }
    assert properties["ratio"] == {"type": "number", "format": "double"}
    assert properties["flag"] == {"type": "boolean"}
    assert properties["text"] == {"type": "string"}
    assert properties["data"].keys() == {"type", "contentEncoding", "pattern"}
    assert re.fullmatch(properties["data"]["pattern"], "YQ==")
    assert not re.fullmatch(properties["data"]["pattern"], "a")
    assert properties["labels"] == {"type": ["array", "null"], "items": label}
    assert properties["by_name"] == {"type": ["object", "null"], "additionalProperties": label}
    assert properties["rows"]["type"] == ["array", "null"]
    assert properties["rows"]["items"]["$ref"].removeprefix("#/components/schemas/") in schemas
    assert schemas["s.v1.Colour"]["enum"] == ["COLOUR_RED", "COLOUR_BLUE"]
    assert schemas["s.v1.Label"]["description"] == "A class of things."


def test_what_a_caller_must_send(schemas: dict[str, Any]) -> None:
    assert schemas["s.v1.RunRequest"]["required"] == ["count", "ratio", "flag", "text", "data"]
    assert schemas["s.v1.Label"]["required"] == ["name"]
    assert "required" not in schemas["s.v1.OtherResponse"]


def test_the_file_is_named_and_marked() -> None:
    (file,) = openapi_files(plan())
    assert file.path == "envoy/s/openapi.yaml"
    assert file.content.startswith(b"# Generated by meshgen 1 from graphs/s.py:app. DO NOT EDIT.\nopenapi: 3.1.0\n")


def test_objects_become_plain_data_with_the_spellings_of_the_specification() -> None:
    parameter = Parameter(name="x", in_="header", description="d", schema=Schema(ref="#/a", content_encoding="base64"))
    assert to_schema(parameter) == {
        "name": "x",
        "in": "header",
        "description": "d",
        "schema": {"$ref": "#/a", "contentEncoding": "base64"},
        "required": False,
    }
