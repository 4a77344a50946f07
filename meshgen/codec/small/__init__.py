"""Small messages that hold tensors or bytes, past protobuf, whose classes cost more than the bytes."""
