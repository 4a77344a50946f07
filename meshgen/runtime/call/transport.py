"""The one seam between running a graph in process and running it on a mesh."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal, Protocol, TypeAlias

from meshgen.graph.model import Method, Node
from meshgen.graph.policy import Policy

Origin: TypeAlias = int | Literal["adapter", "elsewhere"]
"""What makes a call: a step of the graph, by its id; the input adapter; or something that is no part of a run that is
known here, as when a caller on the mesh asks a replica."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where in the run of a graph a call is made, the same each time the graph is run with the same request.

    In text `3`, `3[7]` for the eighth item of a list, and `3[7]/0/2` for calls that nodes make by handles.
    """

    step: Origin
    item: int | None = None
    """The place in the list, when the step makes a call for each item of one."""
    below: tuple[int, ...] = ()
    """For a call by a handle: its number among those of its caller, after that caller's own numbers."""

    def __str__(self) -> str:
        item = "" if self.item is None else f"[{self.item}]"
        return f"{self.step}{item}{''.join(f'/{number}' for number in self.below)}"


ELSEWHERE = Place("elsewhere")


@dataclass(frozen=True, slots=True)
class CallInfo:
    """What is known of a call beside its arguments. It is made once per step, so the calls of a step share it."""

    node: Node
    method: Method
    """One of the node's methods."""
    policy: Policy
    """How the call is made. Transports see to `timeout_s` and `idempotent`, the engine to all else."""
    place: Place

    @classmethod
    def outside(cls, node: Node, method: Method, place: Place = ELSEWHERE) -> CallInfo:
        """A call that no step makes, so that the policy is the node's."""
        return cls(node, method, node.options.policy, place)

    @property
    def name(self) -> str:
        """What spans call it: `model.Forward`."""
        return f"{self.node.name}.{self.method.rpc}"

    def for_item(self, index: int) -> CallInfo:
        """The same call, for one item of a list."""
        return CallInfo(self.node, self.method, self.policy, Place(self.place.step, index))


class Transport(Protocol):
    """Calls a method of a node, wherever the node runs."""

    async def call(self, call: CallInfo, arguments: Mapping[str, Any]) -> Any:
        """The method's result; from afar it may be `Received`, which callers make `plain` when they look at it.

        Args:
            call: what is called, and for which part of the graph.
            arguments: by parameter name; those left to their default are absent. Some may be undecoded, if this
                transport gave them.

        Raises:
            Exception: what user code raised (in process), or a `StatusError` (on a mesh).
        """


class StreamingTransport(Transport, Protocol):
    """A transport that carries streams, too.

    It stands apart from `Transport`, as no engine asks for streams yet: a transport that has none is none of these, and
    needs no method that only refuses.
    """

    def stream(
        self, call: CallInfo, arguments: Mapping[str, Any], incoming: AsyncIterator[Any] | None
    ) -> AsyncIterator[Any]:
        """The items that the method yields, each as `call` would give it; closing the iterator ends the call.

        Args:
            call: as for `call`.
            arguments: as for `call`, without the parameter that takes a stream.
            incoming: the items of the parameter that takes a stream; None when the method has none.

        Raises:
            Exception: as for `call`, before the first item or between any two.
        """
