"""Small vision models for the example graphs: the pictures they learn from, their training, and their use."""

from __future__ import annotations
