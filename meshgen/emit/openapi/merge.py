"""One OpenAPI document for several graphs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

from meshgen.emit.openapi.document import openapi_document
from meshgen.emit.openapi.model import OPENAPI_VERSION
from meshgen.emit.output.document import Document
from meshgen.plan.model import Plan


def merged_openapi(plans: Sequence[Plan]) -> Document:
    """The REST routes of all graphs, for the address at which the document itself is found.

    Paths and schemas of graphs differ, as paths and packages do; what they share is the same in each. Operations are
    called `<graph>_<Rpc>`.
    """
    documents = {plan.mesh.graph: openapi_document(plan) for plan in plans}
    schemas: Document = {}
    for document in documents.values():
        schemas |= document["components"]["schemas"]
    schemas = _told_apart(schemas)
    return {
        "openapi": OPENAPI_VERSION,
        "info": {
            "title": ", ".join(documents),
            "version": "v1",
            "description": "REST routes of this mesh. The same calls are there by gRPC, with reflection.",
        },
        "servers": [{"url": "/"}],
        "tags": [_tag(graph, document) for graph, document in documents.items()],
        "paths": {path: item for graph, document in documents.items() for path, item in _paths(graph, document)},
        "components": {"schemas": dict(sorted(schemas.items()))},
    }


def _told_apart(schemas: Document) -> Document:
    """Schemas that have one title take their full name instead: pages show titles."""
    titles = Counter(schema.get("title") for schema in schemas.values())
    shared = {title for title, times in titles.items() if times > 1}
    return {name: {**s, "title": name} if s.get("title") in shared else s for name, s in schemas.items()}


def _tag(graph: str, document: Document) -> Document:
    description = document["info"].get("description")
    return {"name": graph, **({"description": description} if description else {})}


def _paths(graph: str, document: Document) -> list[tuple[str, Any]]:
    return [
        (path, {method: {**operation, "operationId": f"{graph}_{operation['operationId']}"}})
        for path, item in document["paths"].items()
        for method, operation in item.items()
    ]
