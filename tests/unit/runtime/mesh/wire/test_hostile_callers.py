"""A short form of `make fuzz`: a replica among callers that mean it ill, and one who behaves."""

from __future__ import annotations

from hostile_callers import ATTACKS, run


def test_a_replica_bears_them_all() -> None:
    fared, said = run([tuple(ATTACKS)], share=0.02)
    assert said == "", "nothing that callers do is the replica's own fault"
    _, attacked, after = fared
    # Generously: other tests run on the same cores.
    assert attacked.grown_mb < 100
    assert attacked.worst_ms < 2_000
    assert after.grown_mb < 10
