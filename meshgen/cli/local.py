"""`meshgen local`: one request through a graph in this process."""

from __future__ import annotations

import signal
from types import FrameType
from typing import Any, NoReturn

from meshgen.cli.terminal import say_ignored
from meshgen.frontend import Loaded, load_graph
from meshgen.runtime.call.errors import as_status, trace_of
from meshgen.runtime.local.graph import LocalGraph
from meshgen.status import Code, StatusError


def answer(target: str, value: Any, *, route: str | None, codec: bool, timeout_s: float | None) -> Any:
    """The answer to a request, both as JSON has them.

    Raises:
        GraphError: the graph has problems.
        StatusError: what a client would get; the cause of an INTERNAL one is the user's exception.
    """
    # asyncio would only cancel its task, and so not reach sync code that runs on the loop's own thread.
    signal.signal(signal.SIGINT, _interrupt)
    loaded = load_graph(target)
    graph = _through_codec(loaded) if codec else LocalGraph(loaded.graph)
    try:
        return graph.call_json(value, route=route, timeout_s=timeout_s, unknown_key=say_ignored)
    except (StatusError, KeyboardInterrupt):
        raise
    except BaseException as error:  # noqa: BLE001 - where errors of user code become statuses; its sys.exit() too
        status = _placed(as_status(error, loaded.graph.name), loaded.graph.name, trace_of(error))
        raise status from status.__cause__
    finally:
        graph.close()


def _placed(status: StatusError, graph: str, trace: str) -> StatusError:
    """The status, and for a bug where it was, as the log of a replica says it."""
    if status.code is Code.INTERNAL:
        status.message += f" (graph '{graph}'{f', trace {trace}' if trace else ''})"
    return status


def _through_codec(loaded: Loaded) -> LocalGraph:
    # Both bring protobuf, which a plain run does without.
    from meshgen.cli.compiling import compiled
    from meshgen.runtime.local.through_codec import ThroughCodec

    descriptors = compiled(loaded, loaded.root).plan.contract.descriptors.SerializeToString()
    return LocalGraph(loaded.graph, [ThroughCodec(loaded.graph, descriptors)])


def _interrupt(_signal: int, _frame: FrameType | None) -> NoReturn:
    raise KeyboardInterrupt
