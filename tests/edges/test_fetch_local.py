"""Local files as sources: read below the allowed roots, nowhere else."""

from __future__ import annotations

import asyncio
import os
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from monitor.fetch import Fetched, FetchRules
from monitor.fetch.client import Fetcher
from monitor.fetch.headers import NO_VALIDATORS
from storage.errors import FetchError, FetchReason

if TYPE_CHECKING:
    from pathlib import Path

    from storage.records import Validators

LATER = datetime(2030, 1, 1, tzinfo=UTC)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "outside.txt").write_text("secret")
    folder = tmp_path / "desk"
    folder.mkdir()
    (folder / "read out.txt").write_text("Hello")
    return folder


def fetch(
    url: str, *roots: Path, validators: Validators = NO_VALIDATORS, now: datetime = LATER, most: int = 100
) -> Fetched:
    async def run() -> Fetched:
        async with Fetcher(clock=lambda: now) as fetcher:
            rules = FetchRules(file_roots=tuple(map(str, roots)), max_size_bytes=most)
            return await fetcher.fetch(url, rules, validators)

    return asyncio.run(run())


def refused(url: str, *roots: Path) -> FetchError:
    with pytest.raises(FetchError) as caught:
        fetch(url, *roots)
    return caught.value


def test_a_file_is_read_by_url_and_by_path(root: Path) -> None:
    for url in ((root / "read out.txt").as_uri(), str(root / "read out.txt"), "read out.txt", "file:read%20out.txt"):
        got = fetch(url, root)
        assert got.snapshot is not None
        assert (got.snapshot.body, got.snapshot.status, got.snapshot.url) == (b"Hello", None, url)
        assert got.snapshot.header("content-type") == "text/plain"


def test_an_untouched_file_is_not_read_again(root: Path) -> None:
    os.utime(root / "read out.txt", (1_700_000_000, 1_700_000_000))
    first = fetch("read out.txt", root)
    assert first.validators.last_modified == "Tue, 14 Nov 2023 22:13:20 GMT"
    again = fetch("read out.txt", root, validators=first.validators)
    assert again.not_modified
    assert again.snapshot is None
    assert again.validators == first.validators


def test_an_edit_is_seen_even_when_size_and_time_are_put_back(root: Path) -> None:
    file = root / "read out.txt"
    os.utime(file, (1_700_000_000, 1_700_000_000))
    first = fetch("read out.txt", root)
    file.write_text("Hullo")
    os.utime(file, (1_700_000_000, 1_700_000_000))
    again = fetch("read out.txt", root, validators=first.validators)
    assert again.snapshot is not None
    assert again.snapshot.body == b"Hullo"


def test_a_file_written_a_moment_ago_is_read_again(root: Path) -> None:
    just_now = datetime.fromtimestamp((root / "read out.txt").stat().st_mtime, UTC)
    first = fetch("read out.txt", root, now=just_now)
    assert first.validators.etag is None
    assert not fetch("read out.txt", root, validators=first.validators, now=just_now).not_modified


@pytest.mark.parametrize(
    "path", ["../outside.txt", "../desk/../outside.txt", "link.txt", "folder/outside.txt", "/etc/passwd"]
)
def test_nothing_outside_the_roots_is_read(root: Path, path: str) -> None:
    (root / "link.txt").symlink_to(root.parent / "outside.txt")
    (root / "folder").symlink_to(root.parent)
    failure = refused(path, root)
    assert failure.reason is FetchReason.FILE
    assert "outside the folders that may be read" in failure.message


def test_without_roots_no_file_is_read(root: Path) -> None:
    assert refused(str(root / "read out.txt")).reason is FetchReason.FILE


def test_a_link_within_the_roots_is_fine(root: Path) -> None:
    (root / "link.txt").symlink_to("read out.txt")
    got = fetch("link.txt", root).snapshot
    assert got is not None
    assert got.body == b"Hello"


def test_several_roots_hold(root: Path) -> None:
    other = root.parent / "other"
    other.mkdir()
    (other / "there.txt").write_text("There")
    got = fetch(str(other / "there.txt"), root, other).snapshot
    assert got is not None
    assert got.body == b"There"
    assert refused(str(root.parent / "outside.txt"), root, other).reason is FetchReason.FILE


def test_a_missing_file_a_folder_a_pipe_and_a_circle_are_told(root: Path) -> None:
    os.mkfifo(root / "pipe")
    (root / "circle").symlink_to("circle")
    assert refused("absent.txt", root).message.endswith("absent.txt: no such file or directory")
    assert refused(".", root).message.endswith(": not a regular file")
    assert refused("pipe", root).message.endswith("pipe: not a regular file")
    assert refused("circle", root).reason is FetchReason.FILE
    assert refused("a\0b", root).reason is FetchReason.FILE


def test_whatever_a_path_holds_the_message_is_one_visible_line(root: Path) -> None:
    for path in ("a\nb", "a\x1b[31m", "a\u202eb", "file:a%0Ab", "file://[", "\ud800"):
        assert refused(path, root).message.isprintable()


def test_a_file_of_another_machine_is_refused(root: Path) -> None:
    assert refused("file://elsewhere/read%20out.txt", root).reason is FetchReason.FILE


def test_a_large_file_is_refused(root: Path) -> None:
    (root / "large.txt").write_bytes(b"x" * 101)
    assert refused("large.txt", root).reason is FetchReason.TOO_LARGE
    (root / "large.txt").write_bytes(b"x" * 100)
    assert fetch("large.txt", root).snapshot is not None
