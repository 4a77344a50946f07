"""Examples that users give."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest

from meshgen.schema.example.given import UnfitError, value_of
from meshgen.schema.reflect.reflector import reflect


@dataclass
class Lazy:
    text: str

    def __getattribute__(self, name: str) -> Any:
        if name == "text":
            raise TimeoutError
        return object.__getattribute__(self, name)


def test_what_a_field_raised_is_told_by_its_kind_when_it_says_nothing() -> None:
    with pytest.raises(UnfitError, match=r"^TimeoutError$"):
        value_of(reflect(Lazy), object.__new__(Lazy))
