"""A graph's file may import Ray at its top, and use what is Ray's in its nodes."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from running_mesh import MeshProcess

pytestmark = pytest.mark.mesh


def test_requests_at_once_are_batched_by_serve(mesh: MeshProcess) -> None:
    with ThreadPoolExecutor(8) as pool:
        replies = list(pool.map(lambda _: mesh.post("/probe/batching", {"text": "x"}), range(8)))
    answers = [reply.body["result"] for reply in replies]
    assert all(answer.endswith(" texts") for answer in answers), "its async `reconfigure` has been awaited"
    assert max(int(answer.split()[0]) for answer in answers) >= 2
