"""`protos/<graph>/lock.json`: the wire identity of a graph after this build."""

from __future__ import annotations

from meshgen.contract.lock import dump_lock
from meshgen.contract.names import lock_path
from meshgen.emit.output.files import GeneratedFile
from meshgen.plan.model import Plan


def lock_files(plan: Plan) -> tuple[GeneratedFile, ...]:
    """The one file, which the next build reads."""
    return (GeneratedFile.text(lock_path(plan.mesh.graph), dump_lock(plan.contract.lock)),)
