"""Time-stamps of chain heads: kept for ever, proved by a short path, contradicted by any change."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import text as sql
from sqlalchemy.exc import DBAPIError

from storage import merkle
from storage.archive import Archive
from storage.engine import engine_for, writing
from storage.errors import StorageError
from storage.records import Outcome
from storage.stamps import Head
from tests.storage.conftest import Wordings

LEAVES = st.lists(st.binary(max_size=40), min_size=1, max_size=40, unique=True)


@given(LEAVES, st.data())
def test_every_leaf_leads_to_the_root_and_no_other_does(leaves: list[bytes], data: st.DataObject) -> None:
    place = data.draw(st.integers(0, len(leaves) - 1))
    way = merkle.path(leaves, place)
    assert merkle.root_of(leaves[place], way) == merkle.root(leaves)
    assert merkle.root_of(leaves[place] + b"!", way) != merkle.root(leaves)
    assert len(way) <= len(leaves).bit_length()


def test_the_root_is_that_of_the_rfc() -> None:
    # The test vectors of Certificate Transparency implementations for RFC 6962: no leaf, and one empty leaf.
    assert merkle.root([]).hex() == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    assert merkle.root([b""]).hex() == "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d"


def fill(archive: Archive, wordings: Wordings) -> None:
    archive.declare([wordings.source("one"), wordings.source("two"), wordings.source("empty")], wordings.at(0))
    for name in ("one", "two"):
        archive.record(
            name,
            wordings.snapshot("a", 1, name),
            wordings.text("a"),
            reader="html/1",
            outcome=Outcome.NEW,
            expected=None,
        )


def test_a_stamp_is_kept_as_it_was_given(archive: Archive, wordings: Wordings) -> None:
    fill(archive, wordings)
    heads = archive.heads()
    assert [head.source for head in heads] == ["one", "two"]
    assert archive.heads({"two"}) == heads[1:]
    assert archive.keep_timestamp(wordings.at(5), "https://tsa.example/", heads, b"token") == 1
    (kept,) = archive.timestamps()
    assert (kept.at, kept.authority, kept.heads, kept.token) == (
        wordings.at(5),
        "https://tsa.example/",
        heads,
        b"token",
    )
    assert merkle.root_of(heads[0].leaf, kept.path(0)) == kept.root
    assert archive.timestamp_faults() == []


@pytest.mark.parametrize("forged", [Head("one", 1, "00" * 32), Head("one", 2, "00" * 32), Head("nobody", 1, "00" * 32)])
def test_a_head_that_is_not_in_the_archive_is_a_fault(archive: Archive, wordings: Wordings, forged: Head) -> None:
    fill(archive, wordings)
    archive.keep_timestamp(wordings.at(5), "https://tsa.example/", (*archive.heads(), forged), b"token")
    (fault,) = archive.timestamp_faults()
    assert f"{forged.source}@{forged.version}" in fault


@pytest.mark.parametrize(
    "statement",
    ["UPDATE timestamps SET token = token", "DELETE FROM timestamps", "TRUNCATE timestamps"],
)
def test_time_stamps_cannot_be_altered(archive: Archive, url: str, wordings: Wordings, statement: str) -> None:
    if statement.startswith("TRUNCATE") and url.startswith("sqlite"):
        pytest.skip("SQLite knows no TRUNCATE")
    fill(archive, wordings)
    archive.keep_timestamp(wordings.at(5), "https://tsa.example/", archive.heads(), b"token")
    engine = engine_for(url)
    with pytest.raises((DBAPIError, StorageError), match="append-only"), writing(engine) as connection:
        connection.execute(sql(statement))
    engine.dispose()
    assert len(archive.timestamps()) == 1
