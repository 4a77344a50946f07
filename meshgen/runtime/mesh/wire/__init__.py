"""Bytes between replicas of one machine: frames over Unix sockets."""
