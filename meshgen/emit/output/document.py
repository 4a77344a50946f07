"""Plain documents (dicts, lists, scalars) as YAML and JSON text, in the order in which they were built."""

from __future__ import annotations

import json
from typing import Any, TypeAlias

Document: TypeAlias = dict[str, Any]


def to_yaml(document: Document, *, header: str = "") -> str:
    """YAML text. Keys keep their order; `header` becomes comment lines at the top."""
    from meshgen.emit.output.yamltext import block_text  # and PyYAML, which those who write JSON do without

    return comment(header) + block_text(document)


def to_json(document: Document) -> str:
    """JSON text with two spaces of indentation and a line break at its end."""
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


def comment(text: str) -> str:
    """`text` as `#` lines; nothing for an empty text."""
    return "".join(f"# {line}".rstrip() + "\n" for line in text.splitlines())


def without_empty(document: Document) -> Document:
    """The document without its entries that are None."""
    return {key: value for key, value in document.items() if value is not None}
