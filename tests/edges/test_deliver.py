"""The outbox emptied: what arrives, what is tried again, what is given up, and that nothing waits for another."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path

import pytest

from monitor.compose import House, declare
from monitor.config import load
from monitor.daemon import Daemon
from monitor.discover import with_found
from monitor.stillness import judge_stillness
from storage import outbox
from storage.archive import Archive
from storage.errors import DeliveryError
from storage.records import EditKind, EventKind, LetterState
from tests.edges.boxes import FIRST, Clock, Post, living, look, publish, watch
from tests.edges.origin import Origin

SECOND = FIRST.replace("shall", "should")
THIRD = SECOND.replace("2.5", "3.5")
Then = Callable[[House, Post, Clock], Awaitable[None]]
ALL = "{to: [desk]}"


def live(folder: Path, then: Then, wording: str = FIRST) -> Post:
    """Run ``then`` in a house whose page has been looked at once, with this wording."""
    post, clock = Post(), Clock()
    publish(folder, wording)

    async def lived() -> None:
        async with living(folder, post, clock) as parts:
            assert await look(parts) == ["new"]
            clock.goes(minutes=15)
            await then(parts, post, clock)

    asyncio.run(lived())
    return post


async def changed(parts: House, folder: Path, clock: Clock, words: str) -> None:
    publish(folder, words)
    assert await look(parts) == ["changed"]
    clock.goes(minutes=15)


def dead(parts: House) -> list[str | None]:
    return [one.error for one in outbox.list_letters(parts.archive, state=LetterState.DEAD)]


def test_a_change_is_told_with_its_comparison_its_chain_head_and_in_its_thread(tmp_path: Path) -> None:
    watch(
        tmp_path,
        ALL,
        more="web: {public_url: 'https://room.example/v'}",
        shown="https://www.example.org/readout",
    )

    async def then(parts: House, post: Post, clock: Clock) -> None:
        await changed(parts, tmp_path, clock, SECOND)
        assert await parts.deliverer.drain(5)
        (letter,) = post["desk"].letters
        (notice,) = letter.notices
        version = parts.archive.version("a", 2)
        assert (notice.event.kind, notice.chain, notice.title) == (EventKind.CHANGED, version.chain, "A readout")
        assert notice.version == version
        assert notice.comparison is not None
        assert notice.comparison.new.ref == "a@2"
        assert [(edit.old.text, edit.new.text) for edit in notice.comparison.change.edits] == [("shall", "should")]
        assert notice.links.change == "https://room.example/v/s/a/1-2.html"
        assert notice.links.feed == "https://room.example/v/s/a/feed.atom"
        assert notice.links.page == "https://www.example.org/readout"
        assert (letter.thread, letter.more, letter.digest, letter.only) == (None, 0, False, ())
        await changed(parts, tmp_path, clock, THIRD)
        await parts.deliverer.drain(5)
        assert post["desk"].letters[1].thread == letter.id
        await parts.deliverer.drain(5)
        assert len(post["desk"].asked) == 2

    assert live(tmp_path, then)["desk"].closed


def test_what_failed_is_tried_again_later_with_the_same_id_and_what_is_final_is_not(tmp_path: Path) -> None:
    watch(tmp_path, ALL)

    async def then(parts: House, post: Post, clock: Clock) -> None:
        box = post["desk"]
        box.moods = [DeliveryError("451 come later"), OSError("a fault of ours"), DeliveryError("550 no", final=True)]
        await changed(parts, tmp_path, clock, SECOND)
        await parts.deliverer.drain(5)
        assert await parts.deliverer.drain(5)
        assert len(box.asked) == 1, "not before it is due"
        clock.goes(seconds=13)
        await parts.deliverer.drain(5)
        clock.goes(seconds=73)
        await parts.deliverer.drain(5)
        clock.goes(days=2)
        await parts.deliverer.drain(5)
        assert [one.id for one in box.asked] == [box.asked[0].id] * 3
        assert dead(parts) == ["550 no"]
        assert outbox.revive(parts.archive, clock()) == [box.asked[0].id]
        await parts.deliverer.drain(5)
        assert [one.id for one in box.letters] == [box.asked[0].id]

    live(tmp_path, then)


def test_a_receiver_that_names_its_time_is_asked_then(tmp_path: Path) -> None:
    watch(tmp_path, ALL)

    async def then(parts: House, post: Post, clock: Clock) -> None:
        post["desk"].moods = [DeliveryError("429", retry_after_s=3600)]
        await changed(parts, tmp_path, clock, SECOND)
        await parts.deliverer.drain(5)
        clock.goes(minutes=59)
        await parts.deliverer.drain(5)
        assert len(post["desk"].asked) == 1
        clock.goes(minutes=2)
        await parts.deliverer.drain(5)
        assert len(post["desk"].letters) == 1

    live(tmp_path, then)


def test_after_three_days_of_failures_a_letter_is_dead(tmp_path: Path) -> None:
    watch(tmp_path, ALL)

    async def then(parts: House, post: Post, clock: Clock) -> None:
        post["desk"].moods = [DeliveryError("421 busy") for _ in range(50)]
        await changed(parts, tmp_path, clock, SECOND)
        began = clock()
        while not dead(parts):
            await parts.deliverer.drain(5)
            clock.at = outbox.next_due(parts.archive) or clock.at
        assert 1.5 < (clock() - began).total_seconds() / 86_400 < 3.1
        assert 7 <= len(post["desk"].asked) <= 9

    live(tmp_path, then)


def test_those_who_refused_are_told_alone_and_those_served_are_not_told_twice(tmp_path: Path) -> None:
    watch(tmp_path, ALL)

    async def then(parts: House, post: Post, clock: Clock) -> None:
        post["desk"].moods = [DeliveryError("one of three", refused=(("c@x.example", "452 full"),))]
        await changed(parts, tmp_path, clock, SECOND)
        await parts.deliverer.drain(5)
        clock.goes(seconds=15)
        await parts.deliverer.drain(5)
        assert [one.only for one in post["desk"].asked] == [(), ("c@x.example",)]

    live(tmp_path, then)


def test_gone_stops_a_channel_and_no_other(tmp_path: Path) -> None:
    watch(tmp_path, "{to: [desk, hook]}", channels="desk: {apprise: 'json://x'}\nhook: {apprise: 'json://y'}")

    async def then(parts: House, post: Post, clock: Clock) -> None:
        post["hook"].moods = [DeliveryError("410 Gone", final=True, stops_channel=True)]
        await changed(parts, tmp_path, clock, SECOND)
        await parts.deliverer.drain(5)
        await changed(parts, tmp_path, clock, THIRD)
        await parts.deliverer.drain(5)
        assert len(post["desk"].letters) == 2
        assert len(post["hook"].asked) == 1
        assert sorted(map(str, dead(parts))) == ["410 Gone", "the channel is stopped: 410 Gone"]
        outbox.revive(parts.archive, clock())
        await parts.deliverer.drain(5)
        assert len(post["hook"].letters) == 2

    live(tmp_path, then)


def test_a_channel_that_is_slow_never_starves_another(tmp_path: Path) -> None:
    watch(tmp_path, "{to: [slow, desk]}", channels="slow: {apprise: 'json://x'}\ndesk: {apprise: 'json://y'}")

    async def then(parts: House, post: Post, clock: Clock) -> None:
        slow = post["slow"]
        slow.hang = asyncio.Event()
        for number in range(6):
            await changed(parts, tmp_path, clock, FIRST.replace("May", f"the year {number}"))
        await parts.deliverer.round()
        await post["desk"].until(6)
        await slow.until(4)
        assert len(slow.asked) == 4, "as many as it has places"
        slow.hang.set()
        await parts.deliverer.drain(10)
        assert (len(slow.letters), slow.most) == (6, 4)

    live(tmp_path, then)


def test_an_attempt_that_hangs_is_ended(tmp_path: Path) -> None:
    watch(tmp_path, ALL)

    async def then(parts: House, post: Post, clock: Clock) -> None:
        post["desk"].hang = asyncio.Event()
        parts.deliverer._attempt_s = 0.1
        await changed(parts, tmp_path, clock, SECOND)
        await parts.deliverer.drain(10)
        (letter,) = outbox.list_letters(parts.archive, state=LetterState.WAITING)
        assert (letter.error, letter.attempts) == ("no answer within 0.1 s", 1)

    live(tmp_path, then)


def test_what_is_being_sent_when_it_is_to_end_is_given_back(tmp_path: Path) -> None:
    watch(tmp_path, ALL)

    async def then(parts: House, post: Post, clock: Clock) -> None:
        post["desk"].hang = asyncio.Event()
        await changed(parts, tmp_path, clock, SECOND)
        await parts.deliverer.round()
        await post["desk"].until(1)
        await parts.deliverer.stop(0.01)
        (again,) = outbox.claim(parts.archive, clock(), free={"desk": 1}, lease_s=1, owner="another")
        assert again.attempts == 0

    live(tmp_path, then)


def test_a_channel_taken_out_leaves_dead_letters_and_one_put_anew_is_opened_anew(tmp_path: Path) -> None:
    watch(tmp_path, "{to: [desk, hook]}", channels="desk: {apprise: 'json://x'}\nhook: {apprise: 'json://y'}")

    async def then(parts: House, post: Post, clock: Clock) -> None:
        post["hook"].moods = [DeliveryError("503")]
        await changed(parts, tmp_path, clock, SECOND)
        await parts.deliverer.drain(5)
        watch(tmp_path, ALL, channels="desk: {apprise: 'json://x', urgent: major}")
        old = post.boxes.pop("desk")
        await parts.deliverer.adopt(load(tmp_path / "config.yaml", {}))
        assert dead(parts) == ["there is no channel 'hook' in the configuration any more"]
        await changed(parts, tmp_path, clock, THIRD)
        await parts.deliverer.drain(5)
        assert len(post["desk"].letters) == 1
        assert old.closed

    live(tmp_path, then)


def test_a_new_password_opens_a_channel_anew(tmp_path: Path) -> None:
    hook = "desk: {webhook: {url: 'https://h.example/', headers: {Authorization: '${TOKEN}'}}}"
    watch(tmp_path, ALL, channels=hook.replace("${TOKEN}", "x"))

    async def then(parts: House, post: Post, clock: Clock) -> None:
        for number, token in enumerate(("first", "first", "second")):
            watch(tmp_path, ALL, channels=hook)
            await parts.deliverer.adopt(load(tmp_path / "config.yaml", {"TOKEN": token}))
            await changed(parts, tmp_path, clock, FIRST.replace("May", f"the year {number}"))
            await parts.deliverer.drain(5)
            assert post["desk"].closed == (token == "second")

    live(tmp_path, then)


def test_a_digest_comes_at_its_hour_in_one_letter(tmp_path: Path) -> None:
    watch(tmp_path, ALL, channels="desk: {apprise: 'json://x', digest: daily 08:00}")

    async def then(parts: House, post: Post, clock: Clock) -> None:
        await changed(parts, tmp_path, clock, SECOND)
        await changed(parts, tmp_path, clock, THIRD)
        await parts.deliverer.drain(5)
        assert post["desk"].asked == []
        clock.goes(hours=20)
        post["desk"].moods = [DeliveryError("451")]
        await parts.deliverer.drain(5)
        await changed(parts, tmp_path, clock, FIRST)
        await parts.deliverer.drain(5)
        first, again = post["desk"].asked
        assert first == again, "a digest that failed is the same when it is tried again, whatever came since"
        assert ([one.event.version for one in first.notices], first.digest) == ([2, 3], True)

    live(tmp_path, then)


RULES = """{{when: {{severity: {0}}}, to: [desk]}}
  - {{when: {{phrases: {{vanishing: [meet], appearing: [dialogue]}}}}, to: [phrases]}}
  - {{when: {{drift: 0.2}}, to: [drift]}}
  - {{when: {{events: [reread]}}, to: [rereads]}}
  - {{when: {{quiet: 30d, series: [s]}}, to: [quiet]}}"""
NAMES = "\n".join(f"{name}: {{apprise: 'json://x'}}" for name in ("desk", "phrases", "drift", "rereads", "quiet"))


def test_phrases_and_drift_are_judged_by_the_check_and_told_beside_the_change(tmp_path: Path) -> None:
    (tmp_path / "base.txt").write_text(f"A readout\n\n{FIRST}\n")
    more = "phrases: [{id: meet, variants: [meet again]}, {id: dialogue, variants: [dialogue]}]\ndefaults: {baseline: base.txt}"
    watch(tmp_path, RULES.format("wording"), channels=NAMES, more=more)

    async def then(parts: House, post: Post, clock: Clock) -> None:
        await changed(
            parts, tmp_path, clock, FIRST.replace("shall meet again in May", "call for dialogue without delay")
        )
        await parts.deliverer.drain(5)
        told = {name: [one.notices[0] for one in box.letters] for name, box in post.boxes.items()}
        assert {name: [one.event.kind.value for one in notices] for name, notices in told.items()} == {
            "desk": ["changed"], "phrases": ["phrase"], "drift": ["drift"],
        }  # fmt: skip
        (desk,) = told["desk"]
        assert "the phrase dialogue appeared: “dialogue”" in desk.about
        assert "the phrase meet vanished: “meet again”" in desk.about
        assert any(line.endswith("away from base.txt, 0% before; told beyond 20%") for line in desk.about)
        assert told["phrases"][0].comparison is not None

    live(tmp_path, then)


def test_a_reread_is_told_only_to_who_asks(tmp_path: Path) -> None:
    watch(
        tmp_path,
        RULES.format("cosmetic"),
        channels=NAMES,
        more="phrases: [{id: meet, variants: [x]}, {id: dialogue, variants: [y]}]",
    )

    async def then(parts: House, post: Post, clock: Clock) -> None:
        text = (tmp_path / "config.yaml").read_text()
        (tmp_path / "config.yaml").write_text(text.replace("select: main", "select: main p"))
        fresh = load(tmp_path / "config.yaml", {})
        assert await look(replace(parts, settings=fresh)) == ["unchanged"]
        await parts.deliverer.drain(5)
        assert {name: len(box.letters) for name, box in post.boxes.items()} == {"rereads": 1}
        (notice,) = post["rereads"].letters[0].notices
        assert (notice.event.kind, notice.event.version) == (EventKind.REREAD, 2)

    live(tmp_path, then)


def test_what_was_there_before_we_looked_is_no_news(tmp_path: Path) -> None:
    watch(tmp_path, ALL)

    async def then(parts: House, post: Post, clock: Clock) -> None:
        await parts.deliverer.drain(5)
        assert post.boxes == {}
        assert [one.detail for one in parts.archive.events("a")] == [{"backlog": True}]

    live(tmp_path, then)


def test_failing_is_told_once_and_its_end_once(tmp_path: Path) -> None:
    watch(tmp_path, ALL)

    async def then(parts: House, post: Post, clock: Clock) -> None:
        for words in (None, None, FIRST, FIRST):
            if words is not None or (tmp_path / "page.html").exists():
                publish(tmp_path, words)
            await look(parts)
            clock.goes(minutes=5)
            await parts.deliverer.drain(5)
        kinds = [one.notices[0].event.kind for one in post["desk"].letters]
        assert kinds == [EventKind.FAILING, EventKind.RECOVERED]
        assert post["desk"].letters[1].thread == post["desk"].letters[0].id
        assert post["desk"].letters[1].notices[0].about[0].startswith("it can be read again; it failed since")

    live(tmp_path, then)


def test_a_daemon_sends_what_its_check_found_at_once_and_tells_of_long_quiet(tmp_path: Path) -> None:
    watch(
        tmp_path,
        RULES.format("wording"),
        channels=NAMES,
        more="phrases: [{id: meet, variants: [x]}, {id: dialogue, variants: [y]}]",
    )

    async def then(parts: House, post: Post, clock: Clock) -> None:
        clock.goes(minutes=2)
        daemon = Daemon(parts)
        jobs = {job.name: job for job in daemon.jobs()}
        assert list(jobs) == ["tick", "heartbeat", "deliveries", "digest", "quiet", "retention"]
        publish(tmp_path, SECOND)
        assert await daemon.tick() == 1
        await post["desk"].until(1)  # no job is called: the check itself wakes who sends
        for days, told in ((29, 0), (2, 1), (40, 1)):
            clock.goes(days=days)
            await jobs["quiet"].wake()
            await daemon._chores["quiet"]
            await parts.deliverer.drain(5)
            assert len(post["quiet"].letters) == told
        assert post["quiet"].letters[0].notices[0].about == (
            "nothing moved since 2026-03-01 12:17 UTC; told after 30 days",
        )
        for name in ("deliveries", "digest", "retention"):
            await jobs[name].wake()
        await asyncio.wait(daemon._chores.values())
        metrics = daemon.pulse.metrics().decode()
        assert 'variorum_deliveries_total{channel="desk",result="sent"} 1.0' in metrics
        assert 'variorum_alerts_waiting{channel="desk"} 0.0' in metrics
        await daemon.stop(1)
        assert [one.event.kind.value for one in post["quiet"].letters[0].notices] == ["quiet"]

    live(tmp_path, then)


def test_what_was_made_known_is_told_though_its_source_is_renamed_or_retired(tmp_path: Path) -> None:
    watch(tmp_path, ALL)

    async def then(parts: House, post: Post, clock: Clock) -> None:
        await changed(parts, tmp_path, clock, SECOND)
        text = (tmp_path / "config.yaml").read_text()
        (tmp_path / "config.yaml").write_text(text.replace("{id: a,", "{id: b, was: a,"))
        await declare(load(tmp_path / "config.yaml", {}), parts.around.writer, clock())
        await parts.deliverer.drain(5)
        (letter,) = post["desk"].letters
        assert (letter.notices[0].source.id, letter.notices[0].event.source) == ("b", "b")
        publish(tmp_path, THIRD)
        (tmp_path / "config.yaml").write_text(text.replace("{id: a,", "{id: b,"))
        settings = load(tmp_path / "config.yaml", {})
        assert await look(replace(parts, settings=settings)) == ["changed"]
        await declare(replace(settings, declarations=()), parts.around.writer, clock())
        await parts.deliverer.drain(5)
        assert [one.notices[0].event.version for one in post["desk"].letters] == [2, 3]
        assert dead(parts) == []

    live(tmp_path, then)


def test_what_a_listing_newly_names_is_told_and_what_it_named_at_first_is_not(tmp_path: Path, origin: Origin) -> None:
    def listed(*names: str) -> None:
        links = "".join(f"<li><a href='/{name}'>Readout {name}</a></li>" for name in names)
        for name in names:
            origin.page(f"/{name}", f"<article><h1>{name}</h1><p>{FIRST} In {name}.</p></article>")
        origin.page("/index", f"<ul id='all'>{links}</ul>")

    post, clock = Post(), Clock()
    listing = f"{{id: all, index: '{origin.url}/index', follow: '#all a', select: article}}"
    (tmp_path / "config.yaml").write_text(
        f"defaults: {{robots: false, allow_private: [127.0.0.0/8]}}\nlistings:\n  - {listing}\n"
        "alerts:\n  - {to: [desk]}\n  - {when: {quiet: 30d}, to: [quiet]}\n"
        "channels: {desk: {apprise: x}, quiet: {apprise: y}}\n"
    )

    async def looks(parts: House) -> None:
        await look(parts)
        found = with_found(parts.settings, await parts.around.writer.call(Archive.found))
        await look(replace(parts, settings=replace(found, declarations=found.declarations[1:])))
        clock.goes(days=1)
        await parts.deliverer.drain(5)

    async def lived() -> None:
        async with living(tmp_path, post, clock) as parts:
            listed("one", "two")
            await looks(parts)
            assert post.boxes == {}
            listed("three", "one", "two")
            await looks(parts)
            assert [one.notices[0].event.source for one in post["desk"].letters] == ["readout-three"]
            assert post["desk"].letters[0].notices[0].event.kind is EventKind.NEW
            assert await judge_stillness(parts.settings.alerts, parts.around.writer, clock()) == 0
            clock.goes(days=30)
            assert await judge_stillness(parts.settings.alerts, parts.around.writer, clock()) == 1
            await parts.deliverer.drain(5)
            assert [one.notices[0].event.source for one in post["quiet"].letters] == ["all"]

    asyncio.run(lived())


@pytest.mark.parametrize("kind", [EditKind.MODALITY, EditKind.NUMBER])
def test_kinds_of_edits_choose(tmp_path: Path, kind: EditKind) -> None:
    watch(tmp_path, f"{{when: {{kinds: [{kind.value}]}}, to: [desk]}}")

    async def then(parts: House, post: Post, clock: Clock) -> None:
        await changed(parts, tmp_path, clock, SECOND)
        await changed(parts, tmp_path, clock, THIRD)
        await parts.deliverer.drain(5)
        number = 2 if kind is EditKind.MODALITY else 3
        assert [one.notices[0].event.version for one in post["desk"].letters] == [number]

    live(tmp_path, then)
