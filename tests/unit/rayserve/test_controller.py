"""The private places for Serve's controller, its logs and Ray's log monitor, against the installed Ray; no cluster."""

from __future__ import annotations

import inspect

import pytest
from ray._private import node, worker
from ray.serve import context
from ray.serve._private import client
from ray.serve._private.logging_utils import get_serve_logs_dir

from meshgen.rayserve.controller import running_controller
from meshgen.rayserve.logs import logs_folder
from meshgen.rayserve.starting import end_log_monitor


def test_the_controller_is_that_of_serves_client(monkeypatch: pytest.MonkeyPatch) -> None:
    assert "self._controller" in inspect.getsource(client.ServeControllerClient.__init__)
    controller = object()
    known = client.ServeControllerClient.__new__(client.ServeControllerClient)
    known._controller = controller
    monkeypatch.setattr(context, "_global_client", known)
    monkeypatch.setattr(client.ServeControllerClient, "__del__", lambda _: None, raising=False)
    assert "raise_if_no_controller_running" in inspect.signature(context._get_global_client).parameters
    found = context._get_global_client.__globals__["_global_client"]
    assert found is known
    monkeypatch.setattr(context, "_get_global_client", lambda **_: known)
    assert running_controller() is controller
    monkeypatch.setattr(context, "_get_global_client", lambda **_: None)
    assert running_controller() is None


def test_the_log_monitor_is_the_nodes_to_end(monkeypatch: pytest.MonkeyPatch) -> None:
    assert callable(node.Node.kill_log_monitor)
    assert hasattr(worker, "_global_node")
    ended: list[bool] = []
    monkeypatch.setattr(worker, "_global_node", type("Node", (), {"kill_log_monitor": lambda _: ended.append(True)})())
    end_log_monitor()
    assert ended == [True]


def test_replicas_log_where_serve_says() -> None:
    assert "serve" in inspect.getsource(get_serve_logs_dir)
    assert logs_folder().name == "serve"
