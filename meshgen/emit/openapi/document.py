"""REST routes → paths with their requests, responses and errors."""

from __future__ import annotations

from typing import Any

from meshgen.contract.names import request, response
from meshgen.emit.openapi.errors import STATUS, STATUS_SCHEMA, error_responses
from meshgen.emit.openapi.messages import Messages, reference
from meshgen.emit.openapi.model import (
    Components,
    Example,
    Info,
    MediaType,
    OpenApi,
    Operation,
    Parameter,
    PathItem,
    RequestBody,
    Response,
    Schema,
    Server,
    to_schema,
)
from meshgen.emit.output.document import to_yaml
from meshgen.emit.output.files import GeneratedFile
from meshgen.emit.output.header import header
from meshgen.plan.model import Plan, RestRoute

_JSON = "application/json"
_LOCAL = Server(url="http://127.0.0.1:8080", description="`meshgen run` on this machine")


def openapi_files(plan: Plan) -> tuple[GeneratedFile, ...]:
    """`envoy/<graph>/openapi.yaml`."""
    text = to_yaml(openapi_document(plan), header=header(plan))
    return (GeneratedFile.text(f"envoy/{plan.mesh.graph}/openapi.yaml", text),)


def openapi_document(plan: Plan) -> dict[str, Any]:
    """The document as plain data."""
    package = plan.mesh.driver.package
    messages = Messages(plan.contract)
    roots = [f"{package}.{name(route.rpc)}" for route in plan.mesh.routes for name in (request, response)]
    schemas = {**messages.reachable(roots), STATUS: STATUS_SCHEMA}
    document = OpenApi(
        info=Info(
            title=plan.mesh.graph, version=package.rsplit(".", 1)[-1], description=plan.mesh.driver.summary or None
        ),
        servers=(_LOCAL,),
        paths={route.path: PathItem(post=_operation(plan, route)) for route in plan.mesh.routes},
        components=Components(schemas=schemas),
    )
    data: dict[str, Any] = to_schema(document)
    return data


def _operation(plan: Plan, route: RestRoute) -> Operation:
    package = plan.mesh.driver.package
    body = MediaType(schema=reference(f"{package}.{request(route.rpc)}"), examples=_examples(route))
    return Operation(
        operation_id=route.rpc,
        tags=(plan.mesh.graph,),
        summary=_summary(plan, route) or None,
        description=f"The same as the gRPC method `/{route.service}/{route.rpc}`.",
        parameters=(_deadline(plan.mesh.driver.timeout_s), _TRACE),
        request_body=RequestBody(content={_JSON: body}),
        responses={
            "200": Response(description="The answer.", content=_json(reference(f"{package}.{response(route.rpc)}"))),
            **error_responses(plan.mesh.graph, plan.mesh.driver.timeout_s),
        },
    )


def _summary(plan: Plan, route: RestRoute) -> str:
    """Of a graph with one route the graph's own words; else those of the method that answers."""
    first, second = plan.mesh.driver.summary, route.summary
    return first or second if len(plan.mesh.routes) == 1 else second or first


def _examples(route: RestRoute) -> dict[str, Example] | None:
    return {f"example {i}": Example(value=body) for i, body in enumerate(route.examples, 1)} or None


def _json(schema: Schema) -> dict[str, MediaType]:
    return {_JSON: MediaType(schema=schema)}


def _deadline(default_s: float) -> Parameter:
    text = (
        f"How long the answer may take: `500m` is half a second, `10S` ten. {default_s:g} seconds when it is left out."
    )
    schema = Schema(type="string", pattern="^[0-9]{1,8}[HMSmun]$")
    return Parameter(name="grpc-timeout", in_="header", description=text, schema=schema)


_TRACE = Parameter(
    name="traceparent",
    in_="header",
    description="W3C trace context; the request's spans continue this trace.",
    schema=Schema(type="string"),
)
