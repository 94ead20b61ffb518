"""The tables, the same on both engines.

Append-only, held by triggers that the migrations make: ``bodies``, ``snapshots``, ``headings``, ``versions``,
``events``, ``timestamps``, ``pages``, ``alerts``. What moves lives apart: ``sources`` (the state of each source),
``ledger`` (runs of checks), and the outbox (``deliveries``, ``letters``, ``channels``). So ``last_seen`` of a version is
not on its row: it is the end of the ledger's runs that saw it.

A ledger run that a ``new``, ``changed`` or ``cosmetic`` check began goes on with the ``unchanged`` and ``not-modified``
checks after it: they all saw the same version. So a healthy source costs one row a version, however often it is checked.

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
    false,
)
from sqlalchemy.types import TypeDecorator

REVISION: Final = "0011"
"""The Alembic revision this program works with."""
KNOWN_REVISIONS: Final = ("0001", "0005", "0006", "0007", "0008", "0011")

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
    Column("run", Counter),  # the ledger run that is open
    Column("sealed_as", Text),  # the id sealed into its chain, where it was renamed since
)
Index(
    "sources_due",
    sources.c.next_check,
    sqlite_where=sources.c.retired_at.is_(None),
    postgresql_where=sources.c.retired_at.is_(None),
)

bodies = Table(
    "bodies",
    metadata,
    Column("key", Counter, primary_key=True, autoincrement=True),
    Column("digest", LargeBinary, nullable=False, unique=True),
    Column("size", Integer, nullable=False),
    Column("base", Counter, ForeignKey("bodies.key")),  # the body that is the dictionary of this one
    Column("depth", SmallInteger, nullable=False),
    Column("packed", LargeBinary, nullable=False),
)

snapshots = Table(
    "snapshots",
    metadata,
    Column("number", Counter, primary_key=True, autoincrement=True),
    Column("source", Integer, ForeignKey("sources.key"), nullable=False),
    Column("url", Text, nullable=False),
    Column("final_url", Text),  # where it is not the url
    Column("status", SmallInteger),
    Column("fetched_at", Moment, nullable=False),
    Column("redirects", Text),  # one a line
    Column("headers", LargeBinary, nullable=False),
    Column("body", Counter, ForeignKey("bodies.key"), nullable=False),
    Column("doubt", Text),  # why it did not become a version
)

headings = Table(
    "headings",  # title and printed date: most versions of a source share one
    metadata,
    Column("key", Counter, primary_key=True, autoincrement=True),
    Column("title", Text),
    Column("published", Text),
)

versions = Table(
    "versions",
    metadata,
    Column("source", Integer, ForeignKey("sources.key"), primary_key=True),
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("digest", LargeBinary, nullable=False),
    Column("heading", Counter, ForeignKey("headings.key"), nullable=False),
    Column("depth", SmallInteger, nullable=False),  # links back to a full text; 0 is one
    Column("packed", LargeBinary, nullable=False),
    Column("snapshot", Counter, ForeignKey("snapshots.number"), nullable=False),
    Column("reader", Text, nullable=False),
    Column("captured", Moment, nullable=False),
    Column("imported", Moment),
    Column("after", Moment),  # the window: before it, the old wording was seen
    Column("before", Moment, nullable=False),
    Column("severity", SmallInteger),
    Column("silent", Boolean, nullable=False),
    Column("reread", Boolean, nullable=False),
    Column("differ", Text),
    Column("kinds", Text),
    Column("script", LargeBinary),  # packed with the text as dictionary
    Column("chain", LargeBinary, nullable=False),
)

ledger = Table(
    "ledger",
    metadata,
    Column("number", Counter, primary_key=True, autoincrement=True),
    Column("source", Integer, ForeignKey("sources.key"), nullable=False),
    Column("outcome", Text, nullable=False),
    Column("first", Moment, nullable=False),
    Column("last", Moment, nullable=False),
    Column("count", Integer, nullable=False),
    Column("version", Integer),
    Column("error", Text),
)
Index("ledger_source", ledger.c.source, ledger.c.version)

events = Table(
    "events",
    metadata,
    Column("number", Counter, primary_key=True, autoincrement=True),
    Column("source", Integer, ForeignKey("sources.key"), nullable=False),
    Column("kind", Text, nullable=False),
    Column("at", Moment, nullable=False),
    Column("version", Integer),
    Column("severity", SmallInteger),
    Column("silent", Boolean, nullable=False),
    Column("after", Moment),
    Column("before", Moment),
    Column("detail", Text),
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
Index(
    "letters_due",
    letters.c.due,
    sqlite_where=letters.c.state == "waiting",
    postgresql_where=letters.c.state == "waiting",
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
Index(
    "deliveries_due",
    deliveries.c.due,
    sqlite_where=deliveries.c.letter.is_(None) & deliveries.c.fate.is_(None),
    postgresql_where=deliveries.c.letter.is_(None) & deliveries.c.fate.is_(None),
)

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
