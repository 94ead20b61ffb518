"""Histories made by hand, for the tests of this room."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from monitor.history.series import as_history, members
from storage.records import Text, Version, Window

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

START = datetime(2024, 1, 1, 9, tzinfo=UTC)


def at(number: int) -> datetime:
    """When version ``number`` was first seen: one a day."""
    return START + timedelta(days=number - 1)


def version(number: int, text: Text, *, source: str = "mfa", reread: bool = False) -> Version:
    """A version first seen on its day, six hours after the last check that saw the one before."""
    after = at(number) - timedelta(hours=6) if number > 1 else None
    return Version(
        source=source,
        number=number,
        digest=text.digest,
        title=text.title,
        published=text.published,
        first_seen=at(number),
        last_seen=at(number) + timedelta(hours=12),
        window=Window(after, at(number)),
        captured=at(number),
        imported=None,
        severity=None,
        silent=False,
        reread=reread,
        reader="r1",
        snapshot=number,
        chain="00",
    )


def history(*paragraphs: str | Sequence[str], source: str = "mfa") -> tuple[tuple[Version, Text], ...]:
    """One version for each argument: a paragraph, or several."""
    texts = (Text.of(None, None, [one] if isinstance(one, str) else list(one)) for one in paragraphs)
    return tuple((version(number, text, source=source), text) for number, text in enumerate(texts, 1))


def fomc(corpus: Path, pattern: str = "*.txt") -> tuple[tuple[Version, Text], ...]:
    """The statements of the Federal Open Market Committee as one series; members are called ``fomc-2014-01-29``."""
    from monitor.read.plain import parse

    texts = {
        f"fomc-{path.stem}": parse(path.read_text("utf-8"))
        for path in (corpus / "series" / "fomc-statements").glob(pattern)
    }
    ordered = as_history(members([version(1, text, source=source)] for source, text in texts.items()))
    return tuple((one, texts[one.source]) for one in ordered)
