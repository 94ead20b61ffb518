"""The history questions over one long history: CPU, and how many texts are unpacked for them.

``python -m bench history [--versions 500] [--words 1500] [--folder DIR]``. The texts are nonsense of sentences of twenty
words, with one to three small edits, moves or returns from version to version. ``--folder`` asks the same of a series of
dated files. CPU seconds of this process, the best of three; the archive is an SQLite file.
"""

from __future__ import annotations

import argparse
import gc
import random
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path
from time import process_time
from typing import TYPE_CHECKING

from monitor.histories import history_of
from monitor.history.drift import drift
from monitor.history.grep import grep
from monitor.read.plain import parse
from storage import texts
from storage.archive import Archive
from storage.records import Outcome, Snapshot, Source, Text

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

START = datetime(2024, 1, 1, tzinfo=UTC)
SENTENCE_WORDS = 20
ROUNDS = 3


def wordings(count: int, words: int, seed: int = 1) -> Iterator[Text]:
    """Versions of one text."""
    chance = random.Random(seed)
    vocabulary = ["".join(chance.choices("abcdefghijklmno", k=chance.randint(2, 9))) for _ in range(600)]
    said = [_sentence(chance, vocabulary) for _ in range(words // SENTENCE_WORDS)]
    gone: list[str] = []
    for _ in range(count):
        for _ in range(chance.randint(1, 3)):
            place = chance.randrange(len(said))
            turn = chance.random()
            if turn < 0.6:
                changed = said[place].split()
                changed[chance.randrange(len(changed))] = chance.choice(vocabulary)
                said[place] = " ".join(changed)
            elif turn < 0.8:
                said.insert(chance.randrange(len(said)), said.pop(place))
            elif gone and turn < 0.9:
                said[place], gone[-1] = gone[-1], said[place]
            else:
                gone.append(said.pop(place))
                said.append(_sentence(chance, vocabulary))
        yield Text.of("Statement", None, [" ".join(said[at : at + 4]) for at in range(0, len(said), 4)])


def _sentence(chance: random.Random, vocabulary: Sequence[str]) -> str:
    return " ".join(chance.choices(vocabulary, k=SENTENCE_WORDS)).capitalize() + "."


def record(archive: Archive, source: str, text: Text, number: int) -> None:
    """Keep one version, a day after the one before."""
    url = f"https://example.org/{source}"
    snapshot = Snapshot(url, url, 200, (), (), START + timedelta(days=number), text.text.encode())
    archive.record(source, snapshot, text, reader="bench", outcome=Outcome.CHANGED, expected=number - 1 or None)


class Unpacked:
    """Counts the blobs that are unpacked."""

    def __init__(self) -> None:
        self.count = 0
        self._unpack = texts.unpack

    def __enter__(self) -> Unpacked:
        def counted(packed: bytes, base: bytes | None = None) -> bytes:
            self.count += 1
            return self._unpack(packed, base)

        texts.unpack = counted
        return self

    def __exit__(self, *_: object) -> None:
        texts.unpack = self._unpack


def measured(name: str, ask: Callable[[], object], *, prepare: Callable[[], object] = lambda: None) -> None:
    """Print the best CPU seconds of a question, and the blobs that one asking unpacks."""
    best = 1e9
    for _ in range(ROUNDS):
        prepare()
        gc.collect()
        with Unpacked() as unpacked:
            start = process_time()
            ask()
            best = min(best, process_time() - start)
    print(f"{name:<58} {best * 1000:>8.0f} ms  {unpacked.count:>5} unpacked")


def asked(archive: Archive, name: str, phrase: str) -> None:
    """The questions, of one history."""

    def forget() -> None:
        from sqlalchemy import delete

        from storage.engine import writing
        from storage.schema import memories

        with writing(archive._engine) as connection:
            connection.execute(delete(memories))

    def blamed(back: int = 0) -> object:
        history = history_of(archive, name)
        return history.blame(history.versions[-1 - back], words=True)

    history = history_of(archive, name)
    pairs = history.pairs()
    print(f"{name}: {len(pairs)} versions, {sum(len(text.text.split()) for _, text in pairs) // len(pairs)} words each")
    measured("blame --words, nothing kept", blamed, prepare=forget)
    measured("blame --words, kept", blamed)
    measured(f"blame --words of @{max(1, len(pairs) // 2)}, which is not kept", lambda: blamed(len(pairs) // 2))
    measured(f"grep {phrase!r}", lambda: grep({name: history_of(archive, name).pairs()}, phrase))
    labelled = [(history.label(version), version, text) for version, text in pairs]
    measured("drift against the first", lambda: drift(pairs[0][1], labelled))


def main(arguments: list[str]) -> int:
    """Fill an archive and ask."""
    parser = argparse.ArgumentParser(prog="python -m bench history", description=__doc__)
    parser.add_argument("--versions", type=int, default=500)
    parser.add_argument("--words", type=int, default=1500)
    parser.add_argument("--folder", type=Path)
    parser.add_argument("--phrase", default="considerable time")
    given = parser.parse_args(arguments)
    gc.set_threshold(50_000, 50, 50)  # as the command line does
    with tempfile.TemporaryDirectory() as folder, Archive.open(f"sqlite:///{folder}/archive.db") as archive:
        if given.folder is not None:
            files = sorted(given.folder.glob("*.txt"))
            archive.declare([Source(f"s-{one.stem}", one.name, series="series") for one in files], START)
            for file in files:
                record(archive, f"s-{file.stem}", parse(file.read_text("utf-8")), 1)
            asked(archive, "series", given.phrase)
            return 0
        archive.declare([Source("one", "https://example.org/one")], START)
        *made, last = wordings(given.versions + 1, given.words)
        for number, text in enumerate(made, 1):
            record(archive, "one", text, number)
        asked(archive, "one", " ".join(made[0].text.split()[1:3]))
        record(archive, "one", last, given.versions + 1)
        start = process_time()
        with Unpacked() as unpacked:
            history = history_of(archive, "one")
            history.blame(history.latest(), words=True)
        print(
            f"{'blame --words, one version more':<58} {(process_time() - start) * 1000:>8.0f} ms  {unpacked.count:>5} unpacked"
        )
    return 0
