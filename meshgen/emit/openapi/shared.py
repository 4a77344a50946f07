"""What the document says of `Tensor` and `Image` beyond their fields: what has to be there, and what excludes what."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

from meshgen.contract.wire import IMAGE, TENSOR
from meshgen.emit.openapi.model import Schema
from meshgen.schema.values.picture import MODES
from meshgen.schema.values.tensor import DATATYPES


def _tensor(made: Schema) -> Schema:
    """Answers have empty lists of the other contents, and no schema says how many elements a shape has."""
    properties = dict(made.properties or {})
    properties["datatype"] = replace(properties["datatype"], type="string", enum=tuple(DATATYPES.values()))
    lengths = properties["shape"].items or Schema()
    properties["shape"] = replace(properties["shape"], items=replace(lengths, minimum=0, pattern="^[0-9]{1,19}$"))
    return replace(made, properties=properties, required=("datatype",))


def _image(made: Schema) -> Schema:
    properties = dict(made.properties or {})
    properties["mode"] = replace(properties["mode"], enum=(*MODES, None))
    for side in ("width", "height"):
        properties[side] = replace(properties[side], minimum=0)
    encoded, raw = Schema(required=("encoded",)), ("mode", "width", "height", "pixels")
    some = Schema(any_of=tuple(Schema(required=(name,)) for name in raw))
    return replace(
        made,
        properties=properties,
        one_of=(Schema(required=("encoded",), not_=some), Schema(required=raw, not_=encoded)),
    )


SHARED: Mapping[str, Callable[[Schema], Schema]] = {TENSOR: _tensor, IMAGE: _image}
"""By full name of the message."""
