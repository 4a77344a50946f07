"""Takes a run's applications off a joined cluster when the command can no longer do so itself.

The watcher process runs this file as a script, so it imports nothing of meshgen.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Sequence


def take_off(address: str, applications: Sequence[str]) -> None:
    """Delete the applications from Serve on the cluster at `address`; what is gone already does not matter."""
    import ray
    from ray import serve

    ray.init(address=address, log_to_driver=False, logging_level=logging.ERROR)
    for name in applications:
        serve.delete(name, _blocking=False)


if __name__ == "__main__":
    take_off(sys.argv[1], sys.argv[2:])
