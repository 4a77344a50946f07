"""The table of back ends: what it promises of their files."""

from __future__ import annotations

import plan_samples
import pytest

from meshgen import back_ends
from meshgen.back_ends import BACK_ENDS, BackEnd, generated_files
from meshgen.emit.output.files import GeneratedFile
from meshgen.errors import InternalError


def test_every_back_end_writes_and_stays_in_its_folder() -> None:
    plan = plan_samples.plan()
    for back_end in BACK_ENDS:
        for file in back_end.files(plan):
            assert file.path.startswith(f"{back_end.folder}/")


def test_signed_files_are_there_and_name_the_source() -> None:
    plan = plan_samples.plan()
    signed = [f"{back_end.folder}/{plan.mesh.graph}/{back_end.signed}" for back_end in BACK_ENDS if back_end.signed]
    assert signed
    written = {file.path: file.content for file in generated_files(plan)}
    assert all(plan.mesh.source.encode() in written[path] for path in signed)


@pytest.mark.parametrize(
    ("paths", "message"),
    [(("elsewhere/a.yaml",), "outside its folder"), (("own/a.yaml", "own/a.yaml"), "one file")],
)
def test_a_back_end_at_fault(monkeypatch: pytest.MonkeyPatch, paths: tuple[str, ...], message: str) -> None:
    files = tuple(GeneratedFile.text(path, "") for path in paths)
    monkeypatch.setattr(back_ends, "BACK_ENDS", (BackEnd(folder="own", files=lambda _: files),))
    with pytest.raises(InternalError, match=message):
        generated_files(plan_samples.plan())
