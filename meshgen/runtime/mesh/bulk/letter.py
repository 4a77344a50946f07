"""Messages that go by name, as one process sends them and another receives them.

A message is made of parts of files, with bytes between and behind them, which go by the socket. Each part comes as

    name of the file : where in it the part starts : where it ends : how many of the bytes go before it

in one header, with commas between. All but the last few messages have one part, from which and from the bytes around it
the receiver makes one piece of memory without a copy: there is room for them in the file.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import NamedTuple

from meshgen.codec.passthrough import Part, Span
from meshgen.codec.wireformat import Buffer, joined
from meshgen.runtime.mesh.bulk.folder import HEAD, Folder, GoneError, Taken
from meshgen.runtime.mesh.bulk.mapping import Mapping

LEAST = 512 * 1024
"""Bytes of an answer, or of what is passed on, that goes by name: less takes less time by the socket.

It pays when the answer is passed on, which whoever makes it cannot know (`python -m benchmarks.bulk`).
"""
WRITTEN = 4 * 1024 * 1024
"""Bytes of what is written for a request: nobody passes it on, and what is less is sooner there by the socket."""

_MOST_SEGMENTS = 16
_SEGMENT = re.compile(r"([0-9a-f-]{1,64}):([0-9]{1,10}):([0-9]{1,10}):([0-9]{1,10})")

Keep = Callable[[Folder, str], None]
"""What is told the names that were taken; `held.keep`, or `Held.add` of a request."""


class Segment(NamedTuple):
    """A part of a file in a message."""

    name: str
    start: int
    end: int
    gap: int
    """Bytes of the rest that go before it."""

    def __str__(self) -> str:
        return f"{self.name}:{self.start}:{self.end}:{self.gap}"


class Posted(NamedTuple):
    """An answer that was sent by name, as it came."""

    header: str


@dataclass(frozen=True, slots=True)
class Named:
    """An answer that goes by name."""

    folder: Folder
    name: str
    size: int
    """Bytes of the message."""

    @property
    def header(self) -> str:
        """What its receiver is told."""
        return str(Segment(self.name, HEAD, HEAD + self.size, 0))

    def __len__(self) -> int:
        """The bytes of the message."""
        return self.size

    def release(self) -> None:
        """Let the name go, if nobody has taken it."""
        self.folder.release(self.name)


class Letter:
    """A request that goes by name: as often as it has to be sent, and read by nobody before it arrives."""

    def __init__(self, folder: Folder, segments: list[Segment], rest: list[Buffer], own: list[str]) -> None:
        """Args: where the files are, the message, and the names to let go in the end."""
        self._folder = folder
        self._segments = segments
        self._own = own
        self.rest = joined(rest)
        """What goes by the socket."""

    def __len__(self) -> int:
        """The bytes of the message."""
        return len(self.rest) + sum(segment.end - segment.start for segment in self._segments)

    @contextmanager
    def sent(self) -> Iterator[str | None]:
        """The header of one attempt, None when only the bytes can be sent; what nobody has taken is taken back."""
        links: list[str] = []
        try:
            links += (link for s in self._segments if (link := self._folder.link(s.name)) is not None)
            whole = len(links) == len(self._segments)
            parts = (str(s._replace(name=link)) for s, link in zip(self._segments, links, strict=False))
            yield ",".join(parts) if whole else None
        finally:
            for link in links:
                self._folder.release(link)

    def content(self) -> bytes:
        """The message itself, for who cannot take it by name. Raises OSError when the folder is gone."""
        parts: list[Buffer] = []
        at = 0
        for name, start, end, gap in self._segments:
            parts += (self.rest[at : at + gap], self._folder.contents(name, start, end))
            at += gap
        return joined([*parts, self.rest[at:]])

    def close(self) -> None:
        """Let go what was written for this message; the call is over."""
        for name in self._own:
            self._folder.release(name)
        self._own = []


def together(parts: Sequence[Part]) -> bytes:
    """The message, for the socket."""
    views = [part.view if isinstance(part, Span) else part for part in parts]
    return views[0] if len(views) == 1 and isinstance(views[0], bytes) else joined(views)


def post(parts: Sequence[Part], folder: Folder) -> Letter | None:
    """A request to be sent by name.

    Args:
        parts: of the message, in order; they are not looked at any more when this returns.
        folder: of this process.

    Returns:
        None when there is nothing to gain, or no room.
    """
    segments: list[Segment] = []
    rest: list[Buffer] = []
    last = gap = 0
    for part in parts:
        found = _segment(part, gap) if len(segments) < _MOST_SEGMENTS else None
        if found is None:
            rest.append(part.view if isinstance(part, Span) else part)
            gap += len(rest[-1])
        else:
            segments.append(found)
            last, gap = len(rest), 0
    own: list[str] = []
    if gap >= WRITTEN and (name := folder.write(rest[last:])) is not None:
        own.append(name)
        segments.append(Segment(name, HEAD, HEAD + gap, 0))
        del rest[last:]
    return Letter(folder, segments, rest, own) if segments else None


def _segment(part: Part, gap: int) -> Segment | None:
    """The part as one that is in a file already; None when it is not, or what goes before it is too long."""
    if not isinstance(part, Span) or gap > HEAD:
        return None
    mapping = part.whole.obj
    if not isinstance(mapping, Mapping) or part.end - part.start < LEAST:
        return None
    return Segment(mapping.name, mapping.begin + part.start, mapping.begin + part.end, gap)


def answer(parts: Sequence[Part], folder: Folder) -> Named | None:
    """An answer to be sent by name.

    Args:
        parts: of the message, in order; they are not looked at any more when this returns.
        folder: of this process.

    Returns:
        Its name, to be let go if the caller goes before it has taken it; None as for `post`.
    """
    views = [part.view if isinstance(part, Span) else part for part in parts]
    size = sum(map(len, views))
    name = folder.write(views) if size >= LEAST else None
    return None if name is None else Named(folder, name, size)


def received(header: str, rest: Buffer, folder: Folder, keep: Keep, *, writable: bool) -> Buffer:
    """The message that came by name.

    Args:
        header: as it came, not empty.
        rest: what came by the socket.
        folder: of this process.
        keep: told each name as soon as it is taken.
        writable: the arrays in it may be written to; otherwise it may be passed on.

    Raises:
        GoneError: it is not there any more, or the header is none; whoever sent it may send its bytes.
    """
    segments = [_read(text) for text in header.split(",", _MOST_SEGMENTS)]
    takens = [_take(segment, folder, keep, writable=writable) for segment in segments]
    before = sum(segment.gap for segment in segments)
    if before > len(rest):
        raise GoneError(f"the message has {len(rest)} bytes beside its files, not {before}")
    if len(segments) == 1 and (whole := _in_place(segments[0], takens[0], rest, writable=writable)) is not None:
        return whole
    return _glued(segments, takens, memoryview(rest))


def _read(text: str) -> Segment:
    found = _SEGMENT.fullmatch(text)
    if found is None:
        raise GoneError(f"{text[:64]!r} names no part of a file")
    name, *numbers = found.groups()
    return Segment(name, *map(int, numbers))


def _take(segment: Segment, folder: Folder, keep: Keep, *, writable: bool) -> Taken:
    taken = folder.take(segment.name, writable=writable)
    if taken.name is not None:
        keep(folder, taken.name)
    if not segment.start <= segment.end <= len(taken.whole):
        raise GoneError(f"{segment.name} is too short")
    if isinstance(taken.whole.obj, Mapping):
        taken.whole.obj.begin = segment.start
    return taken


def _in_place(segment: Segment, taken: Taken, rest: Buffer, *, writable: bool) -> memoryview | None:
    """The part with what goes around it, which is written there; the file itself stays as it is."""
    start, end, after = segment.start - segment.gap, segment.end, len(rest) - segment.gap
    if not rest:
        whole = taken.whole[start:end]
        return whole if writable else whole.toreadonly()
    if not writable or start < 0 or end + after > len(taken.whole):
        return None
    taken.whole[start : segment.start] = rest[: segment.gap]
    taken.whole[end : end + after] = rest[segment.gap :]
    return taken.whole[start : end + after]


def _glued(segments: Sequence[Segment], takens: Sequence[Taken], rest: memoryview) -> memoryview:
    whole = bytearray()
    at = 0
    for segment, taken in zip(segments, takens, strict=True):
        whole += rest[at : at + segment.gap]
        whole += taken.whole[segment.start : segment.end]
        at += segment.gap
    whole += rest[at:]
    return memoryview(whole)
