"""Headers by which the parts of a mesh tell each other something. They begin alike, and end where the mesh ends."""

from __future__ import annotations

TRIED = "meshgen-tried"
"""Tells Envoy that a replica was lost with this call already, so that at most one more hears of it."""
MESSAGE = "meshgen-message"
"""Names a message that is in a file of this machine, between processes that need nobody in between."""
