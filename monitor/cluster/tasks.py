"""The one door to procrastinate: its tables, putting errands there, taking back those of workers that died.

Its tables live in a PostgreSQL schema of their own, made by its own script, and hold nothing that is worth keeping.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
from collections import deque
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Protocol, TypeVar

from monitor.cluster.together import Together
from storage.archive import Archive
from storage.engine import STEADFAST, parsed, shown
from storage.errors import StorageError, UsageError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Coroutine, Iterable, Sequence
    from datetime import datetime

    from procrastinate import App, PsycopgConnector
    from procrastinate.jobs import Job, Status

    from monitor.writer import Writer

SCHEMA: Final = "variorum_tasks"
CHECKS: Final = "checks"
LETTERS: Final = "letters"
SOON: Final = 10
"""The priority of letters, which are few, over checks, which are many."""
CONNECTIONS: Final = 4
"""What one process holds at most for its tasks, beside those of the archive."""
PATIENCE_S: Final = 10.0
"""How long a connection is waited for."""
PATIENT_MS: Final = 500
"""How long a source is waited for that a dead worker holds: one that was stopped in the middle of noting a check."""
BATCH: Final = 50
"""Tasks that are taken, or ended, in one transaction."""
_TURN: Final = 0x766172696F72756D
"""The advisory lock under which the tables are made: two processes that start at once take turns."""


def on_postgresql(database: str) -> bool:
    """Whether tasks can be had there at all."""
    return parsed(database).get_backend_name() == "postgresql"


def installed() -> bool:
    """Whether the extra is there. Loads nothing."""
    from importlib.util import find_spec

    return find_spec("procrastinate") is not None


def require(database: str) -> None:
    """Raise ``UsageError``, a line that says what to do, unless workers can share that database."""
    if not on_postgresql(database):
        raise UsageError(
            f"{shown(database)}: workers need PostgreSQL",
            hint="On SQLite `variorum daemon` does it all in one process; `database: postgresql://…` is shared by many.",
        )
    if not installed():
        raise UsageError("workers need the extra 'cluster'", hint="pip install 'variorum[cluster]'")


@dataclass(frozen=True, slots=True)
class Errand:
    """A check to be made by whoever comes: ``claim`` is the lease it is good for, ``lock`` what it must have alone."""

    source: str
    claim: str
    lock: str


@dataclass(frozen=True, slots=True)
class Queued:
    """How many errands wait, how many are run, and how many there are for each lock."""

    waiting: int
    running: int
    locks: dict[str, int]


def lease_of(claim: str, job: int) -> str:
    """The name under which a source is leased to who runs an errand: used once."""
    return f"{claim}#{job}"


class Tasks:
    """The tasks of one database. Made by :func:`tasks_at`."""

    def __init__(self, app: App) -> None:
        from procrastinate import SyncPsycopgConnector
        from procrastinate.manager import JobManager

        self.app = app
        self.hands = _hands(app)
        # Never opened: it writes on the connections of others, inside their transactions.
        self._writing = JobManager(SyncPsycopgConnector())

    async def queued(self) -> Queued:
        """How it stands with the checks."""
        with _plainly():
            found = await self.app.job_manager.list_locks_async(queue=CHECKS)
        locks = {one["name"]: one["todo"] + one["doing"] for one in found}
        return Queued(sum(one["todo"] for one in found), sum(one["doing"] for one in found), locks)

    def put(self, connection: Any, errands: Sequence[Errand]) -> dict[str, datetime]:
        """Write errands inside the transaction of a psycopg connection. Returns sources that must wait, and until when.

        An older errand for the same source that nobody has begun is good for nothing any more, and goes.
        """
        from procrastinate.jobs import Job

        by_name = {f"check {one.source}": one for one in errands}
        path = connection.execute("SELECT current_setting('search_path')").fetchone()[0]
        connection.execute("SELECT set_config('search_path', %s, true)", [f"{SCHEMA}, {path}"])
        stale = (
            "DELETE FROM procrastinate_jobs WHERE status = 'todo' AND scheduled_at IS NULL AND queueing_lock = ANY(%s)"
        )
        connection.execute(stale, [list(by_name)])
        # What is put off holds its host until then: a worker that was stopped had asked there just before.
        resting = "SELECT queueing_lock, scheduled_at FROM procrastinate_jobs WHERE status = 'todo' AND queueing_lock = ANY(%s)"
        later = {by_name.pop(name).source: until for name, until in connection.execute(resting, [list(by_name)])}
        jobs = [
            Job(
                queue=CHECKS,
                lock=one.lock,
                queueing_lock=name,
                task_name="check",
                task_kwargs={"source": one.source, "claim": one.claim},
            )
            for name, one in by_name.items()
        ]
        if jobs:
            self._writing.batch_defer_jobs(jobs, connection)
        return later

    async def ask_letters(self, channels: Sequence[str]) -> None:
        """Have the letters of these channels sent: by one worker each, once more after that which is at it now."""
        from procrastinate.exceptions import AlreadyEnqueued

        for name in channels:
            lock = f"letters {name}"
            errand = self.app.configure_task("letters", queue=LETTERS, lock=lock, queueing_lock=lock, priority=SOON)
            with _plainly():
                try:
                    await errand.defer_async(channel=name)
                except AlreadyEnqueued:
                    continue

    async def stalled(self, stalled_s: float) -> list[Job]:
        """The tasks of workers that gave no sign of life for so long."""
        with _plainly():
            return list(await self.app.job_manager.get_stalled_jobs(seconds_since_heartbeat=stalled_s))

    async def of_worker(self, worker: int) -> list[Job]:
        """The tasks that a worker has under way, as it stands written."""
        with _plainly():
            return list(await self.app.job_manager.list_jobs_async(status="doing", worker_id=worker))

    async def strike(self, job: Job) -> bool:
        """Take a task off the list; False when it is off already.

        It is not run again under the same number: who was only held up would end what is another's by then.
        """
        from procrastinate.exceptions import ConnectorException
        from procrastinate.jobs import Status

        try:
            await self.app.job_manager.finish_job(job, Status.FAILED, delete_job=True)
        except ConnectorException:
            return False
        return True


class Hands(Protocol):
    """The tasks that this process has taken."""

    held: set[int]
    """By number: taken, and their end not noted yet."""
    unbegun: deque[Job]
    """Those of them that the worker has not been given."""
    room: Callable[[], int]
    """How many more may be taken now."""
    lost: Callable[[], None]
    """Called when none could be taken, for the database did not answer: the worker ends."""


def _hands(app: App) -> Hands:
    """Have the tasks of ``app`` taken and ended many at a time: a transaction each costs more than most checks."""
    from procrastinate.exceptions import ConnectorException
    from procrastinate.jobs import Job
    from procrastinate.manager import JobManager

    class InBatches(JobManager):
        def __init__(self) -> None:
            super().__init__(app.connector)
            self.held: set[int] = set()
            self.unbegun: deque[Job] = deque()
            self.room: Callable[[], int] = lambda: 1
            self.lost: Callable[[], None] = lambda: None
            self._end = Together(self._ended, most=BATCH)

        async def fetch_job(self, queues: Iterable[str] | None, worker_id: int) -> Job | None:
            if not self.unbegun:
                many = max(1, min(BATCH, self.room()))
                asked = {"queues": queues, "worker_id": worker_id, "many": many}
                try:
                    found = await self.connector.execute_query_all_async(_TAKEN, **asked)
                except ConnectorException:
                    self.lost()
                    raise
                found.sort(key=lambda row: (-row["priority"], row["id"]))
                self.unbegun.extend(Job.from_row(row) for row in found)
                self.held.update(row["id"] for row in found)
            return self.unbegun.popleft() if self.unbegun else None

        async def finish_job(self, job: Job, status: Status, delete_job: bool) -> None:  # noqa: ARG002  (always)
            self.held.discard(job.id or 0)
            if not await self._end(job.id or 0):
                raise ConnectorException(f"task {job.id} was taken back")

        async def retry_job(self, job: Job, *how: Any, **more: Any) -> None:
            self.held.discard(job.id or 0)
            await super().retry_job(job, *how, **more)

        async def _ended(self, numbers: Sequence[int]) -> list[bool]:
            found = await self.connector.execute_query_all_async(_ENDED, numbers=list(numbers))
            ended = {row["id"] for row in found}
            return [number in ended for number in numbers]

    app.job_manager = hands = InBatches()
    return hands


# What procrastinate_fetch_job_v2 does for one: the first of those whose lock nobody holds, and nobody awaits longer. Called
# for each, it would look through all that wait each time, and through what another is taking at that moment.
_TAKEN: Final = """
UPDATE procrastinate_jobs AS job SET status = 'doing', worker_id = %(worker_id)s
FROM (
    SELECT id FROM procrastinate_jobs AS one
    WHERE status = 'todo' AND queue_name = ANY(%(queues)s) AND (scheduled_at IS NULL OR scheduled_at <= now())
    AND NOT EXISTS (
        SELECT FROM procrastinate_jobs AS other WHERE other.lock = one.lock AND (
            other.status = 'doing'
            OR other.status = 'todo' AND (other.priority, -other.id) > (one.priority, -one.id)
        )
    )
    ORDER BY priority DESC, id LIMIT %(many)s FOR UPDATE SKIP LOCKED
) AS taken
WHERE job.id = taken.id
RETURNING job.id, status, task_name, priority, lock, queueing_lock, args, scheduled_at, queue_name, attempts, job.worker_id
"""
# That table is empty one moment and full the next, so what the planner believes of it is always wrong: it read all that
# waited for each lock (280 ms for one of 4,000 tasks, in the place of 0.2). It is left one index for a lock, and told to
# go through the tasks in their order.
_INDEXES: Final = (
    "CREATE INDEX IF NOT EXISTS variorum_locks ON procrastinate_jobs (lock)",
    "DROP INDEX IF EXISTS procrastinate_jobs_id_lock_idx_v1",
    "DROP INDEX IF EXISTS procrastinate_jobs_queue_name_idx_v1",
)
_UNWISE: Final = ("enable_sort", "enable_bitmapscan", "enable_seqscan", "enable_hashjoin", "enable_mergejoin")
_ENDED: Final = (
    "DELETE FROM procrastinate_jobs WHERE id = ANY(%(numbers)s) AND status IN ('todo', 'doing') RETURNING id"
)


async def give_back(tasks: Tasks, writer: Writer, job: Job) -> bool:
    """Make what a lost errand was for due again, and strike it. In this order: what ends in between is done again."""
    if job.queue == CHECKS:
        source, claim = str(job.task_kwargs["source"]), str(job.task_kwargs["claim"])
        for owner in (claim, lease_of(claim, job.id or 0)):
            await writer.call(Archive.release, [source], owner, patience_ms=PATIENT_MS)
    return await tasks.strike(job)


@asynccontextmanager
async def tasks_at(database: str) -> AsyncIterator[Tasks]:
    """The tasks of a PostgreSQL database; their tables are made when they are missing. Raises ``StorageError``."""
    from procrastinate import App, PsycopgConnector
    from psycopg.conninfo import make_conninfo

    # It tells of each task by itself, which is more than anybody wants to know of a check.
    logging.getLogger("procrastinate").setLevel(logging.CRITICAL)
    logging.getLogger("psycopg").setLevel(logging.CRITICAL)
    address = parsed(database)
    own = str(address.query.get("options", ""))
    steadfast = {key: value for key, value in STEADFAST.items() if key not in address.query}
    # An errand need not outlive a crash of the server. That one was taken is on the disk before anything is asked for it:
    # the lease is taken over after that, in a transaction that waits for the disk.
    options = " ".join(
        [own, f"-c search_path={SCHEMA} -c synchronous_commit=off", *(f"-c {one}=off" for one in _UNWISE)]
    )
    plain = address.set(drivername="postgresql").render_as_string(hide_password=False)
    _make_tables(make_conninfo(plain, **steadfast), database)
    connector = _impatient(PsycopgConnector)(
        conninfo=plain,
        kwargs={**steadfast, "options": options.strip(), "autocommit": True},
        min_size=1,
        max_size=CONNECTIONS,
        timeout=PATIENCE_S,
        reconnect_timeout=PATIENCE_S,
    )
    app = App(connector=connector)
    with _plainly():
        await app.open_async()
    try:
        yield Tasks(app)
    finally:
        await app.close_async()


def _impatient(connector: type[PsycopgConnector]) -> type[PsycopgConnector]:
    """The connector, whose queries fail when they take too long: a connection that was cut may never say so."""
    from procrastinate.exceptions import ConnectorException

    T = TypeVar("T")

    async def bounded(query: Coroutine[Any, Any, T]) -> T:
        running = asyncio.create_task(query)
        try:
            await asyncio.wait([running], timeout=PATIENCE_S * 2)
        except asyncio.CancelledError:
            running.cancel()
            raise
        if not running.done():
            # Not awaited: psycopg waits for the answer to its own cancelling, which may not come either.
            running.cancel()
            raise ConnectorException(f"no answer within {PATIENCE_S * 2:g} s")
        return running.result()

    class Impatient(connector):  # type: ignore[misc, valid-type]
        async def execute_query_async(self, query: Any, **arguments: Any) -> None:
            await bounded(super().execute_query_async(query, **arguments))

        async def execute_query_one_async(self, query: Any, **arguments: Any) -> dict[str, Any]:
            return await bounded(super().execute_query_one_async(query, **arguments))

        async def execute_query_all_async(self, query: Any, **arguments: Any) -> list[dict[str, Any]]:
            return await bounded(super().execute_query_all_async(query, **arguments))

    return Impatient


def _make_tables(address: str, database: str) -> None:
    import psycopg
    from procrastinate import __version__
    from procrastinate.schema import SchemaManager

    script = SchemaManager.get_schema()
    mark = f"procrastinate, script {hashlib.sha256(script.encode()).hexdigest()[:16]}"
    try:
        with psycopg.connect(address) as connection:
            connection.execute(f"SET LOCAL lock_timeout = '{PATIENCE_S:g}s'")
            connection.execute("SELECT pg_advisory_xact_lock(%s)", [_TURN])
            about = "SELECT obj_description(oid, 'pg_namespace') FROM pg_namespace WHERE nspname = %s"
            found = connection.execute(about, [SCHEMA]).fetchone()
            if found is None:
                connection.execute(f"CREATE SCHEMA {SCHEMA}")
                connection.execute(f"SET LOCAL search_path = {SCHEMA}")
                connection.execute(script)
                # They write down the life of each task and tell everybody of it, at the price of the task itself;
                # nobody reads that here.
                connection.execute("ALTER TABLE procrastinate_jobs DISABLE TRIGGER USER")
                connection.execute(f"COMMENT ON SCHEMA {SCHEMA} IS '{mark}'")
            elif found[0] != mark:
                raise StorageError(
                    f"{shown(database)}: its task tables were made by another procrastinate than {__version__}",
                    hint=f"Install one version everywhere; with all of them stopped, `DROP SCHEMA {SCHEMA} CASCADE` loses nothing.",
                )
            connection.execute(f"SET LOCAL search_path = {SCHEMA}")
            for statement in _INDEXES:
                connection.execute(statement)
    except psycopg.Error as error:
        said = str(error).strip().splitlines()
        raise StorageError(f"{shown(database)}: {said[0] if said else type(error).__name__}") from error


class _plainly:  # noqa: N801  (used as a statement)
    """Turn procrastinate's errors into one line."""

    def __enter__(self) -> None:
        """Nothing."""

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: object) -> None:
        from procrastinate.exceptions import ConnectorException

        if isinstance(error, ConnectorException):
            cause = error.__cause__ or error
            said = str(cause).strip().splitlines()
            raise StorageError(
                f"the task queue does not answer: {said[0] if said else type(cause).__name__}"
            ) from error
