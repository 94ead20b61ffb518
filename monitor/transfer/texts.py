"""Wordings taken out as plain files and as JSON lines: for people, for other programs, and to be brought in again."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import IO, TYPE_CHECKING, Any

from monitor.transfer.folder import captured_of
from storage.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from monitor.transfer.chosen import Chosen
    from storage.archive import Archive
    from storage.records import Snapshot, Source, Text, Version


def export_folder(archive: Archive, chosen: Iterable[Chosen], folder: Path) -> int:
    """Write each version as ``SOURCE/TIME.txt`` and a ``SHA256SUMS``; returns how many.

    A member of a series that ``import folder --series`` made goes to ``SERIES/`` under the name that makes it again. The
    bytes are those that the digest of the version is taken of. Raises ``UsageError`` unless the folder is new or empty.
    """
    require_empty(folder)
    sums = []
    for one in chosen:
        names = set[str]()
        for version, text in texts_of(archive, one):
            name = _name(one.source, version)
            name = name if name not in names else f"{name.removesuffix('.txt')}-{version.number}.txt"
            names.add(name)
            path = folder / _place(one.source, name) / name
            path.parent.mkdir(exist_ok=True)
            path.write_bytes(text.text.encode("utf-8", "surrogatepass"))
            sums.append(f"{version.digest}  {path.relative_to(folder).as_posix()}\n")
    (folder / "SHA256SUMS").write_text("".join(sorted(sums, key=lambda line: line[66:])), "utf-8")
    return len(sums)


def _name(source: Source, version: Version) -> str:
    """The name of a version's file: its time of capture; a member of a series keeps what its id is made of."""
    stem = source.id.removeprefix(f"{source.series}-") if source.series else ""
    try:
        told = captured_of(f"{stem}.txt")
    except ValueError:
        told = None
    return f"{stem}.txt" if told is not None and told == version.captured else f"{stamp(version.captured)}.txt"


def _place(source: Source, name: str) -> str:
    return source.series if source.series and source.id == f"{source.series}-{name.removesuffix('.txt')}" else source.id


def stamp(moment: datetime) -> str:
    """A moment as file names carry it: ``2022-02-25T113000Z``, with six more digits where there is a fraction."""
    form = "%Y-%m-%dT%H%M%S.%fZ" if moment.microsecond else "%Y-%m-%dT%H%M%SZ"
    return moment.astimezone(UTC).strftime(form)


def export_jsonl(archive: Archive, chosen: Iterable[Chosen], out: IO[bytes]) -> int:
    """Write each version as one JSON object on a line, oldest first for each source; returns how many."""
    count = 0
    for one in chosen:
        for version, text in texts_of(archive, one):
            document = version_document(one.source, version, text, archive.snapshot(version.snapshot))
            line = json.dumps(document, ensure_ascii=False).encode("utf-8", "surrogatepass")
            out.write(line + b"\n")
            count += 1
    return count


def version_document(source: Source, version: Version, text: Text, taken: Snapshot) -> dict[str, Any]:
    """All that is known of a version and its capture but the raw bytes, which are named by their digest."""
    return {
        "format": 1,
        "source": source.id,
        "series": source.series,
        "number": version.number,
        "url": taken.url,
        "final_url": taken.final_url,
        "redirects": list(taken.redirects),
        "status": taken.status,
        "headers": [list(pair) for pair in taken.headers],
        "captured": time_of(version.captured),
        "imported": time_of(version.imported),
        "window": {"after": time_of(version.window.after), "before": time_of(version.window.before)},
        "severity": version.severity.label if version.severity else None,
        "silent": version.silent,
        "reread": version.reread,
        "reader": version.reader,
        "title": version.title,
        "published": version.published,
        "sha256": version.digest,
        "body_sha256": taken.body_digest,
        "chain": version.chain,
        "text": text.text,
    }


def time_of(moment: datetime | None) -> str | None:
    """RFC 3339 in UTC, with the fraction where there is one."""
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z") if moment is not None else None


def texts_of(archive: Archive, one: Chosen) -> Iterator[tuple[Version, Text]]:
    """The chosen versions with their texts, oldest first."""
    wanted = {version.number for version in one.versions}
    for version, text in archive.texts(one.source.id):
        if version.number in wanted:
            yield version, text


def require_empty(folder: Path) -> None:
    """Make the folder. Raises ``UsageError`` when something is in it: an export never mixes with what is there."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        taken = next(folder.iterdir(), None)
    except OSError as error:
        raise UsageError(f"{folder}: {error.strerror}") from None
    if taken is not None:
        raise UsageError(f"{folder}: is not empty", hint="Name a new folder.")
