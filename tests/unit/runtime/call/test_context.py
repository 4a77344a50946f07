"""What a request knows of its time."""

from __future__ import annotations

import contextlib
import pickle
from types import SimpleNamespace

import pytest

from meshgen.runtime.call import context
from meshgen.runtime.call.context import Grace, RequestContext


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    clock = SimpleNamespace(now=100.0)
    monkeypatch.setattr(context, "time", SimpleNamespace(monotonic=lambda: clock.now))
    return clock


def test_waits_at_the_same_time_count_once(clock: SimpleNamespace) -> None:
    grace = Grace()
    first, second, third = grace.waiting(), grace.waiting(), grace.waiting()
    with first:
        clock.now += 1
        second.__enter__()
        clock.now += 2
    clock.now += 4
    second.__exit__(None, None, None)
    assert grace.seconds == 7
    clock.now += 8
    assert grace.seconds == 7
    with third:
        clock.now += 16
    assert grace.seconds == 23


def test_a_wait_counts_while_it_goes_on_and_when_it_fails(clock: SimpleNamespace) -> None:
    request = RequestContext(graph="g", deadline=clock.now + 5)
    with contextlib.suppress(ValueError), request.grace.waiting():
        clock.now += 60
        assert request.remaining() == 5
        raise ValueError
    assert request.remaining() == 5
    clock.now += 2
    assert request.remaining() == 3
    assert pickle.loads(pickle.dumps(request)).remaining() == 3
