"""An archive read by docs/format.md alone: sqlite3, hashlib, zstandard; nothing of ours is imported to read it."""

from __future__ import annotations

import hashlib
import json
import re
import sqlite3
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email.utils import formatdate
from pathlib import Path
from typing import Any

import pytest
import zstandard

from storage.archive import Archive
from storage.engine import engine_for
from storage.prune import Chosen, prune
from storage.records import Source
from tests.storage.filled import at, keep, snapshot, words

FORMAT = Path(__file__).parents[2] / "docs" / "format.md"

# columns: what the section "Tables" of docs/format.md names; amend both when a migration changes columns.
COLUMNS = {
    "versions": "key source number digest heading verdict back packed snapshot imported after before looks chain mark",
    "headings": "key title published reader",
    "verdicts": "key outcome severity silent reread differ kinds",
    "snapshots": "number source head fetched_at headers body doubt mark",
    "heads": "key url final_url status redirects packed",
    "pages": "first place snapshot",
    "bodies": "key digest size base source number depth packed",
    "timestamps": "number at authority heads token mark",
    "events": "number source kind at version severity silent after before detail mark",
    "alerts": "key id event source chain mark",
}
UNMARKED = {
    "versions": {"key", "mark"},
    "snapshots": {"number", "mark"},
    "events": {"number", "mark"},
    "alerts": {"key", "mark"},
    "timestamps": {"mark"},
}
ANSWER = ("url", "final_url", "status", "redirects")
HEADING = ("title", "published", "reader")
VERDICT = ("outcome", "severity", "silent", "reread", "differ", "kinds")
MAGIC = bytes.fromhex("28b52ffd")


def sha(data: bytes) -> bytes:
    return hashlib.sha256(data).digest()


def len8(piece: bytes) -> bytes:
    return len(piece).to_bytes(8, "big") + piece


def unpack(packed: bytes, dictionary: bytes = b"") -> bytes:
    frame = packed if packed.startswith(MAGIC) else MAGIC + packed
    if not dictionary:
        return zstandard.ZstdDecompressor().decompress(frame)
    raw = zstandard.ZstdCompressionDict(dictionary, dict_type=zstandard.DICT_TYPE_RAWCONTENT)
    return zstandard.ZstdDecompressor(dict_data=raw).decompress(frame)


def decimal(number: int | None) -> bytes:
    return b"" if number is None else b"%d" % number


def value(one: Any) -> bytes:
    if one is None:
        return b"n"
    if isinstance(one, int):
        return b"i%d" % one
    return b"t" + one.encode() if isinstance(one, str) else b"b" + one


def mark(table: str, row: dict[str, Any], **more: Any) -> bytes:
    fields = {name: row[name] for name in COLUMNS[table].split() if name not in UNMARKED[table]}
    pieces = [b"variorum/mark/1", table.encode()]
    for name, one in sorted((fields | more).items()):
        pieces += [name.encode(), value(one)]
    return sha(b"".join(map(len8, pieces)))[:4]


class Reader:
    """The page, as a program."""

    def __init__(self, file: str) -> None:
        self._lite = sqlite3.connect(file)
        self._lite.row_factory = sqlite3.Row
        self.sources = {row["key"]: row for row in self.rows("SELECT * FROM sources")}
        self.snapshots = {row["number"]: row for row in self.rows("SELECT * FROM snapshots")}
        self.heads = {row["key"]: row for row in self.rows("SELECT * FROM heads")}
        self.bodies = {row["key"]: row for row in self.rows("SELECT * FROM bodies")}
        self.headings = {row["key"]: row for row in self.rows("SELECT * FROM headings")}
        self.verdicts = {row["key"]: row for row in self.rows("SELECT * FROM verdicts")}
        self.texts = {key: self._texts(key) for key in self.sources}

    def close(self) -> None:
        self._lite.close()

    def rows(self, query: str, *values: Any) -> list[dict[str, Any]]:
        return [dict(row) for row in self._lite.execute(query, values)]

    def body(self, key: int) -> bytes:
        row = self.bodies[key]
        base = self.body(row["base"]) if row["base"] is not None else b""
        words = self.texts[row["source"]][row["number"]] if row["source"] is not None else b""
        return unpack(row["packed"], base + words)

    def headers(self, capture: dict[str, Any]) -> bytes:
        plain = unpack(self.heads[capture["head"]]["packed"])
        if capture["headers"] is None:
            return plain
        return unpack(capture["headers"], plain + formatdate(capture["fetched_at"] // 10**6, usegmt=True).encode())

    def pages(self, number: int) -> list[dict[str, Any]]:
        further = self.rows("SELECT snapshot FROM pages WHERE first = ? ORDER BY place", number)
        return [self.snapshots[number], *(self.snapshots[one["snapshot"]] for one in further)]

    def versions(self, source: int) -> list[dict[str, Any]]:
        """With what is not kept because it follows: capture, the end of the window, when it was last seen."""
        rows = self.rows("SELECT * FROM versions WHERE source = ? ORDER BY number", source)
        following = [*(row["after"] for row in rows[1:]), self.sources[source]["last_good"]]
        for row, seen in zip(rows, following, strict=bool(rows)):
            row["captured"] = self.snapshots[row["snapshot"]]["fetched_at"]
            row["closed"] = row["captured"] if row["before"] is None else row["before"]
            row["last_seen"] = max(seen, row["closed"])
        return rows

    def _texts(self, source: int) -> dict[int, bytes]:
        texts: dict[int, bytes] = {}
        for row in self.rows("SELECT * FROM versions WHERE source = ? ORDER BY number", source):
            if row["packed"] != b"":
                dictionary = texts[row["number"] - row["back"]] if row["back"] else b""
                texts[row["number"]] = unpack(row["packed"], dictionary)
                assert sha(texts[row["number"]]) == row["digest"]
        return texts

    def seal(self, row: dict[str, Any], before: bytes) -> bytes:
        source, capture = self.sources[row["source"]], self.snapshots[row["snapshot"]]
        head = self.heads[capture["head"]]
        headers = json.loads(self.headers(capture).decode("utf-8", "surrogateescape"))
        fields = [
            b"variorum/chain/1",
            before,
            (source["sealed_as"] or source["id"]).encode(),
            decimal(row["number"]),
            b"".join(self.bodies[page["body"]]["digest"] for page in self.pages(row["snapshot"])),
            row["digest"],
            *(decimal(row[name]) for name in ("captured", "imported", "after", "closed")),
            head["url"].encode(),
            (head["final_url"] or head["url"]).encode(),
            decimal(head["status"]),
            "\n".join(f"{name}: {said}" for name, said in headers).encode("utf-8", "surrogateescape"),
            self.headings[row["heading"]]["reader"].encode(),
            b"reread" if self.verdicts[row["verdict"]]["reread"] else b"",
        ]
        return sha(b"".join(map(len8, fields)))

    def prove(self) -> None:
        for row in self.bodies.values():
            if row["packed"] != b"":
                base = self.bodies[row["base"]] if row["base"] is not None else None
                assert row["depth"] == (base["depth"] + 1 if base else 0)
                plain = self.body(row["key"])
                assert (sha(plain), len(plain)) == (row["digest"], row["size"])
        held = dict.fromkeys(self.sources, bytes(32))
        for number, row in sorted(self.snapshots.items()):
            head = self.heads[row["head"]]
            linked = {"head": None, "headers": self.headers(row), "body": self.bodies[row["body"]]["digest"]}
            linked |= {name: head[name] for name in ANSWER}
            linked["pages"] = b"".join(page["mark"] for page in self.pages(number)[1:])
            assert row["mark"] == mark("snapshots", row, **linked)
            held[row["source"]] = sha(held[row["source"]] + number.to_bytes(8, "big") + row["mark"])
        self._prove_what_was_told()
        for key, source in self.sources.items():
            assert (source["held"] or bytes(32)) == held[key]
            self._prove_source(key, source)
        self._prove_timestamps()

    def _prove_what_was_told(self) -> None:
        told, sent = dict.fromkeys(self.sources, bytes(32)), dict.fromkeys(self.sources, bytes(32))
        marks = {}
        for row in self.rows("SELECT * FROM events ORDER BY number"):
            marks[row["number"]] = row["mark"]
            if row["kind"] is None:
                row |= self._of_version(row["source"], row["version"])
            assert row["mark"] == mark("events", row)
            told[row["source"]] = sha(told[row["source"]] + row["number"].to_bytes(8, "big") + row["mark"])
        for row in self.rows("SELECT * FROM alerts ORDER BY key"):
            assert row["mark"] == mark("alerts", row, event=marks[row["event"]])
            sent[row["source"]] = sha(sent[row["source"]] + row["key"].to_bytes(8, "big") + row["mark"])
        for key, source in self.sources.items():
            assert (source["told"] or bytes(32), source["sent"] or bytes(32)) == (told[key], sent[key])

    def _of_version(self, source: int, number: int) -> dict[str, Any]:
        row = self.versions(source)[number - 1]
        verdict = self.verdicts[row["verdict"]]
        told = {"kind": verdict["outcome"], "severity": verdict["severity"], "silent": verdict["silent"]}
        return {**told, "at": row["closed"], "after": row["after"], "before": row["closed"]}

    def _prove_source(self, key: int, source: dict[str, Any]) -> None:
        chain, last = bytes(32), None
        pruned = self._pruned(key)
        for place, row in enumerate(self.versions(key), 1):
            capture = self.snapshots[row["snapshot"]]
            heading, verdict = self.headings[row["heading"]], self.verdicts[row["verdict"]]
            assert row["number"] == place
            assert (place in self.texts[key]) != (place in pruned)
            chain = self.seal(row, chain)
            assert row["chain"] == chain
            linked = {"snapshot": capture["mark"], "heading": None, "verdict": None}
            linked |= {name: heading[name] for name in HEADING} | {name: verdict[name] for name in VERDICT}
            assert row["mark"] == mark("versions", row, **linked)
            assert capture["source"] == row["source"]
            last = row
        for name in ("number", "digest", "chain", "snapshot"):
            assert source[name] == (last[name] if last else None)

    def _pruned(self, source: int) -> set[int]:
        found: set[int] = set()
        for row in self.rows("SELECT detail FROM events WHERE source = ? AND kind = 'pruned'", source):
            for part in json.loads(row["detail"])["versions"].split(","):
                first, _, last = part.partition("-")
                found |= set(range(int(first), int(last or first) + 1))
        return found

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


def moment(us: int | None) -> datetime | None:
    return None if us is None else datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=us)


@pytest.fixture
def file(filled_url: str) -> str:
    if not filled_url.startswith("sqlite"):
        pytest.skip("a backup of PostgreSQL is an SQLite file")
    with Archive.open(filled_url) as archive:
        archive.declare([Source("laden", "https://example.org/laden")], at(0))
        for number in range(1, 6):
            nav = f"<nav>{words('furniture', number, 3000)}</nav>".encode()
            taken = snapshot("laden", number)
            keep(archive, "laden", number, replace(taken, body=nav + taken.body))
    engine = engine_for(filled_url)
    prune(engine, Chosen("long", (5, 6, 9, 30)), at(100))
    prune(engine, Chosen("laden", (3,)), at(101))
    engine.dispose()
    return filled_url.removeprefix("sqlite:///")


def test_the_page_is_enough_to_read_and_prove_an_archive(file: str) -> None:
    with closing(Reader(file)) as reader, Archive.open(f"sqlite:///{file}") as archive:
        reader.prove()
        keys = {source["id"]: key for key, source in reader.sources.items()}
        for name in ("long", "short", "pages", "laden"):
            told = {version.number: text.text.encode() for version, text in archive.texts(name)}
            assert reader.texts[keys[name]] == told
            kept = {row["number"]: row for row in reader.versions(keys[name])}
            for version in archive.versions(name):
                row = kept[version.number]
                times = (version.captured, version.window.after, version.window.before, version.last_seen)
                assert tuple(map(moment, (row["captured"], row["after"], row["closed"], row["last_seen"]))) == times
                if not version.pruned:
                    taken = archive.snapshot(version.snapshot)
                    pages = reader.pages(version.snapshot)
                    assert [reader.body(page["body"]) for page in pages] == [
                        taken.body, *(page.body for page in taken.pages),
                    ]  # fmt: skip
                    assert json.loads(reader.headers(pages[0])) == [list(one) for one in taken.headers]
        assert {row["back"] for row in reader.rows("SELECT back FROM versions")} == {0, 1, 16}
        assert {row["kind"] for row in reader.rows("SELECT kind FROM events")} == {None, "new", "changed", "pruned"}
        assert any(row["headers"] is not None for row in reader.snapshots.values())
        assert any(row["source"] is not None and row["base"] is not None for row in reader.bodies.values())


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
