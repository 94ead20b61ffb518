"""The mark's format, computed a second time by hand: a mark must not change its meaning unnoticed."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime

import pytest

from storage.marks import _layout, held, mark_of


@pytest.fixture(autouse=True)
def _anew() -> None:
    """What was laid out for the same columns before would hide a change of how it is done now."""
    _layout.cache_clear()


def by_hand(*pieces: bytes) -> bytes:
    return hashlib.sha256(b"".join(len(one).to_bytes(8, "big") + one for one in pieces)).digest()[:4]


def test_a_mark_is_what_its_format_says() -> None:
    row = {
        "url": "https://example.org/ü",
        "status": 200,
        "at": datetime(1970, 1, 1, 0, 0, 1, 5, tzinfo=UTC),
        "doubt": None,
    }
    row |= {"number": 7, "mark": b"none of its own", "told": True, "body": 3, "not a column": 1}
    columns = ["url", "status", "at", "doubt", "number", "mark", "told", "body", "absent"]
    fields = [b"absent", b"n", b"at", b"i1000005", b"body", b"b\x00\xff", b"doubt", b"n", b"pages", b"b"]
    fields += [b"status", b"i200", b"told", b"i1", b"url", b"t" + "https://example.org/ü".encode()]
    assert mark_of("snapshots", columns, row, body=b"\x00\xff", pages=b"") == by_hand(
        b"variorum/mark/1", b"snapshots", *fields
    )


@pytest.mark.parametrize(("table", "counted"), [("snapshots", "number"), ("versions", "key"), ("timestamps", None)])
def test_the_number_that_the_database_counts_up_is_not_marked(table: str, counted: str | None) -> None:
    marks = {name: mark_of(table, [name], {name: 1}) == mark_of(table, [name], {name: 2}) for name in ("number", "key")}
    assert {name for name, same in marks.items() if same} == ({counted} if counted else set())


def test_a_damaged_text_and_a_value_of_no_known_type_have_marks_of_their_own() -> None:
    assert mark_of("versions", ["a"], {"a": "\udcff"}) == by_hand(b"variorum/mark/1", b"versions", b"a", b"t\xff")
    assert mark_of("versions", ["a"], {"a": 1.5}) == by_hand(b"variorum/mark/1", b"versions", b"a", b"?1.5")


def test_captures_are_chained_by_number_and_mark() -> None:
    first = held(None, 258, b"mark")
    assert first == hashlib.sha256(bytes(32) + b"\0\0\0\0\0\0\x01\x02mark").digest()
    assert held(first, 1, b"next") == hashlib.sha256(first + b"\0\0\0\0\0\0\0\x01next").digest()
