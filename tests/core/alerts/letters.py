"""Letters of every form, made by hand from the renderers' comparisons. All texts are invented."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from monitor.alerts import Letter, Links, Notice
from storage.records import Event, EventKind, Severity, Source, Version, Window
from tests.core.render import cases
from tests.core.render.cases import NINE

if TYPE_CHECKING:
    from collections.abc import Callable

    from monitor.render import Comparison

NOON = NINE + timedelta(hours=3)
CHAIN = hashlib.sha256(b"chain").hexdigest()
ROOM = "https://variorum.example.org"


def version(number: int, title: str | None, severity: Severity | None = None, source: str = "mfa") -> Version:
    seen = NINE + timedelta(hours=number)
    digest = hashlib.sha256(str(number).encode()).hexdigest()
    return Version(
        source, number, digest, title, None, seen, seen, Window(None, seen), seen, None, severity, False, False,
        "html/1", number, CHAIN,
    )  # fmt: skip


def links(number: int | None = 2, source: str = "mfa") -> Links:
    change = f"{ROOM}/s/{source}/{number - 1}-{number}.html" if number and number > 1 else None
    return Links("https://mfa.example/readout?id=1&lang=en", change, f"{ROOM}/s/{source}/feed.atom")


def changed(comparison: Comparison, *, ident: str = "al-0001", source: str = "mfa", **more: Any) -> Notice:
    change = comparison.change
    event = Event(
        EventKind.CHANGED, source, NOON, 2, change.severity, change.silent,
        Window(NINE + timedelta(hours=2), NINE + timedelta(hours=2, minutes=15)),
    )  # fmt: skip
    told = Source(source, "https://mfa.example/readout?id=1&lang=en", "calls", ("desk",))
    title = comparison.new.text.title
    return Notice(
        ident,
        event,
        told,
        links(2, source),
        title,
        version(2, title, change.severity, source),
        comparison,
        CHAIN,
        **more,
    )


def happened(kind: EventKind, *about: str, ident: str = "al-0002", number: int | None = 2, **detail: Any) -> Notice:
    severity = Severity.MAJOR if kind is EventKind.GONE else None
    window = Window(NINE, NINE + timedelta(minutes=45))
    event = Event(kind, "mfa", NOON, number, severity, window=window, detail=detail)
    told = Source("mfa", "https://mfa.example/readout?id=1&lang=en")
    title = "Ministers of Ardonia and Belmark speak by telephone"
    at = version(number, title) if number else None
    return Notice(ident, event, told, links(number), title, at, None, CHAIN if number else None, about)


def letter(*notices: Notice, ident: str = "dl-0001", **more: Any) -> Letter:
    return Letter(ident, notices, NOON, **more)


def hostile_notice() -> Notice:
    comparison = cases.hostile()
    notice = changed(comparison, ident="al\r\nBcc: x@evil.example")
    return replace(
        notice,
        title="Readout\r\nBcc: everyone@evil.example\r\n\r\n<script>alert(1)</script> \u202egnp.exe \x1b]0;x\x07",
        about=("phrase “\u202eevil\u202c” came\nX: y", "<img src=x onerror=alert(1)> @everyone <!channel>"),
        links=Links("javascript:alert(1)", 'https://x.example/"><script>', 'https://x.example/\r\nX: y', "https://x.example/a\nb"),
    )  # fmt: skip


def digest() -> Letter:
    notices = (
        changed(cases.readout(), ident="al-1"),
        changed(cases.chinese(), ident="al-2", source="mfa-zh"),
        happened(EventKind.GONE, ident="al-3", reason="HTTP 404 Not Found"),
        happened(EventKind.PHRASE, "“legitimate security concerns” has gone; last seen in version 4", ident="al-4"),
    )
    return letter(*notices, digest=True, more=7)


CASES: dict[str, Callable[[], Letter]] = {
    "readout": lambda: letter(changed(cases.readout())),
    "chinese": lambda: letter(changed(cases.chinese(), source="mfa-zh"), thread="dl-0000"),
    "right-to-left": lambda: letter(changed(cases.right_to_left())),
    "hostile": lambda: letter(hostile_notice()),
    "moved-and-split": lambda: letter(changed(cases.moved_and_split())),
    "digest": digest,
    "new": lambda: letter(happened(EventKind.NEW, number=1)),
    "gone": lambda: letter(happened(EventKind.GONE, reason="HTTP 404 Not Found")),
    "failing": lambda: letter(happened(EventKind.FAILING, reason="mfa.example: the connection was reset")),
    "recovered": lambda: letter(happened(EventKind.RECOVERED)),
    "moved": lambda: letter(happened(EventKind.MOVED, to="https://mfa.example/new", **{"from": "https://mfa.example/old"})),
    "phrase": lambda: letter(
        happened(
            EventKind.PHRASE,
            "“legitimate security concerns” has gone; it stood in versions 1 to 4",
            "“dispute” is written “crisis” now",
        )
    ),
    "reverted": lambda: letter(
        replace(
            changed(cases.readout()),
            event=replace(changed(cases.readout()).event, kind=EventKind.REVERTED, detail={"to": 1}),
        )
    ),
    "sample": lambda: letter(changed(cases.readout(), test=True), more=3),
}  # fmt: skip
