"""The unions of fields, and which member a Python value is of."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from meshgen.schema.misfit import EncodeError, describe
from meshgen.schema.model import Type, Union
from meshgen.schema.relate.exactness import member_finder
from meshgen.schema.traits import without_none


def spread(type_: Type) -> Union | None:
    """The union whose members become fields of the message that has a field of this type; None when there is none."""
    item = without_none(type_)
    return item if isinstance(item, Union) else None


def member_chooser(union: Union) -> Callable[[Any], int]:
    """A function from a value to the index of the member that it is of; an EncodeError when it is of none."""
    find = member_finder(union)

    def choose(value: Any) -> int:
        index = find(value)
        if index < 0:
            raise EncodeError(f"must be {union}, got {describe(value)}")
        return index

    return choose
