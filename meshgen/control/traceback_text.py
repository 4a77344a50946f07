"""The user's own error out of what Serve says about a replica that did not start. Pure."""

from __future__ import annotations

import re

_ANSI = re.compile(r"\x1b\[[0-9;]*m")
_HEAD = "Traceback (most recent call last):"
_FRAME = re.compile(r'^  File "(?P<file>[^"]+)", line \d+')
_OURS = (
    "/ray/", "/meshgen/codec/", "/meshgen/rayserve/", "/meshgen/runtime/", "/meshgen/service.py",
    "/concurrent/futures/", "<frozen importlib",
)  # fmt: skip


def user_error(message: str) -> str:
    """The traceback without the frames of Ray and of the hosting code, or the message's own last part."""
    text = _ANSI.sub("", message).strip()
    # Serve wraps the replica's traceback, as text, into an error of its own: the inner one is the user's.
    _, found, inner = text.partition(f"RuntimeError: {_HEAD}\n")
    if not found:
        _, found, inner = text.partition(f"{_HEAD}\n")
    if not found:
        return text.partition("Error:\n")[2].strip() or text
    return "\n".join([_HEAD, *_without_ours(inner.splitlines())]).rstrip()


def last_line(error: BaseException) -> str:
    """What matters of an error that carries remote tracebacks in its text."""
    lines = [line.strip() for line in _ANSI.sub("", str(error)).splitlines() if line.strip()]
    return lines[-1] if lines else type(error).__name__


def _without_ours(lines: list[str]) -> list[str]:
    kept: list[str] = []
    skipping = False
    for line in lines:
        frame = _FRAME.match(line)
        if frame is not None:
            skipping = any(part in frame["file"] for part in _OURS)
        elif not line.startswith("    "):
            skipping = False
        if not skipping:
            # A chain of errors names Ray's actor in the place of each head.
            kept.append(_HEAD if line.startswith("ray::") else line)
    return kept
