"""The history of a file in a git repository: each commit that touches it is a capture, its author date the time.

Git's own plumbing, called without a shell and never given a word of the repository as an option. Renames are followed.
Where author dates run backwards (rebased or merged work), the commits are taken in the order of those dates. A commit
that ``export --git`` made carries its time of capture to the microsecond in a trailer, which is believed.
"""

from __future__ import annotations

import re
import subprocess
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import IO, TYPE_CHECKING, Final

from monitor.transfer.placing import Brought, Fate, Placer
from storage.errors import UsageError
from storage.records import Snapshot, Source

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

CAPTURED: Final = "Variorum-Captured"
"""The trailer of an exported commit: the exact time of capture."""

_FORMAT: Final = f"%x01%H%x00%at%x00%an%x00%(trailers:key={CAPTURED},valueonly=true,separator=%x20)"
_QUIET: Final = {
    "GIT_TERMINAL_PROMPT": "0",
    "GIT_NO_LAZY_FETCH": "1",
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_OPTIONAL_LOCKS": "0",
    "LC_ALL": "C",
}


@dataclass(frozen=True, slots=True)
class Commit:
    """A commit that touched the file: ``path`` is what the file was called then, None when it was deleted."""

    id: str
    at: datetime
    author: str
    path: str | None


def import_git(
    placer: Placer, repository: Path, *, path: str, source: str, revision: str = "HEAD"
) -> Iterator[Brought]:
    """Bring in every commit of ``revision`` that touches ``path``. Raises ``UsageError``: no repository, no such path."""
    commits = history(repository, path, revision)
    url = (repository.resolve() / path).as_uri()
    with _Blobs(repository) as blobs:
        for commit in sorted(commits, key=lambda one: one.at):
            what = f"{commit.id[:12]} {commit.at:%Y-%m-%d}"
            body = blobs.read(f"{commit.id}:{commit.path}") if commit.path is not None else None
            if body is None:
                yield Brought(what, source, Fate.HELD, note="deletes the file; nothing to keep")
                continue
            told = (("git-commit", commit.id), ("git-author", commit.author), ("git-path", commit.path or path))
            here = (repository.resolve() / (commit.path or path)).as_uri()
            yield placer.place(Source(source, url), Snapshot(url, here, None, told, (), commit.at, body), what)


def history(repository: Path, path: str, revision: str = "HEAD") -> list[Commit]:
    """The commits that touched ``path``, oldest first as history runs. Raises ``UsageError``."""
    if not repository.is_dir():
        raise UsageError(f"{repository}: no such folder")
    if revision.startswith("-"):
        raise UsageError(f"{revision}: not a revision")
    log = ["log", "--follow", "--name-status", "-M", "-z", "--no-color", "--no-show-signature", f"--format={_FORMAT}"]
    said = _git(repository, [*log, "--end-of-options", revision, "--", path])
    commits = []
    for entry in said.split(b"\x01")[1:]:
        commit, copied = _commit(entry)
        commits.append(commit)
        if copied:
            break  # `--follow` goes on into the file that this one was copied from: another file, which is still there
    if not commits:
        raise UsageError(
            f"{repository}: no commit of {revision} touches {path}", hint="--path is relative to the repository's top."
        )
    return commits[::-1]


def _commit(entry: bytes) -> tuple[Commit, bool]:
    """One entry of the log, and whether it made the file as a copy.

    The entry: the four fields of the format, then status and path (for a rename or copy, the old path first).
    """
    head, author_time, author, rest = entry.decode("utf-8", "surrogateescape").split("\0", 3)
    trailer, _, names = rest.partition("\0")
    fields = [field for field in names.lstrip("\n").split("\0") if field]
    status, paths = (fields[0], fields[1:]) if fields else ("D", [])
    at = datetime.fromtimestamp(int(author_time), UTC)
    path = None if status.startswith("D") or not paths else paths[-1]
    return Commit(head, _exact(trailer.strip(), at), author, path), status.startswith("C")


def _exact(trailer: str, at: datetime) -> datetime:
    """The exact time of an exported commit, when it is the author date but for the fraction."""
    try:
        exact = datetime.fromisoformat(trailer).astimezone(UTC)
    except ValueError:
        return at
    return exact if exact.replace(microsecond=0) == at else at


class _Blobs:
    """``git cat-file --batch``: one process for all the contents."""

    def __init__(self, repository: Path) -> None:
        self._git = subprocess.Popen(  # noqa: S603  (no shell; the words are ours)
            _command(repository, ["cat-file", "--batch"]),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=environment(),
        )

    def __enter__(self) -> _Blobs:
        return self

    def __exit__(self, *_: object) -> None:
        for pipe in (self._git.stdin, self._git.stdout):
            if pipe is not None:
                pipe.close()
        self._git.wait()

    def read(self, name: str) -> bytes | None:
        """The bytes of a blob named as ``COMMIT:PATH``; None when it is no file (a submodule, a folder)."""
        if "\n" in name:
            return None
        asked, answer = _pipe(self._git.stdin), _pipe(self._git.stdout)
        asked.write(name.encode("utf-8", "surrogateescape") + b"\n")
        asked.flush()
        head = re.fullmatch(rb"[0-9a-f]+ (\w+) (\d+)\n", answer.readline())
        if head is None:
            return None
        body = answer.read(int(head[2]) + 1)[:-1]
        return body if head[1] == b"blob" else None


def _pipe(pipe: IO[bytes] | None) -> IO[bytes]:
    assert pipe is not None  # noqa: S101  (both were asked for)
    return pipe


def _git(repository: Path, words: Sequence[str]) -> bytes:
    try:
        done = subprocess.run(  # noqa: S603  (no shell; options end before what the user named)
            _command(repository, words), capture_output=True, check=False, env=environment()
        )
    except FileNotFoundError:
        raise UsageError("git is not installed", hint="Debian: apt-get install git") from None
    if done.returncode:
        lines = done.stderr.decode("utf-8", "replace").strip().splitlines() or ["git failed"]
        raise UsageError(
            f"{repository}: {lines[0].removeprefix('fatal: ')}", hint="Is it a git repository with commits?"
        )
    return done.stdout


def _command(repository: Path, words: Sequence[str]) -> list[str]:
    # Nothing in a repository's own configuration may start a program: no pager, no textconv, no file monitor.
    safe = ["-c", "core.fsmonitor=false", "-c", "core.quotePath=false", "-c", "log.showSignature=false"]
    return ["git", "--no-pager", *safe, "--literal-pathspecs", "-C", str(repository), *words]


def environment() -> dict[str, str]:
    """What git is started with: nothing of the caller's own git settings."""
    import os

    return {key: value for key, value in os.environ.items() if not key.startswith("GIT_")} | _QUIET
