"""Words of a name, and the cases that protobuf style asks for."""

from __future__ import annotations

import re

_WORD = re.compile(r"[A-Z]+(?=[A-Z][a-z])|[A-Z]?[a-z0-9]+|[A-Z0-9]+")


def words(name: str) -> list[str]:
    """`HTTPMode` → `['HTTP', 'Mode']`; digits stay with the word before them."""
    return _WORD.findall(name)


def snake(name: str) -> str:
    """`LowerSnake`: `ResNetModel` → `res_net_model`."""
    return "_".join(w.lower() for w in words(name))


def pascal(name: str) -> str:
    """`model_1` → `Model1`."""
    return "".join(w[0].upper() + w[1:] for w in words(name))


def upper_snake(name: str) -> str:
    """`HTTPMode` → `HTTP_MODE`."""
    return snake(name).upper()
