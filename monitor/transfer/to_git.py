"""Wordings taken out as a git repository: a commit for each version, its author date the time of capture.

Written through ``git fast-import``, from the archive alone: the same versions give the same commit ids on any machine.
The exact time, the window, the digest and the seal stand as trailers in the message.
"""

from __future__ import annotations

import contextlib
import subprocess
from datetime import UTC, datetime
from heapq import merge
from typing import IO, TYPE_CHECKING, Final

from monitor.transfer.git import CAPTURED, environment
from monitor.transfer.texts import require_empty, time_of
from storage.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from monitor.transfer.chosen import Chosen
    from storage.archive import Archive
    from storage.records import Text, Version

WHO: Final = b"Variorum <variorum@invalid>"
"""Author and committer: nobody wrote the statement here (RFC 2606 keeps ``invalid`` free)."""
BRANCH: Final = b"refs/heads/main"
EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


def export_git(archive: Archive, chosen: Sequence[Chosen], folder: Path) -> int:
    """Write a repository with ``SOURCE.txt`` for each source, in the order of capture; returns the number of commits.

    Raises ``UsageError``: the folder is not empty, git is not there, a capture from before 1970 (git knows none).
    """
    for one in chosen:
        if one.versions[0].captured < EPOCH:
            raise UsageError(f"{one.name}: captured before 1970, which git cannot date")
    require_empty(folder)
    try:
        made = ["git", "-c", "init.defaultBranch=main", "init", "--quiet", "--template=", "--", str(folder)]
        subprocess.run(made, check=True, env=environment(), capture_output=True)  # noqa: S603
        taking = subprocess.Popen(  # noqa: S603  (no shell; every word is ours)
            ["git", "-C", str(folder), "fast-import", "--quiet", "--date-format=raw"],  # noqa: S607
            stdin=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=environment(),
        )
    except FileNotFoundError:
        raise UsageError("git is not installed", hint="Debian: apt-get install git") from None
    except subprocess.CalledProcessError as error:
        raise UsageError(f"{folder}: git could not make a repository ({error.stderr.decode().strip()})") from None
    count, said = 0, ""
    with contextlib.suppress(BrokenPipeError), taking:
        assert taking.stdin is not None  # noqa: S101  (asked for)
        assert taking.stderr is not None  # noqa: S101
        with contextlib.suppress(BrokenPipeError):  # git gave up: what it says is told below
            for version, text in _in_order(archive, chosen):
                _commit(taking.stdin, version, text)
                count += 1
            taking.stdin.close()
        said = taking.stderr.read().decode("utf-8", "replace").strip()
    if taking.returncode:
        raise UsageError(f"{folder}: git could not take the versions ({said.splitlines()[0] if said else 'unknown'})")
    checkout = ["git", "-C", str(folder), "reset", "--quiet", "--hard", "main"]
    subprocess.run(checkout, check=True, env=environment(), capture_output=True)  # noqa: S603
    return count


def _in_order(archive: Archive, chosen: Sequence[Chosen]) -> Iterator[tuple[Version, Text]]:
    """The versions of all sources by time of capture; those of one source never change places."""
    for version in merge(*(one.versions for one in chosen), key=lambda version: (version.captured, version.source)):
        if not version.pruned:
            yield version, archive.text(version.source, version.number)


def _commit(out: IO[bytes], version: Version, text: Text) -> None:
    at = int((version.captured - EPOCH).total_seconds())
    message = "\n".join(
        (
            f"{version.source}@{version.number}: {_about(version)}",
            "",
            f"{CAPTURED}: {time_of(version.captured)}",
            f"Variorum-Window: after {time_of(version.window.after) or 'unknown'}, before {time_of(version.window.before)}",
            f"Variorum-Text: sha256 {version.digest}",
            f"Variorum-Chain: {version.chain}",
            "",
        )
    ).encode()
    body = text.text.encode("utf-8", "surrogatepass") + b"\n"
    when = f" {at} +0000\n".encode()
    out.write(b"commit " + BRANCH + b"\nauthor " + WHO + when + b"committer " + WHO + when)
    out.write(b"data %d\n%s\n" % (len(message), message))
    out.write(f"M 100644 inline {version.source}.txt\n".encode())
    out.write(b"data %d\n%s\n" % (len(body), body))


def _about(version: Version) -> str:
    if version.reread:
        return "read anew"
    return "first version" if version.severity is None else version.severity.label
