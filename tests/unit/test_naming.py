from __future__ import annotations

import keyword
import subprocess
from pathlib import Path

import pytest
from tools import BUF, write_workspace

from meshgen.naming import collisions, enum_value, json_name, pascal, snake, words, writable

NAMES = [
    "HTTPMode", "GPU2Kind", "YOLOv8Size", "YoloV8Size", "A", "AB", "ABc", "Ab1C", "user", "B2b", "X1Y1", "HTTP2Server",
    "V2", "Res50Net", "aB", "iPhone", "E1x", "Foo_Bar", "AAa1Bb", "R2D2", "UNetV3Plus", "GPT4o", "LabelFR", "XY2Z",
    "_private", "trailing_", "a__b", "user_ID", "A_1", "ResNet_50", "field_1", "image2", "f1_score", "top_5", "Box[int]"
]  # fmt: skip


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("HTTPMode", "http_mode"),
        ("GPU2Kind", "gpu2_kind"),
        ("YOLOv8Size", "yol_ov8_size"),
        ("user_ID", "user_id"),
        ("_private", "private"),
        ("trailing_", "trailing"),
        ("a__b", "a_b"),
        ("ResNet_50", "res_net_50"),
        ("UNetV3Plus", "u_net_v3_plus"),
    ],
)
def test_snake(name: str, expected: str) -> None:
    assert snake(name) == expected
    assert snake(expected) == expected


def test_pascal_and_words() -> None:
    assert pascal("model_1") == "Model1"
    assert pascal("Box[int]") == "BoxInt"
    assert words("HTTPMode") == ["HTTP", "Mode"]
    assert json_name("top_5") == "top5"
    assert enum_value("YOLOv8Size", "extraLarge") == "YOL_OV8_SIZE_EXTRA_LARGE"


def test_names_that_protobuf_cannot_write() -> None:
    assert all(writable(n) for n in [*NAMES, *keyword.kwlist])
    assert not any(writable(n) for n in ["größe", "_1", "_", "1st"])


def test_collisions() -> None:
    assert collisions(["userId", "x", "user_id", "user_ID"]) == [("userId", "user_id"), ("userId", "user_ID")]
    assert collisions(["top_5", "top5"]) == [("top_5", "top5")]
    assert collisions(["a", "b", "ab", "a_b"]) == []


def test_buf_agrees(tmp_path: Path) -> None:
    text = 'syntax = "proto3";\n\npackage g.v1;\n'
    for index, name in enumerate(NAMES):
        prefix = enum_value(name, "UNSPECIFIED")
        text += f"\nmessage {pascal(name)}{index} {{\n  optional int64 {snake(name)} = 1;\n}}\n"
        text += f"\nmessage N{index} {{\n  enum {pascal(name)} {{\n    {prefix} = 0;\n  }}\n}}\n"
    write_workspace(tmp_path)
    (tmp_path / "protos/g/v1").mkdir(parents=True)
    (tmp_path / "protos/g/v1/g.proto").write_text(text)
    done = subprocess.run([BUF, "lint", "protos"], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.stdout + done.stderr == ""
