"""By which channel a call goes: to a replica on this machine when there is one, else through Envoy."""

from __future__ import annotations

from typing import Protocol

from meshgen.runtime.mesh.channel import Channel


class Pool(Protocol):
    """Replicas of one application, of which any can answer a call."""

    def least_busy(self) -> Channel | None:
        """The one to call now; None when there is none, or none yet."""

    async def settled(self, seconds: float) -> Channel | None:
        """`least_busy` once it is known who is there, which takes some seconds at most."""


class Peers:
    """Who can answer the calls of one application's nodes."""

    def __init__(self, pools: tuple[Pool, ...], envoy: Channel) -> None:
        """Nobody is connected to yet.

        Args:
            pools: the nearest first. The replicas of this machine are one; those of another would be the next.
            envoy: of its mesh listener; it knows, or will find out, who else there is.
        """
        self._pools = pools
        self._envoy = envoy

    def at_hand(self) -> Channel | None:
        """The channel of a call that need not wait for it; None when nobody is connected to."""
        for pool in self._pools:
            if (channel := pool.least_busy()) is not None:
                return channel
        return None

    async def settled(self, seconds: float) -> Channel:
        """The channel of a call that has so many seconds, once it is known who is there."""
        for pool in self._pools:
            if (channel := await pool.settled(seconds)) is not None:
                return channel
        return self._envoy

    def besides(self, lost: Channel) -> Channel | None:
        """The channel of a call whose first one has lost its peer; None when there is no other."""
        return None if lost is self._envoy else self._envoy
