"""What Ray is given that it does not know."""

from __future__ import annotations

import subprocess
import sys

import pytest

PROGRAM = """
import sys
from meshgen.rayserve import waiting

class Ours: ...

if {first}:
    import ray
waiting.refuse(Ours, "await it")
waiting.refuse(Ours, "await it")
import ray
for name in ("get", "wait"):
    for given in (Ours(), [1, Ours()]):
        try:
            getattr(ray, name)(given)
        except TypeError as error:
            print(error)
print(ray.is_initialized(), ray.get.__name__)
"""


@pytest.mark.parametrize("first", [True, False])
def test_ray_refuses_what_is_ours_and_does_not_start_for_it(first: bool) -> None:
    program = PROGRAM.format(first=first)
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=100, check=True)
    get, wait = ("`ray.get` knows nothing of this: await it", "`ray.wait` knows nothing of this: await it")
    assert done.stdout.splitlines() == [get, get, wait, wait, "False get"]
