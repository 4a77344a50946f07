"""Writes docs/errors.md from the tables in the code: `python -m docs.errors_page > docs/errors.md`."""

from __future__ import annotations

from meshgen.codes import CODES
from meshgen.status import BY_CODE, HTTP_STATUS

_INTRODUCTION = """\
# Errors

<!-- Written by `make build` from meshgen/status.py and meshgen/codes.py. -->

## At run time

A node raises one of these; the caller gets the code, the message, the node's name and the trace id, by whatever way it
called; branches that are joined do not change it. Any other exception becomes `INTERNAL`; its traceback goes into the
node's log and, with the trace id, to what [`meshgen run` prints](operating.md#start-and-stop). Input
that does not fit the contract is `INVALID_ARGUMENT` with the fields at fault.

```python
raise meshgen.FailedPrecondition("there is no tea left", reason="OUT_OF_STOCK", metadata={"item": "tea"})
```

`reason` and `metadata` are for programs: they go into `google.rpc.ErrorInfo`, where the code's name is the reason when
there is none. `meshgen.InvalidArgument("…", violations=(meshgen.Violation("item", "is not for sale"),))` fills
`google.rpc.BadRequest`. Some 480 bytes of metadata and ten violations fit.
[What the front refuses by itself](operating.md#errors) has the same shape.

| raise | gRPC code | HTTP | meaning |
|---|---|---|---|
"""

_PROBLEMS = """
## Before anything runs

`meshgen check` prints every problem of a graph at once, with its place, the line, and a hint. `meshgen explain CODE`
prints what stands here. 1xx: loading, 2xx: the graph, 3xx: types, 4xx: contracts and the lock, 5xx: options, the mesh.
"""


def page() -> str:
    """The whole page."""
    statuses = [
        f"| `meshgen.{cls.__name__}` | {code.name} | {HTTP_STATUS[code]} | {(cls.__doc__ or '').strip()} |"
        for code, cls in sorted(BY_CODE.items())
    ]
    problems = [
        f"\n### {code}: {entry.title}\n\n{entry.text}\n\nHint: {entry.hint}" for code, entry in sorted(CODES.items())
    ]
    return _INTRODUCTION + "\n".join(statuses) + "\n" + _PROBLEMS + "\n".join(problems) + "\n"


if __name__ == "__main__":
    print(page(), end="")
