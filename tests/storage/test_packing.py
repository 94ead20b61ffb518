"""Texts, bodies and headers come back to the byte, from any depth, whatever they were packed with."""

from __future__ import annotations

from dataclasses import replace

import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st

from storage import texts
from storage.archive import Archive
from storage.chain import first_fault
from storage.records import Outcome, Snapshot, Text
from tests.storage.conftest import Wordings


@settings(deadline=None)
@given(st.binary(max_size=300), st.none() | st.binary(max_size=300))
def test_what_is_packed_comes_back(plain: bytes, base: bytes | None) -> None:
    assert texts.unpack(texts.pack(plain, base), base) == plain


def test_a_dictionary_of_several_blocks_serves_and_damage_is_told_and_forgotten() -> None:
    base = bytes(range(256)) * 1200
    packed = texts.pack(base[5:], base)
    assert len(packed) < 60
    assert texts.unpack(packed, base) == base[5:]
    for damaged in (b"", b"\xff", packed[:-1], packed[1:]):
        with pytest.raises(zstandard.ZstdError):
            texts.unpack(damaged, base)
        assert texts.unpack(packed, base) == base[5:]


def test_another_program_can_read_a_blob_with_the_magic_number_before_it() -> None:
    plain = b"The parties agreed. " * 20
    assert zstandard.ZstdDecompressor().decompress(texts.MAGIC + texts.pack(plain)) == plain
    assert texts.unpack(texts.MAGIC + texts.pack(plain)) == plain  # as older rows have it


def test_no_version_needs_more_than_eighteen_links() -> None:
    for number in range(1, 400):
        way = [number]
        while back := texts.back_of(way[-1]):
            way.append(way[-1] - back)
        assert set(way) <= set(texts.run_to(number))
        assert len(texts.run_to(number)) <= 19
        assert (way[-1] - 1) % texts.FULL_EVERY == 0


def test_every_depth_is_read_back_with_its_bytes_and_headers(archive: Archive, wordings: Wordings) -> None:
    archive.declare([wordings.source()], wordings.at(0))
    said = []
    for number in range(1, 68):
        words = f"The parties agreed on {number} points. " + "They said so before. " * 20
        text = Text(words)
        snapshot = wordings.snapshot(words, number)
        if number % 9 == 0:
            snapshot = replace(snapshot, status=203, headers=(), redirects=("https://example.org/a",))
        if number % 7 == 0:
            snapshot = replace(snapshot, body=words.encode(), headers=(*snapshot.headers, ("x", "é\udcff")))
        archive.record(
            "one", snapshot, text, reader=f"r/{number // 30}", outcome=Outcome.NEW, expected=number - 1 or None
        )
        said.append((text, snapshot))
    for number, (text, snapshot) in enumerate(said, 1):
        version = archive.version("one", number)
        assert archive.text("one", number) == text
        assert archive.snapshot(version.snapshot) == snapshot
        assert version.reader == f"r/{number // 30}"
    assert [text for _, text in archive.texts("one")] == [text for text, _ in said]
    assert first_fault(archive.seals("one")) is None


def test_a_body_is_kept_once_and_a_text_served_as_it_is_costs_next_to_nothing(
    archive: Archive, wordings: Wordings, url: str
) -> None:
    from storage.engine import engine_for, reading

    archive.declare([wordings.source("one"), wordings.source("two")], wordings.at(0))
    words = " ".join(f"Sentence {number} of a long statement." for number in range(200))
    for name in ("one", "two"):
        snapshot = Snapshot(
            f"https://example.org/{name}", f"https://example.org/{name}", 200, (), (), wordings.at(1), words.encode()
        )
        archive.record(name, snapshot, Text(words), reader="r", outcome=Outcome.NEW, expected=None)
    engine = engine_for(url)
    with reading(engine) as connection:
        kept = connection.exec_driver_sql("SELECT length(packed) FROM bodies").scalars().all()
    engine.dispose()
    assert len(kept) == 1
    assert kept[0] < 60
    assert archive.snapshot(archive.version("two", 1).snapshot).body == words.encode()


def test_a_text_whose_dictionary_is_gone_is_told_as_an_integrity_fault(
    archive: Archive, wordings: Wordings, url: str
) -> None:
    from storage.engine import engine_for, writing
    from storage.errors import IntegrityError

    archive.declare([wordings.source()], wordings.at(0))
    for number in range(1, 4):
        words = f"Wording {number} of the statement."
        archive.record(
            "one", wordings.snapshot(words, number), wordings.text(words), reader="r", outcome=Outcome.NEW,
            expected=number - 1 or None,
        )  # fmt: skip
    engine = engine_for(url)
    with writing(engine) as connection:
        trigger = "versions_no_delete" if engine.dialect.name == "sqlite" else "versions_append_only ON versions"
        connection.exec_driver_sql(f"DROP TRIGGER {trigger}")
        connection.exec_driver_sql("DELETE FROM versions WHERE number = 2")
    engine.dispose()
    with pytest.raises(IntegrityError, match="version 2 is missing"):
        archive.text("one", 3)
