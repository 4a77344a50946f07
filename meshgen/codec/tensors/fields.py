"""Tensors of a contract as fields of bytes, which are read and written past protobuf.

Both are the same bytes: a message in a field is written as its length and its bytes. Where a field may come in pieces,
which protobuf merges into one message, it is repeated here: the pieces one after the other are that message.
"""

from __future__ import annotations

from google.protobuf.descriptor import MethodDescriptor
from google.protobuf.descriptor_pb2 import DescriptorProto, FieldDescriptorProto, FileDescriptorProto, FileDescriptorSet
from google.protobuf.descriptor_pool import DescriptorPool

from meshgen.codec.ordered_maps import with_ordered_maps
from meshgen.contract.wire import TENSOR


class TensorFields:
    """The rpcs of a contract with such fields, in a pool of their own. Files are added when one is asked for."""

    def __init__(self, files: FileDescriptorSet) -> None:
        """Args: of the contract."""
        self._files = {file.name: file for file in files.file}
        self._pool = DescriptorPool()
        self._added: set[str] = set()

    def method(self, declared: MethodDescriptor) -> MethodDescriptor:
        """An rpc of the contract."""
        service = declared.containing_service
        self._add(service.file.name)
        return self._pool.FindServiceByName(service.full_name).methods_by_name[declared.name]

    def _add(self, name: str) -> None:
        if name in self._added:
            return
        self._added.add(name)
        file = FileDescriptorProto()
        file.CopyFrom(self._files[name])
        for dependency in file.dependency:
            self._add(dependency)
        for message in file.message_type:
            _change(message)
        self._pool.Add(with_ordered_maps(FileDescriptorSet(file=[file])).file[0])


def _change(message: DescriptorProto) -> None:
    for inner in message.nested_type:
        if not inner.options.map_entry:
            _change(inner)
    for field in message.field:
        # What is in a oneof cannot be repeated.
        if field.type_name == f".{TENSOR}" and not field.HasField("oneof_index"):
            field.ClearField("type_name")
            field.type = FieldDescriptorProto.TYPE_BYTES
            field.label = FieldDescriptorProto.LABEL_REPEATED
