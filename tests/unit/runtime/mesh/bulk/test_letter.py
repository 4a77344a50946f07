"""Messages in parts of files: sent, passed on unread, taken, put together, decoded."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from schema_samples import codec_of, params
from shared_memory import folder_in_memory, there

from meshgen.codec.lazy import Received
from meshgen.codec.passthrough import Span
from meshgen.codec.wireformat import Buffer
from meshgen.limits import MEBIBYTE
from meshgen.runtime.mesh.bulk import letter
from meshgen.runtime.mesh.bulk.folder import Folder, GoneError
from meshgen.runtime.mesh.bulk.held import Held
from meshgen.runtime.mesh.bulk.letter import LEAST, answer, post, received
from meshgen.runtime.mesh.bulk.mapping import Mapping
from meshgen.schema.model import ListOf, Scalar, Tensor

BIG = 2 * LEAST


@pytest.fixture(autouse=True)
def _written_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(letter, "WRITTEN", LEAST)


@pytest.fixture
def shared() -> Iterator[tuple[Folder, Path]]:
    with folder_in_memory(256 * MEBIBYTE) as made:
        yield made


def arrived(parts: Any, folder: Folder, held: Held, *, writable: bool = True) -> Buffer:
    sent = post(parts, folder)
    assert sent is not None
    assert sent.content() == b"".join(p.view if isinstance(p, Span) else p for p in parts)
    with sent.sent() as header:
        assert header is not None
        message = received(header, sent.rest, folder, held.add, writable=writable)
    sent.close()
    return message


def passed(data: bytes, folder: Folder, held: Held) -> memoryview:
    """An answer as a driver has it."""
    made = answer([data], folder)
    assert made is not None
    message = received(made.header, b"", folder, held.add, writable=False)
    assert isinstance(message, memoryview)
    assert message.readonly
    assert isinstance(message.obj, Mapping)
    return message


def test_what_is_small_or_finds_no_room_goes_by_the_socket(shared: tuple[Folder, Path], tmp_path: Path) -> None:
    folder, path = shared
    assert post([b"x" * (LEAST - 1)], folder) is None
    assert answer([b"x" * (LEAST - 1)], folder) is None
    assert not there(path)
    assert post([bytes(BIG)], Folder(tmp_path / "none")) is None
    assert answer([bytes(BIG)], Folder(tmp_path / "none")) is None


def test_messages_arrive_as_they_were(shared: tuple[Folder, Path]) -> None:
    folder, path = shared
    with Held() as held:
        one, two = (passed(os.urandom(BIG + n), folder, held) for n in range(2))
        before = bytes(one)
        small = passed(os.urandom(BIG), folder, held)[: LEAST - 1]
        for parts in (
            [b"tag", bytes(BIG), b"more"],
            [Span(one, 0, len(one))],
            [b"tag", Span(one, 2, len(one))],
            [b"tag", Span(one, 2, len(one)), b"rest" * 100],
            [b"tag", Span(one, 2, len(one)), b"rest" * 10_000],
            [b"tag", Span(one, 2, len(one)), os.urandom(BIG)],
            [b"tag", Span(one, 2, len(one)), b"another", Span(two, 5, len(two)), b"rest"],
            [b"long" * 100, Span(one, 2, len(one))],
            [b"t", Span(small, 0, len(small)), b"t", Span(one, 0, len(one))],
            [b"long" * 100_000, Span(one, 2, len(one))],
            [part for _ in range(40) for part in (b"t", Span(one, 1, LEAST + 1))],
            [Span(one, 5, LEAST + 70)],
        ):
            whole = b"".join(p.view if isinstance(p, Span) else p for p in parts)
            message = arrived(parts, folder, held)
            assert bytes(message) == whole
            assert not memoryview(message).readonly
            assert bytes(arrived(parts, folder, held, writable=False)) == whole
        assert bytes(one) == before, "what receivers put around it stays with them"
    assert there(path) == []


def test_one_big_part_is_not_copied(shared: tuple[Folder, Path]) -> None:
    folder, _ = shared
    with Held() as held:
        one = passed(os.urandom(BIG), folder, held)
        for parts in ([b"tag", Span(one, 2, len(one)), b"rest"], [b"tag", bytes(BIG)]):
            message = arrived(parts, folder, held)
            assert isinstance(message, memoryview)
            assert isinstance(message.obj, Mapping)


def test_an_answer_goes_to_several_and_again(shared: tuple[Folder, Path]) -> None:
    folder, path = shared
    with Held() as driver, Held() as first, Held() as second:
        data = os.urandom(BIG)
        one = passed(data, folder, driver)
        letters = [post([Span(one, 0, len(one))], folder) for _ in range(2)]
        assert all(letters)
        assert len({(path / name).stat().st_ino for name in there(path)}) == 1, "nothing was written"
        for sent, held in zip(letters, (first, second), strict=True):
            assert sent is not None
            with sent.sent():
                pass  # whoever was called went away before it took it
            assert len({*there(path)}) == 1 + (held is second)
            with sent.sent() as header:
                assert header is not None
                message = received(header, sent.rest, folder, held.add, writable=True)
            sent.close()
            assert bytes(message) == data
            memoryview(message)[0] ^= 255
        assert bytes(one) == data
    assert there(path) == []


def test_a_call_that_fails_leaves_nothing(shared: tuple[Folder, Path]) -> None:
    folder, path = shared
    sent = post([bytes(BIG)], folder)
    assert sent is not None
    with pytest.raises(RuntimeError), sent.sent() as header:
        raise RuntimeError
    sent.close()
    assert there(path) == []
    with Held() as held, pytest.raises(GoneError):
        received(str(header), b"", folder, held.add, writable=True)
    made = answer([bytes(BIG)], folder)
    assert made is not None
    made.release()
    assert there(path) == []


@pytest.mark.parametrize(
    "header",
    [
        "",
        "x",
        "1-1-1-5000:64:65",
        "1-1-1-5000:64:65:0:1",
        "../x:0:1:0",
        "1-1-1-5000:0:1:0",
        "1-1-1-1:-1:2:0",
        "a" * 9999,
    ],
)
def test_wrong_headers(shared: tuple[Folder, Path], header: str) -> None:
    with Held() as held, pytest.raises(GoneError):
        received(header, b"", shared[0], held.add, writable=True)


@pytest.mark.parametrize(("start", "end", "gap"), [(64, 1 << 31, 0), (65, 64, 0), (64, 70, 5), (0, 9**9, 0)])
def test_wrong_places(shared: tuple[Folder, Path], start: int, end: int, gap: int) -> None:
    folder, path = shared
    name = folder.write([bytes(BIG)])
    with Held() as held, pytest.raises(GoneError):
        received(f"{name}:{start}:{end}:{gap}", b"four", folder, held.add, writable=True)
    assert there(path) == []


FLOATS = Tensor("numpy", dtype="float32")


def test_arrays_are_views_that_can_be_written_to_and_bytes_are_copies(shared: tuple[Folder, Path]) -> None:
    folder, path = shared
    fields = params(image=FLOATS, raw=Scalar("bytes"), text=Scalar("str"), small=FLOATS)
    codec = codec_of(fields)
    values = {
        "image": np.arange(BIG, dtype="float32"),
        "raw": os.urandom(BIG),
        "text": "t" * BIG,
        "small": np.arange(10_000, dtype="float32"),
    }
    parts = codec.request_parts(values)
    assert len(parts) > 1, "the payloads are where they are"
    assert b"".join(parts) == codec.encode_request(values)
    with Held() as held:
        data = arrived(parts, folder, held)
    decoded = codec.decode_request(data)
    assert there(path) == []
    whole = np.frombuffer(data, np.uint8)
    for name in ("image", "small"):
        array = decoded[name]
        assert (array == values[name]).all()
        assert array.flags.writeable
        assert array.flags.aligned
        assert np.shares_memory(array, whole) == (name == "image"), "what is small is not aligned, and copied"
        array += 1
    assert decoded["raw"] == values["raw"]
    assert decoded["text"] == values["text"]
    assert type(decoded["raw"]) is bytes
    del whole, data, array
    assert len(_live_mappings()) == 1, "an array is left"
    assert decoded["image"][9] == 10
    del decoded
    assert not _live_mappings()


def _live_mappings() -> list[Mapping]:
    from meshgen.runtime.mesh.bulk.mapping import LIVE

    return list(LIVE)


def test_answers_pass_into_a_request_unread(shared: tuple[Folder, Path]) -> None:
    folder, path = shared
    source = codec_of(params(x=Scalar("int")), FLOATS)
    target = codec_of(params(a=FLOATS, b=Scalar("int"), c=FLOATS, many=ListOf(FLOATS)), Scalar("int"))
    arrays = [np.full(BIG, n, dtype="float32") for n in range(2)]
    with Held() as driver, Held() as node:
        data = [passed(b"".join(source.response_parts(a)), folder, driver) for a in arrays]
        answers = [Received(source, d, "n") for d in data]
        values = {"a": answers[0], "b": 7, "c": answers[1], "many": [arrays[0][:3]]}
        parts = target.request_parts(values)
        assert [type(part) is Span for part in parts].count(True) == 2
        inodes = {(path / name).stat().st_ino for name in there(path)}
        message = arrived(parts, folder, node)
        assert {(path / name).stat().st_ino for name in there(path)} == inodes, "nothing was written"
        decoded = target.decode_request(message)
        assert target.decode_request(target.encode_request(values))["b"] == 7
        for name, array in zip("ac", arrays, strict=True):
            assert (decoded[name] == array).all()
            assert decoded[name].flags.writeable
        alone = arrived(target.request_parts({"b": 7, "a": arrays[1][:2], "many": [], "c": answers[1]}), folder, node)
        one = target.decode_request(alone)
        assert np.shares_memory(one["c"], np.frombuffer(alone, np.uint8))
        assert isinstance(memoryview(alone).obj, Mapping)
        one["c"][:] = -1
        assert (answers[1].value() == arrays[1]).all()
        assert not answers[1].value().flags.writeable, "others are passed the same"
    del driver, node
    assert there(path) == []


def test_an_answer_passes_on_as_the_answer(shared: tuple[Folder, Path]) -> None:
    folder, _ = shared
    codec = codec_of(params(x=Scalar("int")), FLOATS)
    with Held() as held:
        data = passed(codec.encode_response(np.ones(BIG, dtype="float32")), folder, held)
        [part] = codec.response_parts(Received(codec, data, "n"))
        assert part == Span(data, 0, len(data))
        assert codec.encode_response(Received(codec, data, "n")) == bytes(data)
