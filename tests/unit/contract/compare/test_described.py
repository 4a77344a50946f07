"""Reading a descriptor set: what is the graph's own, and what is not."""

from __future__ import annotations

import pytest
from google.protobuf.descriptor_pb2 import FileDescriptorProto, FileDescriptorSet

from meshgen.contract.compare.described import Described


@pytest.mark.parametrize(
    ("file", "own"),
    [
        ("buf/validate/validate.proto", False),
        ("google/rpc/status.proto", False),
        ("meshgen/tensor/v1/tensor.proto", False),
        ("shop/v1/shop.proto", True),
        ("shop/google/v1/google.proto", True),
        ("buf/v1/buf.proto", True),
    ],
)
def test_only_exact_packages_of_others_are_left_out(file: str, own: bool) -> None:
    proto = FileDescriptorProto(name=file, package=file.rpartition("/")[0].replace("/", "."))
    proto.message_type.add(name="M")
    assert bool(Described.of(FileDescriptorSet(file=[proto])).messages) is own
