from __future__ import annotations

import pytest

from meshgen import limits
from meshgen.limits import MEBIBYTE


@pytest.mark.parametrize(("text", "expected"), [("", 32), ("1", 1), ("48", 48), ("1024", 1024)])
def test_the_variable_says_how_big(monkeypatch: pytest.MonkeyPatch, text: str, expected: int) -> None:
    monkeypatch.setenv(limits.VARIABLE, text)
    assert limits.outside() == expected * MEBIBYTE


@pytest.mark.parametrize("text", ["0", "-1", "1.5", "many", "1025", "²"])
def test_a_variable_that_says_nothing_useful(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setenv(limits.VARIABLE, text)
    with pytest.raises(ValueError, match=r"MESHGEN_MAX_MESSAGE_MB is .*, not a whole number from 1 to 1024"):
        limits.outside()


def test_between_nodes_more_passes_but_never_what_protobuf_cannot() -> None:
    assert limits.inside_of(32 * MEBIBYTE) == 512 * MEBIBYTE
    assert limits.inside_of(limits.LARGEST_MB * MEBIBYTE) < 2**31 - 1


def test_what_envoy_is_told_fits_into_its_fields() -> None:
    assert limits.as_json(limits.far_over(limits.LARGEST_MB * MEBIBYTE)) < 2**32


def test_base64_of_the_largest_request_fits() -> None:
    size = 40 * MEBIBYTE
    assert limits.as_json(size) > (size + 2) // 3 * 4


@pytest.mark.parametrize(
    ("size", "text"), [(32 * MEBIBYTE + 1, "32.1 MiB"), (40_000_000, "38.2 MiB"), (33 * MEBIBYTE, "33.0 MiB")]
)
def test_the_text_never_says_that_a_number_is_over_itself(size: int, text: str) -> None:
    said = limits.over("it", size, 32 * MEBIBYTE)
    assert said == f"it takes {text}, over the limit of 32 MiB; `meshgen run --max-message-mb` raises it"
