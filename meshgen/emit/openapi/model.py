"""The OpenAPI 3.1 objects that meshgen uses, and one function that turns any of them into plain data.

Source: https://spec.openapis.org/oas/v3.1.1. Fields have the specification's names in snake case.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

OPENAPI_VERSION = "3.1.0"


@dataclass(frozen=True, slots=True, kw_only=True)
class Schema:
    """A JSON Schema (draft 2020-12), or a reference to one."""

    ref: str | None = None
    title: str | None = None
    type: str | tuple[str, ...] | None = None
    format: str | None = None
    content_encoding: str | None = None
    description: str | None = None
    enum: tuple[str | int | None, ...] | None = None
    const: float | None = None
    minimum: float | None = None
    maximum: float | None = None
    exclusive_minimum: float | None = None
    exclusive_maximum: float | None = None
    min_length: int | None = None
    max_length: int | None = None
    pattern: str | None = None
    items: Schema | None = None
    min_items: int | None = None
    max_items: int | None = None
    unique_items: bool | None = None
    properties: Mapping[str, Schema] | None = None
    additional_properties: Schema | None = None
    property_names: Schema | None = None
    min_properties: int | None = None
    max_properties: int | None = None
    required: tuple[str, ...] | None = None
    one_of: tuple[Schema, ...] | None = None
    all_of: tuple[Schema, ...] | None = None
    any_of: tuple[Schema, ...] | None = None
    not_: Schema | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Example:
    """A body as it may be; plain data."""

    value: Any


@dataclass(frozen=True, slots=True, kw_only=True)
class MediaType:
    """A body in one media type."""

    schema: Schema
    examples: Mapping[str, Example] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestBody:
    """What a client posts."""

    content: Mapping[str, MediaType]
    required: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Response:
    """What comes back."""

    description: str
    content: Mapping[str, MediaType]


@dataclass(frozen=True, slots=True, kw_only=True)
class Parameter:
    """A header, here."""

    name: str
    in_: str
    description: str
    schema: Schema
    required: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """One method of one path."""

    operation_id: str
    tags: tuple[str, ...]
    summary: str | None
    description: str | None
    parameters: tuple[Parameter, ...]
    request_body: RequestBody
    responses: Mapping[str, Response]


@dataclass(frozen=True, slots=True, kw_only=True)
class PathItem:
    """One path."""

    post: Operation


@dataclass(frozen=True, slots=True, kw_only=True)
class Info:
    """What the document is about."""

    title: str
    version: str
    description: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    """Where the front answers."""

    url: str
    description: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Components:
    """Schemas by name."""

    schemas: Mapping[str, Schema]


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenApi:
    """The document."""

    openapi: str = OPENAPI_VERSION
    info: Info
    servers: tuple[Server, ...]
    paths: Mapping[str, PathItem]
    components: Components


_SPELLINGS = {"ref": "$ref", "in_": "in", "not_": "not"}


def to_schema(value: Any) -> Any:
    """Any of the objects as plain data; None is left out. Keys of mappings are data and keep their spelling."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        items = ((f.name, getattr(value, f.name)) for f in dataclasses.fields(value))
        return {_spelled(name): to_schema(item) for name, item in items if item is not None}
    if isinstance(value, Mapping):
        return {key: to_schema(item) for key, item in value.items()}
    if isinstance(value, tuple):
        return [to_schema(item) for item in value]
    return value


def _spelled(name: str) -> str:
    first, *rest = name.split("_")
    return _SPELLINGS.get(name) or first + "".join(word.capitalize() for word in rest)
