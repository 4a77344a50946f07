"""The REST side of graphs as OpenAPI 3.1 documents."""

from __future__ import annotations

from meshgen.emit.openapi.document import openapi_document, openapi_files
from meshgen.emit.openapi.merge import merged_openapi

__all__ = ["merged_openapi", "openapi_document", "openapi_files"]
