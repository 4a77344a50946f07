"""Tensors past protobuf: the fields that hold them as bytes, and these bytes."""
