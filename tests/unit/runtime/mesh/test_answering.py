"""What a replica refuses of a request before it decodes it, by where the request came from."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from schema_samples import BYTES, INT, STR, codec_of, params
from shared_memory import folder_in_memory, there

from meshgen.runtime.call.context import CURRENT, RequestContext
from meshgen.runtime.mesh import answering
from meshgen.runtime.mesh.answering import Answering
from meshgen.runtime.mesh.bulk.held import HELD, Held
from meshgen.runtime.mesh.bulk.letter import LEAST as BY_NAME
from meshgen.runtime.mesh.bulk.letter import Named
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


@pytest.mark.parametrize("waits", [False, True], ids=["on the loop", "beside it"])
async def test_an_answer_that_nobody_gets_leaves_no_file(monkeypatch: pytest.MonkeyPatch, waits: bool) -> None:
    codec = codec_of(params(x=BYTES), BYTES)
    request = codec.encode_request({"x": bytes(BY_NAME if waits else 0)})

    async def answer(_: Any) -> Any:
        return bytes(BY_NAME)

    async def answered(cancelled: bool) -> Any:
        with Held(by_name=True) as held:
            HELD.set(held)
            answer_ = await Answering(codec, "n", answer)(request, None)
            if cancelled:
                await asyncio.Event().wait()
            held.pass_on(answer_.folder, answer_.name)
            return answer_

    with folder_in_memory() as (folder, path):
        monkeypatch.setattr(answering, "configured", lambda: folder)
        for turn in range(20):
            task = asyncio.create_task(answered(cancelled=True))
            await asyncio.sleep(turn * 0.0005)
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
        named = await asyncio.create_task(answered(cancelled=False))  # what was written beside the loop is written now
        assert isinstance(named, Named)
        assert there(path) == [named.name]
