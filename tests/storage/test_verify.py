"""verify finds what was altered, damaged, taken out or put in, and names it; on both engines."""

from __future__ import annotations

import random
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import LargeBinary, Text, select

from storage.archive import Archive
from storage.engine import engine_for, sqlite_file
from storage.guard import EVIDENCE
from storage.schema import metadata, snapshots
from storage.unpacking import Unpacking
from storage.verify import Report, prove, verify
from tests.storage.filled import fill
from tests.storage.sabotage import Forger, altered


# A sample of the other engine is below; all of it is in the slow part.
@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.slow)], scope="module")
def kept(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> str:
    """An archive with one of everything, which every test leaves as it found it."""
    if request.param == "sqlite":
        url = f"sqlite:///{tmp_path_factory.mktemp('kept') / 'archive.db'}"
    else:
        url = request.getfixturevalue("postgresql").format(name="postgres")
    with Archive.open(url) as archive:
        fill(archive)
    return url


@pytest.fixture
def forge(kept: str) -> Forger:
    return Forger(kept)


def said(report: Report) -> list[str]:
    return [fault.said for fault in report.faults]


def test_a_sound_archive_is_proved_whole(kept: str) -> None:
    report = verify(kept)
    assert said(report) == []
    counts = (report.sources, report.versions, report.captures, report.bodies, report.pruned, report.timestamps)
    assert counts == (4, 27, 31, 31, 0, 2)


ALL = {table: metadata.tables[table].c.keys() for table in EVIDENCE}
ALL["versions"].remove("key")  # says where the row lies in the file, and nothing else


@pytest.mark.parametrize("table", EVIDENCE)
def test_a_change_of_any_column_of_evidence_is_found(kept: str, table: str) -> None:
    change_columns(kept, table, ALL[table])


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("table", EVIDENCE)
def test_a_change_of_any_column_of_any_row_is_found(kept: str, table: str) -> None:
    # Of every row on SQLite, which is quick.
    change_columns(kept, table, ALL[table], every=kept.startswith("sqlite"))


def change_columns(kept: str, table: str, columns: list[str], *, every: bool = False) -> None:
    """Change each column of a row in the middle, or of every row; each change must be a fault that names the row."""
    forge = Forger(kept)
    engine = engine_for(kept, readonly=True)
    shape = metadata.tables[table]
    keys = [one.name for one in shape.primary_key.columns]
    where = " AND ".join(f"{name} = ?" for name in keys)
    for column in columns:
        listed = forge(f'SELECT {", ".join(keys)}, "{column}" FROM {table} ORDER BY {", ".join(keys)}')
        for *key, value in listed if every else [listed[len(listed) // 2]]:
            new = altered(value)
            if value is None:
                new = {LargeBinary: b"x", Text: "x"}.get(type(shape.c[column].type), 1)  # type: ignore[call-overload]
            elif column in (*keys, "number") or shape.c[column].foreign_keys:
                new = value + 1000
            forge(f'UPDATE {table} SET "{column}" = ? WHERE {where}', [new, *key])
            try:
                faults = prove(engine).faults
            finally:
                moved = [new if name == column else old for name, old in zip(keys, key, strict=True)]
                forge(f'UPDATE {table} SET "{column}" = ? WHERE {where}', [value, *moved])
            assert faults, (column, key)
            if table == "versions" and column not in ("source", "number"):
                query = "SELECT s.id, v.number FROM versions v JOIN sources s ON s.key = v.source WHERE v.key = ?"
                (place,) = forge(query, key)
                assert any((one.source, one.version) == place for one in faults), (column, key, faults)
            else:
                assert any(one.source or str(key[0]) in one.said for one in faults), (column, key, faults)
    engine.dispose()


@pytest.mark.parametrize("table", ["sources", *EVIDENCE])
def test_a_row_that_is_taken_out_is_missed(kept: str, forge: Forger, table: str) -> None:
    shape = metadata.tables[table]
    names = [f'"{column.name}"' for column in shape.columns]
    keys = [f'"{one.name}"' for one in shape.primary_key.columns]
    listed = forge(f"SELECT {', '.join(names)} FROM {table} ORDER BY {', '.join(keys)}")
    if table == "timestamps":
        pytest.skip("what an authority signed is its own proof: without it there is less proof, not a false one")
    for row in (listed[0], listed[len(listed) // 2], listed[-1]):
        values = dict(zip(names, row, strict=True))
        if table == "sources" and values['"number"'] is None:
            continue  # nothing was ever kept of it
        where = " AND ".join(f"{key} = ?" for key in keys)
        forge(f"DELETE FROM {table} WHERE {where}", [values[key] for key in keys])
        try:
            assert verify(kept).faults, values
        finally:
            forge(f"INSERT INTO {table} ({', '.join(names)}) VALUES ({', '.join('?' * len(names))})", row)


def test_a_capture_that_was_held_back_cannot_go_missing(kept: str, forge: Forger) -> None:
    ((number, *_),) = forge("SELECT number FROM snapshots WHERE doubt IS NOT NULL ORDER BY number LIMIT 1")
    row = forge("SELECT * FROM snapshots WHERE number = ?", [number])[0]
    forge("DELETE FROM snapshots WHERE number = ?", [number])
    faults = said(verify(kept))
    forge(f"INSERT INTO snapshots VALUES ({', '.join('?' * len(row))})", row)
    assert any(line.startswith("short: a capture is missing") for line in faults)


@pytest.mark.parametrize(
    ("damage", "repair", "told"),
    [
        (
            "UPDATE versions SET number = CASE number WHEN 2 THEN 903 ELSE 902 END WHERE source = 1 AND number IN (2, 3)",
            "UPDATE versions SET number = CASE number WHEN 903 THEN 2 ELSE 3 END WHERE source = 1 AND number > 900",
            "long: versions 2 to 3 are missing",
        ),
        (
            "UPDATE versions SET looks = looks + 7 WHERE source = 1 AND number = 5",
            "UPDATE versions SET looks = looks - 7 WHERE source = 1 AND number = 5",
            "long@5: the row is not as it was written (mark)",
        ),
        (
            "UPDATE versions SET imported = 5 WHERE source = 1 AND number = 5",
            "UPDATE versions SET imported = NULL WHERE source = 1 AND number = 5",
            "long@5: the seal does not hold: text, raw bytes, times, address, headers or reader were altered",
        ),
        (
            "UPDATE sources SET number = number + 1 WHERE id = 'long'",
            "UPDATE sources SET number = number - 1 WHERE id = 'long'",
            "long: version 22 is missing",
        ),
        (
            "UPDATE sources SET id = 'lung' WHERE id = 'long'",
            "UPDATE sources SET id = 'long' WHERE id = 'lung'",
            "long@20: is missing, and time-stamp 1 says it stood",
        ),
        (
            "UPDATE ledger SET count = -count WHERE number = 1",
            "UPDATE ledger SET count = -count WHERE number = 1",
            "short: run 1 of the ledger contradicts itself (times, count, outcome or version)",
        ),
        (
            "UPDATE events SET kind = 'changes' WHERE number = 2",
            "UPDATE events SET kind = 'changed' WHERE number = 2",
            "long: event 2 cannot be right",
        ),
        (
            "INSERT INTO headings (key, title, reader) VALUES (900, 'never printed', 'html/1')",
            "DELETE FROM headings WHERE key = 900",
            "heading 900: nothing refers to it",
        ),
    ],
)  # fmt: skip
def test_each_fault_is_named(kept: str, forge: Forger, damage: str, repair: str, told: str) -> None:
    forge(damage)
    faults = said(verify(kept))
    forge(repair)
    assert told in faults


def test_two_versions_that_change_places_are_found(kept: str, forge: Forger) -> None:
    def swap() -> None:
        for old, new in ((3, 903), (4, 3), (903, 4)):
            forge("UPDATE versions SET number = ? WHERE source = 1 AND number = ?", [new, old])

    swap()
    faults = said(verify(kept))
    swap()
    assert any(line.startswith("long@3: the seal does not hold") for line in faults)


def test_a_chain_made_anew_is_contradicted_by_the_time_stamp(kept: str, forge: Forger) -> None:
    kept_seals = [
        forge("SELECT chain FROM versions WHERE source = 2 AND number = 4")[0][0],
        forge("SELECT chain FROM sources WHERE key = 2")[0][0],
    ]
    for seal in (bytes(32), *kept_seals[:1]):
        forge("UPDATE versions SET chain = ? WHERE source = 2 AND number = 4", [seal])
        forge("UPDATE sources SET chain = ? WHERE key = 2", [seal])
        found = "short@4: has another seal than time-stamp 1 says" in said(verify(kept))
        assert found == (seal == bytes(32))


def test_named_sources_alone_are_proved(kept: str, forge: Forger) -> None:
    assert (verify(kept, ["short"]).versions, verify(kept, ["short"]).captures) == (4, 6)
    forge("UPDATE versions SET looks = looks + 7 WHERE source = 1 AND number = 5")
    faults = [verify(kept, ["short"]).faults, verify(kept, ["long"]).faults]
    forge("UPDATE versions SET looks = looks - 7 WHERE source = 1 AND number = 5")
    assert [bool(one) for one in faults] == [False, True]


def test_a_missing_trigger_is_told(kept: str) -> None:
    file = sqlite_file(kept)
    if file is None:
        import psycopg

        with psycopg.connect(kept) as connection:
            connection.execute("ALTER TABLE versions DISABLE TRIGGER versions_append_only")
            connection.commit()
            faults = said(verify(kept))
            connection.execute("ALTER TABLE versions ENABLE TRIGGER versions_append_only")
        assert faults == ["the trigger versions_append_only is not there, or altered: rows could be changed without it"]
        return
    with closing(sqlite3.connect(file)) as lite:
        (made,) = lite.execute("SELECT sql FROM sqlite_master WHERE name = 'versions_no_update'").fetchone()
        lite.execute("DROP TRIGGER versions_no_update")
        faults = said(verify(kept))
        lite.execute(made)
    assert faults == ["the trigger versions_no_update is not there, or altered: rows could be changed without it"]


def test_both_engines_find_an_alteration_and_name_it(filled_url: str) -> None:
    assert said(verify(filled_url)) == []
    forge = Forger(filled_url)
    forge("UPDATE versions SET packed = ? WHERE source = 1 AND number = 3", [b"never written"])
    forge("UPDATE snapshots SET doubt = 'elsewhere' WHERE number = 2")
    faults = said(verify(filled_url))
    assert "long@3: the row is not as it was written (mark)" in faults
    assert "long@2: how it was received (capture 2) is not as it was written (mark)" in faults


def test_a_damaged_dictionary_is_told_apart_from_what_leans_on_it(kept: str, forge: Forger) -> None:
    ((packed,),) = forge("SELECT packed FROM versions WHERE source = 1 AND number = 3")
    forge("UPDATE versions SET packed = ? WHERE source = 1 AND number = 3", [altered(packed)])
    faults = said(verify(kept))
    forge("UPDATE versions SET packed = ? WHERE source = 1 AND number = 3", [packed])
    (own,) = [line for line in faults if line.startswith("long@3: the text")]
    assert "dictionary" not in own
    assert "long@4: the text cannot be unpacked: version 3, its dictionary, is damaged" in faults
    assert any("their dictionary, the text of version 3, is damaged" in line for line in faults)


@pytest.mark.parametrize("which", ["doubt IS NOT NULL", "number IN (SELECT snapshot FROM pages)"])
def test_bytes_that_are_gone_and_were_not_pruned_are_missed(kept: str, forge: Forger, which: str) -> None:
    """Those of a capture that was held back, and of a further page, too."""
    where = f"key = (SELECT min(body) FROM snapshots WHERE {which})"
    columns = "packed, base, depth, source, number"
    (before,) = forge(f"SELECT {columns} FROM bodies WHERE {where}")
    forge(f"UPDATE bodies SET packed = ?, base = NULL, depth = 0, source = NULL, number = NULL WHERE {where}", [b""])
    faults = said(verify(kept))
    values = ", ".join(f"{name} = ?" for name in columns.split(", "))
    forge(f"UPDATE bodies SET {values} WHERE {where}", list(before))
    assert any("are gone, and no pruning took what they were read to" in line for line in faults)


def test_what_was_told_cannot_go_missing_with_all_that_refers_to_it(filled_url: str) -> None:
    forge = Forger(filled_url)
    ((alert, event),) = forge("SELECT key, event FROM alerts ORDER BY key DESC LIMIT 1")
    forge("DELETE FROM deliveries WHERE alert = ?", [alert])
    forge("DELETE FROM alerts WHERE key = ?", [alert])
    missing = "is missing, added or out of order (their marks do not chain to what is held)"
    assert said(verify(filled_url)) == [f"long: an alert {missing}"]
    forge("DELETE FROM events WHERE number = ?", [event])
    assert said(verify(filled_url)) == [f"long: an event {missing}", f"long: an alert {missing}"]


# bytes of the file itself


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("file") / "archive.db"
    with Archive.open(f"sqlite:///{path}") as archive:
        fill(archive)
    with closing(sqlite3.connect(path)) as lite:
        lite.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    return path


def evidence(path: Path) -> Any:
    """All evidence in a file, as a plain driver reads it; None when it cannot."""
    try:
        with closing(sqlite3.connect(path)) as lite:
            lite.text_factory = bytes
            return [sorted(map(repr, lite.execute(f"SELECT * FROM {table}"))) for table in EVIDENCE]
    except (sqlite3.DatabaseError, UnicodeDecodeError):
        return None


def received(path: Path) -> Any:
    """Every capture of a file, unpacked, bodies and headers."""
    engine = engine_for(f"sqlite:///{path}", readonly=True)
    try:
        with engine.connect() as connection:
            numbers = connection.scalars(select(snapshots.c.number).order_by(snapshots.c.number)).all()
            return [Unpacking(connection).snapshot(number) for number in numbers]
    finally:
        engine.dispose()


def flips(path: Path, count: int, seed: int) -> Iterator[tuple[int, int]]:
    """Random places, most of them where something is written."""
    dice = random.Random(seed)
    data = path.read_bytes()
    written = [place for place, byte in enumerate(data) if byte]
    for number in range(count):
        yield dice.choice(written) if number % 4 else dice.randrange(len(data)), 1 << dice.randrange(8)


def check_flips(file: Path, folder: Path, count: int, seed: int) -> int:
    """Flip so many random bits, one at a time; returns how many of them altered evidence."""
    whole, hurt = file.read_bytes(), evidence(file)
    altering = 0
    for place, bit in flips(file, count, seed):
        path = folder / "flipped.db"
        path.write_bytes(whole[:place] + bytes([whole[place] ^ bit]) + whole[place + 1 :])
        try:
            faults = verify(f"sqlite:///{path}").faults
        except Exception as error:  # noqa: BLE001
            from storage.errors import StorageError

            assert isinstance(error, StorageError), (place, bit, error)
            faults = [error]  # type: ignore[list-item]
        if evidence(path) != hurt:
            altering += 1
            # A packed value may have another bit and unpack to the same: then nothing that was kept is another.
            assert faults or received(path) == received(file), (place, bit)
        for rest in folder.glob("flipped.db*"):
            rest.unlink()
    return altering


def test_a_flipped_bit_anywhere_in_the_file_that_touches_evidence_is_found(file: Path, tmp_path: Path) -> None:
    assert check_flips(file, tmp_path, 24, 1) > 1


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("seed", range(4))
def test_flipped_bits_without_end(file: Path, tmp_path: Path, seed: int) -> None:
    assert check_flips(file, tmp_path, 500, 100 + seed) > 60


@pytest.mark.parametrize(
    "damage",
    [
        lambda data: data[: len(data) // 2],
        lambda data: data[:16384] + bytes(16384) + data[32768:],
        lambda data: b"SQLite forgot" + data[13:],
        lambda data: b"",
    ],
)
def test_a_ruined_file_is_a_fault_or_a_plain_word_and_no_traceback(
    file: Path, tmp_path: Path, damage: Callable[[bytes], bytes]
) -> None:
    from storage.errors import StorageError

    path = tmp_path / "ruined.db"
    path.write_bytes(damage(file.read_bytes()))
    try:
        assert verify(f"sqlite:///{path}").faults
    except StorageError as error:
        assert "ruined.db" in error.message
