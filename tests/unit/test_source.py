"""Whose a place is."""

from __future__ import annotations

import functools

import torch

from meshgen import errors
from meshgen.source import NOWHERE, is_users, of_callable


def mine() -> None: ...


def test_a_place_is_the_users_if_its_file_is() -> None:
    assert of_callable(mine).is_users
    assert is_users(__file__)
    for other in (torch.nn.Linear, functools.partial, functools.wraps, errors.shown):
        place = of_callable(other)
        assert not place.is_users, place
        assert not is_users(place.file), place


def test_nobody_owns_what_is_nowhere() -> None:
    assert not NOWHERE.is_users
    assert not of_callable(len).is_users
