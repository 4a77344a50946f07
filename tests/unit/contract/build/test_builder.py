from __future__ import annotations

import enum
import keyword
import os
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

import pytest
from google.protobuf.descriptor_pool import DescriptorPool
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from schema_samples import (
    ANY,
    BOX,
    CIRCLE,
    DATE,
    DATETIME,
    DECIMAL,
    FLOAT,
    FLOAT32,
    INT,
    INT32,
    LABEL,
    POINT,
    SHAPE,
    SQUARE,
    STR,
    TIMEDELTA,
    TREE,
    UUID,
    Color,
    HTTPMode,
    contract_of,
    enum_of,
    pair,
    params,
    typed_fields,
)
from tools import PROTOS, compiled, same_when_compiled

from meshgen.contract.build import build
from meshgen.contract.lock import dump_lock
from meshgen.contract.model import Contract, RpcSpec, ServiceSpec
from meshgen.emit.proto import buf_settings, proto_files, shared_proto_files
from meshgen.errors import GraphError
from meshgen.schema.model import (
    Choice,
    EnumOf,
    Field,
    Image,
    ListOf,
    MapOf,
    Nothing,
    Optional,
    Record,
    Scalar,
    Tensor,
    Type,
    Union,
    Unknown,
)


class YOLOv8Size(enum.Enum):
    n = 1
    extraLarge = 2
    odd__one_ = 3


class PredictRequest:
    pass


def record(name: str, *fields: Field, doc: str = "") -> Record:
    return Record(name=name, kind="dataclass", python=type(name, (), {}), fields=fields, doc=doc)


def text_of(contract: Contract) -> str:
    """The node's file."""
    return next(f.content.decode() for f in proto_files(contract) if f.path == "protos/g/n/v1/n.proto")


KEYWORDS = [*keyword.kwlist, "message", "optional", "repeated", "reserved", "map", "rpc", "import", "syntax", "oneof",
            "enum", "service", "option", "extend", "to", "max", "inf", "nan", "bool", "string", "int64"]  # fmt: skip

AWKWARD = Record(
    name="PredictRequest", kind="dataclass", python=PredictRequest, fields=params(x=INT), doc="Named alike."
)
ENTRY = record("LabelsEntry", Field(name="labels", type=MapOf(STR, INT)))

SHAPES: dict[str, Type] = {
    "list_of_lists": ListOf(ListOf(ListOf(FLOAT))),
    "tuple_of_lists": ListOf(ListOf(ListOf(FLOAT), "tuple"), "set"),
    "optional_list": Optional(ListOf(INT)),
    "optional_map": Optional(MapOf(STR, ListOf(INT))),
    "list_of_optional": ListOf(Optional(INT)),
    "map_of_map": MapOf(INT, MapOf(Scalar("bool"), LABEL)),
    "choice": Choice(("a", "b")),
    "enums": ListOf(EnumOf(Color)),
    "enum": Optional(EnumOf(YOLOv8Size)),
    "mode": EnumOf(HTTPMode),
    "fixed": pair(INT, STR),
    "images": MapOf(STR, ListOf(Image())),
    "tensor": Tensor("numpy"),
    "point": POINT,
    "box": BOX,
    "own_request": AWKWARD,
    "entry": ENTRY,
    "shape": Union((CIRCLE, SQUARE, LABEL, ListOf(INT), Choice(("a", "b")), MapOf(STR, FLOAT))),
    "maybe_shape": Optional(SHAPE),
    "shapes": ListOf(Optional(Union((CIRCLE, INT)))),
    "shape_map": MapOf(STR, ListOf(SHAPE)),
    "tree": TREE,
    "trees": ListOf(ListOf(TREE)),
    "anything": ANY,
    "loose": MapOf(STR, ANY),
    "narrow": MapOf(INT32, FLOAT32),
    "at": Optional(DATETIME),
    "spans": ListOf(TIMEDELTA),
    "day": DATE,
    "price": DECIMAL,
    "uuids": ListOf(ListOf(UUID)),
    "levels": ListOf(Choice((1, -2)), "set"),
}


def awkward() -> Contract:
    driver = ServiceSpec(
        node=None,
        doc="Says */ and // and\ttabs.\n\n    Indented.   \n",
        rpcs=(
            RpcSpec(name="Predict", params=params(**SHAPES), result=LABEL, http="/quickstart", doc="Runs it."),
            RpcSpec(name="Labels", params=(), request_record=AWKWARD, result=ListOf(LABEL), http="/quickstart/labels"),
        ),
    )
    names = [f"{word}_" if i % 2 else word for i, word in enumerate(KEYWORDS)]
    node = ServiceSpec(
        node="yolov8_size",
        rpcs=(
            RpcSpec(name="Call", params=params(**dict.fromkeys(names, INT)), result=Nothing()),
            RpcSpec(
                name="Other",
                params=params(
                    user_ID=INT, _private=STR, trailing_=Optional(LABEL), a__b=FLOAT, labels=MapOf(STR, LABEL), e=ENTRY
                ),
                result=Optional(ListOf(LABEL)),
            ),
        ),
    )
    return build("quickstart", [node, driver], None)


def test_text_is_clean_and_means_the_same(tmp_path: Path) -> None:
    same_when_compiled(tmp_path, awkward())


@settings(max_examples=5, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large], deadline=None)
@given(st.lists(typed_fields(), min_size=4, max_size=8))
def test_text_of_any_types_is_clean_and_means_the_same(drawn: list[tuple[tuple[Field, ...], object]]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        same_when_compiled(Path(folder), *(contract_of(fields, graph=f"g{i}") for i, (fields, _) in enumerate(drawn)))


@pytest.mark.parametrize("graph", ["g", "google", "buf", "meshgen"])
def test_nodes_may_be_called_like_packages(tmp_path: Path, graph: str) -> None:
    types = params(at=DATETIME, tensor=Tensor("numpy"), option=SHAPE, message=Optional(Union((INT, STR))))
    rpc = RpcSpec(name="Run", params=types, result=DATE, http="/x")
    nodes = (None, "google", "buf", "meshgen", "protobuf")
    same_when_compiled(tmp_path, build(graph, [ServiceSpec(node=n, rpcs=(rpc,)) for n in nodes], None))


def test_a_oneof_grows_and_shrinks(tmp_path: Path) -> None:
    first = contract_of(params(shape=Union((CIRCLE, INT)), y=INT))
    second = contract_of(params(y=INT, shape=Union((STR, CIRCLE, LABEL))), lock=first.lock)
    same_when_compiled(tmp_path, second)
    assert (
        "message RunRequest {"
        """
  reserved 2;
  reserved "shape_int";
  oneof shape {
    option (buf.validate.oneof).required = true;
    Circle shape_circle = 1 [json_name = "shape_circle"];
    Label shape_label = 4 [json_name = "shape_label"];
    string shape_str = 5 [json_name = "shape_str"];
  }
  optional int64 y = 3 [(buf.validate.field).required = true];
}
""" in text_of(second)
    )


def test_unions_standard_classes_and_recursion_in_text() -> None:
    fields = (
        Field(name="shapes", type=ListOf(Optional(SHAPE)), doc="What to draw."),
        Field(name="tree", type=Optional(TREE)),
        Field(name="picture", type=Optional(Union((Tensor("numpy", "float32", (None, 3)), STR))), doc="Or its path."),
        Field(name="at", type=DATETIME),
        Field(name="loose", type=MapOf(STR, ANY)),
    )
    assert text_of(contract_of(fields, Nothing())).endswith("""\
message RunRequest {
  // What to draw.
  repeated OptionalCircleOrSquare shapes = 1;
  Tree tree = 2;
  // Or its path.
  // Elements: float32. Shape: (any, 3).
  oneof picture {
    string picture_str = 3 [json_name = "picture_str"];
    meshgen.tensor.v1.Tensor picture_tensor = 4 [json_name = "picture_tensor"];
  }
  google.protobuf.Timestamp at = 5 [(buf.validate.field).required = true];
  map<string, google.protobuf.Value> loose = 6;
}

message RunResponse {}

message Circle {
  optional double radius = 1 [(buf.validate.field).required = true];
}

// One of several types where protobuf has no place for a oneof.
message CircleOrSquare {
  oneof value {
    option (buf.validate.oneof).required = true;
    Circle circle = 1;
    Square square = 2;
  }
}

// A value that may be absent.
message OptionalCircleOrSquare {
  CircleOrSquare value = 1;
}

message Square {
  optional double side = 1 [(buf.validate.field).required = true];
}

message Tree {
  optional int64 value = 1 [(buf.validate.field).required = true];
  repeated Tree children = 2;
  map<string, Tree> named = 3;
  oneof other {
    string other_str = 4 [json_name = "other_str"];
    Tree other_tree = 5 [json_name = "other_tree"];
  }
}
""")


@pytest.mark.parametrize("record", [TREE, None])
def test_a_record_inside_itself_may_be_a_request_or_a_response(tmp_path: Path, record: Record | None) -> None:
    same_when_compiled(tmp_path, contract_of(params(x=INT), TREE, record))


def test_shared_messages_are_the_committed_ones() -> None:
    for file in (*shared_proto_files(), buf_settings()):
        assert (PROTOS.parent / file.path).read_bytes() == file.content
    shared = [f for f in awkward().descriptors.file if f.name.startswith("meshgen/")]
    assert list(compiled(PROTOS, *(f.name for f in shared)).file) == shared


def test_descriptors_are_closed_and_ordered() -> None:
    pool = DescriptorPool()
    files = awkward().descriptors.file
    for file in files:
        pool.Add(file)
        assert not file.HasField("source_code_info")
        pool.FindFileByName(file.name)
    names = [f.name for f in files]
    assert len(names) == len(set(names))
    assert {"google/api/annotations.proto", "google/rpc/status.proto", "google/rpc/error_details.proto"} <= set(names)


def test_services_are_ordered_and_shaped() -> None:
    driver, node = awkward().files
    assert [driver.name, node.name] == ["quickstart/v1/quickstart.proto", "quickstart/yolov8_size/v1/yolov8_size.proto"]
    assert node.service[0].name == "Yolov8SizeService"
    messages = {m.name: m for m in node.message_type}
    assert not messages["CallResponse"].field
    assert [f.name for f in messages["OtherResponse"].field] == ["result"]
    assert all(f.proto3_optional for f in messages["CallRequest"].field)


def test_a_record_called_like_a_request_gives_way() -> None:
    driver = {m.name: m for m in awkward().files[0].message_type}
    assert [f.name for f in driver["PredictRequestValue"].field] == ["x"]
    assert [f.name for f in driver["LabelsRequest"].field] == ["x"]


def test_each_package_has_its_own_copy_with_the_same_numbers() -> None:
    before = contract_of(params(x=LABEL), LABEL)
    grown = Record(
        name="Label", kind="dataclass", python=LABEL.python, fields=(Field(name="new", type=INT), *LABEL.fields)
    )
    rpc = RpcSpec(name="Run", params=params(x=grown), result=grown)
    services = [ServiceSpec(node=n, rpcs=(rpc,)) for n in (None, "a", "n")]
    contract = build("g", services, before.lock)
    for file in contract.files:
        messages = {m.name: m for m in file.message_type}
        for name in ("Label", "RunResponse"):
            assert [(f.name, f.number) for f in messages[name].field] == [("label", 1), ("score", 2), ("new", 3)]


BAD: list[tuple[str, str, tuple[Field, ...]]] = [
    ("MG310", "'n.Run.x' has no type annotation", params(x=Unknown())),
    ("MG310", "'n.Run.x' has the type complex", params(x=ListOf(Unknown("complex")))),
    ("MG310", "'n.Run.x' can only be None", params(x=Nothing())),
    ("MG310", "'Rec.y' has no type annotation", params(x=record("Rec", Field(name="y", type=Unknown())))),
    ("MG404", "'userId' and 'user_id' are both 'userId' to protobuf", params(userId=INT, user_id=INT)),
    ("MG404", "'top_5' and 'top5' are both", params(x=record("Rec", *params(top_5=INT, top5=INT)))),
    ("MG405", "'n.Run.größe' cannot be a protobuf name", params(größe=INT)),
    ("MG404", "the member Circle of 'a' and 'a_circle' are both", params(a=SHAPE, a_circle=INT)),
    ("MG404", "and the member Circle of 'a' are both", params(a=SHAPE, A=SHAPE)),
    ("MG404", "the member A of 'x' and 'x_a' are both", params(x=Union((record("A"), INT)), x_a=Union((INT, STR)))),
    ("MG406", "called 'IntOrStr'", params(x=ListOf(Union((INT, STR))), y=record("IntOrStr"))),
    ("MG406", "two different types are called 'Rec'", params(x=record("Rec"), y=record("Rec", *params(z=INT)))),
    ("MG406", "two different types are called 'IntList'", params(x=record("IntList"), y=ListOf(ListOf(INT)))),
    ("MG404", "'A_1' and 'A1' are both", params(x=enum_of("E", "A_1", "A1"))),
    ("MG404", "both have a value", params(x=enum_of("Foo", "BAR_X"), y=enum_of("FooBar", "X"))),
    (
        "MG406",
        "'RunRequest', called like a message of rpc 'Run', has to be 'RunRequestValue', and so is another type",
        params(x=record("RunRequest"), y=record("RunRequestValue")),
    ),
    ("MG406", "the enum 'RunRequest' is called like a message of rpc 'Run'", params(x=enum_of("RunRequest", "A"))),
    ("MG406", "the enum 'NService' is called like the service of 'n'", params(x=enum_of("NService", "A"))),
    (
        "MG406",
        "'NService', called like the service of 'n', has to be 'NServiceValue', and so is another type",
        params(x=record("NServiceValue"), y=record("NService")),
    ),
    (
        "MG404",
        "a member of Other | Value is called 'value' on the wire, and so is their oneof",
        params(x=ListOf(Union((record("Other"), record("Value"))))),
    ),
]


@pytest.mark.parametrize(("code", "message", "fields"), BAD)
def test_problems(code: str, message: str, fields: tuple[Field, ...]) -> None:
    with pytest.raises(GraphError) as caught:
        contract_of(fields)
    assert code in {d.code for d in caught.value.diagnostics}
    assert message in str(caught.value)


def test_the_names_of_an_earlier_builds_rpcs_stay_taken() -> None:
    rpcs = tuple(RpcSpec(name=name, params=params(x=INT), result=INT) for name in ("Run", "Foo"))
    lock = build("g", [ServiceSpec(node="n", rpcs=rpcs)], None).lock
    given_way = contract_of(params(x=record("FooRequest", *params(a=INT))), lock=lock)
    assert {m.name for m in given_way.files[0].message_type} == {"RunRequest", "RunResponse", "FooRequestValue"}
    with pytest.raises(GraphError, match="the enum 'FooRequest' is called like a message of an rpc of an earlier"):
        contract_of(params(x=enum_of("FooRequest", "A")), lock=lock)


def test_a_union_as_a_field_may_have_a_member_called_value() -> None:
    union = Union((record("Other"), record("Value")))
    assert [f.name for f in contract_of(params(x=union)).files[0].message_type[0].field] == ["x_other", "x_value"]


def test_all_problems_come_together() -> None:
    with pytest.raises(GraphError) as caught:
        contract_of(params(a=Unknown(), b=Unknown(), _1=INT), Unknown())
    assert [d.code for d in caught.value.diagnostics] == ["MG310", "MG310", "MG310", "MG405"]


def test_a_list_with_a_default_is_warned_of() -> None:
    fields = (Field(name="x", type=ListOf(INT), default=[1]), Field(name="y", type=ListOf(INT), default=[]))
    assert [d.code for d in contract_of(fields).diagnostics] == ["MG408"]


def test_an_optional_with_a_default_is_warned_of() -> None:
    fields = (
        Field(name="x", type=Optional(INT), default=5),
        Field(name="y", type=Optional(INT), default=None),
        Field(name="z", type=Optional(INT), factory=lambda: 1 // 0),
    )
    assert [d.code for d in contract_of(fields).diagnostics] == ["MG408"]


DETERMINISM = """
from test_builder import awkward
from meshgen.emit.proto import proto_files
from meshgen.contract.lock import dump_lock
import hashlib
contract = awkward()
h = hashlib.sha256(contract.descriptors.SerializeToString() + dump_lock(contract.lock).encode())
for f in proto_files(contract):
    h.update(f.path.encode() + f.content)
print(h.hexdigest())
"""


def test_same_bytes_under_any_hash_seed() -> None:
    def digest(seed: str) -> str:
        env = {**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": os.pathsep.join(sys.path)}
        return subprocess.run(
            [sys.executable, "-c", DETERMINISM], env=env, capture_output=True, text=True, check=True
        ).stdout

    assert len({digest(seed) for seed in ("0", "1", "77")}) == 1


def test_comments_come_from_docstrings() -> None:
    @dataclass
    class Thing:
        size: int

    thing = Record(
        name="Thing",
        kind="dataclass",
        python=Thing,
        fields=(Field(name="size", type=INT, doc="In bytes."),),
        doc="A thing.\n\n  More.\n",
    )
    text = text_of(contract_of(params(x=thing)))
    field = "  // In bytes.\n  optional int64 size = 1 [(buf.validate.field).required = true];\n"
    assert f"// A thing.\n//\n// More.\nmessage Thing {{\n{field}}}" in text
    assert dump_lock(contract_of(params(x=thing)).lock).count('"size": {"number": 1, "type": "int64"}') == 1
