"""Ray Serve's own opinion of option values, before anything runs."""

from __future__ import annotations

import importlib.util
import re
import warnings
from collections.abc import Iterator, Mapping
from typing import Any


def refused_values(options: Mapping[str, Any]) -> Iterator[tuple[str, tuple[Any, ...], str]]:
    """What Serve refuses: the option, the keys that lead into it, and why. Nothing where Ray is not installed.

    Args:
        options: Serve's options by Serve's names, all of which exist.
    """
    if not options or importlib.util.find_spec("ray") is None:
        return
    for name, value in options.items():
        yield from ((name, path, reason) for path, reason in _refused(name, value))


def _refused(name: str, value: Any) -> Iterator[tuple[tuple[Any, ...], str]]:
    from pydantic import ValidationError
    from ray import serve

    try:
        with warnings.catch_warnings(action="ignore"):
            serve.deployment(**{name: value})(_Nothing)
    except ValidationError as error:
        for each in error.errors():
            yield tuple(key for key in each["loc"] if key != name), re.sub(r"^Value error, ", "", each["msg"])
    except Exception as error:  # noqa: BLE001 - whatever it raises is its opinion
        named = [key for key in value if f"{key}" in str(error)] if isinstance(value, Mapping) else []
        yield tuple(named[:1]), " ".join(str(error).split())


class _Nothing:
    """Something to give options to."""
