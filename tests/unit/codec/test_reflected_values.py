"""Random values of real annotations (`tests/graphs/border.py`): from reflection through the codec, and through JSON."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from schema_samples import JSON_VALUES, LONGEST, MOMENTS, TEXT

from meshgen.codec.rpc import Contracts
from meshgen.compiler import compile_graph
from meshgen.contract import names
from meshgen.frontend import load_graph
from meshgen.schema.convert.json_value import from_json, to_json
from meshgen.schema.relate.assignable import holds

BUILT = compile_graph(load_graph(str(Path(__file__).parents[2] / "graphs" / "border.py")), lock=None)
ROUTE = next(route for route in BUILT.graph.routes if route.path == "/values")
REQUEST = BUILT.graph.request(ROUTE)
RECORD: Any = REQUEST.record
BORDER: Any = sys.modules[RECORD.python.__module__]
CODEC = Contracts(BUILT.plan.contract.descriptors.SerializeToString()).codec(
    names.service(BUILT.graph.name), ROUTE.rpc, REQUEST.params, RECORD, ROUTE.result
)

_INT = st.integers(-(1 << 63), (1 << 63) - 1)
_SHAPES = st.builds(BORDER.Circle, st.floats(allow_nan=False)) | st.builds(BORDER.Square, st.floats(allow_nan=False))
_TREES = st.recursive(
    st.builds(BORDER.Tree, _INT),
    lambda tree: st.builds(BORDER.Tree, _INT, st.lists(tree, max_size=2), st.dictionaries(TEXT, tree, max_size=2)),
    max_leaves=5,
)
VALUES = st.builds(
    BORDER.Values,
    shape=_SHAPES,
    shapes=st.lists(_SHAPES | TEXT, max_size=3),
    by_name=st.dictionaries(TEXT, _INT | st.lists(_INT, max_size=2), max_size=2),
    at=MOMENTS,
    took=st.timedeltas(-LONGEST, LONGEST),
    day=st.dates(),
    price=st.decimals(allow_nan=False, allow_infinity=False),
    key=st.uuids(),
    anything=JSON_VALUES,
    table=st.dictionaries(TEXT, JSON_VALUES, max_size=2),
    row=st.lists(JSON_VALUES, max_size=2),
    tree=_TREES,
    box=st.builds(BORDER.Box, _INT),
    boxes=st.lists(st.builds(BORDER.Box, TEXT), max_size=2),
    note=st.fixed_dictionaries({"text": TEXT}, optional={"lang": TEXT}),
    narrow=st.integers(-(1 << 31), (1 << 31) - 1),
    single=st.floats(width=32, allow_nan=False),
    level=st.sampled_from([1, 2, 3]),
    numbers=st.lists(st.none() | _INT, max_size=3),
    tags=st.sets(TEXT, max_size=3),
    moments=st.dictionaries(TEXT, MOMENTS, max_size=2),
    maybe=st.none() | _INT | TEXT,
)


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(VALUES)
def test_what_annotations_hold_comes_back(values: Any) -> None:
    request = BORDER.Request(values)
    assert holds(values, RECORD.field("values").type)
    assert CODEC.decode_request(CODEC.encode_request(request)) == request
    assert CODEC.decode_response(CODEC.encode_response(values)) == values
    assert from_json(RECORD, json.loads(json.dumps(to_json(RECORD, request)))) == request
