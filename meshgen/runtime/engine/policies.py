"""What the policy of a call asks of the engine: interceptors around the one way in which a call is made.

They are put together once per step. `timeout_s` and `idempotent` need none, since only who runs or sends a call can
interrupt it, or knows whether it had begun when it was lost: they reach transports with each call.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from typing import Any, Protocol, TypeAlias

from meshgen.graph.policy import Policy
from meshgen.runtime.call.transport import CallInfo

CallNext: TypeAlias = Callable[[CallInfo, Mapping[str, Any]], Awaitable[Any]]
"""Makes a call, or what is left to do of it."""


class Interceptor(Protocol):
    """Stands around a call: makes it, makes it again, or answers in its place."""

    async def __call__(self, call: CallInfo, arguments: Mapping[str, Any], *, call_next: CallNext) -> Any:
        """The result of the call.

        Args:
            call: the call.
            arguments: by parameter name.
            call_next: goes on to the next interceptor, and at last to the transport; as often as need be.

        Raises:
            Exception: what the call raised, if this is to be its outcome.
        """


MAKERS: tuple[Callable[[Policy], Interceptor | None], ...] = ()
"""Each makes the interceptor for its part of a policy, or None when the policy does not ask for it; the outermost
first."""


def intercepted(policy: Policy, call_next: CallNext) -> CallNext:
    """What makes calls under a policy: `call_next` itself when nothing stands around it."""
    for make in reversed(MAKERS):
        interceptor = make(policy)
        if interceptor is not None:
            call_next = partial(interceptor, call_next=call_next)
    return call_next
