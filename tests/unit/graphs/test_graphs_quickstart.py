"""The quickstart, by the arithmetic that anyone can do by hand."""

from __future__ import annotations

import pytest

import meshgen
from graphs.quickstart import Combined, Model, QuickstartRequest, app, average, combine, parse_number


@pytest.mark.parametrize(
    ("number", "samples", "operation", "value"),
    [
        ("5", [1.0, 2.0, 3.0], "sum", 16.0),
        ("5", [1.0, 2.0, 3.0], "max", 10.0),
        ("-1.5", [4.0], "sum", 9.0),
        (" 2e1 ", [0.0], "max", 40.0),
    ],
)
def test_answers(number: str, samples: list[float], operation: str, value: float) -> None:
    assert meshgen.local(app)(QuickstartRequest(number, samples, operation)) == Combined(value)


@pytest.mark.parametrize(
    "request_",
    [QuickstartRequest("x", [1.0], "sum"), QuickstartRequest("1", [], "sum"), QuickstartRequest("1", [1.0], "")],
)
def test_refuses(request_: QuickstartRequest) -> None:
    with pytest.raises(meshgen.InvalidArgument):
        meshgen.local(app)(request_)


def test_nodes_are_still_plain_python() -> None:
    assert parse_number("5") == 5.0
    assert average([1.0, 2.0, 3.0]) == 2.0
    assert Model(3).forward(2.0) == 6.0
    assert combine([10.0, 6.0], "max") == Combined(10.0)
