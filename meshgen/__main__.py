"""`python -m meshgen`."""

from __future__ import annotations

from meshgen.cli import main

if __name__ == "__main__":
    main()
