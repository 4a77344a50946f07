"""Bytes between replicas of one machine: gRPC over HTTP/1.1 on Unix sockets."""
