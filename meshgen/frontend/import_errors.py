"""What a graph's file raised while it was imported → one problem at the user's line, with what to write instead."""

from __future__ import annotations

import builtins
import os
import re
import sys
import traceback
from collections.abc import Iterable
from pathlib import Path
from types import FrameType, FunctionType, TracebackType
from typing import Any

from meshgen.definition_sites import field_below
from meshgen.errors import Diagnostic, near_match_hint
from meshgen.frontend.deployment import Deployment
from meshgen.schema.reflect.markers import WRITE_ANY
from meshgen.source import NOWHERE, Span, is_library, is_ours, place_in_code
from meshgen.tracebacks import kind_and_text


def import_problem(error: BaseException, module: str, root: Path) -> Diagnostic:
    """MG103 at the innermost line that the user wrote, or MG102 for one that Python cannot read.

    Args:
        error: what was raised.
        module: name of the graph's module.
        root: where imports start.
    """
    if isinstance(error, SyntaxError) and error.filename and not _is_foreign(error.filename):
        end = error.end_offset if error.end_lineno == error.lineno else None
        span = Span(error.filename, error.lineno or 1, error.offset or 1, end)
        return Diagnostic(code="MG102", message=f"{type(error).__name__}: {error.msg}", span=span)
    frame, span = _innermost(error.__traceback__)
    hint = _hint(error, frame, root)
    if (field := _field_with_mutable_default(error, span)) is not None:
        span, hint = field
    hint = hint or f"Run `python -m {module}` to see the whole traceback."
    message = f"importing '{module}' raised {_text(error)}"
    return Diagnostic(code="MG103", message=message, span=span, hint=hint)


def _innermost(trace: TracebackType | None) -> tuple[FrameType | None, Span]:
    frame, span = None, NOWHERE
    while trace is not None:
        if not _is_foreign(trace.tb_frame.f_code.co_filename):
            frame, span = trace.tb_frame, place_in_code(trace.tb_frame.f_code, trace.tb_lasti, trace.tb_lineno)
        trace = trace.tb_next
    return frame, span


def _is_foreign(file: str) -> bool:
    return file.startswith("<") or is_ours(file) or is_library(file)


def _text(error: BaseException) -> str:
    try:
        return " ".join(kind_and_text(error).split())
    except Exception:  # noqa: BLE001 - it is the user's code
        return f"{type(error).__name__} (and saying why raised another error)"


def _hint(error: BaseException, frame: FrameType | None, root: Path) -> str:
    match error:
        case ModuleNotFoundError(name=str() as name):
            return _missing_module(name, frame, root)
        case ImportError(name=str() as name) if found := re.match(r"cannot import name '(\w+)'", str(error)):
            return near_match_hint(found[1], dir(sys.modules.get(name)))
        case AttributeError(name=str() as name):
            return _missing_attribute(error.obj, name)
        case RecursionError() if _passes_through(error, "pydantic"):
            return f"Pydantic follows an alias that holds itself without end. {WRITE_ANY}"
        case NameError(name=str() as name) if frame is not None:
            return near_match_hint(name, [*frame.f_locals, *frame.f_globals, *dir(builtins)])
        case _:
            return ""


def _passes_through(error: BaseException, package: str) -> bool:
    frames = traceback.walk_tb(error.__traceback__)
    return any(f"{os.sep}{package}{os.sep}" in frame.f_code.co_filename for frame, _ in frames)


def _missing_module(name: str, frame: FrameType | None, root: Path) -> str:
    beside = Path(frame.f_code.co_filename).resolve().parent if frame is not None else root
    top = name.partition(".")[0]
    if ((beside / f"{top}.py").is_file() or (beside / top).is_dir()) and beside.is_relative_to(root):
        package = ".".join(beside.relative_to(root).parts)
        return f"Imports start at {root}: write `from {package} import {top}`." if package else ""
    siblings: Iterable[str] = (path.stem for path in beside.glob("*.py"))
    return near_match_hint(top, [*siblings, *sys.stdlib_module_names, *(m for m in sys.modules if "." not in m)])


def _missing_attribute(owner: Any, name: str) -> str:
    if isinstance(owner, Deployment):  # its own text says it
        return "Check the spelling against the class."
    if name in ("bind", "options") and isinstance(owner, type):
        return f"Write `@deployment` over `class {owner.__name__}`."
    if name in ("bind", "options") and isinstance(owner, FunctionType):
        cls, _, method = owner.__qualname__.rpartition(".")
        if cls and not cls.endswith("<locals>"):
            return f"Bind the class first: `{cls}.bind(...).{method}.bind(...)`."
        return f"Write `@deployment` over `def {owner.__name__}`."
    try:
        return near_match_hint(name, dir(owner), shown="`.{}`")
    except Exception:  # noqa: BLE001 - it is the user's code
        return ""


def _field_with_mutable_default(error: BaseException, span: Span) -> tuple[Span, str] | None:
    """The field of a dataclass below whose decorator Python stopped."""
    found = re.search(r"mutable default <class '([\w.]+)'> for field (\w+)", _text(error))
    if not isinstance(error, ValueError) or found is None:
        return None
    kind, name = found.groups()
    hint = f"Write `{name}: ... = field(default_factory={kind.rpartition('.')[2]})`, with `field` of dataclasses."
    return field_below(span, name) or span, hint
