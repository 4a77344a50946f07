"""Plain values as block YAML, by PyYAML.

Equal parts are written out each time: with anchors they would depend on each other when a person edits one.
"""

from __future__ import annotations

from typing import Any

import yaml

try:
    from yaml import CSafeDumper as SafeDumper
except ImportError:  # PyYAML was built without libyaml; it says the same in three times the time
    from yaml import SafeDumper  # type: ignore[assignment]

_WIDTH = 120
_STRING = "tag:yaml.org,2002:str"


def block_text(value: Any) -> str:
    """YAML of dicts, lists and scalars."""
    text: str = yaml.dump(value, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=_WIDTH)
    return text


class _Dumper(SafeDumper):
    def ignore_aliases(self, data: Any) -> bool:  # noqa: ARG002
        return True


def _text(dumper: _Dumper, value: str) -> yaml.Node:
    """Text of several lines, such as a program, is written as such where YAML can."""
    return dumper.represent_scalar(_STRING, value, style="|" if "\n" in value else None)


_Dumper.add_representer(str, _text)
