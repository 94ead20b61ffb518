"""The clock on the wall: the one place that asks what time it is."""

from __future__ import annotations

from datetime import UTC, datetime


def utc_now() -> datetime:
    """Now, as an aware UTC time."""
    return datetime.now(UTC)
