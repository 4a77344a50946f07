"""Documents as text."""

from __future__ import annotations

from typing import Any

import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from meshgen.emit.output.document import to_yaml

ODD = [
    "",
    "~",
    "=",
    "<<",
    "yes",
    "null",
    "1",
    "1.5",
    "0x1F",
    "2020-01-01",
    "a: b",
    "# c",
    "- d",
    "e ",
    "é\u2028☃\x85😀",
]
TEXT = st.text(max_size=40) | st.text("abc ", min_size=100, max_size=300) | st.sampled_from(ODD)
KEYS = TEXT | st.integers(2) | st.booleans()  # True is 1
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS, inner, max_size=4),
    max_leaves=15,
)


@settings(deadline=None)  # the machine may be busy
@given(st.dictionaries(KEYS, VALUES, max_size=4))
def test_yaml_reads_back(document: dict[Any, Any]) -> None:
    text = to_yaml(document)
    for loader in (yaml.SafeLoader, yaml.CSafeLoader):
        assert yaml.load(text, Loader=loader) == document


@settings(deadline=None)
@given(
    st.dictionaries(st.text("ab", min_size=1), st.text("ab ", max_size=60) | st.integers() | st.booleans(), max_size=4)
)
def test_what_is_built_without_libyaml_writes_the_same(document: dict[Any, Any]) -> None:
    assert to_yaml(document) == yaml.safe_dump(document, sort_keys=False, width=120)


def test_a_program_is_written_line_by_line() -> None:
    assert to_yaml({"x": "if a:\n  b\n"}) == "x: |\n  if a:\n    b\n"


def test_equal_parts_are_written_out() -> None:
    part = {"a": [1]}
    assert to_yaml({"x": part, "y": part}, header="made\nhere") == "# made\n# here\nx:\n  a:\n  - 1\ny:\n  a:\n  - 1\n"
