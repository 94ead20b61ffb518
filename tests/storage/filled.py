"""An archive with one of everything: what is proved, backed up, pruned and read by the book in the tests."""

from __future__ import annotations

import hashlib
import random
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from monitor.differ import compare
from storage import merkle
from storage.archive import Archive, Unchanged
from storage.records import Alert, Event, EventKind, Outcome, Snapshot, Source, Suspicion, Text, Window

START = datetime(2026, 3, 1, 12, tzinfo=UTC)
LETTERS = "abcdefghij klmnop qrstu vwxyz"


def at(minute: float) -> datetime:
    return START + timedelta(minutes=minute)


def words(name: str, number: int, length: int = 400) -> str:
    """A long text of which each version differs a little from the one before."""
    dice = random.Random(name)
    long = "".join(dice.choice(LETTERS) for _ in range(length))
    return f"The {name} parties agreed on {number} points, 合理安全关切 was named. {long}"


def snapshot(name: str, number: int, **more: Any) -> Snapshot:
    body = f"<html><title>{name}</title><p>{words(name, number)}</p></html>".encode()
    headers = (("content-type", "text/html"), ("x-raw", "caf\u00e9"), ("etag", f'"{number}"'))
    url = f"https://example.org/{name}"
    more = {"final_url": url, "status": 200, "redirects": (f"{url}/1", f"{url}/2")} | more
    return Snapshot(url=url, headers=headers, fetched_at=at(number), body=body, **more)


def text(name: str, number: int) -> Text:
    return Text.of(f"Readout of {name}", f"2026-03-{1 + number // 10:02}", [words(name, number)])


def keep(archive: Archive, name: str, number: int, taken: Snapshot | None = None, **more: Any) -> None:
    """Keep version ``number`` of a source, which must be the next."""
    taken, said = taken or snapshot(name, number), text(name, number)
    before = archive.text(name, number - 1) if number > 1 else None
    change = replace(compare(before, said), silent=True) if before else None
    kind = EventKind.CHANGED if before else EventKind.NEW
    # Every sixth as a check writes it: the others say more than their version, or have another window.
    after = archive.latest([name])[name].last_good if number % 3 == 0 else None
    window, severity = Window(after, taken.fetched_at), change.severity if change is not None else None
    detail = {"why": "so"} if number % 2 else {}
    event = Event(kind, name, taken.fetched_at, number, severity, change is not None, window, detail)
    archive.record(
        name, taken, said, reader="html/1", outcome=Outcome.CHANGED if before else Outcome.NEW,
        expected=number - 1 or None, change=change, events=[event],
        alerts=[Alert(f"alert-{name}-{number}", event, ("desk",))], **more,
    )  # fmt: skip


def doubt(archive: Archive, name: str, number: int, body: bytes = b"an error page") -> None:
    """A capture that is held back."""
    taken = replace(snapshot(name, number), body=body, status=503)
    suspicion = Suspicion("much shorter", "ab" * 32, taken.fetched_at, 1)
    archive.note_suspect(name, taken, "much shorter", suspicion)


def fill(archive: Archive, *, long: int = 20) -> None:
    """Four sources: one of ``long`` versions, one of three with doubts and a reread, one on pages and renamed, one empty."""
    names = ("long", "short", "old-name", "empty")
    archive.declare([Source(name, f"https://example.org/{name}") for name in names], at(0))
    for number in range(1, long + 1):
        keep(archive, "long", number)
        if number % 7 == 0:
            archive.note_unchanged([Unchanged("long", at(number + 0.5), Outcome.UNCHANGED)])
    for number in (1, 2, 3):
        keep(archive, "short", number, imported=at(50) if number == 2 else None)
        doubt(archive, "short", number, f"error page {number}".encode())
    archive.record_reread("short", at(60), Text.of("Readout", None, ["Read anew."]), "html/2")
    further = (snapshot("second", 1), snapshot("third", 1, status=None, redirects=()))
    keep(archive, "old-name", 1, snapshot("old-name", 1, pages=further, final_url="https://example.org/else"))
    archive.rename({"pages": "old-name"})
    keep(archive, "pages", 2)
    stamp(archive, 70)
    keep(archive, "long", long + 1)
    stamp(archive, 80)


def stamp(archive: Archive, minute: float) -> None:
    """A time-stamp whose token is an authority's in one respect: it holds the hash of what was stamped."""
    heads = archive.heads()
    root = merkle.root([head.leaf for head in heads])
    archive.keep_timestamp(at(minute), "https://tsa.example/", heads, b"token " + hashlib.sha256(root).digest())
