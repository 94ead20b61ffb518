"""Smaller rows: what follows from other rows is left out, what many rows share is kept once. The chain stays as it is.

Every text, body and header is moved as it stands (but for four bytes of zstd's magic number, which stood before each).
The scripts of changes go: they follow from the two texts. The runs of checks between two versions go into the version
that ended them; the one that goes on goes into the columns of its source.
"""

import sqlalchemy as sa
import zstandard
from alembic import op

revision = "0009"
down_revision = "0007"

counter = sa.BigInteger().with_variant(sa.Integer, "sqlite")
moment = sa.BigInteger

MOVED = ("bodies", "snapshots", "versions")
BEGINNERS = "('new', 'changed', 'cosmetic', 'reread')"


def upgrade() -> None:
    require_derivable()
    create()
    fill_names()
    op.execute(
        "INSERT INTO new_bodies (key, digest, size, base, depth, packed) "
        "SELECT key, digest, size, base, depth, substr(packed, 5) FROM bodies ORDER BY key"
    )
    move_snapshots()
    move_ledger_into_versions()
    move_sources()
    replace()
    op.execute(
        "DELETE FROM names WHERE key NOT IN (SELECT url FROM snapshots UNION SELECT final_url FROM snapshots "
        "WHERE final_url IS NOT NULL UNION SELECT reader FROM versions UNION SELECT outcome FROM versions "
        "UNION SELECT judged FROM versions WHERE judged IS NOT NULL)"
    )
    for statement in append_only(op.get_bind().dialect.name):
        op.execute(statement)


def require_derivable() -> None:
    """The time of capture is left out because it is its snapshot's."""
    odd = "SELECT count(*) FROM versions v JOIN snapshots s ON s.number = v.snapshot WHERE v.captured <> s.fetched_at"
    if op.get_bind().exec_driver_sql(odd).scalar():
        raise RuntimeError("versions and their snapshots disagree on the time of capture; nothing was changed")


def create() -> None:
    op.create_table(
        "names",
        sa.Column("key", counter, primary_key=True, autoincrement=True),
        sa.Column("name", sa.Text, nullable=False, unique=True),
    )
    op.create_table(
        "heads",
        sa.Column("key", counter, primary_key=True, autoincrement=True),
        sa.Column("packed", sa.LargeBinary, nullable=False),
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
        sa.Column("url", counter, sa.ForeignKey("names.key"), nullable=False),
        sa.Column("final_url", counter, sa.ForeignKey("names.key")),
        sa.Column("status", sa.SmallInteger),
        sa.Column("fetched_at", moment, nullable=False),
        sa.Column("redirects", sa.Text),
        sa.Column("head", counter, sa.ForeignKey("heads.key"), nullable=False),
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
        sa.Column("heading", counter, sa.ForeignKey("headings.key"), nullable=False),
        sa.Column("back", sa.SmallInteger, nullable=False),
        sa.Column("packed", sa.LargeBinary, nullable=False),
        sa.Column("snapshot", counter, sa.ForeignKey("new_snapshots.number"), nullable=False),
        sa.Column("reader", counter, sa.ForeignKey("names.key"), nullable=False),
        sa.Column("imported", moment),
        sa.Column("after", moment),
        sa.Column("before", moment),
        sa.Column("severity", sa.SmallInteger),
        sa.Column("silent", sa.Boolean, nullable=False),
        sa.Column("reread", sa.Boolean, nullable=False),
        sa.Column("judged", counter, sa.ForeignKey("names.key")),
        sa.Column("outcome", counter, sa.ForeignKey("names.key"), nullable=False),
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


def fill_names() -> None:
    op.execute(
        "INSERT INTO names (name) "
        "SELECT url FROM snapshots UNION SELECT final_url FROM snapshots WHERE final_url IS NOT NULL "
        "UNION SELECT reader FROM versions UNION SELECT differ || ': ' || kinds FROM versions WHERE differ IS NOT NULL "
        "UNION SELECT outcome FROM ledger UNION SELECT 'new' UNION SELECT 'changed' UNION SELECT 'cosmetic' "
        "UNION SELECT 'reread'"
    )


def move_snapshots() -> None:
    """Headers become a difference from the first ones of their source, while they are like them."""
    connection = op.get_bind()
    keys = {row.name: row.key for row in connection.execute(sa.text("SELECT name, key FROM names"))}
    old, new = (sa.table(name, *map(sa.column, SNAPSHOT)) for name in ("snapshots", "new_snapshots"))
    heads = sa.table("heads", sa.column("key"), sa.column("packed"))
    near: dict[int, tuple[int, bytes]] = {}
    newest = last = 0
    while rows := connection.execute(sa.select(old).where(old.c.number > last).order_by(old.c.number).limit(500)).all():
        made = []
        for row in rows:
            plain = zstandard.ZstdDecompressor().decompress(row.headers)
            head, packed = near.get(row.source, (0, b"")), None
            if not head[0] or head[1] != plain:
                packed = small(plain, head[1]) if head[0] else None
                if packed is None or len(packed) >= len(row.headers) // 2:
                    newest, packed = newest + 1, None
                    head = near[row.source] = (newest, plain)
                    connection.execute(sa.insert(heads).values(key=newest, packed=bytes(row.headers)[4:]))
            made.append(
                {
                    **row._mapping,
                    "url": keys[row.url],
                    "final_url": keys[row.final_url] if row.final_url is not None else None,
                    "head": head[0],
                    "headers": packed,
                }
            )
        connection.execute(sa.insert(new), [{name: one[name] for name in (*SNAPSHOT, "head")} for one in made])
        last = rows[-1].number


SNAPSHOT = ("number", "source", "url", "final_url", "status", "fetched_at", "redirects", "headers", "body", "doubt")


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
    op.execute(
        "INSERT INTO new_versions (source, number, digest, heading, back, packed, snapshot, reader, imported, after, "  # noqa: S608
        "before, severity, silent, reread, judged, outcome, looks, chain) "
        "SELECT v.source, v.number, v.digest, v.heading, CASE WHEN v.depth = 0 THEN 0 ELSE 1 END, substr(v.packed, 5), "
        "v.snapshot, r.key, v.imported, v.after, CASE WHEN v.before = s.fetched_at THEN NULL ELSE v.before END, "
        "v.severity, v.silent, v.reread, j.key, o.key, b.looks, v.chain "
        "FROM versions v JOIN snapshots s ON s.number = v.snapshot JOIN names r ON r.name = v.reader "
        "LEFT JOIN names j ON j.name = v.differ || ': ' || v.kinds "
        "JOIN names o ON o.name = coalesce((SELECT l.outcome FROM ledger l WHERE l.source = v.source "
        f"AND l.version = v.number AND l.outcome IN {BEGINNERS} AND l.first = v.before ORDER BY l.number LIMIT 1), "
        "CASE WHEN v.reread THEN 'reread' WHEN v.number = 1 THEN 'new' WHEN v.severity = 1 THEN 'cosmetic' "
        "ELSE 'changed' END) "
        "LEFT JOIN between_versions b ON b.source = v.source AND b.number = v.number "
        "ORDER BY v.snapshot, v.source, v.number"
    )
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
        for table, column in (("bodies", "key"), ("snapshots", "number"), ("heads", "key")):
            op.execute(
                f"SELECT setval(pg_get_serial_sequence('{table}', '{column}'), "  # noqa: S608
                f"coalesce((SELECT max({column}) FROM {table}), 0) + 1, false)"
            )
    op.execute("CREATE INDEX bodies_prefix ON bodies (substr(digest, 1, 4))")
    op.create_index("versions_number", "versions", ["source", "number"], unique=True)


def append_only(dialect: str) -> list[str]:
    """PostgreSQL's function is the first schema's."""
    tables = ("names", "heads", *MOVED)
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
