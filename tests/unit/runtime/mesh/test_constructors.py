"""Constructors in a replica: async ones, and those that call other nodes while these start."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

import pytest

import meshgen
from meshgen import DAGDriver, Handle, deployment
from meshgen.codec.rpc import Contracts
from meshgen.compiler import compile_graph
from meshgen.frontend import Loaded, trace
from meshgen.runtime.call.transport import CallInfo
from meshgen.runtime.mesh import transport as mesh_transport
from meshgen.runtime.mesh.call_errors import REPLICA_DIED
from meshgen.runtime.mesh.transport import MeshTransport


@deployment
class Leaf:
    def size(self) -> int:
        return 7

    def helper(self, *sizes: int) -> int:
        return sum(sizes)


@deployment
class Waits:
    def __init__(self, leaf: Handle[Leaf]) -> None:
        self.leaf = leaf
        self.size: int = leaf.size.remote().result()

    async def ask(self) -> int:
        return self.size

    async def ask_for_more(self) -> int:
        return int(await getattr(self.leaf, "helper").remote(1, 2))  # noqa: B009 - nobody sees what it calls


@deployment
class Awaits:
    async def __init__(self, leaf: Handle[Leaf]) -> None:  # type: ignore[misc]  # it is awaited
        self.loop = asyncio.get_running_loop()
        self.size = await leaf.size.remote()

    async def ask(self) -> int:
        assert asyncio.get_running_loop() is self.loop
        return int(self.size)


class Elsewhere:
    """The mesh, on which a node is not there at first."""

    def __init__(self, error: Exception, times: int) -> None:
        self.error, self.times = error, times

    async def call(self, _call: CallInfo, _arguments: Mapping[str, Any]) -> Any:
        self.times -= 1
        if self.times >= 0:
            raise self.error
        return 7


def replica(node: Any, host: str, error: Exception, times: int) -> MeshTransport:
    traced = trace(DAGDriver.bind(node.bind(Leaf.bind()).ask.bind()), name="constructed")
    assert traced.graph is not None
    loaded = Loaded(graph=traced.graph, root=meshgen.__path__[0], module="m", attribute="app")  # type: ignore[arg-type]
    descriptors = compile_graph(loaded, lock=None).plan.contract.descriptors.SerializeToString()
    made = MeshTransport(traced.graph, Contracts(descriptors), host)
    made._remote = Elsewhere(error, times)  # type: ignore[assignment]  # what it calls by
    return made


@pytest.mark.parametrize(("node", "host"), [(Waits, "waits"), (Awaits, "awaits")])
async def test_a_constructor_may_call_a_node_that_is_not_there_yet(
    node: Any, host: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mesh_transport, "_NOT_THERE_YET_S", 0.001)
    made = replica(node, host, meshgen.Unavailable("no healthy upstream", node="leaf"), 3)
    await made.construct()
    (instance,) = made.instances
    assert await instance.target.ask() == 7


async def test_an_error_of_that_node_is_the_constructors() -> None:
    made = replica(Waits, "waits", meshgen.NotFound("no size", node="leaf"), 1)
    with pytest.raises(meshgen.NotFound, match="no size"):
        await made.construct()


async def test_a_call_that_ends_replicas_is_not_made_again_and_again() -> None:
    died = meshgen.Unavailable("node 'leaf' ended (signal 11, SIGSEGV)", node="leaf", reason=REPLICA_DIED)
    made = replica(Waits, "waits", died, 1)
    with pytest.raises(meshgen.Unavailable, match="SIGSEGV"):
        await made.construct()


async def test_what_is_in_no_contract_cannot_be_called_on_a_mesh() -> None:
    made = replica(Waits, "waits", meshgen.NotFound("unused"), 0)
    await made.construct()
    (instance,) = made.instances
    with pytest.raises(AttributeError, match=r"'leaf.helper' is not in the contract of its node.*`meshgen check`"):
        await instance.target.ask_for_more()
