"""Due times moved, and histories continued under a new id."""

from __future__ import annotations

from storage.archive import Archive
from storage.chain import first_fault
from storage.records import Outcome
from tests.storage.conftest import Wordings


def _kept(archive: Archive, wordings: Wordings, name: str, words: str, minute: float, number: int | None) -> None:
    snapshot = wordings.snapshot(words, minute)
    text = wordings.text(words)
    archive.record(name, snapshot, text, reader="r/1", outcome=Outcome.NEW, expected=number, next_due=wordings.at(60))


def test_a_renamed_source_goes_on_with_its_history_and_its_chain(archive: Archive, wordings: Wordings) -> None:
    archive.declare([wordings.source("old")], wordings.at(0))
    _kept(archive, wordings, "old", "First words stand here.", 0, None)
    assert archive.rename({"new": "old", "other": "never-was"}) == ["new"]
    archive.declare([wordings.source("new")], wordings.at(1))
    _kept(archive, wordings, "new", "Second words stand here.", 2, 1)
    assert archive.rename({"newer": "new"}) == ["newer"]
    archive.declare([wordings.source("newer")], wordings.at(3))
    assert [one.number for one in archive.versions("newer")] == [2, 1]
    assert [one.id for one in archive.sources(retired=True)] == ["newer"]
    assert first_fault(archive.seals("newer")) is None


def test_a_source_with_a_history_of_its_own_takes_over_no_other(archive: Archive, wordings: Wordings) -> None:
    archive.declare([wordings.source("old"), wordings.source("new")], wordings.at(0))
    assert archive.rename({"new": "old"}) == []
    assert [one.id for one in archive.sources()] == ["new", "old"]


def test_what_is_put_off_is_due_later_and_free_again(archive: Archive, wordings: Wordings) -> None:
    archive.declare([wordings.source("one")], wordings.at(0))
    assert archive.claim(wordings.at(0), limit=5, lease_s=600, owner="me") == ["one"]
    archive.postpone({"one": wordings.at(2)}, "somebody else")
    assert archive.claim(wordings.at(3), limit=5, lease_s=600, owner="me") == []
    archive.postpone({"one": wordings.at(2)}, "me")
    assert archive.claim(wordings.at(1), limit=5, lease_s=600, owner="me") == []
    assert archive.claim(wordings.at(3), limit=5, lease_s=600, owner="me") == ["one"]


def test_a_plan_moves_what_it_says_and_leaves_alone_what_is_being_checked(archive: Archive, wordings: Wordings) -> None:
    archive.declare([wordings.source("a"), wordings.source("b")], wordings.at(0))
    assert archive.claim(wordings.at(0), limit=1, lease_s=600, owner="me") == ["a"]
    assert archive.replan(wordings.at(1), lambda _: wordings.at(30)) == 1
    assert archive.claim(wordings.at(20), limit=5, lease_s=600, owner="me") == ["a"]


def test_a_claim_passes_over_what_is_leased_and_comes_back_to_it(archive: Archive, wordings: Wordings) -> None:
    many = [wordings.source(f"s{number:03d}") for number in range(300)]
    archive.declare(many, wordings.at(0))
    assert len(archive.claim(wordings.at(1), limit=250, lease_s=600, owner="a")) == 250
    assert archive.claim(wordings.at(1), limit=60, lease_s=600, owner="b") == [one.id for one in many[250:]]
    assert archive.next_due_at() == wordings.at(11)
    assert archive.claim(wordings.at(10), limit=60, lease_s=600, owner="c") == []
    assert len(archive.claim(wordings.at(11), limit=400, lease_s=600, owner="c")) == 300


def test_an_ended_lease_makes_nothing_due_before_its_time(archive: Archive, wordings: Wordings) -> None:
    archive.declare([wordings.source("one")], wordings.at(0))
    assert archive.claim(wordings.at(0), limit=1, lease_s=60, owner="a") == ["one"]
    assert archive.replan(wordings.at(5), lambda _: wordings.at(30)) == 1
    assert archive.claim(wordings.at(20), limit=1, lease_s=60, owner="b") == []
    assert archive.claim(wordings.at(30), limit=1, lease_s=60, owner="b") == ["one"]
