"""Nobody but this machine reaches a mesh, unless `--host` lets them in."""

from __future__ import annotations

import ipaddress
from typing import TYPE_CHECKING

import psutil
import pytest

if TYPE_CHECKING:
    from running_mesh import MeshProcess

pytestmark = pytest.mark.mesh
PARTS = ("envoy", "gcs_server", "raylet", "ServeReplica", "ServeController", "meshgen run")
"""Some that listen, so that a test which sees nothing fails."""


def test_all_that_a_mesh_starts_listens_on_the_loopback_only(mesh: MeshProcess) -> None:
    assert mesh.process is not None
    listening = [
        (" ".join(process.cmdline())[:200], ipaddress.ip_address(each.laddr.ip), each.laddr.port)
        for process in (psutil.Process(mesh.process.pid), *mesh.members())
        for each in process.net_connections("inet")
        if each.status == psutil.CONN_LISTEN or each.type.name == "SOCK_DGRAM"
    ]
    assert [part for part in PARTS if not any(part in command for command, _, _ in listening)] == []
    assert [each for each in listening if not _is_here(each[1])] == []


def _is_here(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> bool:
    mapped = getattr(address, "ipv4_mapped", None)
    return (mapped or address).is_loopback
