"""What the content-understanding graph does besides running models."""

from __future__ import annotations
