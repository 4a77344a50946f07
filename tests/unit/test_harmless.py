"""Texts of strangers on a terminal."""

from __future__ import annotations

import json
import unicodedata

import pytest

from meshgen.cli import terminal
from meshgen.cli.jsonio import json_line
from meshgen.errors import Diagnostic, GraphError, MeshgenError
from meshgen.harmless import escaped, one_message
from meshgen.status import Internal, NotFound, StatusError


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain", "plain"),
        ("größer\t漢字 🙂", "größer\t漢字 🙂"),
        ("two\nlines", "two\nlines"),
        ("\x1b[31mred", r"\x1b[31mred"),
        ("\x1b]0;title\x07", r"\x1b]0;title\x07"),
        ("\x9b2J", r"\x9b2J"),
        ("over\rwritten", r"over\rwritten"),
        ("a\0b\x08\x7f", r"a\x00b\x08\x7f"),
        ("\v\f\x1c\x85", r"\x0b\x0c\x1c\x85"),
        ("\u2028\u2029", r"\u2028\u2029"),
        ("\u202etxet\u2066", r"\u202etxet\u2066"),
        ("\udc9b", r"\udc9b"),
        (r"\x1b", r"\x1b"),
    ],
)
def test_what_steers_a_terminal_is_shown(text: str, shown: str) -> None:
    assert escaped(text) == shown
    assert escaped(shown) == shown


def test_no_control_character_is_left() -> None:
    everything = escaped("".join(map(chr, range(0x110000))))
    assert {c for c in everything if unicodedata.category(c) in {"Cc", "Cs", "Zl", "Zp"}} == {"\n", "\t"}


def test_further_lines_stand_further_right() -> None:
    assert one_message("a\nb\r\nc") == "a\n  b\\r\n  c"
    assert one_message("a\n\nb", margin="    ") == "a\n    \n    b"


def test_json_stays_the_same_json() -> None:
    value = {"\x9b": "\x1b[2J\x7f\u202e\u2028\n\ud800", "ü": "漢字"}
    line = json_line(value)
    assert json.loads(line) == value
    assert escaped(line) == line
    assert "漢字" in line


FORGED = "gone\n  0.1 s  ready\nerror MG101: forged\x1b[2J"


def _raised() -> Internal:
    error = Internal("internal error in node 'x'")
    error.__cause__ = ValueError(FORGED)
    error.__cause__.add_note(FORGED)
    return error


@pytest.mark.parametrize(
    "error",
    [
        NotFound(FORGED),
        MeshgenError(FORGED),
        GraphError([Diagnostic(code="MG101", message=FORGED, hint=FORGED)]),
        _raised(),
    ],
    ids=lambda error: type(error).__name__,
)
def test_an_error_cannot_look_like_another_line(
    error: StatusError | MeshgenError, capsys: pytest.CaptureFixture[str]
) -> None:
    terminal.report(error)
    said = capsys.readouterr().err
    assert "\x1b" not in said
    assert r"forged\x1b[2J" in said
    assert not [line for line in said.splitlines() if line.startswith(("  0.1 s", "error MG101: forged"))], said
