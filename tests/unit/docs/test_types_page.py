"""docs/types.md is true: each row of its tables is reflected, written into a contract, and read from JSON."""

from __future__ import annotations

import enum
import json
import re
import sys
import types
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Generic, TypeVar

import pydantic
import pytest
import torch
from annotated_types import Ge
from google.protobuf import json_format
from schema_samples import codec_of, contract_of, same

from meshgen.emit.proto import proto_text
from meshgen.schema.convert.json_value import from_json, to_json
from meshgen.schema.misfit import EncodeError
from meshgen.schema.model import Record, Unknown
from meshgen.schema.reflect.reflector import reflect, reflect_field
from meshgen.status import Internal, InvalidArgument

T = TypeVar("T")
PAGE = (Path(__file__).parents[3] / "docs/types.md").read_text()


@dataclass
class Label:
    text: str


@dataclass
class Box(Generic[T]):
    item: T


@dataclass
class Tree:
    children: list[Tree]


@dataclass
class Circle:
    radius: float


@dataclass
class Square:
    side: float


class Colour(enum.Enum):
    RED = 1


NAMES = {**globals()}
exec(
    """
import collections, enum
import numpy as np
import PIL.Image
import torch
from collections import OrderedDict, deque
from collections.abc import Generator, Iterator, Mapping, Sequence
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Annotated, Any, Literal
from uuid import UUID
from numpy.typing import NDArray
from meshgen import Float32, Int32, RenamedFrom
""",
    NAMES,
)


def rows(head: str) -> list[list[str]]:
    """The cells of the table with that head, without the code marks of the first."""
    table = PAGE[PAGE.index(head) :].split("\n\n")[0]
    cells = [re.split(r"(?<!\\) \| ", line.strip("| ")) for line in table.splitlines()[2:]]
    return [[cell.replace(r"\|", "|") for cell in row] for row in cells]


def code(cell: str) -> list[str]:
    return re.findall(r"`([^`]+)`", re.sub(r"\(.*\)$", "", cell))


MAPPED = [
    (name, code(proto)[0], code(sent)[0])
    for python, proto, sent in rows("| Python | proto3 |")
    for name in code(python)
]
_SHOWN = ("a ", "any ", "pydantic", "`inner", "`class")
"""Rows of what is refused that are no annotation."""


@pytest.mark.parametrize(("python", "proto", "sent"), MAPPED, ids=[row[0] for row in MAPPED])
def test_the_map(python: str, proto: str, sent: str) -> None:
    field = reflect_field("f", eval(python, NAMES))
    contract = contract_of((field,))
    (file,) = contract.files
    assert proto in one_line(proto_text(file, "a test"))
    if "…" in sent:
        return
    value = from_json((field,), json.loads(sent))
    codec = codec_of((field,))
    message = json_format.Parse(sent, codec.request_class())
    assert same(plain(codec.decode_request(message.SerializeToString())), plain(value))


def plain(values: dict[str, Any]) -> dict[str, Any]:
    return {name: value.numpy() if isinstance(value, torch.Tensor) else value for name, value in values.items()}


def one_line(proto: str) -> str:
    """The text without numbers, options and line breaks."""
    plain = re.sub(r" = \d+( \[.*?\])?;", ";", proto, flags=re.DOTALL)
    return re.sub(r"\s+", " ", plain.replace("option (buf.validate.oneof).required = true;", ""))


def refused() -> list[str]:
    first = [python for python, _ in rows("| Python | instead |")]
    found = [
        name
        for cell in first
        if not cell.startswith(("a ", "any ", "pydantic", "`inner", "`class"))
        for name in code(cell)
    ]
    return [f"Literal[{name}]" if name.startswith("Colour.") else name for name in found]


@pytest.mark.parametrize("python", refused())
def test_what_is_refused(python: str) -> None:
    found = reflect(eval(python, NAMES))
    assert isinstance(found, Unknown)
    assert found.hint


@dataclass
class Greeting:
    text: str
    length: int = field(init=False, default=0)

    def __post_init__(self) -> None:
        self.text = f"Dear {self.text}"


def test_a_record_is_made_anew_on_every_hop() -> None:
    assert "`__post_init__`" in PAGE
    codec = codec_of((reflect_field("f", Greeting),))
    sent = Greeting("you")
    sent.length = 3
    got = codec.decode_request(codec.encode_request({"f": sent}))["f"]
    assert (got.text, got.length) == ("Dear Dear you", 0)


def test_the_example_of_markers(monkeypatch: pytest.MonkeyPatch) -> None:
    (block,) = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    module = types.ModuleType("example_of_markers")
    monkeypatch.setitem(sys.modules, module.__name__, module)
    names = vars(module)
    exec(block, names)
    tag = reflect(names["Tag"])
    assert isinstance(tag, Record)
    assert (tag.name, [f.renamed_from for f in tag.fields]) == ("Label", ["name", "", "", ""])
    (file,) = contract_of((), result=tag).files
    assert "optional int32 count" in proto_text(file, "a test")
    batch = codec_of((), result=tag)
    shape = (1, 3, 224, 224)
    assert batch.encode_response(names["Tag"]("a", 1, 0.5, torch.zeros(shape)))
    for wrong in (torch.zeros(shape[1:]), torch.zeros(shape, dtype=torch.float64)):
        with pytest.raises(EncodeError, match="batch"):
            batch.encode_response(names["Tag"]("a", 1, 0.5, wrong))


class Model(pydantic.BaseModel):
    model_config = pydantic.ConfigDict(extra="forbid")

    even: int = pydantic.Field(default=2, alias="other", exclude=True)

    @pydantic.field_validator("even")
    @classmethod
    def _is_even(cls, value: int) -> int:
        if value % 2:
            raise ValueError("must be even")
        return value


def test_what_becomes_of_pydantics_own() -> None:
    field, result = reflect_field("f", Model), reflect(Model)
    assert from_json((field,), {"f": {"even": 4, "unknown": 1}}) == {"f": Model(other=4)}
    assert from_json((field,), {"f": {"other": 4}}) == {"f": Model(other=2)}
    codec = codec_of((field,), result=result)
    assert codec.decode_request(codec.encode_request({"f": Model(other=4)})) == {"f": Model(other=4)}
    odd = Model.model_construct(even=3)
    with pytest.raises(InvalidArgument, match="must be even"):
        codec.decode_request(codec.encode_request({"f": odd}))
    answer = codec.encode_response(odd)
    with pytest.raises(Internal, match="must be even"):
        codec.decode_response(answer)
    assert to_json(result, odd) == {"even": 3}  # in process nothing is decoded


def test_constraints_on_results_are_documentation() -> None:
    result = reflect(Annotated[int, Ge(0)])
    codec = codec_of(result=result)
    assert codec.decode_response(codec.encode_response(-1)) == -1


@pytest.mark.parametrize("annotation", [Annotated[bool, Ge(0)], Annotated[str, Ge("a")]], ids=str)
def test_a_constraint_that_is_not_meant_for_the_type_is_a_warning(annotation: Any) -> None:
    (found,) = contract_of((reflect_field("f", annotation),)).diagnostics
    assert (found.code, found.severity) == ("MG420", "warning")
