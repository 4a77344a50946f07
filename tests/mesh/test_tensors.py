"""Big tensors through a mesh: Envoy and protobuf read what was written past protobuf."""

from __future__ import annotations

import base64
from typing import Any

import numpy as np
import pytest
from running_mesh import MeshProcess

from meshgen.codec import payloads
from meshgen.codec.rpc import Contracts, RpcCodec
from meshgen.compiler import compile_graph
from meshgen.contract import names
from meshgen.frontend import load_graph
from meshgen.schema.convert.json_value import from_json
from meshgen.schema.model import Tensor

pytestmark = pytest.mark.mesh

ARRAY = np.arange(600_000, dtype=np.float32).reshape(3, -1)
assert ARRAY.nbytes > payloads.THRESHOLD


def codec() -> RpcCodec:
    built = compile_graph(load_graph("tests/mesh/graphs/large.py"), lock=None)
    request = built.graph.request(route := next(r for r in built.graph.routes if r.path == "/negative"))
    contracts = Contracts(built.plan.contract.descriptors.SerializeToString())
    return contracts.codec(names.service("large"), route.rpc, request.params, request.record, route.result)


def test_by_grpc(mesh: MeshProcess) -> None:
    grpc = pytest.importorskip("grpc")
    rpc = codec()
    request: Any = rpc.request_class()
    request.tensor.datatype, request.tensor.raw = "FP32", ARRAY.tobytes()
    request.tensor.shape.extend(ARRAY.shape)
    options = [("grpc.max_receive_message_length", -1)]
    with grpc.insecure_channel(mesh.address, options=options) as channel:
        call = channel.unary_unary(f"/{rpc.request_class.DESCRIPTOR.file.package}.LargeService/Negative")
        plain = request.SerializeToString()
        for sent in (plain, rpc.encode_request(rpc.decode_request(plain))):
            answer = call(sent, timeout=60)
            decoded = rpc.decode_response(answer)
            assert np.array_equal(decoded, -ARRAY)
            assert np.shares_memory(decoded, np.frombuffer(answer, np.uint8))
            read_by_protobuf: Any = rpc.response_class.FromString(answer)
            assert read_by_protobuf.result.raw == (-ARRAY).tobytes()


@pytest.mark.parametrize("array", [ARRAY, ARRAY[:, :3]], ids=["big", "small"])
@pytest.mark.parametrize("numbers", [False, True], ids=["base64", "numbers"])
def test_by_rest(mesh: MeshProcess, array: Any, numbers: bool) -> None:
    sent: dict[str, Any] = {"datatype": "FP32", "shape": list(array.shape)}
    if numbers:
        sent["fp32_contents"] = array.ravel().tolist()
    else:
        sent["raw"] = base64.b64encode(array.tobytes()).decode()
    reply = mesh.post("/large/negative", {"tensor": sent})
    assert reply.status == 200
    assert reply.body["result"]["raw"] == base64.b64encode((-array).tobytes()).decode()
    assert np.array_equal(from_json(Tensor("numpy", "float32", (3, None)), reply.body), -array)
