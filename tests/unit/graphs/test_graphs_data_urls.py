"""Pictures in the request itself."""

from __future__ import annotations

import pytest

from graphs.content import data_urls, pictures
from meshgen import InvalidArgument


def test_the_example_is_a_picture() -> None:
    assert pictures.decode(data_urls.read(data_urls.CIRCLE)).size == (64, 64)


@pytest.mark.parametrize(
    "url", ["data:", "data:,abc", "data:image/png,abc", "data:;base64,ab!c", "data:;base64,ä", "data:;base64,a"]
)
def test_others_are_refused(url: str) -> None:
    with pytest.raises(InvalidArgument, match="data URL"):
        data_urls.read(url)
