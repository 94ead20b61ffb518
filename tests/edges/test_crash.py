"""Killed by SIGKILL between any two steps: no alert is lost, and what is repeated has the same id."""

from __future__ import annotations

import os
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from storage import outbox
from storage.archive import Archive
from storage.records import EventKind, LetterState
from tests.edges.boxes import FIRST, publish, watch
from tests.edges.nursery import Nursery, nursery

ROUNDS = int(os.environ.get("VARIORUM_CRASH_ROUNDS", "120"))
DIGEST = "desk: {apprise: 'json://x', digest: hourly}"


@pytest.fixture(scope="module")
def running() -> Iterator[Nursery]:
    """One process for all: importing everything takes longer than what is tested."""
    with nursery() as found:
        yield found


@pytest.fixture
def where(running: Nursery, tmp_path: Path) -> Nursery:
    return Nursery(running.process, tmp_path)


def crash(where: Nursery, points: list[list[Any]], *, after: float) -> int:
    """A new wording and a killed child for each point; then two that live. Returns how many letters were repeated."""
    publish(where.folder, FIRST)
    assert where.child(None) == 0
    for number, point in enumerate(points):
        publish(where.folder, FIRST.replace("2.5", f"{number + 3}.5"))
        where.child(point, after=after)
    for _ in range(2):
        assert where.child(None, after=70) == 0
    with Archive.open(f"sqlite:///{where.folder / 'variorum.db'}", readonly=True) as archive:
        told = {(one.kind.value, one.version) for one in archive.events("a") if one.kind is EventKind.CHANGED}
        assert len(told) == archive.versions("a")[0].number - 1
        assert outbox.held(archive) == []
        assert {one.state for one in outbox.list_letters(archive)} == {LetterState.SENT}
    letters: dict[str, set[str]] = {}
    for taken in where.taken:
        for ident, *_ in taken["alerts"]:
            letters.setdefault(ident, set()).add(taken["letter"])
    assert {(kind, version) for taken in where.taken for _, kind, version in taken["alerts"]} == told, "none is lost"
    assert all(len(ids) == 1 for ids in letters.values()), "what is repeated is known by its id"
    return len(where.taken) - len({taken["letter"] for taken in where.taken})


def test_killed_between_each_two_steps_no_alert_is_lost(where: Nursery) -> None:
    watch(where.folder, "{to: [desk]}")
    # version and alert kept, letter made, letter claimed, (taken), noted: each commit, and around the taking
    points: list[list[Any]] = [["commit", nth] for nth in range(1, 5)]
    repeated = crash(where, [*points, ["send", 1], ["sent", 1]], after=5)
    assert where.ended == {-9: 6, 0: 3}
    assert repeated >= 2, "killed after it was taken and before that was noted"


def test_killed_in_the_middle_of_a_digest_nothing_is_lost(where: Nursery) -> None:
    watch(where.folder, "{to: [desk]}", channels=DIGEST)
    repeated = crash(where, [["never", 0], ["never", 0], ["commit", 3], ["never", 0], ["sent", 1]], after=31)
    assert where.ended[-9] == 2
    assert repeated == 1
    assert max(len(one["alerts"]) for one in where.taken) > 1


@pytest.mark.slow
@pytest.mark.timeout(1200)
@pytest.mark.parametrize("channels", ["desk: {apprise: 'json://x'}", DIGEST, "desk: {apprise: x, at_most: 3 per 10m}"])
def test_killed_anywhere_again_and_again_no_alert_is_lost(where: Nursery, channels: str) -> None:
    watch(where.folder, "{to: [desk]}", channels=channels)
    dice = random.Random(6)
    points = [[dice.choice(["commit", "commit", "send", "sent"]), dice.randint(1, 5)] for _ in range(ROUNDS)]
    repeated = crash(where, points, after=25)
    print(f"{where.ended[-9]} of {ROUNDS} killed, {len(where.taken)} letters taken, {repeated} of them again")
    assert where.ended[-9] > ROUNDS / 4
