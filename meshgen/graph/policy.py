"""How a call is made: what it may take, and what may be done when it fails."""

from __future__ import annotations

from dataclasses import dataclass, replace


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """The policy of one call; that of its node, unless the graph says otherwise for the call."""

    timeout_s: float | None = None
    """The limit for each call, in seconds; None leaves only the request's deadline."""
    idempotent: bool = True
    """The call may be made again when the connection failed or the replica was lost."""

    @property
    def is_plain(self) -> bool:
        """The call is made once, with no limit of its own; only a call that can be lost asks for more than that."""
        return replace(self, idempotent=True) == Policy()
