"""What a field's comment says below its docstring: what the annotation asks for and the wire type cannot show."""

from __future__ import annotations

from collections.abc import Iterator

from meshgen.contract.constraints import unstated_rules
from meshgen.schema.model import Field, ListOf, MapOf, Optional, Tensor, Type, Union


def field_comment(field: Field) -> str:
    """The docstring of a field, then one line for each tensor with a known dtype or shape, and for what is unstated."""
    asked = (f"Also has to satisfy `{text}`." for text in unstated_rules(field.type))
    lines = [*map(_tensor, _tensors(field.type)), *asked]
    return "\n".join(filter(None, (field.doc, *dict.fromkeys(lines))))


def _tensors(type_: Type) -> Iterator[Tensor]:
    match type_:
        case Tensor():
            yield type_
        case Optional(item=inner) | ListOf(item=inner) | MapOf(value=inner):
            yield from _tensors(inner)
        case Union(members=members):
            for member in members:
                yield from _tensors(member)
        case _:
            pass


def _tensor(tensor: Tensor) -> str:
    shape = tensor.shape
    parts = [] if tensor.dtype is None else [f"Elements: {tensor.dtype}."]
    if shape is not None:
        parts.append(f"Shape: ({', '.join('any' if n is None else str(n) for n in shape)}).")
    return " ".join(parts)
