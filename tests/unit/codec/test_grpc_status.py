from __future__ import annotations

import pytest
from google.rpc.error_details_pb2 import BadRequest, ErrorInfo
from google.rpc.status_pb2 import Status

from meshgen.codec import grpc_status
from meshgen.status import BY_CODE, Code, InvalidArgument, NotFound, StatusError, Unknown, Violation


@pytest.mark.parametrize("cls", BY_CODE.values())
def test_every_error_comes_back_as_itself(cls: type[StatusError]) -> None:
    sent = cls("text", node="model", violations=(Violation("a.b", "is missing"),))
    data = grpc_status.encode(sent, graph="g", trace_id="f" * 32)
    back = grpc_status.decode(int(cls.code), "text", data)
    assert type(back) is cls
    assert (back.message, back.node, back.violations) == ("text", "model", sent.violations)


def test_details_are_what_other_clients_know() -> None:
    data = grpc_status.encode(
        InvalidArgument("bad", node="n", violations=(Violation("x", "y"),)), graph="g", trace_id="t"
    )
    status = Status.FromString(data)
    assert (status.code, status.message) == (3, "bad")
    info, bad = ErrorInfo(), BadRequest()
    assert status.details[0].Unpack(info)
    assert (info.reason, info.domain) == ("INVALID_ARGUMENT", "meshgen")
    assert dict(info.metadata) == {"node": "n", "graph": "g", "trace_id": "t"}
    assert status.details[1].Unpack(bad)
    assert bad.field_violations[0].field == "x"


def test_what_a_user_says_for_programs_comes_back() -> None:
    sent = NotFound("none left", reason="OUT_OF_STOCK", metadata={"item": "tea", "node": "x"})
    sent.node = "shop"
    data = grpc_status.encode(sent, graph="g", trace_id="t")
    info = ErrorInfo()
    assert Status.FromString(data).details[0].Unpack(info)
    assert info.reason == "OUT_OF_STOCK"
    assert dict(info.metadata) == {"item": "tea", "node": "shop", "graph": "g", "trace_id": "t"}, "ours cannot be faked"
    back = grpc_status.decode(5, "none left", data)
    assert (back.reason, back.metadata, back.node) == ("OUT_OF_STOCK", {"item": "tea"}, "shop")


def test_a_long_error_fits_into_a_trailer() -> None:
    many = tuple(Violation("f" * 500, "d" * 5000) for _ in range(500))
    metadata = {f"{n:03}": "v" * (n * n) for n in range(500)}
    error = InvalidArgument("é" * 100_000, node="n", violations=many, reason="R" * 500, metadata=metadata)
    details = len(grpc_status.encode(error, graph="g" * 40, trace_id="t" * 32)) * 4 / 3
    message = grpc_status.message_of(error)
    assert message.endswith("é…")
    assert len(message.encode()) * 3 + details < 7500
    assert len(grpc_status.decode(3, "", grpc_status.encode(error, graph="g", trace_id="")).metadata) > 5


def test_half_a_character_does_not_stop_an_error() -> None:
    error = NotFound("\ud800", node="n", metadata={"item": "\udfff"}, violations=(Violation("f", "\ud800"),))
    assert grpc_status.message_of(error) == "?"
    assert grpc_status.decode(5, "?", grpc_status.encode(error, graph="g", trace_id="t")).metadata == {"item": "?"}


@pytest.mark.parametrize("details", [None, b"", b"\xff\xff\xff", Status(code=5).SerializeToString()])
def test_without_readable_details_code_and_message_remain(details: bytes | None) -> None:
    error = grpc_status.decode(5, "gone", details)
    assert isinstance(error, NotFound)
    assert (error.message, error.node, error.violations) == ("gone", "", ())


def test_details_of_another_system_name_no_node() -> None:
    status = Status(code=5)
    status.details.add().Pack(ErrorInfo(domain="elsewhere", metadata={"node": "x"}))
    assert grpc_status.decode(5, "", status.SerializeToString()).node == ""


class Call:
    """As both kinds of channel raise it; gRPC gives None for what was not sent."""

    def __init__(self, details: str | None, trailers: object) -> None:
        self._details, self._trailers = details, trailers

    def code(self) -> object:
        return type("StatusCode", (), {"value": (5, "not found")})

    def details(self) -> str | None:
        return self._details

    def trailing_metadata(self) -> object:
        return self._trailers


def test_the_error_of_a_call() -> None:
    data = grpc_status.encode(NotFound("gone", node="n", reason="SOLD"), graph="g", trace_id="t")
    error = grpc_status.of_call(Call("gone", (("x", "y"), (grpc_status.TRAILER, data))))
    assert (type(error), error.message, error.node, error.reason) == (NotFound, "gone", "n", "SOLD")
    for trailers in (None, ()):
        error = grpc_status.of_call(Call(None, trailers))
        assert (type(error), error.message, error.node) == (NotFound, "", "")


@pytest.mark.parametrize("code", [0, 99, -1])
def test_a_code_that_is_none_is_unknown(code: int) -> None:
    assert isinstance(grpc_status.decode(code, "m", None), Unknown)
    assert grpc_status.decode(code, "m", None).code is Code.UNKNOWN
