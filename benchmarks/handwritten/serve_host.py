"""Starts Ray and Serve with the application, and says where its gRPC listens; ends with its stdin.

    python -m benchmarks.handwritten.serve_host FOLDER [--throughput]

Ray and Serve read their settings from the environment when they are imported; `ENVIRONMENT` and `THROUGHPUT` are ours.
"""

from __future__ import annotations

import json
import logging
import os
import secrets
import sys
import time
from collections.abc import Mapping
from typing import Any

from benchmarks.ports import pick

ENVIRONMENT: Mapping[str, str] = {
    # What follows changes who may connect and what is told to whom, not how fast anything is.
    "RAY_SERVE_HTTP_PROXY_CALLBACK_IMPORT_PATH": "benchmarks.handwritten.loopback.callback",
    "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0",
    "RAY_AUTH_MODE": "token",
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_ENABLE_UV_RUN_RUNTIME_ENV": "0",
    # Keeps the environment block readable, by which the processes are found.
    "SPT_NOENV": "1",
}
THROUGHPUT: Mapping[str, str] = {
    # Stands for: user code and router on the replica's own loop, buffered logs, handles over gRPC, direct ingress, a
    # frozen garbage collector (`ray/serve/_private/constants.py`).
    "RAY_SERVE_THROUGHPUT_OPTIMIZED": "1",
    # Handles over gRPC refuse more than 4 MiB by default.
    "RAY_SERVE_REPLICA_GRPC_MAX_MESSAGE_LENGTH": str(64 * 1024**2),
    # How long the end takes, nothing else.
    "RAY_SERVE_DIRECT_INGRESS_MIN_DRAINING_PERIOD_S": "1",
    # Away from the ports of a mesh: Serve lets two replicas of two clusters share one.
    "RAY_SERVE_DIRECT_INGRESS_MIN_HTTP_PORT": "31001",
    "RAY_SERVE_DIRECT_INGRESS_MAX_HTTP_PORT": "32000",
    "RAY_SERVE_DIRECT_INGRESS_MIN_GRPC_PORT": "41001",
    "RAY_SERVE_DIRECT_INGRESS_MAX_GRPC_PORT": "42000",
}
_LOGICAL_CPUS = 32
"""Room for all replicas, as `meshgen run` makes it; they ask for one each."""
_LIMIT_S = 120.0


def main() -> None:
    folder, throughput = sys.argv[1], "--throughput" in sys.argv
    # Ray prints when it likes; nobody reads more of our stdout than the address.
    stdout = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    os.environ.update({**ENVIRONMENT, **(THROUGHPUT if throughput else {}), "RAY_AUTH_TOKEN": secrets.token_hex(32)})

    import ray
    from ray import serve
    from ray.serve.config import gRPCOptions

    from benchmarks.handwritten.serve_graph import application

    http, port = pick(2)
    ray.init(
        address="local",
        num_cpus=_LOGICAL_CPUS,
        # Ten processes that no request passes through.
        include_dashboard=False,
        log_to_driver=False,
        logging_level=logging.ERROR,
        _temp_dir=f"{folder}/ray",
    )
    try:
        serve.start(
            http_options={"host": "127.0.0.1", "port": http},
            grpc_options=gRPCOptions(port=port, grpc_servicer_functions=["bench_pb2_grpc.add_FrontServicer_to_server"]),
            logging_config={"enable_access_log": False} if throughput else None,
        )
        serve.run(application(), name="works", route_prefix="/works")
        address = _replica() if throughput else f"127.0.0.1:{port}"
        print(json.dumps({"address": address}), file=stdout, flush=True)
        sys.stdin.read()
    finally:
        ray.shutdown()


def _replica() -> str:
    """The gRPC port of the front's replica, which Serve opens with direct ingress."""
    import ray
    from ray.serve.context import _get_global_client

    client = _get_global_client()
    assert client is not None
    deadline = time.monotonic() + _LIMIT_S
    while time.monotonic() < deadline:
        details: Mapping[str, Any] = ray.get(client._controller.get_serve_instance_details.remote())
        for group in details.get("target_groups") or ():
            for target in group["targets"] if "grpc" in str(group["protocol"]).lower() else ():
                if str(target["name"]).startswith("SERVE_REPLICA::"):
                    return f"127.0.0.1:{target['port']}"
        time.sleep(0.1)
    raise SystemExit("no replica with a gRPC port")


if __name__ == "__main__":
    main()
