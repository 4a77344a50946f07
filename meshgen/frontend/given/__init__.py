"""What is given to binds, constructors, switches and drivers: what of the graph is in it, and what is wrong with it."""

from __future__ import annotations
