"""A short form of `make fuzz`: a replica among callers that mean it ill, and one who behaves."""

from __future__ import annotations

from hostile_callers import ATTACKS, complaints, run


def test_a_replica_bears_them_all() -> None:
    assert complaints(*run([tuple(ATTACKS)], share=0.02)) == []
