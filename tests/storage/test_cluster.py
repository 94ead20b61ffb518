"""Checks and letters as tasks: the lease goes from hand to hand, hosts are asked by one at a time, the dead are outlived."""

from __future__ import annotations

import asyncio
import itertools
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psycopg
import pytest
from procrastinate.exceptions import ConnectorException
from procrastinate.jobs import Status

from monitor.cluster.dispatch import HOST_MOST, Dispatch
from monitor.cluster.tasks import _TAKEN, _TURN, CHECKS, SCHEMA, Errand, Tasks, lease_of, require, tasks_at
from monitor.cluster.together import Together
from monitor.cluster.working import SURE_S, Alive, Resting, Working, _begun, _strategy
from monitor.compose import House, house
from monitor.config import load
from monitor.daemon import Daemon
from monitor.writer import BATCH, Writer
from storage import outbox
from storage.archive import Archive, ClaimLost, Unchanged
from storage.due import HandedOver
from storage.engine import engine_for
from storage.errors import StorageError, UsageError
from storage.records import LetterState, Outcome, Source
from tests.edges.boxes import FIRST, Post, publish
from tests.storage.conftest import Wordings

NOW = datetime.now(UTC)
_numbers = itertools.count(1)


@pytest.fixture
def shared(postgresql: str) -> str:
    """The address of an empty database on PostgreSQL."""
    name = f"cluster{next(_numbers)}"
    with psycopg.connect(postgresql.format(name="postgres"), autocommit=True) as connection:
        connection.execute(f'CREATE DATABASE "{name}"')
    return postgresql.format(name=name)


@dataclass
class Crew:
    """A daemon that hands out, and one who works."""

    parts: House
    tasks: Tasks
    dispatch: Dispatch
    daemon: Daemon
    working: Working
    post: Post

    async def worked(self, until: Callable[[], Awaitable[bool]]) -> None:
        """Run tasks until it is so."""
        running = asyncio.create_task(self.working.run())
        async with asyncio.timeout(60):
            while not await until():  # noqa: ASYNC110
                await asyncio.sleep(0.02)
        await self.working.stop()
        await running

    async def jobs(self) -> list[tuple[str, str]]:
        found = await self.tasks.app.job_manager.list_jobs_async()
        return [(str(one.status), str(one.queueing_lock)) for one in found]


@asynccontextmanager
async def living(folder: Path, url: str, sources: str, more: str = "") -> AsyncIterator[Crew]:
    (folder / "config.yaml").write_text(f"database: '{url}'\n{more}\nsources:\n{sources}")
    settings, post, alive = load(folder / "config.yaml", {}, check_selectors=True), Post(), Alive()
    async with (
        tasks_at(url) as tasks,
        house(settings, owner="lead", opener=post.open, still=alive.still) as parts,
    ):
        working = Working(parts, tasks, alive)
        dispatch = Dispatch(parts, tasks)
        yield Crew(parts, tasks, dispatch, Daemon(parts, dispatch=dispatch, working=working), working, post)


PAGE = "  - {id: a, file: page.html, select: main, confirm: {after: 0s, times: 0}}\n"
DESK = "alerts: [{to: [desk]}]\nchannels: {desk: {apprise: 'json://x'}}"


def test_what_is_due_becomes_a_task_is_checked_and_told(tmp_path: Path, shared: str) -> None:
    publish(tmp_path, FIRST)

    async def lived() -> None:
        async with living(tmp_path, shared, PAGE, DESK) as crew:
            assert await crew.daemon.tick() == 1
            assert await crew.daemon.tick() == 0
            assert await crew.jobs() == [("todo", "check a")]

            async def kept(count: int) -> bool:
                return len(crew.parts.archive.versions("a")) == count and not await crew.jobs()

            await crew.worked(lambda: kept(1))

    asyncio.run(lived())
    publish(tmp_path, FIRST.replace("2.5", "3.5"))
    with Archive.open(shared) as archive:
        archive.replan(datetime.now(UTC), lambda _: datetime.now(UTC))

    async def again() -> None:
        async with living(tmp_path, shared, PAGE, DESK) as crew:
            await crew.daemon.tick()

            async def told() -> bool:
                return any(one.state is LetterState.SENT for one in outbox.list_letters(crew.parts.archive))

            await crew.worked(told)
            assert [one.notices[0].event.version for one in crew.post["desk"].letters] == [2]

    asyncio.run(again())


def test_what_a_dead_worker_held_is_due_again_and_an_old_errand_is_good_for_nothing(
    tmp_path: Path, shared: str
) -> None:
    publish(tmp_path, FIRST)

    async def lived() -> None:
        async with living(tmp_path, shared, PAGE) as crew:
            manager = crew.tasks.app.job_manager
            await crew.dispatch.hand_out()
            worker = await manager.register_worker()
            job = await manager.fetch_job(queues=[CHECKS], worker_id=worker)
            assert job is not None
            claim, mine = str(job.task_kwargs["claim"]), lease_of(str(job.task_kwargs["claim"]), job.id or 0)
            handed = [HandedOver("a", (claim,), mine, 3600.0)]  # NOW is when this module was read
            archive = crew.parts.archive
            assert list(archive.take_over(handed, NOW)) == [mine]
            assert archive.take_over(handed, NOW) == {}
            await crew.dispatch.take_back()
            assert await crew.dispatch.hand_out() == 0, "it gave a sign of life just now"
            with psycopg.connect(shared, autocommit=True) as connection:
                connection.execute(
                    f"UPDATE {SCHEMA}.procrastinate_workers SET last_heartbeat = now() - interval '1 hour'"
                )
            await crew.dispatch.take_back()
            assert await crew.jobs() == []
            assert await crew.dispatch.hand_out() == 1
            assert archive.take_over(handed, NOW) == {}
            (fresh,) = await manager.list_jobs_async()
            assert fresh.id != job.id

    asyncio.run(lived())


def test_a_task_whose_end_could_not_be_noted_is_not_ours_for_ever(tmp_path: Path, shared: str) -> None:
    publish(tmp_path, FIRST)

    async def lived() -> None:
        async with living(tmp_path, shared, PAGE) as crew:
            manager = crew.tasks.app.job_manager
            await crew.dispatch.hand_out()
            worker = await manager.register_worker()
            assert await manager.fetch_job(queues=[CHECKS], worker_id=worker) is not None
            crew.tasks.hands.held.clear()  # as if its end had failed
            await crew.working._reckon(worker)
            assert await crew.jobs() == [("doing", "check a")], "it may be on its way to us"
            await crew.working._reckon(worker)
            assert await crew.jobs() == []
            assert await crew.dispatch.hand_out() == 1

    asyncio.run(lived())


def test_a_crowded_host_waits_in_the_table_of_sources(tmp_path: Path, shared: str) -> None:
    crowd = "".join(f"  - {{id: a{n:02}, url: 'http://crowded.example/{n}'}}\n" for n in range(40))
    private = "".join(
        f"  - {{id: p{n:02}, url: 'http://10.0.0.1/{n}', allow_private: [10.0.0.0/8]}}\n" for n in range(30)
    )

    async def lived() -> None:
        async with living(tmp_path, shared, crowd + private) as crew:
            assert await crew.daemon.tick() == HOST_MOST + 30
            queued = await crew.tasks.queued()
            assert (queued.waiting, queued.running) == (HOST_MOST + 30, 0)
            assert queued.locks["host crowded.example"] == HOST_MOST
            assert queued.locks["source p00"] == 1
            manager = crew.tasks.app.job_manager
            worker = await manager.register_worker()
            first = await manager.fetch_job(queues=[CHECKS], worker_id=worker)
            second = await manager.fetch_job(queues=[CHECKS], worker_id=worker)
            assert {one.lock for one in (first, second) if one} & {"host crowded.example"} == {"host crowded.example"}
            assert second is not None
            assert second.lock != "host crowded.example", "one at a time"

    asyncio.run(lived())


def test_a_host_that_rests_keeps_its_lock_when_a_worker_is_stopped(tmp_path: Path, shared: str) -> None:
    pair = "".join(f"  - {{id: {name}, url: 'http://one.example/{name}'}}\n" for name in "ab")

    async def lived() -> None:
        async with living(tmp_path, shared, pair) as crew:
            manager = crew.tasks.app.job_manager
            await crew.dispatch.hand_out()
            worker = await manager.register_worker()
            job = await manager.fetch_job(queues=[CHECKS], worker_id=worker)
            assert job is not None
            retry = _strategy().get_retry_decision(exception=Resting(60), job=job)
            assert retry is not None
            await manager.retry_job(job, retry_at=retry.retry_at, priority=retry.priority)
            assert await manager.fetch_job(queues=[CHECKS], worker_id=worker) is None
            claim = str(job.task_kwargs["claim"])
            crew.parts.archive.release(["a", "b"], claim)
            # Both are due; a's errand rests, so a waits for it; b has a new errand in place of the old one.
            assert await crew.dispatch.hand_out() == 1
            assert sorted(await crew.jobs()) == [("todo", "check a"), ("todo", "check b")]
            assert await manager.fetch_job(queues=[CHECKS], worker_id=worker) is None, "not before it has rested"

    asyncio.run(lived())


def test_who_was_cut_off_asks_nothing_more_for_errands_begun_before() -> None:
    clock = [100.0]
    alive = Alive(lambda: clock[0])
    alive.still()  # in no task
    _begun.set(100.0)
    clock[0] += SURE_S
    alive.still()
    clock[0] += 1
    with pytest.raises(ClaimLost):
        alive.still()
    alive.seen(clock[0])
    with pytest.raises(ClaimLost):
        alive.still()
    _begun.set(clock[0])
    alive.still()
    alive.lost()
    clock[0] += 1
    alive.seen(clock[0])
    _begun.set(clock[0])
    alive.still()


def test_nobody_notes_anything_under_a_lease_that_is_another_s(archive: Archive, wordings: Wordings) -> None:
    source = wordings.source()
    archive.declare([source], wordings.start)
    assert archive.claim(wordings.at(1), limit=1, lease_s=60, owner="first") == ["one"]
    assert archive.take_over([HandedOver("one", ("first",), "second", 60)], wordings.at(2)).keys() == {"second"}
    archive.note_unchanged([Unchanged("one", wordings.at(3), Outcome.UNCHANGED, owner="first")])
    assert archive.states()[0].last_check is None
    with pytest.raises(ClaimLost):
        archive.note_failed("one", wordings.at(3), Outcome.FAILED, "no answer", owner="first")
    with pytest.raises(ClaimLost):
        archive.record_reread("one", wordings.at(3), None, "reader", owner="first")
    archive.note_unchanged([Unchanged("one", wordings.at(4), Outcome.UNCHANGED, owner="second")])
    assert archive.states()[0].last_check == wordings.at(4)


def test_what_is_handed_out_is_claimed_in_the_same_transaction(archive: Archive, wordings: Wordings) -> None:
    archive.declare([wordings.source("one"), wordings.source("two")], wordings.start)

    def broken(*_: object) -> dict[str, datetime]:
        raise RuntimeError("killed here")

    ask = {"limit": 9, "lease_s": 60.0, "owner": "x"}
    with pytest.raises(RuntimeError):
        archive.hand_out(wordings.at(1), to=broken, **ask)  # type: ignore[arg-type]
    later = {"two": wordings.at(9)}
    assert archive.hand_out(wordings.at(1), to=lambda *_: later, **ask) == (2, 1)  # type: ignore[arg-type]
    assert archive.claim(wordings.at(5), limit=9, lease_s=3600, owner="y") == ["one"]
    assert archive.claim(wordings.at(9.5), limit=9, lease_s=60, owner="y") == ["two"]


def test_what_is_asked_at_about_the_same_time_is_asked_once() -> None:
    asked: list[list[int]] = []

    async def ask(these: Sequence[int]) -> list[int]:
        asked.append(list(these))
        await asyncio.sleep(0)
        if 13 in these:
            raise StorageError("away")
        return [one * 2 for one in these]

    async def lived() -> None:
        together = Together(ask, most=3)
        assert await asyncio.gather(*(together(n) for n in range(5))) == [0, 2, 4, 6, 8]
        assert asked == [[0, 1, 2], [3, 4]]
        late = asyncio.create_task(together(6))
        gone = asyncio.create_task(together(7))
        await asyncio.sleep(0)
        gone.cancel()
        assert await late == 12
        assert asked[2:] == [[6]], "who was cancelled is not asked for"
        assert [type(one) for one in await asyncio.gather(together(13), together(1), return_exceptions=True)] == [
            StorageError,
            StorageError,
        ]
        assert await together(1) == 2

    asyncio.run(lived())


def test_tasks_are_taken_and_ended_many_at_a_time(tmp_path: Path, shared: str) -> None:
    sources = "".join(f"  - {{id: s{n}, url: 'http://h{n // 2}.example/{n}'}}\n" for n in range(8))

    async def lived() -> None:
        async with living(tmp_path, shared, sources) as crew:
            manager, hands = crew.tasks.app.job_manager, crew.tasks.hands
            assert await crew.dispatch.hand_out() == 8
            worker = await manager.register_worker()
            hands.room = lambda: 3
            taken = [await manager.fetch_job(queues=[CHECKS], worker_id=worker) for _ in range(3)]
            assert [status for status, _ in await crew.jobs()].count("doing") == 3, "no more than there is room for"
            hands.room = lambda: 99
            taken.append(await manager.fetch_job(queues=[CHECKS], worker_id=worker))
            assert await manager.fetch_job(queues=[CHECKS], worker_id=worker) is None
            assert len({job.lock for job in taken if job}) == 4, "one task a host"
            assert hands.held == {job.id for job in taken if job}
            struck, *rest = (job for job in taken if job)
            assert await crew.tasks.strike(struck)
            ended = await asyncio.gather(
                *(manager.finish_job(job, Status.SUCCEEDED, delete_job=True) for job in (struck, *rest)),
                return_exceptions=True,
            )
            assert [type(one) for one in ended] == [ConnectorException, *[type(None)] * 3], "who was struck, alone"
            assert hands.held == set()
            assert [status for status, _ in await crew.jobs()] == ["todo"] * 4

    asyncio.run(lived())


def test_to_take_a_few_of_many_reads_few_whatever_the_planner_believes(shared: str) -> None:
    async def read() -> int:
        async with tasks_at(shared) as tasks:
            with psycopg.connect(shared) as connection:
                tasks.put(connection, [Errand(f"s{number}", "x", f"host {number}") for number in range(2000)])
            asked = {"queues": [CHECKS], "worker_id": None, "many": 5}
            explained = "EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) " + _TAKEN
            (row,) = await tasks.app.connector.execute_query_all_async(explained, **asked)
            plan = row["QUERY PLAN"][0]["Plan"]
            assert plan["Actual Rows"] == 5
            return int(plan["Shared Hit Blocks"] + plan["Shared Read Blocks"])

    # Of a table that was empty when it was made, and never analysed since. It was 24,000.
    assert asyncio.run(read()) < 1000


def test_a_worker_that_is_stopped_gives_back_what_it_had_not_begun(tmp_path: Path, shared: str) -> None:
    sources = "".join(f"  - {{id: s{n}, url: 'http://h{n}.example/'}}\n" for n in range(3))

    async def lived() -> None:
        async with living(tmp_path, shared, sources) as crew:
            manager = crew.tasks.app.job_manager
            await crew.dispatch.hand_out()
            worker = await manager.register_worker()
            crew.tasks.hands.room = lambda: 99
            assert await manager.fetch_job(queues=[CHECKS], worker_id=worker) is not None
            await crew.working._let_go()
            assert [status for status, _ in await crew.jobs()] == ["doing"]
            assert await crew.dispatch.hand_out() == 2, "due as before"

    asyncio.run(lived())


@pytest.mark.parametrize("why", ["a sign of life failed", "no task could be taken"])
def test_a_worker_that_ends_by_itself_is_not_waited_for_without_a_bound(
    why: str, tmp_path: Path, shared: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """procrastinate ends its worker when the database does not answer, and waits for the tasks: for ever, when one hangs."""
    publish(tmp_path, FIRST)
    monkeypatch.setattr("monitor.cluster.working.STOP_WITHIN_S", 0.02)
    monkeypatch.setattr("monitor.cluster.working.AGAIN_S", 0.0)

    async def lived() -> None:
        async with living(tmp_path, shared, PAGE) as crew:
            begun, over = asyncio.Event(), asyncio.Event()

            async def hangs(*_: object) -> None:
                begun.set()
                while not over.is_set():
                    try:
                        await over.wait()
                    except asyncio.CancelledError:
                        continue

            monkeypatch.setattr(crew.working, "_look", hangs)
            await crew.daemon.tick()
            running = asyncio.create_task(crew.working.run())
            async with asyncio.timeout(30):
                await begun.wait()
                first = crew.working._worker
                assert first is not None
                if why == "a sign of life failed":
                    first.stop()  # as its own monitor of side tasks does
                else:
                    with monkeypatch.context() as away:
                        away.setattr("monitor.cluster.tasks._TAKEN", "SELECT no_such_column")
                        while not first.ending.is_set():  # noqa: ASYNC110
                            await asyncio.sleep(0.01)
                while crew.working._worker is first:  # noqa: ASYNC110
                    await asyncio.sleep(0.01)
            assert crew.tasks.hands.held == set()
            over.set()
            await crew.working.stop()
            await running

    asyncio.run(lived())


def test_a_second_try_takes_over_from_the_first(archive: Archive, wordings: Wordings) -> None:
    archive.declare([wordings.source()], wordings.start)
    assert archive.claim(wordings.at(1), limit=1, lease_s=600, owner="errand") == ["one"]
    first, again = HandedOver("one", ("errand",), "mine", 60), HandedOver("one", ("errand", "mine"), "mine", 60)
    assert archive.take_over([first], wordings.at(1)).keys() == {"mine"}
    assert archive.take_over([first], wordings.at(1)) == {}
    assert archive.take_over([again], wordings.at(1)).keys() == {"mine"}
    assert archive.claim(wordings.at(9), limit=1, lease_s=60, owner="y") == [], "the longer lease holds"
    assert archive.claim(wordings.at(12), limit=1, lease_s=60, owner="y") == ["one"]


def test_a_check_that_could_not_be_noted_is_made_again_soon(
    tmp_path: Path, shared: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish(tmp_path, FIRST)

    def full(*_: object, **__: object) -> None:
        raise StorageError("the disk is full")

    async def lived() -> None:
        async with living(tmp_path, shared, PAGE) as crew:
            await crew.dispatch.hand_out()
            monkeypatch.setattr(Archive, "record", full)
            await crew.worked(lambda: _is_empty(crew))
            soon = crew.parts.archive.next_due_at()
            assert soon is not None
            assert timedelta() < soon - datetime.now(UTC) < timedelta(minutes=1), "not when its lease ends, nor at once"

    async def _is_empty(crew: Crew) -> bool:
        return not await crew.jobs()

    asyncio.run(lived())


def test_what_a_stopped_worker_holds_does_not_keep_the_rest_waiting(tmp_path: Path, shared: str) -> None:
    sources = "".join(f"  - {{id: s{n}, url: 'http://h{n}.example/'}}\n" for n in range(2))

    async def lived() -> None:
        async with living(tmp_path, shared, sources) as crew:
            manager = crew.tasks.app.job_manager
            await crew.dispatch.hand_out()
            worker = await manager.register_worker()
            crew.tasks.hands.room = lambda: 2
            for _ in range(2):
                assert await manager.fetch_job(queues=[CHECKS], worker_id=worker) is not None
            with psycopg.connect(shared, autocommit=True) as connection:
                connection.execute(
                    f"UPDATE {SCHEMA}.procrastinate_workers SET last_heartbeat = now() - interval '1 hour'"
                )
            with psycopg.connect(shared) as stopped:
                stopped.execute("SELECT 1 FROM sources WHERE id = 's0' FOR UPDATE")
                await crew.dispatch.take_back()
                assert await crew.jobs() == [("doing", "check s0")]
            await crew.dispatch.take_back()
            assert await crew.jobs() == []

    asyncio.run(lived())


def test_a_session_that_was_cut_off_lets_go_of_what_it_locked(shared: str) -> None:
    def said(url: str, *, readonly: bool = False) -> tuple[str, str]:
        engine = engine_for(url, readonly=readonly)
        with engine.connect() as connection:
            names = ("idle_in_transaction_session_timeout", "application_name")
            idle, name = (str(connection.exec_driver_sql(f"SHOW {one}").scalar()) for one in names)
        engine.dispose()
        return idle, name

    assert said(f"{shared}&options=-c%20application_name%3Dmine&connect_timeout=3") == ("30s", "mine")
    assert said(shared, readonly=True) == ("0", "")


def test_a_task_waits_until_its_check_is_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def lived() -> None:
        with Archive.open(f"sqlite:///{tmp_path / 'a.db'}") as archive:
            archive.declare([Source("one", "http://h.example/")], NOW)
            writer = Writer(archive)
            await writer.written()  # nothing was noted
            for _ in range(BATCH):  # so many that they are written at once, without lingering
                writer.note_unchanged(Unchanged("one", NOW, Outcome.UNCHANGED))
            await writer.written()
            assert archive.states()[0].last_check == NOW

            def full(*_: object) -> None:
                raise StorageError("the disk is full")

            monkeypatch.setattr(Archive, "note_unchanged", full)
            writer.note_unchanged(Unchanged("one", NOW, Outcome.UNCHANGED))
            with pytest.raises(StorageError):
                await writer.written()
            await writer.aclose()

    asyncio.run(lived())


def test_workers_say_what_they_need(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UsageError, match="workers need PostgreSQL"):
        require(f"sqlite:///{tmp_path / 'a.db'}")
    require("postgresql://host/name")
    monkeypatch.setattr("monitor.cluster.tasks.installed", lambda: False)
    with pytest.raises(UsageError) as caught:
        require("postgresql://host/name")
    assert caught.value.hint == "pip install 'variorum[cluster]'"


def test_tables_of_another_procrastinate_are_refused(shared: str) -> None:
    async def opened() -> None:
        async with tasks_at(shared):
            pass

    asyncio.run(opened())
    asyncio.run(opened())
    with psycopg.connect(shared, autocommit=True) as connection:
        connection.execute(f"COMMENT ON SCHEMA {SCHEMA} IS 'another'")
    with pytest.raises(StorageError, match="another procrastinate"):
        asyncio.run(opened())


def test_who_starts_does_not_wait_for_ever_for_one_who_makes_the_tables(
    shared: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def opened() -> None:
        async with tasks_at(shared):
            pass

    monkeypatch.setattr("monitor.cluster.tasks.PATIENCE_S", 0.1)
    with psycopg.connect(shared) as stopped:
        stopped.execute("SELECT pg_advisory_xact_lock(%s)", [_TURN])
        with pytest.raises(StorageError, match="lock timeout"):
            asyncio.run(opened())


@pytest.fixture(autouse=True)
def loud() -> Iterator[None]:
    """Other tests read the logs that are silenced here."""
    names = ("procrastinate", "psycopg")
    before = {name: logging.getLogger(name).level for name in names}
    yield
    for name, level in before.items():
        logging.getLogger(name).setLevel(level)
