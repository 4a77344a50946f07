"""The REST side of a graph as an OpenAPI 3.1 document."""

from __future__ import annotations

from meshgen.emit.openapi.document import openapi_document, openapi_files

__all__ = ["openapi_document", "openapi_files"]
