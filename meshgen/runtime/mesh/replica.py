"""What Serve constructs, probes and reconfigures: a node, or the driver, and what is placed with it, in one process."""

from __future__ import annotations

import gc
import logging
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from meshgen.codec.rpc import Contracts
from meshgen.graph.model import Graph
from meshgen.rayserve.deployment import with_version
from meshgen.rayserve.fork import ends
from meshgen.rayserve.lifetime import own_replica_id
from meshgen.rayserve.logs import LOGGER
from meshgen.rayserve.names import DEPLOYMENT
from meshgen.runtime.call import tracing
from meshgen.runtime.mesh import error_log
from meshgen.runtime.mesh.published import PublishedService, service_of_driver, service_of_node
from meshgen.runtime.mesh.transport import MeshTransport

if TYPE_CHECKING:
    from ray.serve import Application

# Set by the constructor of `Replica`, which runs before the replica's gRPC server opens. `server.add` has no other way
# to it: Serve's replica context does not hold the user's object yet when it calls `add`.
PUBLISHED: tuple[PublishedService, ...] = ()


class Replica:
    """The callable of every Serve deployment of a mesh; its requests come by `server.add`, not by methods."""

    async def __init__(  # type: ignore[misc]  # Serve awaits it
        self, load: Callable[[str], Graph], source: str, node: str | None, descriptors: bytes
    ) -> None:
        """Import the graph and construct the user's classes, whose constructors may be async, too.

        Args:
            load: makes the graph from `source`.
            source: `graphs/x.py:app`.
            node: the node to host; None for the driver.
            descriptors: the contract, a serialized `FileDescriptorSet`.

        Raises:
            Exception: whatever the user's constructor raises; Serve shows its traceback in the deployment's status.
        """
        global PUBLISHED  # noqa: PLW0603
        error_log.set_up(logging.getLogger(LOGGER))
        graph = load(source)
        contracts = Contracts(descriptors)
        self._transport = transport = MeshTransport(graph, contracts, node)
        self._node, self._by_node = node, graph.has_configured_guests(node)
        with ends.entering(graph.name, node, own_replica_id()):
            await transport.construct()
        nodes = (service_of_node(graph, n, transport) for n in transport.nodes if n.published)
        PUBLISHED = (*nodes, *(() if node else (service_of_driver(graph, contracts, transport),)))
        # Ray has the garbage collected in full now and then, and nobody is answered meanwhile: 70 ms with Ray's own
        # objects alone, 190 ms with torch's. What the start has made stays; it need not be looked at again.
        gc.collect()
        gc.freeze()

    async def check_health(self) -> None:
        """Serve calls this every `health_check_period_s`, and replaces the replica when it raises."""
        for instance in self._transport.instances:
            if instance.stuck:
                raise RuntimeError(f"{instance.stuck} calls have outlived their deadline and still run")
            await instance.check_health()

    async def reconfigure(self, user_config: Any) -> None:
        """Pass `user_config` on to the user's own `reconfigure`; by node, when guests have one."""
        configs = user_config if self._by_node else {self._node: user_config}
        for instance in self._transport.instances:
            if instance.node.name in configs:
                await instance.reconfigure(configs[instance.node.name])

    def __del__(self) -> None:
        """Serve calls this when the replica has drained; the process is killed soon after."""
        transport: MeshTransport | None = getattr(self, "_transport", None)
        for instance in transport.instances if transport else ():
            instance.close()
        tracing.flush(1.0)


def deployment(*init_args: Any, options: Mapping[str, Any], version: str) -> Application:
    """The Serve application that runs `Replica(*init_args)`.

    Args:
        init_args: of `Replica`.
        options: of the deployment, by Serve's names.
        version: the same one again restarts no replica.
    """
    from ray import serve

    configured = serve.deployment(**{"name": DEPLOYMENT, **options})(Replica)
    return with_version(configured, version).bind(*init_args)
