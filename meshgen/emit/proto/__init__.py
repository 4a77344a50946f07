"""`protos/`: a graph's contract as `.proto` files."""

from __future__ import annotations

from meshgen.emit.proto.text import buf_settings, proto_files, proto_text, shared_proto_files

__all__ = ["buf_settings", "proto_files", "proto_text", "shared_proto_files"]
