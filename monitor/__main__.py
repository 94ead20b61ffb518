"""``python -m monitor`` is the same as ``variorum``."""

from __future__ import annotations

import gc
import sys


def main() -> None:
    """Run the command line and exit with its code."""
    from monitor.cli import run

    code = run()
    gc.freeze()  # looking through all that was imported once more, at the exit, took a fifth of a short command
    sys.exit(code)


if __name__ == "__main__":
    main()
