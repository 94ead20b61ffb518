"""Smaller rows: what follows from other rows is left out, what many rows share is kept once. The chain stays as it is.

Every text, body and header is moved as it stands (but for four bytes of zstd's magic number, which stood before each).
The scripts of changes go: they follow from the two texts. The runs of checks between two versions go into the version
that ended them; the one that goes on goes into the columns of its source.
"""

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import sqlalchemy as sa
import zstandard
from alembic import op

from storage.errors import IntegrityError

revision = "0009"
down_revision = "0008"

counter = sa.BigInteger().with_variant(sa.Integer, "sqlite")
moment = sa.BigInteger

MOVED = ("bodies", "snapshots", "headings", "versions")
MADE = ("heads", "verdicts")
BEGINNERS = "('new', 'changed', 'cosmetic', 'reread')"


def upgrade() -> None:
    require_derivable()
    create()
    op.execute(
        "INSERT INTO new_bodies (key, digest, size, base, depth, packed) "
        "SELECT key, digest, size, base, depth, substr(packed, 5) FROM bodies ORDER BY key"
    )
    move_snapshots()
    move_headings()
    move_ledger_into_versions()
    move_sources()
    replace()
    for statement in append_only(op.get_bind().dialect.name):
        op.execute(statement)


def require_derivable() -> None:
    """The time of capture is left out because it is its snapshot's."""
    odd = op.get_bind().exec_driver_sql(
        "SELECT o.id, v.number FROM versions v JOIN snapshots s ON s.number = v.snapshot "
        "JOIN sources o ON o.key = v.source WHERE v.captured <> s.fetched_at LIMIT 1"
    )
    if (found := odd.first()) is not None:
        raise IntegrityError(
            f"{found[0]}@{found[1]}: its time of capture is not that of its snapshot; nothing was changed",
            hint="`variorum verify` of the version that wrote this archive says more.",
        )


def create() -> None:
    op.create_table(
        "heads",
        sa.Column("key", counter, primary_key=True, autoincrement=True),
        sa.Column("url", sa.Text, nullable=False),
        sa.Column("final_url", sa.Text),
        sa.Column("status", sa.SmallInteger),
        sa.Column("redirects", sa.Text),
        sa.Column("packed", sa.LargeBinary, nullable=False),
    )
    op.create_table(
        "new_headings",
        sa.Column("key", counter, primary_key=True, autoincrement=True),
        sa.Column("title", sa.Text),
        sa.Column("published", sa.Text),
        sa.Column("reader", sa.Text, nullable=False),
    )
    op.create_table(
        "verdicts",
        sa.Column("key", counter, primary_key=True, autoincrement=True),
        sa.Column("outcome", sa.Text, nullable=False),
        sa.Column("severity", sa.SmallInteger),
        sa.Column("silent", sa.Boolean, nullable=False),
        sa.Column("reread", sa.Boolean, nullable=False),
        sa.Column("differ", sa.Text),
        sa.Column("kinds", sa.Text),
    )
    op.create_table(
        "new_bodies",
        sa.Column("key", counter, primary_key=True, autoincrement=True),
        sa.Column("digest", sa.LargeBinary, nullable=False),
        sa.Column("size", sa.Integer, nullable=False),
        sa.Column("base", counter, sa.ForeignKey("new_bodies.key")),
        sa.Column("source", sa.Integer),
        sa.Column("number", sa.Integer),
        sa.Column("depth", sa.SmallInteger, nullable=False),
        sa.Column("packed", sa.LargeBinary, nullable=False),
    )
    op.create_table(
        "new_snapshots",
        sa.Column("number", counter, primary_key=True, autoincrement=True),
        sa.Column("source", sa.Integer, sa.ForeignKey("sources.key"), nullable=False),
        sa.Column("head", counter, sa.ForeignKey("heads.key"), nullable=False),
        sa.Column("fetched_at", moment, nullable=False),
        sa.Column("headers", sa.LargeBinary),
        sa.Column("body", counter, sa.ForeignKey("new_bodies.key"), nullable=False),
        sa.Column("doubt", sa.Text),
    )
    op.create_table(
        "new_versions",
        sa.Column("key", counter, primary_key=True, autoincrement=True),
        sa.Column("source", sa.Integer, sa.ForeignKey("sources.key"), nullable=False),
        sa.Column("number", sa.Integer, nullable=False),
        sa.Column("digest", sa.LargeBinary, nullable=False),
        sa.Column("heading", counter, sa.ForeignKey("new_headings.key"), nullable=False),
        sa.Column("verdict", counter, sa.ForeignKey("verdicts.key"), nullable=False),
        sa.Column("back", sa.SmallInteger, nullable=False),
        sa.Column("packed", sa.LargeBinary, nullable=False),
        sa.Column("snapshot", counter, sa.ForeignKey("new_snapshots.number"), nullable=False),
        sa.Column("imported", moment),
        sa.Column("after", moment),
        sa.Column("before", moment),
        sa.Column("looks", sa.Integer),
        sa.Column("chain", sa.LargeBinary, nullable=False),
    )
    op.create_table(
        "signatures",
        sa.Column("source", sa.Integer, sa.ForeignKey("sources.key"), primary_key=True, autoincrement=False),
        sa.Column("layer", sa.SmallInteger, primary_key=True, autoincrement=False),
        sa.Column("method", sa.Text, nullable=False),
        sa.Column("count", sa.Integer, nullable=False),
        sa.Column("bits", sa.LargeBinary, nullable=False),
    )


SNAPSHOT = ("number", "source", "url", "final_url", "status", "fetched_at", "redirects", "headers", "body", "doubt")
ANSWER = ("url", "final_url", "status", "redirects")


def move_snapshots() -> None:
    """Headers become a difference from the first ones of their source, while they are like them."""
    connection = op.get_bind()
    old = sa.table("snapshots", *map(sa.column, SNAPSHOT))
    new = sa.table("new_snapshots", *map(sa.column, ("head", *SNAPSHOT)))
    heads = sa.table("heads", *map(sa.column, ("key", *ANSWER, "packed")))
    near: dict[int, tuple[int, tuple[object, ...], bytes]] = {}
    last = newest = 0
    while rows := connection.execute(sa.select(old).where(old.c.number > last).order_by(old.c.number).limit(500)).all():
        made = []
        for row in rows:
            plain = zstandard.ZstdDecompressor().decompress(row.headers)
            answer = tuple(getattr(row, name) for name in ANSWER)
            head, known, base = near.get(row.source, (0, (), b""))
            packed = small(plain, base + http_date(row.fetched_at)) if known == answer and base != plain else None
            if known != answer or (packed is not None and len(packed) >= len(row.headers) // 2):
                head, packed = (newest := newest + 1), None
                near[row.source] = (head, answer, plain)
                values = dict(zip(ANSWER, answer, strict=True))
                connection.execute(sa.insert(heads).values(key=head, packed=bytes(row.headers)[4:], **values))
            kept = {name: getattr(row, name) for name in ("number", "source", "fetched_at", "body", "doubt")}
            made.append({**kept, "head": head, "headers": packed})
        connection.execute(sa.insert(new), made)
        last = rows[-1].number


def http_date(microseconds: int) -> bytes:
    moment = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=microseconds)
    return format_datetime(moment, usegmt=True).encode()


def move_headings() -> None:
    op.execute(
        "CREATE TABLE read_headings AS SELECT row_number() OVER (ORDER BY heading, reader) AS key, heading, reader "
        "FROM (SELECT DISTINCT heading, reader FROM versions) AS pairs"
    )
    op.execute(
        "INSERT INTO new_headings (key, title, published, reader) SELECT r.key, h.title, h.published, r.reader "
        "FROM read_headings r JOIN headings h ON h.key = r.heading ORDER BY r.key"
    )


def small(plain: bytes, base: bytes) -> bytes:
    params = zstandard.ZstdCompressionParameters.from_level(
        6,
        source_size=len(plain),
        dict_size=len(base),
        format=zstandard.FORMAT_ZSTD1_MAGICLESS,
        write_content_size=True,
        write_checksum=False,
        write_dict_id=False,
    )
    dictionary = zstandard.ZstdCompressionDict(base, dict_type=zstandard.DICT_TYPE_RAWCONTENT)
    return zstandard.ZstdCompressor(dict_data=dictionary, compression_params=params).compress(plain)


def move_ledger_into_versions() -> None:
    # A run that a version began is ended by the next version when it is the last one of its version; it lasted until
    # the window of the next one begins (or no time at all, after a reread).
    op.execute(
        "CREATE TABLE between_versions AS SELECT l.number AS run, v.source, v.number, l.count AS looks "  # noqa: S608
        "FROM ledger l JOIN versions v ON v.source = l.source AND v.number = l.version + 1 "
        "JOIN versions p ON p.source = l.source AND p.number = l.version "
        f"WHERE l.outcome IN {BEGINNERS} AND l.first = p.before AND (l.last = v.after OR l.last = p.before) "
        "AND NOT EXISTS (SELECT 1 FROM ledger o WHERE o.source = l.source AND o.version = l.version "
        "AND o.number > l.number) "
        "AND NOT EXISTS (SELECT 1 FROM sources s WHERE s.key = l.source AND s.run = l.number)"
    )
    op.execute("CREATE INDEX between_versions_number ON between_versions (source, number)")
    # What a version is told to be where no run says so.
    told = (
        "coalesce((SELECT l.outcome FROM ledger l WHERE l.source = v.source AND l.version = v.number "  # noqa: S608
        f"AND l.outcome IN {BEGINNERS} AND l.first = v.before ORDER BY l.number LIMIT 1), "
        "CASE WHEN v.reread THEN 'reread' WHEN v.number = 1 THEN 'new' WHEN v.severity = 1 THEN 'cosmetic' "
        "ELSE 'changed' END)"
    )
    op.execute(f"CREATE TABLE told_versions AS SELECT v.source, v.number, {told} AS outcome FROM versions v")  # noqa: S608
    op.execute("CREATE INDEX told_versions_number ON told_versions (source, number)")
    op.execute(
        "INSERT INTO verdicts (outcome, severity, silent, reread, differ, kinds) "
        "SELECT DISTINCT t.outcome, v.severity, v.silent, v.reread, v.differ, v.kinds "
        "FROM versions v JOIN told_versions t ON t.source = v.source AND t.number = v.number"
    )
    op.execute(
        "INSERT INTO new_versions (source, number, digest, heading, verdict, back, packed, snapshot, imported, after, "
        "before, looks, chain) "
        "SELECT v.source, v.number, v.digest, r.key, d.key, CASE WHEN v.depth = 0 THEN 0 ELSE 1 END, "
        "substr(v.packed, 5), v.snapshot, v.imported, v.after, "
        "CASE WHEN v.before = s.fetched_at THEN NULL ELSE v.before END, b.looks, v.chain "
        "FROM versions v JOIN snapshots s ON s.number = v.snapshot "
        "JOIN read_headings r ON r.heading = v.heading AND r.reader = v.reader "
        "JOIN told_versions t ON t.source = v.source AND t.number = v.number "
        "JOIN verdicts d ON d.outcome = t.outcome AND coalesce(d.severity, 0) = coalesce(v.severity, 0) "
        "AND d.silent = v.silent AND d.reread = v.reread AND coalesce(d.differ, '') = coalesce(v.differ, '') "
        "AND coalesce(d.kinds, '') = coalesce(v.kinds, '') "
        "LEFT JOIN between_versions b ON b.source = v.source AND b.number = v.number "
        "ORDER BY v.snapshot, v.source, v.number"
    )
    op.execute("DROP TABLE told_versions")
    op.execute("DROP TABLE read_headings")
    op.execute("DELETE FROM ledger WHERE number IN (SELECT run FROM between_versions)")
    op.execute("DROP TABLE between_versions")
    op.add_column("ledger", sa.Column("runs", sa.Integer, nullable=False, server_default="1"))


def move_sources() -> None:
    op.add_column("sources", sa.Column("run_outcome", sa.Text))
    op.add_column("sources", sa.Column("run_first", moment))
    op.add_column("sources", sa.Column("run_count", sa.Integer, nullable=False, server_default="0"))
    op.execute(
        "UPDATE sources SET run_outcome = l.outcome, run_first = l.first, run_count = l.count FROM ledger l "
        "WHERE l.number = sources.run"
    )
    op.execute(
        "DELETE FROM ledger WHERE EXISTS (SELECT 1 FROM sources s WHERE s.key = ledger.source AND s.run = ledger.number)"
    )
    op.drop_column("sources", "run")
    op.drop_index("sources_due", "sources")
    op.execute(
        "CREATE INDEX sources_due ON sources ((CASE WHEN (lease_until > next_check) THEN lease_until ELSE next_check END)) WHERE retired_at IS NULL"
    )


def replace() -> None:
    """Put the new tables in the place of the old ones. On SQLite foreign keys are off meanwhile, and checked after."""
    connection = op.get_bind()
    postgresql = connection.dialect.name == "postgresql"
    for table in reversed(MOVED):
        op.execute(f"DROP TABLE {table}" + (" CASCADE" if postgresql else ""))
    for table in MOVED:
        op.rename_table(f"new_{table}", table)
    if postgresql:
        for column in ("first", "snapshot"):
            op.create_foreign_key(f"pages_{column}_fkey", "pages", "snapshots", [column], ["number"])
        # Rows came with their numbers: the counters go on after them.
        for table, column in (("bodies", "key"), ("snapshots", "number"), ("heads", "key"), ("headings", "key")):
            op.execute(
                f"SELECT setval(pg_get_serial_sequence('{table}', '{column}'), "  # noqa: S608
                f"coalesce((SELECT max({column}) FROM {table}), 0) + 1, false)"
            )
    op.execute("CREATE INDEX bodies_prefix ON bodies (substr(digest, 1, 4))")
    op.create_index("versions_number", "versions", ["source", "number"], unique=True)


def append_only(dialect: str) -> list[str]:
    """PostgreSQL's function is the first schema's."""
    tables = (*MADE, *MOVED)
    if dialect == "sqlite":
        return [
            f"CREATE TRIGGER {table}_no_{verb.lower()} BEFORE {verb} ON {table} "
            f"BEGIN SELECT RAISE(ABORT, '{table} is append-only'); END"
            for table in tables
            for verb in ("UPDATE", "DELETE")
        ]
    return [
        f"CREATE TRIGGER {table}_{name} BEFORE {verb} ON {table} FOR EACH {each} EXECUTE FUNCTION refuse_change()"
        for table in tables
        for name, verb, each in (("append_only", "UPDATE OR DELETE", "ROW"), ("no_truncate", "TRUNCATE", "STATEMENT"))
    ]
