"""The messages that all graphs share (`Image`, `Tensor`), and everything that a contract imports."""

from __future__ import annotations

from functools import cache
from importlib import import_module

from google.protobuf.descriptor_pb2 import FileDescriptorProto, FileDescriptorSet

from meshgen.contract import wire
from meshgen.contract.comments import Comments
from meshgen.contract.descriptors import FIELD, MESSAGE
from meshgen.contract.fields import add_field
from meshgen.contract.validation import validate_file
from meshgen.schema.values.well_known import MESSAGES

IMAGE_PATH = "meshgen/image/v1/image.proto"
TENSOR_PATH = "meshgen/tensor/v1/tensor.proto"
ANNOTATIONS_PATH = "google/api/annotations.proto"
STANDARD_PATHS = {
    wire.IMAGE: IMAGE_PATH,
    wire.TENSOR: TENSOR_PATH,
    wire.VALUE: "google/protobuf/struct.proto",
    **{message.name: message.file for message in MESSAGES},
}
"""Full name of a message that is the same in every contract → its file."""

_Row = tuple[str, int, str, str]

_IMAGE_DOC = """A picture: raw pixels, as services exchange them without loss, or an encoded file, as clients have one.

Set `mode`, `width`, `height` and `pixels`, or `encoded` alone."""

_MODE_DOC = """Pillow's name of the pixel format:
`1`, `L`, `LA`, `RGB`, `RGBA`, `CMYK`, `YCbCr`, `LAB`, `HSV`, `I;16`, `I` or `F`."""

_PIXELS_DOC = """Rows from the top, no padding, little-endian where a sample has several bytes.
In mode `1` eight pixels to a byte, rows padded to whole bytes."""

_IMAGE_FIELDS: tuple[_Row, ...] = (
    ("mode", 1, "string", _MODE_DOC),
    ("width", 2, "int32", "In pixels."),
    ("height", 3, "int32", "In pixels."),
    ("pixels", 4, "bytes", _PIXELS_DOC),
    ("encoded", 5, "bytes", "A whole PNG, JPEG or WebP file."),
)

_TENSOR_DOC = """An array of numbers, with the names and layout of the Open Inference Protocol (KServe v2).

Set `raw`, or exactly one of the typed contents, which are easier to write by hand.

Number 15 is padding: bytes of no meaning that a writer may put there, so that `raw` is aligned in memory."""

TENSOR_PADDING = 15
"""The number under which a Tensor may have bytes of no meaning."""

_TENSOR_FIELDS: tuple[_Row, ...] = (
    ("datatype", 1, "string", "`BOOL`, `UINT8` to `UINT64`, `INT8` to `INT64`, `FP16`, `BF16`, `FP32` or `FP64`."),
    ("shape", 2, "repeated int64", "Length of each dimension; empty for a single number."),
    ("raw", 3, "bytes", "Elements in row-major order, little-endian, no padding."),
    ("bool_contents", 4, "repeated bool", "Elements of `BOOL`."),
    ("int64_contents", 5, "repeated int64", "Elements of the integer types."),
    ("uint64_contents", 6, "repeated uint64", "Elements of the unsigned integer types."),
    ("fp32_contents", 7, "repeated float", "Elements of `FP16`, `BF16`, `FP32` and `FP64`."),
    ("fp64_contents", 8, "repeated double", "Elements of `FP16`, `BF16`, `FP32` and `FP64`."),
)


@cache
def shared_files() -> tuple[FileDescriptorProto, ...]:
    """The files of the shared messages, with comments. Do not change them."""
    return (
        _file(IMAGE_PATH, "Image", _IMAGE_DOC, _IMAGE_FIELDS),
        _file(TENSOR_PATH, "Tensor", _TENSOR_DOC, _TENSOR_FIELDS, reserved=(TENSOR_PADDING,)),
    )


def _file(
    path: str, name: str, doc: str, rows: tuple[_Row, ...], *, reserved: tuple[int, ...] = ()
) -> FileDescriptorProto:
    file = FileDescriptorProto(name=path, package=path.rsplit("/", 1)[0].replace("/", "."), syntax="proto3")
    message = file.message_type.add(name=name)
    comments = Comments()
    comments.add((MESSAGE, 0), doc)
    for number in reserved:
        message.reserved_range.add(start=number, end=number + 1)
    for index, (field_name, number, type_, field_doc) in enumerate(rows):
        repeated, _, scalar = type_.rpartition(" ")
        add_field(message, field_name, number, scalar, repeated=bool(repeated))
        comments.add((MESSAGE, 0, FIELD, index), field_doc)
    comments.write(file)
    return file


def with_imports(files: tuple[FileDescriptorProto, ...]) -> FileDescriptorSet:
    """`files`, what they import, and the error details of Google's API, dependencies first, without comments."""
    known = {f.name: f for f in (*shared_files(), validate_file(), *files)}
    ordered: dict[str, FileDescriptorProto] = {}
    for file in sorted(files, key=lambda f: f.name):
        _visit(file.name, known, ordered)
    for name in ("google/rpc/error_details.proto", "google/rpc/status.proto"):
        _visit(name, known, ordered)
    return FileDescriptorSet(file=ordered.values())


def _visit(name: str, known: dict[str, FileDescriptorProto], ordered: dict[str, FileDescriptorProto]) -> None:
    if name in ordered:
        return
    file = FileDescriptorProto()
    file.CopyFrom(known[name] if name in known else _google(name))
    file.ClearField("source_code_info")
    for dependency in file.dependency:
        _visit(dependency, known, ordered)
    ordered[name] = file


@cache
def _google(name: str) -> FileDescriptorProto:
    """A file of protobuf or of Google's API, from the module that was generated from it. Do not change it."""
    module = import_module(f"{name.removesuffix('.proto').replace('/', '.')}_pb2")
    file = FileDescriptorProto()
    module.DESCRIPTOR.CopyToProto(file)
    if name.startswith("google/rpc/"):  # errors have snake case in JSON, as all that is ours
        for message in file.message_type:
            for field in (field for each in (message, *message.nested_type) for field in each.field):
                field.json_name = field.name
    return file
