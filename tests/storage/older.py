"""Archives as older schemas kept them, made row by row: what a migration is given."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from typing import Any

import zstandard
from alembic import command
from alembic.config import Config
from sqlalchemy import Connection, MetaData, insert

import storage.migrations
from storage.chain import START, Sealed, seal
from storage.engine import engine_for, prepare_file

MINUTE = 60_000_000
BEGAN = 1_767_225_600_000_000  # 2026-01-01, in microseconds


def pack(plain: bytes, base: bytes | None = None) -> bytes:
    """As schemas up to 0007 packed: with the magic number."""
    dictionary = zstandard.ZstdCompressionDict(base, dict_type=zstandard.DICT_TYPE_RAWCONTENT) if base else None
    params = zstandard.ZstdCompressionParameters.from_level(
        3, write_content_size=True, write_checksum=False, write_dict_id=False
    )
    return zstandard.ZstdCompressor(dict_data=dictionary, compression_params=params).compress(plain)


@dataclass
class Kept:
    """What was put in, to be found again."""

    texts: list[str] = field(default_factory=list)
    seals: list[bytes] = field(default_factory=list)
    bodies: list[bytes] = field(default_factory=list)
    headers: list[list[list[str]]] = field(default_factory=list)
    ledger: list[tuple[str, int, int, int, int, str | None]] = field(default_factory=list)


class Writer:
    """Rows into the tables of one revision; columns that it does not have are left out."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._tables = MetaData()
        self._tables.reflect(connection)

    def __call__(self, table: str, **values: Any) -> None:
        made = self._tables.tables.get(table)
        if made is not None:
            known = {name: value for name, value in values.items() if name in made.c}
            self._connection.execute(insert(made).values(known))


def make(url: str, revision: str) -> Kept:
    """An archive of that revision: source ``one`` with 20 versions and some weather, ``two`` in doubt, ``three`` new."""
    engine = engine_for(url)
    prepare_file(engine)
    config = Config()
    config.set_main_option("script_location", str(storage.migrations.__path__[0]))
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, revision)
    with engine.begin() as connection:
        kept = _fill(Writer(connection), revision)
        if engine.dialect.name == "postgresql":  # rows came with their keys: the counters go on after them
            counted = (("sources", "key"), ("bodies", "key"), ("snapshots", "number"), ("headings", "key"),
                       ("ledger", "number"), ("events", "number"), ("alerts", "key"), ("letters", "key"),
                       ("deliveries", "key"))  # fmt: skip
            for table, key in counted[: None if revision >= "0008" else 6]:
                connection.exec_driver_sql(
                    f"SELECT setval(pg_get_serial_sequence('{table}', '{key}'), (SELECT max({key}) FROM {table}))"
                )
    engine.dispose()
    return kept


def _fill(write: Writer, revision: str) -> Kept:
    kept = Kept()
    # The ledger's open run of each source is known before its row: 20 versions, an outage after the tenth.
    runs = _ledger()
    state = {"tags": "", "length": 0, "failures": 0, "failing": False, "gone": False, "declared_at": BEGAN}
    url = "https://example.org/one"
    rows = _versions(kept, url)
    last = rows[-1]
    write(
        "sources", key=1, id="one", url=url, **{**state, "length": len(kept.texts[-1])}, number=20,
        digest=last["digest"], reader="html/2:new", snapshot=last["snapshot"], chain=last["chain"], next_check=BEGAN,
        first_seen=BEGAN, last_good=_at(20) + 2 * MINUTE, last_check=_at(20) + 2 * MINUTE, last_outcome="unchanged",
        last_change=_at(20), run=len(runs),
    )  # fmt: skip
    doubt = {"last_outcome": "failed", "last_error": "HTTP 503", "last_check": BEGAN + MINUTE}
    write("sources", key=2, id="two", url="https://example.org/two", **{**state, "failures": 2}, **doubt)
    write("sources", key=3, id="three", url="https://example.org/three", **state, next_check=BEGAN)
    for key, body in enumerate(kept.bodies, 1):
        base = kept.bodies[key - 2] if (key - 1) % 16 else None
        write(
            "bodies", key=key, digest=hashlib.sha256(body).digest(), size=len(body), depth=(key - 1) % 16,
            base=key - 1 if base else None, packed=pack(body, base),
        )  # fmt: skip
    write("bodies", key=99, digest=hashlib.sha256(b"Busy.").digest(), size=5, depth=0, packed=pack(b"Busy."))
    for key, headers in enumerate(kept.headers, 1):
        moved = {"final_url": f"{url}/", "redirects": f"{url}?"} if key == 5 else {}
        write(
            "snapshots", number=key, source=1, url=url, status=200, fetched_at=_at(key), body=key,
            headers=pack(json.dumps(headers).encode()), **moved,
        )  # fmt: skip
    write(
        "snapshots", number=99, source=2, url="https://example.org/two", status=503, fetched_at=BEGAN, body=99,
        headers=pack(b"[]"), doubt="too short",
    )  # fmt: skip
    write("headings", key=1, title="A title", published="1 January 2026")
    for row in rows:
        write("versions", **row)
    for number, (outcome, first, until, count, version, error) in enumerate(runs, 1):
        write("ledger", number=number, source=1, outcome=outcome, first=first, last=until, count=count,
              version=version, error=error)  # fmt: skip
    kept.ledger = runs
    write("events", number=1, source=1, kind="changed", at=_at(2), version=2, severity=3, silent=True, after=BEGAN,
          before=_at(2), detail='{"a": 1}')  # fmt: skip
    write("events", number=2, source=1, kind="changed", at=_at(3), version=3, severity=3, silent=False,
          after=_last_good(3), before=_at(3))  # fmt: skip
    for key in (1, 2):
        write("alerts", key=key, id=f"alert-{key}", event=key, source=1, chain=kept.seals[key])
    write(
        "letters", key=1, id="letter", channel="desk", source=1, digest=False, made_at=_at(3), state="sent", attempts=1
    )
    write("deliveries", key=1, alert=1, channel="desk", due=_at(3), held=False, letter=1)
    write("deliveries", key=2, alert=2, channel="desk", due=_at(3), held=False)
    write("found", source=3, listing=1, url="https://example.org/three", first_listed=BEGAN)
    write("timestamps", at=BEGAN, authority="tsa", token=b"t", heads=pack(f"one\t20\t{last['chain'].hex()}".encode()))
    return kept


def _at(number: int) -> int:
    return BEGAN + 60 * MINUTE * number


def _versions(kept: Kept, url: str) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = []
    previous = START
    for number in range(1, 21):
        reread = number == 7
        page = number if number < 7 else number - 1 if number == 7 else number
        words = (
            f"A title\n\n1 January 2026\n\nThe parties agreed on {number} points. 双方重申合理安全关切。"
            + " And so on." * 30
        )
        body = f"<p>{words}</p>".encode()
        headers = [["date", f"turn {number}"], ["content-type", "text/html"], ["server", "a long name of a server"]]
        kept.texts.append(words)
        kept.bodies.append(body)
        kept.headers.append(headers)
        before = _at(number) + (5 * MINUTE if reread else 0)
        after = None if number == 1 else _last_good(number)
        digest = hashlib.sha256(words.encode()).digest()
        imported = BEGAN if number == 3 else None
        moved = f"{url}/" if page == 5 else url
        sealed = Sealed(
            "one", number, hashlib.sha256(kept.bodies[page - 1]).digest(), digest, _at(page), imported, after, before,
            url, moved, 200, tuple((name, value) for name, value in kept.headers[page - 1]),
            "html/2:new" if number > 6 else "html/1:old", reread,
        )  # fmt: skip
        previous = seal(previous, sealed)
        kept.seals.append(previous)
        told = number > 1 and not reread
        base = kept.texts[number - 2].encode() if (number - 1) % 16 else None
        rows.append(
            {
                "source": 1, "number": number, "digest": digest, "heading": 1, "depth": (number - 1) % 16,
                "packed": pack(words.encode(), base), "snapshot": page, "reader": sealed.reader, "captured": _at(page),
                "imported": imported, "after": after, "before": before, "reread": reread, "chain": previous,
                "severity": (1 if number == 4 else 3) if told else None, "silent": number == 2,
                "differ": "prose/1" if told else None, "kinds": "number,wording" if told else None,
                "script": pack(b"=1", words.encode()) if told else None,
            }
        )  # fmt: skip
    return rows


def _last_good(number: int) -> int:
    """When the version before was seen last: two looks after it came, but for the outage after the tenth."""
    if number == 8:
        return _at(6) + 2 * MINUTE  # a reread is no look
    return _at(number - 1) + 2 * MINUTE


def _ledger() -> list[tuple[str, int, int, int, int, str | None]]:
    runs: list[tuple[str, int, int, int, int, str | None]] = []
    for number in range(1, 21):
        outcome = {1: "new", 4: "cosmetic", 7: "reread"}.get(number, "changed")
        if number == 7:
            runs.append((outcome, _at(7) + 5 * MINUTE, _at(7) + 5 * MINUTE, 1, 7, None))
            continue
        if number == 10:
            runs.append((outcome, _at(10), _at(10), 1, 10, None))
            runs.append(("failed", _at(10) + MINUTE, _at(10) + MINUTE, 1, 10, "HTTP 503"))
            runs.append(("unchanged", _at(10) + 2 * MINUTE, _at(10) + 2 * MINUTE, 1, 10, None))
            continue
        runs.append((outcome, _at(number), _at(number) + 2 * MINUTE, 3, number, None))
    return runs
