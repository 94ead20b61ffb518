"""An archive read by docs/format.md alone: sqlite3, hashlib, zstandard; nothing of ours is imported to read it."""

from __future__ import annotations

import hashlib
import json
import re
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
import zstandard

from storage.archive import Archive
from storage.engine import engine_for
from storage.prune import Chosen, prune
from tests.storage.filled import at

FORMAT = Path(__file__).parents[2] / "docs" / "format.md"

# columns: what the section "Tables" of docs/format.md names; amend both when a migration changes columns.
COLUMNS = {
    "versions": "source number digest heading depth packed snapshot reader captured imported after before severity "
    "silent reread differ kinds script chain mark",
    "snapshots": "number source url final_url status fetched_at redirects headers body doubt mark",
    "bodies": "key digest size base depth packed mark",
    "timestamps": "number at authority heads token mark",
}
UNMARKED = {"versions": set[str](), "snapshots": {"number"}, "bodies": {"key"}, "timestamps": set[str]()}


def sha(data: bytes) -> bytes:
    return hashlib.sha256(data).digest()


def len8(piece: bytes) -> bytes:
    return len(piece).to_bytes(8, "big") + piece


def unpack(packed: bytes, dictionary: bytes | None = None) -> bytes:
    if not dictionary:
        return zstandard.ZstdDecompressor().decompress(packed)
    raw = zstandard.ZstdCompressionDict(dictionary, dict_type=zstandard.DICT_TYPE_RAWCONTENT)
    return zstandard.ZstdDecompressor(dict_data=raw).decompress(packed)


def decimal(number: int | None) -> bytes:
    return b"" if number is None else b"%d" % number


def value(one: Any) -> bytes:
    if one is None:
        return b"n"
    if isinstance(one, int):
        return b"i%d" % one
    return b"t" + one.encode() if isinstance(one, str) else b"b" + one


def mark(table: str, row: dict[str, Any], **more: Any) -> bytes:
    fields = {name: row[name] for name in COLUMNS[table].split() if name != "mark" and name not in UNMARKED[table]}
    pieces = [b"variorum/mark/1", table.encode()]
    for name, one in sorted((fields | more).items()):
        pieces += [name.encode(), value(one)]
    return sha(b"".join(map(len8, pieces)))[:8]


class Reader:
    """The page, as a program."""

    def __init__(self, file: str) -> None:
        self._lite = sqlite3.connect(file)
        self._lite.row_factory = sqlite3.Row
        self.sources = {row["key"]: row for row in self.rows("SELECT * FROM sources")}
        self.snapshots = {row["number"]: row for row in self.rows("SELECT * FROM snapshots")}
        self.bodies = {row["key"]: row for row in self.rows("SELECT * FROM bodies")}
        self.headings = {row["key"]: row for row in self.rows("SELECT * FROM headings")}

    def close(self) -> None:
        self._lite.close()

    def rows(self, query: str, *values: Any) -> list[dict[str, Any]]:
        return [dict(row) for row in self._lite.execute(query, values)]

    def body(self, key: int) -> bytes:
        row = self.bodies[key]
        return unpack(row["packed"], self.body(row["base"]) if row["base"] is not None else None)

    def pages(self, number: int) -> list[dict[str, Any]]:
        further = self.rows("SELECT snapshot FROM pages WHERE first = ? ORDER BY place", number)
        return [self.snapshots[number], *(self.snapshots[one["snapshot"]] for one in further)]

    def texts(self, source: int) -> dict[int, bytes]:
        texts: dict[int, bytes] = {}
        for row in self.rows("SELECT * FROM versions WHERE source = ? ORDER BY number", source):
            if row["packed"] != b"":
                before = texts[row["number"] - 1] if row["depth"] else None
                texts[row["number"]] = unpack(row["packed"], before)
                assert sha(texts[row["number"]]) == row["digest"]
        return texts

    def seal(self, row: dict[str, Any], before: bytes) -> bytes:
        source, capture = self.sources[row["source"]], self.snapshots[row["snapshot"]]
        headers = json.loads(unpack(capture["headers"]))
        fields = [
            b"variorum/chain/1",
            before,
            (source["sealed_as"] or source["id"]).encode(),
            decimal(row["number"]),
            b"".join(self.bodies[page["body"]]["digest"] for page in self.pages(row["snapshot"])),
            row["digest"],
            *(decimal(row[name]) for name in ("captured", "imported", "after", "before")),
            capture["url"].encode(),
            (capture["final_url"] or capture["url"]).encode(),
            decimal(capture["status"]),
            "\n".join(f"{name}: {said}" for name, said in headers).encode(),
            row["reader"].encode(),
            b"reread" if row["reread"] else b"",
        ]
        return sha(b"".join(map(len8, fields)))

    def prove(self) -> None:
        for row in self.bodies.values():
            base = self.bodies[row["base"]] if row["base"] is not None else None
            assert row["depth"] == (base["depth"] + 1 if base else 0)
            assert row["mark"] == mark("bodies", row, base=base["digest"] if base else None)
            if row["packed"] != b"":
                plain = self.body(row["key"])
                assert (sha(plain), len(plain)) == (row["digest"], row["size"])
        held = dict.fromkeys(self.sources, bytes(32))
        for number, row in sorted(self.snapshots.items()):
            further = b"".join(page["mark"] for page in self.pages(number)[1:])
            assert row["mark"] == mark("snapshots", row, body=self.bodies[row["body"]]["digest"], pages=further)
            held[row["source"]] = sha(held[row["source"]] + number.to_bytes(8, "big") + row["mark"])
        for key, source in self.sources.items():
            assert (source["held"] or bytes(32)) == held[key]
            self._prove_source(key, source)
        self._prove_timestamps()

    def _prove_source(self, key: int, source: dict[str, Any]) -> None:
        chain, last = bytes(32), None
        texts = self.texts(key)
        for place, row in enumerate(self.rows("SELECT * FROM versions WHERE source = ? ORDER BY number", key), 1):
            capture, heading = self.snapshots[row["snapshot"]], self.headings[row["heading"]]
            assert row["number"] == place
            chain = self.seal(row, chain)
            assert row["chain"] == chain
            named = {"title": heading["title"], "published": heading["published"], "heading": None}
            assert row["mark"] == mark("versions", row, snapshot=capture["mark"], **named)
            assert (row["captured"], row["source"]) == (capture["fetched_at"], capture["source"])
            if place in texts and place - 1 in texts and row["script"] is not None:
                assert apply(unpack(row["script"], texts[place]).decode("ascii"), texts[place - 1]) == texts[place]
            last = row
        assert source["number"] == (last["number"] if last else None)
        assert source["chain"] == (chain if last else None)

    def _prove_timestamps(self) -> None:
        before = b""
        for row in self.rows("SELECT * FROM timestamps ORDER BY number"):
            assert row["mark"] == mark("timestamps", row, before=before)
            before = row["mark"]
            lines = unpack(row["heads"]).split(b"\n")
            assert sha(root(lines)) in row["token"]
            for line in lines:
                name, number, seal = line.decode().split("\t")
                query = "SELECT v.chain FROM versions v JOIN sources s ON s.key = v.source WHERE v.number = ?"
                sealed = self.rows(f"{query} AND coalesce(s.sealed_as, s.id) = ?", int(number), name)
                assert sealed == [{"chain": bytes.fromhex(seal)}]


def root(lines: list[bytes]) -> bytes:
    if len(lines) == 1:
        return sha(b"\0" + lines[0])
    half = 1
    while half * 2 < len(lines):
        half *= 2
    return sha(b"\1" + root(lines[:half]) + root(lines[half:]))


def apply(script: str, old: bytes) -> bytes:
    from urllib.parse import unquote

    text, place, new = old.decode(), 0, ""
    for step in script.split("\t"):
        if step.startswith("+"):
            new += unquote(step[1:])
            continue
        if step.startswith("="):
            new += text[place : place + int(step[1:])]
        place += int(step[1:])
    return new.encode()


@pytest.fixture
def file(filled_url: str) -> str:
    if not filled_url.startswith("sqlite"):
        pytest.skip("a backup of PostgreSQL is an SQLite file")
    engine = engine_for(filled_url)
    prune(engine, Chosen("long", (5, 6, 9, 30)), at(100))
    engine.dispose()
    return filled_url.removeprefix("sqlite:///")


def test_the_page_is_enough_to_read_and_prove_an_archive(file: str) -> None:
    with closing(Reader(file)) as reader, Archive.open(f"sqlite:///{file}") as archive:
        reader.prove()
        keys = {source["id"]: key for key, source in reader.sources.items()}
        for name in ("long", "short", "pages"):
            told = {version.number: text.text.encode() for version, text in archive.texts(name)}
            assert reader.texts(keys[name]) == told
            for version in archive.versions(name):
                if not version.pruned:
                    taken = archive.snapshot(version.snapshot)
                    assert [reader.body(page["body"]) for page in reader.pages(version.snapshot)] == [
                        taken.body, *(page.body for page in taken.pages),
                    ]  # fmt: skip


def test_the_page_names_every_column_of_evidence() -> None:
    """What the migrations make is what the page says, so that neither moves alone."""
    from storage.schema import REVISION, metadata

    page = FORMAT.read_text("utf-8")
    assert f"this page is of `{REVISION}`" in page
    for table, listed in COLUMNS.items():
        assert metadata.tables[table].c.keys() == listed.split(), table
        (row,) = [line for line in page.splitlines() if line.startswith(f"| `{table}` | ") and line.count("|") == 4][:1]
        named = set(re.findall(r"`([a-z_]+)`", row))
        assert set(listed.split()) <= named, table
