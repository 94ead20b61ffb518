"""What the daemon and a worker have in common: they are processes that stay until somebody ends them."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import signal
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable


def collect_often() -> None:
    """Collect garbage sooner than a command does (``monitor.cli.run``): what lives long must not gather so much.

    What was loaded to begin with is none, and is not looked through again: so looking often costs little.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(2_000, 10, 10)


def heed_signals(*, stop: Callable[[], object], reload: Callable[[], object]) -> None:
    """Call ``stop`` for SIGTERM and SIGINT, ``reload`` for SIGHUP, in the running loop.

    Where a loop cannot be told of signals, outside of the main thread (``RuntimeError``) and on systems that have none
    (``NotImplementedError``), whoever runs it there stops it by other means.
    """
    loop = asyncio.get_running_loop()
    for number, then in {signal.SIGTERM: stop, signal.SIGINT: stop, signal.SIGHUP: reload}.items():
        with contextlib.suppress(NotImplementedError, RuntimeError):
            loop.add_signal_handler(number, then)
