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
KEYS = TEXT | st.integers() | st.booleans()
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS, inner, max_size=4),
    max_leaves=15,
)


class Dumper(yaml.SafeDumper):
    """Without anchors."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


@settings(deadline=None)  # the machine may be busy
@given(st.dictionaries(KEYS, VALUES, max_size=4))
def test_yaml_is_the_text_of_pyyaml(document: dict[Any, Any]) -> None:
    assert to_yaml(document) == yaml.dump(document, Dumper=Dumper, sort_keys=False, allow_unicode=True, width=120)


def test_equal_parts_are_written_out() -> None:
    part = {"a": [1]}
    assert to_yaml({"x": part, "y": part}, header="made\nhere") == "# made\n# here\nx:\n  a:\n  - 1\ny:\n  a:\n  - 1\n"
