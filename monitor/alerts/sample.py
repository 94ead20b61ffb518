"""A letter to try a channel with: a real comparison of two small invented texts, marked as a test."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Final

from monitor.alerts import Letter, Links, Notice
from monitor.differ import compare
from monitor.render import Comparison, Side
from storage.records import Event, EventKind, Severity, Source, Text, Window, digest_of

if TYPE_CHECKING:
    from datetime import datetime

ADDRESS: Final = "https://statements.example/readout"
"""RFC 2606 keeps this name free for examples."""

_OLD: Final = (
    "The two sides met on Tuesday. They agreed that all parties shall resume talks within 10 days.",
    "The minister said that the dispute can be settled by dialogue.",
)
_NEW: Final = (
    "The two sides met on Tuesday. They agreed that all parties should resume talks within 30 days.",
    "The minister stressed that the crisis can be settled by dialogue.",
)


def sample(at: datetime, public_url: str | None = None) -> Letter:
    """The letter, as of that moment; its ids are its own each time."""
    source = Source("sample-readout", ADDRESS, tags=("test",))
    window = Window(at - timedelta(minutes=15), at)
    old, new = (Text.of("Readout of a meeting", "2026-03-01", words) for words in (_OLD, _NEW))
    before, after = (Side(f"{source.id}@{number}", text, source.id, ADDRESS) for number, text in ((1, old), (2, new)))
    comparison = Comparison(before, after, compare(old, new))
    ident = f"test-{digest_of(at.isoformat().encode())[:24]}"
    event = Event(EventKind.CHANGED, source.id, at, 2, comparison.change.severity or Severity.WORDING, window=window)
    notice = Notice(
        ident,
        event,
        source,
        Links(ADDRESS, change=public_url),
        title=new.title,
        comparison=comparison,
        about=("This is a test, asked for by `variorum alerts test`: the text is invented.",),
        test=True,
    )
    return Letter(ident, (notice,), at)
