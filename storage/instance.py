"""One daemon an SQLite file: two would fetch every page twice and wait for each other's writes."""

from __future__ import annotations

import os
from contextlib import contextmanager
from typing import TYPE_CHECKING

from storage.engine import sqlite_file
from storage.errors import StorageError

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextmanager
def only_instance(url: str) -> Iterator[None]:
    """Hold the place of the one daemon of the SQLite file at ``url``; nothing on PostgreSQL, where leases divide work.

    The place is a lock of the operating system on a file beside the database: it ends with the process, however that
    ends. Raises ``StorageError`` when another process holds it.
    """
    file = sqlite_file(url)
    if file is None:
        yield
        return
    import fcntl

    lock = file.with_name(f"{file.name}.daemon")
    try:
        opened = os.open(lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    except OSError as error:
        raise StorageError(f"{lock}: {error.strerror}", hint="The daemon writes beside its database.") from None
    try:
        try:
            fcntl.flock(opened, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            who = os.read(opened, 20).decode("ascii", "replace").strip() or "another"
            raise StorageError(
                f"{file}: a daemon runs on it already (process {who})",
                hint="Stop that one first; many workers on one archive need PostgreSQL.",
            ) from None
        os.truncate(opened, 0)
        os.write(opened, str(os.getpid()).encode())
        yield
    finally:
        os.close(opened)
