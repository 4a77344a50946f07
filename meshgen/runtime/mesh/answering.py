"""One rpc of a replica between bytes and bytes: what is big is read and written beside the event loop.

A request that would take too much memory is refused before it is decoded, and so is one of REST in which a number may
have been another; an answer that is too deep for REST here, where it is known whose it is.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import Any

from meshgen import limits
from meshgen.codec.passthrough import Part
from meshgen.codec.rpc import RpcCodec
from meshgen.codec.transcoder import Doubtful, Printable, has_whole_numbers
from meshgen.codec.weight import Scale
from meshgen.codec.wireformat import Buffer
from meshgen.graph.model import Node
from meshgen.runtime.call.context import current
from meshgen.runtime.call.errors import blame
from meshgen.runtime.mesh.bulk import letter
from meshgen.runtime.mesh.bulk.folder import configured
from meshgen.runtime.mesh.bulk.held import HELD, Held
from meshgen.runtime.mesh.bulk.letter import Named
from meshgen.runtime.mesh.off_loop import BIG, beside, room
from meshgen.schema.misfit import EncodeError
from meshgen.schema.model import Image, Ref
from meshgen.schema.traits import DEEPEST, all_inside
from meshgen.status import Internal, ResourceExhausted

_SURELY_SMALL = 4 * 1024
"""Bytes of a message that takes no more than a few milliseconds to decode, whatever is in it."""
_SMALL = 256 * 1024
"""The same for the weight of others."""
_OF_REST = "x-envoy-original-path"
"""Envoy's transcoder adds it to the requests that it makes of JSON."""


class Answering:
    """Reads requests, has them answered and writes the answers."""

    def __init__(
        self, codec: RpcCodec, name: str, answer: Callable[[Any], Awaitable[Any]], node: Node | None = None
    ) -> None:
        """Prepare.

        Args:
            codec: of the rpc.
            name: of the service, for errors.
            answer: makes the result from a request.
            node: whose the result is; None for the driver, whose results are nodes'.
        """
        self._codec = codec
        self._name = name
        self._answer = answer
        self._node = node
        self._scale = Scale(codec.request)
        self._takes_files = any(isinstance(inner, Image) for p in codec.params for inner in all_inside(p.type))
        self._doubtful = Doubtful(lambda: codec.request_class) if has_whole_numbers(codec.request) else None
        has_depth = any(isinstance(inner, Ref) for inner in all_inside(codec.result))
        self._is_printable = Printable(codec.response) if has_depth else None

    async def __call__(self, data: Buffer, most: int | None) -> bytes | Named:
        """The answer to a request.

        Args:
            data: the request.
            most: bytes that it may weigh when it is decoded; None for the requests of our own nodes.

        Raises:
            ResourceExhausted: it would weigh more.
            InvalidArgument: it does not fit.
            Exception: whatever else goes wrong.
        """
        # What comes from our own nodes they have made from Python, for REST or not.
        doubtful = self._doubtful if most is not None and _is_rest() else None
        if len(data) < _SURELY_SMALL or (not self._takes_files and self._scale.weigh(data, _SMALL) <= _SMALL):
            return self._written(await self._answer(self._read(data, doubtful)))
        weight = await beside(partial(self._scale.weigh, data, limits.inside() if most is None else most))
        if most is not None and weight > most:
            text = limits.over_decoded(f"the request to '{self._name}'")
            raise ResourceExhausted(text, node=self._name, reason=limits.TOO_LARGE)
        async with room().taken(weight):
            BIG.set(True)  # for good: a request is answered in a context of its own
            request = await beside(partial(self._read, data, doubtful))
            result = await self._answer(request)
            return await beside(partial(self._written, result))

    def _read(self, data: Buffer, doubtful: Doubtful | None) -> Any:
        if doubtful is not None:
            doubtful.refuse(data)
        return self._codec.decode_request(data)

    def _written(self, result: Any) -> bytes | Named:
        held = HELD.get()
        try:
            if held is not None and held.by_name:
                return _by_name(self._codec.response_parts(result), held)
            data = self._codec.encode_response(result)
        except EncodeError as error:
            if self._node is not None:
                blame(error, self._node)
            raise
        if self._is_printable is not None and _is_rest() and not self._is_printable(data):
            raise Internal(f"the answer of '{self._name}' {_TOO_DEEP_FOR_REST}", node=self._name)
        return data


def _by_name(parts: Sequence[Part], held: Held) -> bytes | Named:
    """The answer to a caller of this machine; its name is the request's, which may be cancelled before it is sent."""
    if len(parts) == 1 and isinstance(parts[0], bytes) and len(parts[0]) < letter.LEAST:
        return parts[0]
    folder = configured()
    named = None if folder is None else letter.answer(parts, folder)
    if named is None:
        return letter.together(parts)
    held.add(named.folder, named.name)
    return named


_TOO_DEEP_FOR_REST = (
    f"has more than {DEEPEST} messages in each other, which is as deep as REST goes; gRPC may carry it, "
    "to try again will not help"
)


def _is_rest() -> bool:
    request = current()
    return request is not None and _OF_REST in request.metadata
