"""The outbox, one contract on both engines: alerts with what they tell of, letters, leases, attempts, dead letters."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import text as sql
from sqlalchemy.exc import DBAPIError

from storage import outbox, still
from storage.archive import Archive, Unchanged
from storage.engine import writing
from storage.errors import StorageError
from storage.records import Alert, Bundle, Delivery, Event, EventKind, LetterState, Outcome, Plan, Severity, Window
from tests.storage.conftest import Wordings

CHANNELS = {"desk": "d1", "hook": "h1"}
Tell = Callable[..., Alert]


def singly(waiting: list, lately: list) -> Plan:  # type: ignore[type-arg]
    return Plan(tuple(Bundle((one.key,)) for one in waiting))


PLANS = {"desk": (0.0, singly), "hook": (0.0, singly)}


@pytest.fixture
def tell(archive: Archive, wordings: Wordings) -> Tell:
    """Keep a version that is told to channels; each call the next."""
    archive.declare([wordings.source("one"), wordings.source("two")], wordings.at(0))
    outbox.declare(archive, CHANNELS, wordings.at(0))
    numbers = {"one": 0, "two": 0}

    def tell(*channels: str, source: str = "one", kind: EventKind = EventKind.CHANGED, minute: float = 0) -> Alert:
        numbers[source] += 1
        number, words = numbers[source], f"Wording {numbers[source]} of {source}."
        event = Event(kind, source, wordings.at(minute), number, Severity.WORDING)
        alert = Alert(f"alert-{source}-{number}", event, channels)
        archive.record(
            source, wordings.snapshot(words, minute), wordings.text(words), reader="r", outcome=Outcome.NEW,
            expected=number - 1 or None, events=[event], alerts=[alert],
        )  # fmt: skip
        return alert

    return tell


def claimed(archive: Archive, wordings: Wordings, minute: float, owner: str = "me", **free: int) -> list[Delivery]:
    outbox.prepare(archive, wordings.at(minute), PLANS, held=False)
    return list(
        outbox.claim(archive, wordings.at(minute), free=free or {"desk": 9, "hook": 9}, lease_s=60, owner=owner)
    )


def test_an_alert_is_kept_with_its_version_and_carries_the_chain_head(
    archive: Archive, wordings: Wordings, tell: Tell
) -> None:
    alert = tell("desk")
    (letter,) = claimed(archive, wordings, 1)
    version = archive.version("one", 1)
    assert letter.alerts == (replace(alert, chain=version.chain),)
    assert (letter.channel, letter.state, letter.source, letter.attempts) == ("desk", LetterState.WAITING, "one", 0)
    assert letter.id == outbox.letter_id("desk", [alert.id])
    with pytest.raises(DBAPIError), writing(archive.engine) as connection:
        connection.execute(sql("UPDATE alerts SET chain = NULL"))
    with pytest.raises(DBAPIError), writing(archive.engine) as connection:
        connection.execute(sql("DELETE FROM alerts"))


def test_nothing_is_told_of_what_was_not_kept(archive: Archive, wordings: Wordings, tell: Tell) -> None:
    event = Event(EventKind.CHANGED, "one", wordings.at(0), 1)
    nowhere = replace(event, source="nowhere")
    with pytest.raises(KeyError):
        archive.record(
            "one", wordings.snapshot("Words.", 0), wordings.text("Words."), reader="r", outcome=Outcome.NEW,
            expected=None, events=[event, nowhere], alerts=[Alert("a", event, ("desk",)), Alert("b", nowhere, ("desk",))],
        )  # fmt: skip
    assert outbox.held(archive) == []
    assert archive.versions("one") == []


def test_every_door_of_the_archive_takes_alerts(archive: Archive, wordings: Wordings, tell: Tell) -> None:
    def one(kind: EventKind) -> dict[str, tuple]:  # type: ignore[type-arg]
        event = Event(kind, "one", wordings.at(2), 1)
        return {"events": (event,), "alerts": (Alert(f"a-{kind.value}", event, ("desk",)),)}

    tell("desk")
    archive.note_failed("one", wordings.at(2), Outcome.FAILED, "HTTP 503", failing=True, **one(EventKind.FAILING))
    archive.note_unchanged([Unchanged("one", wordings.at(3), Outcome.UNCHANGED, **one(EventKind.RECOVERED))])
    archive.record_reread("one", wordings.at(4), wordings.text("Reread."), "r/2", **one(EventKind.REREAD))
    still.note(archive, *one(EventKind.QUIET).values())
    assert sorted(alert.event.kind.value for alert, _, _ in outbox.held(archive)) == [
        "changed", "failing", "quiet", "recovered", "reread",
    ]  # fmt: skip
    heads = {alert.id: alert.chain for alert, _, _ in outbox.held(archive)}
    assert heads["a-reread"] == archive.version("one", 2).chain
    assert heads["a-failing"] == archive.version("one", 1).chain


def test_an_alert_that_is_known_is_not_told_again(archive: Archive, wordings: Wordings, tell: Tell) -> None:
    alert = tell("desk")
    still.note(archive, [alert.event], [alert])
    assert len(outbox.held(archive)) == 1


def test_two_processes_never_hold_one_letter_and_a_lease_that_ran_out_is_free(
    archive: Archive, wordings: Wordings, tell: Tell
) -> None:
    for _ in range(6):
        tell("desk", "hook")
    outbox.prepare(archive, wordings.at(1), PLANS, held=False)

    def take(owner: str) -> list[str]:
        free = {"desk": 2, "hook": 2}
        found = [outbox.claim(archive, wordings.at(1), free=free, lease_s=60, owner=owner) for _ in range(3)]
        return [one.id for part in found for one in part]

    with ThreadPoolExecutor(4) as pool:
        taken = [one for part in pool.map(take, "abcd") for one in part]
    assert len(taken) == len(set(taken)) == 12
    assert claimed(archive, wordings, 1.5) == []
    assert {one.id for one in claimed(archive, wordings, 3)} == set(taken)


def test_what_a_killed_daemon_had_claimed_is_given_back_and_nothing_else(
    archive: Archive, wordings: Wordings, tell: Tell
) -> None:
    tell("desk"), tell("hook")
    (killed,) = claimed(archive, wordings, 1, owner="daemon host:1", desk=1)
    assert len(claimed(archive, wordings, 1, owner="host:2")) == 1
    outbox.release_of_kind(archive, "daemon ")
    assert [one.id for one in claimed(archive, wordings, 1)] == [killed.id]


def test_places_are_given_by_channel_and_the_oldest_come_first(
    archive: Archive, wordings: Wordings, tell: Tell
) -> None:
    for minute in range(3):
        tell("desk", "hook", minute=minute)
    found = claimed(archive, wordings, 5, desk=2, hook=1)
    assert [(one.channel, one.alerts[0].id) for one in found] == [
        ("desk", "alert-one-1"), ("desk", "alert-one-2"), ("hook", "alert-one-1"),
    ]  # fmt: skip


def test_letters_about_a_source_are_one_thread_on_each_channel(
    archive: Archive, wordings: Wordings, tell: Tell
) -> None:
    tell("desk"), tell("desk"), tell("desk", source="two")
    first, second, other = claimed(archive, wordings, 1)
    assert (first.thread, second.thread, other.thread) == (None, first.id, None)


def test_a_failed_attempt_is_due_again_and_a_dead_letter_stays_until_it_is_revived(
    archive: Archive, wordings: Wordings, tell: Tell
) -> None:
    tell("desk")
    (letter,) = claimed(archive, wordings, 1)
    later = wordings.at(5)
    failed = {"owner": "me", "left_to": ["b@x.example"]}
    outbox.note_undelivered(archive, letter.id, wordings.at(1), "451 later", due=later, **failed)
    assert claimed(archive, wordings, 4) == []
    (again,) = claimed(archive, wordings, 6)
    assert (again.id, again.attempts, again.error, again.left_to) == (letter.id, 1, "451 later", ("b@x.example",))
    outbox.note_undelivered(archive, letter.id, wordings.at(6), "550 no", owner="another", due=None)
    assert outbox.list_letters(archive, state=LetterState.DEAD) == (), "it is not theirs to bury"
    outbox.note_undelivered(archive, letter.id, wordings.at(6), "550 no", owner="me", due=None)
    (dead,) = outbox.list_letters(archive, state=LetterState.DEAD)
    assert (dead.attempts, dead.error, dead.first_at, dead.last_at) == (2, "550 no", wordings.at(1), wordings.at(6))
    assert claimed(archive, wordings, 60) == []
    assert outbox.revive(archive, wordings.at(60), ids=["unknown"]) == []
    assert outbox.revive(archive, wordings.at(60), ids=[letter.id]) == [letter.id]
    (revived,) = claimed(archive, wordings, 60)
    assert (revived.id, revived.attempts, revived.left_to) == (letter.id, 0, ("b@x.example",))
    outbox.note_sent(archive, letter.id, wordings.at(61))
    (sent,) = outbox.list_letters(archive)
    assert (sent.state, sent.sent_at, sent.error, sent.left_to) == (LetterState.SENT, wordings.at(61), None, ())
    assert outbox.next_due(archive) is None


def test_a_stopped_channel_buries_what_waits_and_what_comes_until_it_is_configured_anew(
    archive: Archive, wordings: Wordings, tell: Tell
) -> None:
    tell("desk", "hook")
    claimed(archive, wordings, 1, desk=9)
    outbox.stop(archive, "hook", wordings.at(1), "410 Gone")
    tell("hook")
    outbox.prepare(archive, wordings.at(2), PLANS, held=False)
    desk, hook = outbox.states(archive)
    assert (desk.waiting, desk.dead, desk.stopped_at) == (1, 0, None)
    assert (hook.waiting, hook.dead, hook.stopped_at, hook.stopped_why) == (0, 2, wordings.at(1), "410 Gone")
    outbox.declare(archive, CHANNELS, wordings.at(3))
    assert outbox.states(archive)[1].stopped_at is not None
    outbox.declare(archive, CHANNELS | {"hook": "h2"}, wordings.at(3))
    assert outbox.states(archive)[1].stopped_at is None
    assert len(outbox.revive(archive, wordings.at(4))) == 2


def test_what_waits_for_a_channel_that_is_no_more_is_dead_and_says_why(
    archive: Archive, wordings: Wordings, tell: Tell
) -> None:
    tell("desk", "gone"), tell("gone")
    outbox.prepare(archive, wordings.at(1), PLANS, held=False)
    assert outbox.declare(archive, CHANNELS, wordings.at(2)) == ["gone"]
    dead = outbox.list_letters(archive, state=LetterState.DEAD)
    assert [one.error for one in dead] == ["there is no channel 'gone' in the configuration any more"] * 2
    assert outbox.declare(archive, CHANNELS, wordings.at(2)) == []
    assert outbox.revive(archive, wordings.at(3)) == [], "it has nowhere to go"
    assert [one.id for one in claimed(archive, wordings, 3)] == [outbox.letter_id("desk", ["alert-one-1"])]


def test_a_plan_is_carried_out(archive: Archive, wordings: Wordings, tell: Tell) -> None:
    for minute in range(6):
        tell("desk", minute=minute)
    seen = []

    def planned(waiting: list, lately: list) -> Plan:  # type: ignore[type-arg]
        seen.append((len(waiting), len(lately)))
        keys = [one.key for one in waiting]
        return Plan((Bundle(tuple(keys[:2]), (keys[2],), True),), ((keys[3], wordings.at(30)),), (keys[4],))

    plans = {"desk": (600.0, planned)}
    assert outbox.prepare(archive, wordings.at(4), plans, held=False) == 1
    (letter,) = outbox.claim(archive, wordings.at(4), free={"desk": 1}, lease_s=60, owner="me")
    assert ([one.id for one in letter.alerts], letter.counted, letter.digest, letter.source) == (
        ["alert-one-1", "alert-one-2"], 1, True, None,
    )  # fmt: skip
    assert [(alert.id, until) for alert, _, until in outbox.held(archive)] == [
        ("alert-one-6", wordings.at(5)), ("alert-one-4", wordings.at(30)),
    ]  # fmt: skip
    assert outbox.prepare(archive, wordings.at(4.5), plans, held=False) == 0
    outbox.prepare(archive, wordings.at(30), {"desk": (600.0, lambda *_: Plan())}, held=True)
    assert seen == [(5, 0)]
    outbox.prepare(
        archive,
        wordings.at(12),
        {"desk": (600.0, lambda _, lately: seen.append((0, len(lately))) or Plan())},
        held=False,
    )  # type: ignore[func-returns-value]
    assert seen[1] == (0, 1)


def test_what_was_sent_long_ago_is_forgotten_but_for_alerts_and_the_first_of_each_thread(
    archive: Archive, wordings: Wordings, tell: Tell
) -> None:
    tell("desk"), tell("desk"), tell("desk")
    first, *_ = letters = claimed(archive, wordings, 1)
    for one in letters:
        outbox.note_sent(archive, one.id, wordings.at(1))
    assert outbox.fold(archive, wordings.at(1)) == 0
    assert outbox.fold(archive, wordings.at(2)) == 2
    assert [one.id for one in outbox.list_letters(archive)] == [first.id]
    with writing(archive.engine) as connection:
        assert connection.execute(sql("SELECT count(*) FROM alerts")).scalar() == 3
    tell("desk")
    (later,) = claimed(archive, wordings, 3)
    assert later.thread == first.id


def test_what_a_letter_tells_is_gathered(archive: Archive, wordings: Wordings, tell: Tell) -> None:
    tell("desk", kind=EventKind.NEW)
    tell("desk")
    aside = Event(EventKind.MOVED, "one", wordings.at(0), 2, detail={"to": "https://example.org/2"})
    still.note(archive, [aside], [])
    new, changed = (one.alerts[0] for one in claimed(archive, wordings, 1))
    told = outbox.told(archive, changed)
    assert told.source.id == "one"
    assert aside in told.beside
    assert told.version is not None
    assert told.before is not None
    assert (told.before.number, told.version.number, told.title) == (1, 2, "A title")
    assert told.texts is not None
    assert [one.paragraphs for one in told.texts] == [("Wording 1 of one.",), ("Wording 2 of one.",)]
    assert outbox.told(archive, new).texts is None
    with pytest.raises(StorageError):
        outbox.told(archive, replace(changed, event=replace(changed.event, version=9)))


def test_what_stands_still_is_found_once_until_it_moves(archive: Archive, wordings: Wordings, tell: Tell) -> None:
    tell("desk", minute=0), tell("desk", source="two", minute=50)
    with writing(archive.engine) as connection:
        connection.execute(sql("UPDATE sources SET next_check = 0"))
    assert [(one.id, since) for one, since in still.still(archive, wordings.at(10), 60.0)] == [("one", wordings.at(0))]
    event = Event(
        EventKind.QUIET,
        "one",
        wordings.at(10),
        window=Window(wordings.at(0), wordings.at(10)),
        detail={"after_s": 60.0},
    )
    still.note(archive, [event], [])
    assert still.still(archive, wordings.at(10), 60.0) == []
    assert len(still.still(archive, wordings.at(10), 90.0)) == 1, "another bound is another question"
    tell("desk", minute=20)
    with writing(archive.engine) as connection:
        connection.execute(sql("UPDATE sources SET next_check = 0"))
    assert still.still(archive, wordings.at(19), 60.0) == []
    assert len(still.still(archive, wordings.at(20) + timedelta(seconds=1), 60.0)) == 1
