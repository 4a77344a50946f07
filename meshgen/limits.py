"""How long a request may take and how big a message may be, for every part of a mesh."""

from __future__ import annotations

import os

DEFAULT_TIMEOUT_S = 60.0
"""Deadline of a request that came with none, in seconds."""

OPTION = "--max-message-mb"
"""The option of `meshgen run` that sets the limit."""
VARIABLE = "MESHGEN_MAX_MESSAGE_MB"
"""Environment variable with the same meaning, which replicas read."""
MEBIBYTE = 1024 * 1024
DEFAULT_MB = 32
LARGEST_MB = 1024
"""Protobuf itself ends at 2 GiB, and nothing here should come near that."""
TOO_LARGE = "MESSAGE_TOO_LARGE"
"""Reason of an error about a message over the limit."""

HTTP_STATUS_HEADER = "meshgen-http-status"
"""Metadata of an error that tells Envoy the HTTP status, where that of the gRPC code (429) would mislead."""

TRIED_HEADER = "meshgen-tried"
"""Tells Envoy that a replica was lost with this call already: at most one more may get it."""
MESSAGE_HEADER = "meshgen-message"
"""Names a message that lies in a file of this machine, for processes between which nobody stands."""

# Pictures and tensors travel raw between nodes: a photo of 5 MB becomes 36 MB of pixels.
_INSIDE = 16
# A message of many small values, or a picture in a file, takes far more memory than its bytes.
_DECODED = 4
CROWD = 2
"""Requests of the largest decoded size that a replica works on at a time; more of them wait."""
_FAR = 2
_LARGEST_INSIDE = 2047 * MEBIBYTE
# Names, quotes and the other fields beside a tensor.
_JSON_MARGIN = MEBIBYTE


def outside() -> int:
    """Bytes of a request to the mesh, or of an answer to its caller."""
    return megabytes() * MEBIBYTE


def inside() -> int:
    """Bytes of a message between the driver and a node."""
    return inside_of(outside())


def inside_of(limit: int) -> int:
    """The limit between driver and nodes that belongs to one for callers, both in bytes."""
    return min(_INSIDE * limit, _LARGEST_INSIDE)


def decoded() -> int:
    """Bytes of memory that a request to the mesh, or a picture, may take once it is decoded."""
    return _DECODED * outside()


def far_over(limit: int) -> int:
    """Bytes at which Envoy ends a request that is on its way to a service whose limit is `limit`.

    Services measure, too, and say more. Many HTTP/1.1 clients lose the answer to a request that is cut off, so that is
    for what is far too large.
    """
    return _FAR * limit


def as_json(limit: int) -> int:
    """Bytes that a message of `limit` bytes takes as JSON when it is a tensor or a file, in base64."""
    return limit * 4 // 3 + _JSON_MARGIN


def megabytes() -> int:
    """The setting in this process's environment, in MiB. Raises ValueError when it is not a whole number in range."""
    text = os.environ.get(VARIABLE) or str(DEFAULT_MB)
    if not (text.isdecimal() and 1 <= int(text) <= LARGEST_MB):
        raise ValueError(f"{VARIABLE} is {text!r}, not a whole number from 1 to {LARGEST_MB}")
    return int(text)


def text_of(size: int) -> str:
    """A number of bytes for people: `40.0 MiB`, `32 MiB`."""
    whole, rest = divmod(size, MEBIBYTE)
    return f"{size / MEBIBYTE:.1f} MiB" if rest else f"{whole} MiB"


def over_decoded(what: str) -> str:
    """What to say of something that would be too large once it is decoded."""
    limit = text_of(decoded())
    return f"{what} takes more than {limit} once it is decoded, which is the limit; `meshgen run {OPTION}` raises it"


def over(what: str, size: int, limit: int) -> str:
    """What to say of a message over its limit; sizes in bytes."""
    # Rounded up, so that what is just over the limit does not look equal to it.
    shown = f"{-(-size * 10 // MEBIBYTE) / 10:.1f} MiB"
    return f"{what} takes {shown}, over the limit of {text_of(limit)}; `meshgen run {OPTION}` raises it"
