"""What happens when the fast codec fails: the general one answers, and faults are told from uncommon values."""

from __future__ import annotations

import contextlib
import gc
import logging
import weakref
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest
from google.protobuf.struct_pb2 import Value

from meshgen.codec import fast_faults
from meshgen.codec.fallback import MessageReader, MessageWriter
from meshgen.codec.payloads import MessageBytes
from meshgen.codec.pycode import Unusual
from meshgen.schema.misfit import EncodeError, Misfit

WIRE = MessageBytes(Value)
NAME = "google.protobuf.Value"
TEXT = Value(string_value="x").SerializeToString()


@pytest.fixture(autouse=True)
def _own_count(monkeypatch: pytest.MonkeyPatch) -> None:
    """These tests make faults, for which others would fail."""
    monkeypatch.setattr(fast_faults, "_FAULTS", Counter())


def put(message: Any, value: Any) -> None:
    if not isinstance(value, str):
        raise EncodeError("must be a str")
    message.string_value = value


def take(message: Any) -> Any:
    if message.string_value == "wrong":
        raise Misfit.here("must be right")
    return message.string_value


def raising(error: Exception) -> Callable[..., Any]:
    def fail(*_: Any) -> Any:
        raise error

    return fail


def writer(error: Exception) -> MessageWriter:
    return MessageWriter(WIRE, put, lambda: raising(error), deep=False)


def reader(error: Exception) -> MessageReader:
    return MessageReader(WIRE, take, lambda: raising(error))


def test_a_fault_is_counted_and_the_general_code_answers() -> None:
    assert writer(TypeError("a bug")).write("x") == TEXT
    writer(TypeError("a bug")).check("x")
    assert reader(KeyError("a bug")).read(TEXT) == "x"
    assert fast_faults.noted() == {(NAME, "TypeError"): 2, (NAME, "KeyError"): 1}


def test_a_fault_is_logged_once_of_its_kind(caplog: pytest.LogCaptureFixture) -> None:
    for error in (TypeError("first"), TypeError("second"), ValueError("third")):
        writer(error).write("x")
    assert [record.levelno for record in caplog.records] == [logging.WARNING] * 2
    assert [f"{NAME} fails with {name}" in caplog.text for name in ("TypeError", "ValueError")] == [True, True]
    assert "second" not in caplog.text


def test_an_uncommon_value_is_no_fault() -> None:
    assert writer(Unusual()).write("x") == TEXT
    assert reader(Unusual()).read(TEXT) == "x"
    assert fast_faults.noted() == {}


def test_a_wrong_value_is_no_fault() -> None:
    with pytest.raises(EncodeError, match="must be a str"):
        writer(TypeError("5 has type int")).write(5)
    with pytest.raises(EncodeError, match="must be a str"):
        writer(TypeError("5 has type int")).check(5)
    with pytest.raises(Misfit):
        reader(ValueError("not right")).read(Value(string_value="wrong").SerializeToString())
    assert fast_faults.noted() == {}


def test_a_refused_value_is_not_kept() -> None:
    """Nobody waits for the garbage collector to free a big value that had an error."""

    class Big:
        pass

    def add(message: Any, value: Any) -> None:
        message.string_value = value

    value, write = Big(), MessageWriter(WIRE, put, lambda: add, deep=False).write
    held = weakref.ref(value)
    gc.disable()
    try:
        with contextlib.suppress(EncodeError):
            write(value)
        del value
        assert held() is None
    finally:
        gc.enable()
