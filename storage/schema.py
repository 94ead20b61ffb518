"""The tables, the same on both engines.

Append-only, held by triggers (``storage.guard``): ``heads``, ``bodies``, ``snapshots``, ``headings``, ``verdicts``,
``versions``, ``events``, ``pages``, ``timestamps``, ``alerts``. What moves lives apart: ``sources`` (the state of each
source, with the run of checks that goes on), ``ledger`` (runs that ended), the outbox (``deliveries``, ``letters``,
``channels``), and what is worked out and can be made anew: ``signatures`` (what a search passes over), ``memories``.
A ``mark`` covers every column of its row (``storage.marks``).

Nothing is kept twice that follows from what is kept: the time of capture is its snapshot's; the last check that saw a
wording is where the window of the next begins, or the last good check; the run of checks that a version began, where
nothing else came between it and the next, is two times that are kept anyway and a number of looks, which stands with
the next version. So a healthy source costs no ledger row at all, however often it is checked and changes. And the event of
a new version, as a check writes it, says what the version says: it names it, and leaves all else out.

What many rows share is kept once and referred to by key: how an address answered in ``heads``, reader and title in
``headings``, what was made of a change in ``verdicts``.

Times are microseconds since 1970 UTC. Digests are 32 bytes. Sources are referred to by a small integer key.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Final

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Dialect,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    SmallInteger,
    Table,
    Text,
    case,
    false,
    func,
    literal_column,
)
from sqlalchemy.types import TypeDecorator

REVISION: Final = "0013"
"""The Alembic revision this program works with."""
KNOWN_REVISIONS: Final = ("0001", "0005", "0006", "0007", "0008", "0009", "0010", "0011", "0012", "0013")

BY_HAND: Final = {
    "sources_due": "CREATE INDEX sources_due ON sources "
    "((CASE WHEN (lease_until > next_check) THEN lease_until ELSE next_check END)) WHERE retired_at IS NULL",
    "bodies_prefix": "CREATE INDEX bodies_prefix ON bodies (substr(digest, 1, 3))",
    "letters_due": "CREATE INDEX letters_due ON letters (due) WHERE state = 'waiting'",
    "deliveries_due": "CREATE INDEX deliveries_due ON deliveries (due) WHERE letter IS NULL AND fate IS NULL",
    "versions_pruned": "CREATE INDEX versions_pruned ON versions (source) WHERE length(packed) = 0",
}
"""Indexes that are not among the tables below: a partial one there makes SQLAlchemy load both engines at every start
(35 ms). The first two are over the expressions :data:`DUE` and :data:`BODY_PREFIX`, the last where :data:`PRUNED` holds,
which a query must write in the same way.
"""

EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND: Final = timedelta(microseconds=1)


class Moment(TypeDecorator[datetime]):
    """An aware time, kept as microseconds since 1970 UTC: small, sortable, and the same on both engines.

    Naive times are refused: SQLite through SQLAlchemy would silently drop an offset.
    """

    impl = BigInteger
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> int | None:  # noqa: ARG002
        """To microseconds. ``ValueError`` for a naive time."""
        return None if value is None else microseconds(value)

    def process_result_value(self, value: int | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002
        """To an aware UTC time."""
        return None if value is None else EPOCH + value * MICROSECOND


def microseconds(moment: datetime) -> int:
    """Microseconds since 1970 UTC of an aware time. ``ValueError`` for a naive one."""
    if moment.tzinfo is None:
        raise ValueError("a time without a zone cannot be stored")
    return (moment - EPOCH) // MICROSECOND


# SQLite gives only INTEGER PRIMARY KEY columns its cheap row ids; PostgreSQL should count beyond 2^31.
Counter = BigInteger().with_variant(Integer, "sqlite")

metadata = MetaData()

sources = Table(
    "sources",
    metadata,
    Column("key", Integer, primary_key=True, autoincrement=True),
    Column("id", Text, nullable=False, unique=True),
    Column("url", Text, nullable=False),
    Column("series", Text),
    Column("tags", Text, nullable=False, server_default=""),  # one a line
    Column("baseline", Text),
    Column("declared_at", Moment, nullable=False),
    Column("retired_at", Moment),
    # when to look, and who is looking
    Column("next_check", Moment),
    Column("lease_until", Moment),
    Column("lease_owner", Text),
    # what the next check is compared with
    Column("etag", Text),
    Column("last_modified", Text),
    Column("final_url", Text),
    Column("number", Integer),
    Column("digest", LargeBinary),
    Column("length", Integer, nullable=False, server_default="0"),
    Column("reader", Text),
    Column("snapshot", Counter),
    Column("chain", LargeBinary),
    # how it goes
    Column("first_seen", Moment),
    Column("last_good", Moment),
    Column("last_change", Moment),
    Column("last_check", Moment),
    Column("last_outcome", Text),
    Column("last_error", Text),
    Column("failures", Integer, nullable=False, server_default="0"),
    Column("failing_since", Moment),
    Column("failing", Boolean, nullable=False, server_default=false()),
    Column("gone", Boolean, nullable=False, server_default=false()),
    Column("suspicion", Text),
    # the run of checks that goes on: of its latest version, up to its last check
    Column("sealed_as", Text),  # the id sealed into its chain, where it was renamed since
    Column("run_outcome", Text),
    Column("run_first", Moment),
    Column("run_count", Integer, nullable=False, server_default="0"),
    # the marks of its captures, of its events, of the alerts about them, each chained (storage.marks)
    Column("held", LargeBinary),
    Column("told", LargeBinary),
    Column("sent", LargeBinary),
)
DUE: Final = case((sources.c.lease_until > sources.c.next_check, sources.c.lease_until), else_=sources.c.next_check)
"""From when a source may be claimed: at its due time, or when the lease ends under which it is being looked at.

The index is on this and not on the due time, so that what is leased does not stand in front of what is not.
"""
bodies = Table(
    "bodies",
    metadata,
    Column("key", Counter, primary_key=True, autoincrement=True),
    Column("digest", LargeBinary, nullable=False),
    Column("size", Integer, nullable=False),
    # The dictionary of this one: the body `base`, then the text of version `number` of `source`; either may be none.
    Column("base", Counter, ForeignKey("bodies.key")),
    Column("source", Integer),
    Column("number", Integer),
    Column("depth", SmallInteger, nullable=False),  # bodies back to one without a base
    Column("packed", LargeBinary, nullable=False),  # empty: pruned
)
PREFIX_BYTES: Final = 3
"""How much of a digest is in the index: enough to leave one candidate among millions, or two; a quarter of the size."""
BODY_PREFIX: Final = func.substr(bodies.c.digest, literal_column("1"), literal_column(str(PREFIX_BYTES)))

heads = Table(
    "heads",  # how addresses answered; the headers of later answers are kept as a difference from the ones here
    metadata,
    Column("key", Counter, primary_key=True, autoincrement=True),
    Column("url", Text, nullable=False),
    Column("final_url", Text),  # where it is not the url
    Column("status", SmallInteger),
    Column("redirects", Text),  # one a line
    Column("packed", LargeBinary, nullable=False),
)

snapshots = Table(
    "snapshots",
    metadata,
    Column("number", Counter, primary_key=True, autoincrement=True),
    Column("source", Integer, ForeignKey("sources.key"), nullable=False),
    Column("head", Counter, ForeignKey("heads.key"), nullable=False),
    Column("fetched_at", Moment, nullable=False),
    Column("headers", LargeBinary),  # packed with those of the head as dictionary; none: they are the same
    Column("body", Counter, ForeignKey("bodies.key"), nullable=False),
    Column("doubt", Text),  # why it did not become a version
    Column("mark", LargeBinary),
)

headings = Table(
    "headings",  # title, printed date, and the reader that told them from the text: most versions of a source share one
    metadata,
    Column("key", Counter, primary_key=True, autoincrement=True),
    Column("title", Text),
    Column("published", Text),
    Column("reader", Text, nullable=False),
)

verdicts = Table(
    "verdicts",  # what was made of a version when it was kept: most share one
    metadata,
    Column("key", Counter, primary_key=True, autoincrement=True),
    Column("outcome", Text, nullable=False),  # of the check that kept it
    Column("severity", SmallInteger),
    Column("silent", Boolean, nullable=False),
    Column("reread", Boolean, nullable=False),
    Column("differ", Text),
    Column("kinds", Text),  # of its edits, with commas between
)

versions = Table(
    "versions",
    metadata,
    # In the order of writing, so that pages fill up: by source and number, a third of every page would stand empty.
    Column("key", Counter, primary_key=True, autoincrement=True),
    Column("source", Integer, ForeignKey("sources.key"), nullable=False),
    Column("number", Integer, nullable=False),
    Column("digest", LargeBinary, nullable=False),
    Column("heading", Counter, ForeignKey("headings.key"), nullable=False),
    Column("verdict", Counter, ForeignKey("verdicts.key"), nullable=False),
    Column("back", SmallInteger, nullable=False),  # how many versions before it its dictionary stands; 0: it has none
    Column("packed", LargeBinary, nullable=False),  # empty: pruned
    Column("snapshot", Counter, ForeignKey("snapshots.number"), nullable=False),
    Column("imported", Moment),
    Column("after", Moment),  # the window: after it was last seen, the old wording stood no more
    Column("before", Moment),  # the end of the window, where that is not the time of the snapshot
    Column("looks", Integer),  # how many checks in a row saw the version before, up to this one; none: see the ledger
    Column("chain", LargeBinary, nullable=False),
    Column("mark", LargeBinary),
)
Index("versions_number", versions.c.source, versions.c.number, unique=True)
PRUNED: Final = func.length(versions.c.packed) == literal_column("0")
"""Whether a version has left a tombstone."""

ledger = Table(
    "ledger",  # runs of checks that ended, but for those that lie between two versions
    metadata,
    Column("number", Counter, primary_key=True, autoincrement=True),
    Column("source", Integer, ForeignKey("sources.key"), nullable=False),
    Column("outcome", Text, nullable=False),
    Column("first", Moment, nullable=False),
    Column("last", Moment, nullable=False),
    Column("count", Integer, nullable=False),
    Column("version", Integer),
    Column("error", Text),
    Column("runs", Integer, nullable=False, server_default="1"),  # more than one: folded, others came between
)
Index("ledger_source", ledger.c.source, ledger.c.version)

signatures = Table(
    "signatures",  # which strings may stand in the texts of a source: never evidence, made anew at any time
    metadata,
    Column("source", Integer, ForeignKey("sources.key"), primary_key=True, autoincrement=False),
    Column("layer", SmallInteger, primary_key=True, autoincrement=False),
    Column("method", Text, nullable=False),
    Column("count", Integer, nullable=False),
    Column("bits", LargeBinary, nullable=False),
)

events = Table(
    "events",
    metadata,
    Column("number", Counter, primary_key=True, autoincrement=True),
    Column("source", Integer, ForeignKey("sources.key"), nullable=False),
    # None: it is the event of its version, and says no more than that. Kind, time, window, severity and silence are then the
    # version's, and none of these columns is filled; ``storage.queries.telling`` puts them in.
    Column("kind", Text),
    Column("at", Moment),
    Column("version", Integer),
    Column("severity", SmallInteger),
    Column("silent", Boolean),
    Column("after", Moment),
    Column("before", Moment),
    Column("detail", Text),
    Column("mark", LargeBinary),
)
Index("events_source", events.c.source)

timestamps = Table(
    "timestamps",  # append-only: what a time-stamping authority has signed
    metadata,
    Column("number", Counter, primary_key=True, autoincrement=True),
    Column("at", Moment, nullable=False),  # by the authority's clock
    Column("authority", Text, nullable=False),
    Column("heads", LargeBinary, nullable=False),  # packed: the leaves of the tree, one a line
    Column("token", LargeBinary, nullable=False),  # the authority's answer, DER
    Column("mark", LargeBinary),
)

found = Table(
    "found",  # the sources that listings named
    metadata,
    Column("source", Integer, ForeignKey("sources.key"), primary_key=True, autoincrement=False),
    Column("listing", Integer, ForeignKey("sources.key"), nullable=False),
    Column("url", Text, nullable=False),
    Column("title", Text),
    Column("published_at", Moment),
    Column("stamp", Text),
    Column("kept_stamp", Text),
    Column("first_listed", Moment, nullable=False),
    Column("missing_since", Moment),
)
Index("found_listing", found.c.listing)

pages = Table(
    "pages",  # the further pages of a snapshot that is one text on several pages
    metadata,
    Column("first", Counter, ForeignKey("snapshots.number"), primary_key=True, autoincrement=False),
    Column("place", SmallInteger, primary_key=True, autoincrement=False),
    Column("snapshot", Counter, ForeignKey("snapshots.number"), nullable=False),
)

alerts = Table(
    "alerts",  # append-only: what was told, and the chain head that each mailbox was given
    metadata,
    Column("key", Counter, primary_key=True, autoincrement=True),
    Column("id", Text, nullable=False, unique=True),
    Column("event", Counter, ForeignKey("events.number"), nullable=False),
    Column("source", Integer, ForeignKey("sources.key"), nullable=False),
    Column("chain", LargeBinary),
    Column("mark", LargeBinary),
)

letters = Table(
    "letters",  # what is sent as one: an alert, or several
    metadata,
    Column("key", Counter, primary_key=True, autoincrement=True),
    Column("id", Text, nullable=False, unique=True),
    Column("channel", Text, nullable=False),
    Column("source", Integer, ForeignKey("sources.key")),  # of a letter about one alert
    Column("thread", Text),
    Column("digest", Boolean, nullable=False),
    Column("made_at", Moment, nullable=False),
    Column("state", Text, nullable=False),
    Column("due", Moment),
    Column("lease_until", Moment),
    Column("lease_owner", Text),
    Column("attempts", Integer, nullable=False, server_default="0"),
    Column("first_at", Moment),  # the first attempt, the last one, the one that was taken
    Column("last_at", Moment),
    Column("sent_at", Moment),
    Column("error", Text),
    Column("left_to", Text),  # JSON: the recipients that refused it while others took it
)
Index("letters_channel", letters.c.channel, letters.c.source, letters.c.made_at)

deliveries = Table(
    "deliveries",  # an alert on its way to a channel; without a letter it waits for one
    metadata,
    Column("key", Counter, primary_key=True, autoincrement=True),
    Column("alert", Counter, ForeignKey("alerts.key"), nullable=False),
    Column("channel", Text, nullable=False),
    Column("due", Moment, nullable=False),
    Column("held", Boolean, nullable=False, server_default=false()),
    Column("letter", Counter, ForeignKey("letters.key")),
    Column("fate", Text),  # "counted" only, or "dropped": over before it could be told
)
Index("deliveries_alert", deliveries.c.alert, deliveries.c.channel, unique=True)
Index("deliveries_letter", deliveries.c.letter)

channels = Table(
    "channels",  # what is known of a channel beside its configuration; its row is locked while letters are made
    metadata,
    Column("name", Text, primary_key=True),
    Column("told_as", Text, nullable=False),  # a digest of the configuration, without its secrets
    Column("stopped_at", Moment),
    Column("stopped_why", Text),
)

memories = Table(
    "memories",  # derived, no evidence: what storage/memories.py keeps, and may lose at any time
    metadata,
    Column("subject", Text, primary_key=True),
    Column("number", Integer, nullable=False),  # the version up to which it stands
    Column("made_of", LargeBinary, nullable=False),
    Column("made_by", Text, nullable=False),
    Column("packed", LargeBinary, nullable=False),
    Column("seal", LargeBinary, nullable=False),
)
