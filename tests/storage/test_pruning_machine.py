"""Whatever is kept, reread, held back, taken back and pruned, in any order: what stays is proved, and comes back to the byte.

Every source may revert to an earlier wording, serve another's bytes, or come on several pages, so that bodies are shared,
lean on one another and on texts, and come again after they were pruned.
"""

from __future__ import annotations

import tempfile
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from storage import texts
from storage.archive import Archive
from storage.backup import backup
from storage.chain import first_fault
from storage.engine import engine_for
from storage.errors import Pruned
from storage.prune import Chosen, prune
from storage.records import Outcome, Snapshot, Source, Suspicion, Text
from storage.verify import verify
from tests.storage.filled import at, words

NAMES = ("one", "two")
NAV = words("furniture", 0, 600)


class Pruning(RuleBasedStateMachine):
    """An archive, and beside it what it was given, kept plainly."""

    def __init__(self) -> None:
        super().__init__()
        self._folder = tempfile.TemporaryDirectory()
        self._url = f"sqlite:///{self._folder.name}/archive.db"
        self._archive = Archive.open(self._url)
        self._clock = 0
        self._texts: dict[tuple[str, int], Text] = {}
        self._taken: dict[tuple[str, int], Snapshot] = {}
        self._gone: set[tuple[str, int]] = set()
        self._doubts: list[tuple[str, bytes]] = []
        self._copies = 0

    def teardown(self) -> None:
        self._archive.close()
        self._folder.cleanup()

    @initialize(run=st.integers(0, 70))
    def begin(self, run: int) -> None:
        """Some histories begin just before a stride, or before the next text that stands alone."""
        self._archive.declare([Source(name, f"https://example.org/{name}") for name in NAMES], at(0))
        for number in range(run):
            self._keep("one", number, None, pages=0, laden=number % 3 == 0)

    def _latest(self, name: str) -> int:
        return max((number for source, number in self._texts if source == name), default=0)

    def _keep(self, name: str, wording: int, served: bytes | None, pages: int, laden: bool) -> None:
        self._clock += 1
        said = Text.of("A title", None, [words("shared", wording, 200)])
        body = served or f"<nav>{NAV if laden else ''}</nav><p>{said.text}</p>".encode()
        url = f"https://example.org/{name}"
        headers = (("etag", f'"{wording}"'), ("x", "caf\u00e9"))
        taken = Snapshot(url, url, 200, headers, (), at(self._clock), body)
        further = tuple(replace(taken, body=f"page {page} of {wording % 3}".encode() * 9) for page in range(pages))
        taken = replace(taken, pages=further)
        number = self._latest(name) + 1
        self._archive.record(name, taken, said, reader="html/1", outcome=Outcome.CHANGED, expected=number - 1 or None)
        self._texts[name, number], self._taken[name, number] = said, taken

    @rule(
        name=st.sampled_from(NAMES),
        wording=st.integers(0, 80),
        pages=st.sampled_from((0, 0, 0, 2)),
        laden=st.booleans(),
    )
    def change(self, name: str, wording: int, pages: int, laden: bool) -> None:
        self._keep(name, wording, None, pages, laden)

    @precondition(lambda self: self._taken)
    @rule(name=st.sampled_from(NAMES), data=st.data())
    def serve_what_was_served_before(self, name: str, data: st.DataObject) -> None:
        """A revert, or the same bytes from another address; they may have been pruned meanwhile."""
        again = data.draw(st.sampled_from(sorted(self._taken)))
        self._keep(name, 1, self._taken[again].body, 0, laden=False)

    @precondition(lambda self: self._latest("one"))
    @rule(wording=st.integers(100, 110))
    def read_anew(self, wording: int) -> None:
        number = self._latest("one") + 1
        self._clock += 1
        said = Text.of(None, None, [words("reread", wording, 100)])
        self._archive.record_reread("one", at(self._clock), said, f"html/{wording}")
        self._texts["one", number], self._taken["one", number] = said, self._taken["one", number - 1]

    @rule(name=st.sampled_from(NAMES), data=st.data())
    def hold_back(self, name: str, data: st.DataObject) -> None:
        """An error page, or bytes that were fit once."""
        self._clock += 1
        known = [self._taken[one].body for one in sorted(self._taken)]
        body = data.draw(st.sampled_from([b"an error page", *known]))
        url = f"https://example.org/{name}"
        taken = Snapshot(url, url, 503, (), (), at(self._clock), body)
        self._archive.note_suspect(name, taken, "much shorter", Suspicion("shorter", "ab" * 32, taken.fetched_at, 1))
        self._doubts.append((name, body))

    @rule(name=st.sampled_from(NAMES), chosen=st.sets(st.integers(1, 75), max_size=40), strides=st.booleans())
    def let_go(self, name: str, chosen: set[int], strides: bool) -> None:
        """Any versions; those that others lean on most, too."""
        if strides:
            chosen |= {number for number in range(1, 75) if (number - 1) % texts.STRIDE == 0}
        self._clock += 1
        engine = engine_for(self._url)
        done = prune(engine, Chosen(name, tuple(sorted(chosen))), at(self._clock))
        engine.dispose()
        may = {number for number in chosen if 1 < number < self._latest(name)}
        assert set(done.versions) == {number for number in may if (name, number) not in self._gone}
        self._gone |= {(name, number) for number in may}

    @rule()
    def restore_a_backup(self) -> None:
        """Life goes on in the copy."""
        self._copies += 1
        copy = Path(self._folder.name) / f"copy{self._copies}.db"
        backup(self._url, str(copy))
        self._archive.close()
        self._url = f"sqlite:///{copy}"
        self._archive = Archive.open(self._url)

    @invariant()
    def all_is_proved_and_comes_back(self) -> None:
        report = verify(self._url)
        assert [fault.said for fault in report.faults] == []
        assert report.pruned == len(self._gone)
        needed = {self._taken[one].body for one in self._texts if one not in self._gone}
        needed |= {body for _, body in self._doubts}
        for name in NAMES:
            assert first_fault(self._archive.seals(name)) is None
            told = {version.number: text for version, text in self._archive.texts(name)}
            kept = {number for source, number in self._texts if source == name} - {
                number for source, number in self._gone if source == name
            }
            assert set(told) == kept
        for (name, number), said in self._texts.items():
            version = self._archive.version(name, number)
            assert version.pruned == ((name, number) in self._gone)
            if version.pruned:
                with pytest.raises(Pruned):
                    self._archive.text(name, number)
            else:
                assert self._archive.text(name, number) == said
                assert self._archive.snapshot(version.snapshot) == self._taken[name, number]
            if self._taken[name, number].body not in needed:
                with pytest.raises(Pruned):
                    self._archive.snapshot(version.snapshot)


def few(examples: int, steps: int) -> settings:
    checks = [HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much]
    return settings(
        deadline=None, max_examples=examples, stateful_step_count=steps, suppress_health_check=checks,
        phases=[Phase.explicit, Phase.generate], derandomize=True,
    )  # fmt: skip


class TestPruning(Pruning.TestCase):  # type: ignore[misc,name-defined]
    settings = few(2, 4)


@pytest.mark.slow
@pytest.mark.timeout(1200)
class TestPruningWithoutEnd(Pruning.TestCase):  # type: ignore[misc,name-defined]
    settings = settings(few(60, 25), phases=tuple(Phase), derandomize=False)
