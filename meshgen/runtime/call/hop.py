"""What a hop takes off a deadline, so that an error with its details is back before the caller gives up."""

from __future__ import annotations

_RETURN_S = 0.02
_RETURN_SHARE = 0.1


def left_after(remaining: float) -> float:
    """Seconds that who is called may take, of those that the caller has."""
    return remaining - min(_RETURN_S, _RETURN_SHARE * remaining)
