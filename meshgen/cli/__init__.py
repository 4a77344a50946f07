"""The command line: each command parses, calls one function of the layers below, and prints."""

from __future__ import annotations

from meshgen.cli.app import main

__all__ = ["main"]
