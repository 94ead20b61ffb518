"""``python -m monitor`` is the same as ``variorum``."""

from __future__ import annotations

import sys


def main() -> None:
    """Run the command line and exit with its code."""
    from monitor.cli import run

    sys.exit(run())


if __name__ == "__main__":
    main()
