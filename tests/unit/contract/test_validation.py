"""Constraints in contracts: what is written comes back, and buf, protoc and protovalidate agree that it is right."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated, Any, Literal
from uuid import UUID

import protovalidate
import pytest
from annotated_types import Ge, Gt, Le, Len, Lt, MultipleOf
from google.protobuf.descriptor_pb2 import (
    DescriptorProto,
    FieldDescriptorProto,
    FileDescriptorProto,
    OneofDescriptorProto,
)
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.message_factory import GetMessageClass
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from protovalidate._gen.buf.validate import validate_pb
from pydantic import Field as PydanticField
from schema_samples import CIRCLE, INT, SQUARE, contract_of, pair, params
from tools import compiled, same_when_compiled

from meshgen import Float32, Int32
from meshgen.contract.build import build
from meshgen.contract.model import Contract, RpcSpec, ServiceSpec
from meshgen.contract.validation import (
    VALIDATE_PATH,
    VALIDATE_SOURCE,
    one_is_required,
    require_one,
    rules_of,
    set_rules,
    validate_file,
)
from meshgen.emit.proto import proto_files
from meshgen.emit.proto.options import with_options
from meshgen.errors import GraphError
from meshgen.schema.model import ListOf, Optional, Scalar, Type, Union, Unknown
from meshgen.schema.reflect.reflector import reflect
from meshgen.schema.rules import Rules

_LONG = st.integers(-(1 << 63), (1 << 63) - 1)
_SHORT = st.integers(-(1 << 31), (1 << 31) - 1)
_FLOATS = st.floats(allow_nan=False, allow_infinity=False)
_SIZES = st.integers(0, 5)
_MOMENTS = st.datetimes(datetime(1970, 1, 1), datetime(9999, 12, 30), timezones=st.just(UTC))
_PATTERNS = st.sampled_from(["^[a-z]+$", 'a"b', "\\d{2,3}\\.x", "(?i)é|\x07", "\t\n", "^(a|b)*$"])


@st.composite
def _bounded(draw: st.DrawFn, base: Any, bounds: st.SearchStrategy[Any]) -> Any:
    low, high = sorted((draw(bounds), draw(bounds)))
    lower = draw(st.sampled_from([Ge(low), Gt(low), None]))
    upper = draw(st.sampled_from([Le(high), Lt(high), None]))
    metadata = [bound for bound in (lower, upper) if bound]
    return Annotated[(base, *metadata)] if metadata else base


@st.composite
def _sized(draw: st.DrawFn, base: Any) -> Any:
    low, high = sorted((draw(_SIZES), draw(_SIZES)))
    return draw(st.sampled_from([base, Annotated[base, Len(low)], Annotated[base, Len(low, high)]]))


_SCALARS: st.SearchStrategy[Any] = st.one_of(
    _bounded(int, _LONG),
    _bounded(Annotated[int, Int32], _SHORT),
    _bounded(float, _FLOATS),
    _bounded(Annotated[float, Float32], st.floats(-1e30, 1e30)),
    _bounded(datetime, _MOMENTS),
    _bounded(timedelta, st.timedeltas(timedelta(-99), timedelta(99))),
    _sized(str),
    _sized(bytes),
    st.builds(lambda n: Annotated[int, MultipleOf(n)], st.integers(1, 99)),
    st.builds(lambda p: Annotated[str, PydanticField(pattern=p)], _PATTERNS),
    st.sampled_from([Annotated[float, PydanticField(allow_inf_nan=False)], UUID, bool]),
    st.sampled_from([Literal["a", 'q"\\', "ü\n"], Literal[1, -(1 << 63)]]),
)
_KEYS = st.one_of(_bounded(int, _LONG), _sized(str))
_ANNOTATIONS = st.one_of(
    _SCALARS,
    _SCALARS.map(lambda t: t | None),
    _SCALARS.flatmap(lambda t: _sized(list[t])),  # type: ignore[valid-type]
    _sized(frozenset[int]),
    st.tuples(_KEYS, _SCALARS).flatmap(lambda kv: _sized(dict[kv])),  # type: ignore[misc]
    st.tuples(_sized(str), _bounded(int, _LONG)).map(lambda ab: ab[0] | ab[1]),
)


@st.composite
def ruled_types(draw: st.DrawFn) -> Type:
    """Types as annotations give them; bounds that leave nothing are refused there."""
    type_ = reflect(draw(_ANNOTATIONS))
    return Scalar("int") if isinstance(type_, Unknown) else type_


def request_of(contract: Contract) -> DescriptorProto:
    return next(m for m in contract.files[0].message_type if m.name == "RunRequest")


@settings(max_examples=6, suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(st.lists(ruled_types(), min_size=20, max_size=30))
def test_any_rules_are_right_for_buf_protoc_and_protovalidate(types: list[Type]) -> None:
    contract = contract_of(params(**{f"p{i}": type_ for i, type_ in enumerate(types)}))
    with tempfile.TemporaryDirectory() as folder:
        same_when_compiled(Path(folder), contract)
    pool = DescriptorPool()
    for file in contract.descriptors.file:
        pool.Add(file)
    request = GetMessageClass(pool.FindMessageTypeByName("g.n.v1.RunRequest"))
    protovalidate.Validator().collect_violations(request())  # raises for rules that it cannot compile


RULES: list[tuple[Any, dict[str, Any]]] = [
    (int, {"required": True}),
    (int | None, {}),
    (Annotated[int, Ge(0)] | None, {"int64.gte": 0}),
    (Annotated[int, Int32, Gt(-1), Lt(5)], {"int32.lt": 5, "int32.gt": -1, "required": True}),
    (Annotated[int, Ge(3), Le(3)] | None, {"int64.const": 3}),
    (Annotated[float, Float32, Lt(0.5)] | None, {"float.lt": 0.5}),
    (Annotated[str, Len(2, 2)] | None, {"string.len": 2}),
    (Annotated[bytes, Len(0, 2)] | None, {"bytes.max_len": 2}),
    (Literal["a", "b"] | None, {"string.in": ("a", "b")}),
    (Literal[1, 2] | None, {"int64.in": (1, 2)}),
    (UUID | None, {"string.uuid": True}),
    (list[UUID], {"repeated.items.string.uuid": True}),
    (set[str], {"repeated.unique": True}),
    (set[UUID], {"repeated.unique": True, "repeated.items.string.uuid": True}),
    (frozenset[tuple[int, str]], {}),
    (Annotated[list[int], Len(1, 3)], {"repeated.min_items": 1, "repeated.max_items": 3}),
    (
        Annotated[dict[Annotated[str, Len(1)], Annotated[int, Ge(0)]], Len(1)],
        {"map.min_pairs": 1, "map.keys.string.min_len": 1, "map.values.int64.gte": 0},
    ),
    (
        Annotated[datetime, Gt(datetime(2020, 1, 1, tzinfo=UTC))] | None,
        {"timestamp.gt": datetime(2020, 1, 1, tzinfo=UTC)},
    ),
    (Annotated[timedelta, Le(timedelta(seconds=-1.5))] | None, {"duration.lte": timedelta(seconds=-1.5)}),
]


@pytest.mark.parametrize(("annotation", "rules"), RULES, ids=lambda v: str(v)[:60])
def test_what_a_type_states(annotation: Any, rules: dict[str, Any]) -> None:
    assert rules_of(request_of(contract_of(params(x=reflect(annotation)))).field[0]) == rules


def test_a_union_is_required_as_a_whole() -> None:
    text = Scalar("str", Rules(min_len=1))
    contract = contract_of(params(x=Union((CIRCLE, SQUARE)), y=Optional(Union((CIRCLE, text)))))
    message = request_of(contract)
    assert [(o.name, one_is_required(o)) for o in message.oneof_decl] == [("x", True), ("y", False)]
    assert [(f.name, rules_of(f)) for f in message.field] == [
        ("x_circle", {}),
        ("x_square", {}),
        ("y_circle", {}),
        ("y_str", {"string.min_len": 1}),
    ]


def test_a_message_of_a_list_states_what_all_its_users_ask() -> None:
    positive = Scalar("int", Rules(gt=0))
    contract = contract_of(params(x=ListOf(ListOf(positive)), y=Optional(ListOf(positive, "set"))))
    holder = next(m for m in contract.files[0].message_type if m.name == "IntList")
    assert rules_of(holder.field[0]) == {"repeated.items.int64.gt": 0}
    for other in (ListOf(ListOf(INT)), pair(Optional(ListOf(INT)))):
        with pytest.raises(GraphError, match="MG421"):
            contract_of(params(x=ListOf(ListOf(positive)), y=other))
    with pytest.raises(GraphError, match="'IntStrTuple' is used with other constraints"):
        contract_of(params(x=pair(positive, Scalar("str")), y=pair(INT, Scalar("str"))))


def test_services_have_constraints_of_their_own() -> None:
    rows = {"a": ListOf(ListOf(Scalar("int", Rules(gt=0)))), "b": ListOf(ListOf(INT))}
    specs = [ServiceSpec(node=n, rpcs=(RpcSpec(name="Run", params=params(x=t), result=INT),)) for n, t in rows.items()]
    files = build("g", specs, None).files
    holders = [next(m for m in file.message_type if m.name == "IntList") for file in files]
    assert [rules_of(holder.field[0]) for holder in holders] == [{"repeated.items.int64.gt": 0}, {}]


def test_what_the_contract_cannot_state_is_in_the_comment_and_a_warning() -> None:
    contract = contract_of(params(x=ListOf(Scalar("str", Rules(min_len=1, unmapped=("Predicate(islower)",))))))
    assert [d.code for d in contract.diagnostics] == ["MG420"]
    text = next(f.content.decode() for f in proto_files(contract) if f.path.endswith("n.proto"))
    assert "  // Also has to satisfy `Predicate(islower)`.\n  repeated string x = 1 [" in text


def test_text_of_rules() -> None:
    rules = {"string.in": ("a\\", 'b"\x00\n'), "required": True, "timestamp.gt": datetime(1970, 1, 1, tzinfo=UTC)}
    assert with_options("string x = 1", "buf.validate.field", {}) == ["string x = 1;"]
    assert with_options("string x = 1", "buf.validate.field", rules) == [
        "string x = 1 [",
        '  (buf.validate.field).string.in = "a\\\\",',
        '  (buf.validate.field).string.in = "b\\"\\x00\\n",',
        "  (buf.validate.field).required = true,",
        "  (buf.validate.field).timestamp.gt = {}",
        "];",
    ]


def test_rules_are_read_back_and_nothing_is_nothing() -> None:
    field, oneof = FieldDescriptorProto(), OneofDescriptorProto()
    set_rules(field, {})
    assert not field.HasField("options")
    assert (rules_of(field), one_is_required(oneof)) == ({}, False)
    rules = {"cel": ({"id": "multiple_of", "message": "m", "expression": "this % 2 == 0"},), "required": True}
    set_rules(field, rules)
    require_one(oneof)
    assert (rules_of(field), one_is_required(oneof)) == (rules, True)


def test_the_vendored_file_is_protovalidates(tmp_path: Path) -> None:
    (call,) = (
        node.value
        for node in ast.parse(Path(validate_pb.__file__).read_text()).body
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "_DESC"
    )
    assert isinstance(call, ast.Call)
    theirs = FileDescriptorProto.FromString(ast.literal_eval(call.args[0]))
    assert theirs == validate_file()
    assert list(compiled(VALIDATE_SOURCE.parents[2], VALIDATE_PATH).file) == [theirs]


OWN_COPY = """
from google.protobuf import descriptor_pb2, descriptor_pool, duration_pb2, field_mask_pb2, timestamp_pb2
from schema_samples import INT, contract_of, params
from meshgen.contract.validation import rules_of, validate_file
def rules():
    return rules_of(contract_of(params(x=INT)).files[0].message_type[0].field[0])
pool = descriptor_pool.Default()
assert rules() == {"required": True}
try:
    pool.FindFileByName("buf/validate/validate.proto")
except KeyError:
    pass
else:
    raise AssertionError("in the default pool")
other = descriptor_pb2.FileDescriptorProto()
other.CopyFrom(validate_file())
other.message_type[0].field.add(name="more", number=99, type="TYPE_STRING", label="LABEL_OPTIONAL")  # a later release
pool.Add(other)
pool.FindFileByName("buf/validate/validate.proto")
assert rules() == {"required": True}
"""


def test_a_program_may_have_its_own_copy_of_validate_proto() -> None:
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run([sys.executable, "-c", OWN_COPY], env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
