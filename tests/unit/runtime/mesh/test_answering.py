"""What a replica refuses of a request before it decodes it, by where the request came from."""

from __future__ import annotations

from typing import Any

import pytest
from schema_samples import INT, STR, codec_of, params

from meshgen.runtime.call.context import CURRENT, RequestContext
from meshgen.runtime.mesh.answering import Answering
from meshgen.schema.model import ListOf
from meshgen.status import InvalidArgument

REST = {"x-envoy-original-path": "/x"}
LEAST = -(2**63)
MOST = 1 << 27


async def answered(metadata: dict[str, str], most: int | None, **arguments: Any) -> Any:
    codec = codec_of(params(x=INT, many=ListOf(STR, "list")))

    async def answer(request: Any) -> Any:
        return request["x"]

    CURRENT.set(RequestContext(graph="g", metadata=metadata))
    data = codec.encode_request({"x": 0, "many": [], **arguments})
    return codec.decode_response(await Answering(codec, "n", answer)(data, most))


@pytest.mark.parametrize("many", [[], ["a"] * 10_000], ids=["on the loop", "beside it"])
async def test_a_number_that_envoy_may_have_rounded(many: list[str]) -> None:
    with pytest.raises(InvalidArgument, match=r"^x must be greater than -2\^63 over REST"):
        await answered(REST, MOST, x=LEAST, many=many)
    assert await answered(REST, MOST, x=LEAST + 1, many=many) == LEAST + 1
    assert await answered({}, MOST, x=LEAST, many=many) == LEAST
    # From the driver, which may have computed it.
    assert await answered(REST, None, x=LEAST, many=many) == LEAST
