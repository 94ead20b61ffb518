"""The verbs that look after the archive: verify, backup, prune."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Final

import click

from monitor.cli.asking import Asking, say_json, write
from storage.errors import IntegrityError, StorageError, UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence
    from datetime import datetime

    from storage.archive import Archive
    from storage.prune import Chosen
    from storage.verify import Fault, Report

SHOWN: Final = 100
"""So many faults are written out; ``--json`` has them all."""


@click.command("verify")
@click.argument("names", nargs=-1, metavar="[SOURCE|SERIES]…")
@click.option("--json", "as_json", is_flag=True, help="One JSON document.")
@click.pass_obj
def verify_command(asking: Asking, names: Sequence[str], as_json: bool) -> None:
    """Prove the archive: every seal, text, raw byte and row is what was written, none is missing.

    Without names the whole database is proved. Each fault is a line; exit code 4 when there is one. Reads only, and may
    run beside the daemon.

    \b
    Examples:
      variorum verify
      variorum verify mfa-nz-2022-02-25 --json
    """
    from storage.engine import shown

    url = asking.database or asking.settings().database
    report = _proved(asking, url, names)
    if as_json:
        say_json(_report_document(shown(url), report))
    else:
        for fault in report.faults[:SHOWN]:
            write(f"{_visible(fault.said)}\n")
        if len(report.faults) > SHOWN or report.more:
            write(f"… and {len(report.faults) - SHOWN + report.more} more\n")
    if report.faults:
        from monitor.render.telling import plural

        count = len(report.faults) + report.more
        raise IntegrityError(
            f"{shown(url)}: {plural(count, 'fault')}; the archive is not what was written",
            hint="A backup or an exhibit may still have it; docs/archives.md says what to do.",
        )
    if not as_json:
        write(f"{_told(report)}\n")


def _proved(asking: Asking, url: str, names: Sequence[str]) -> Report:
    """The report; a file that cannot even be opened as an archive is an integrity fault when it was one."""
    from storage.archive import Archive
    from storage.engine import sqlite_file
    from storage.verify import verify

    file = sqlite_file(url)
    try:
        with Archive.open(url, create=False, readonly=True) as archive:
            only = _members(archive, names) if names else None
    except StorageError as error:
        damaged = "not an SQLite database" in error.message or "an empty database" in error.message
        if file is not None and file.is_file() and damaged:
            raise IntegrityError(error.message, hint="Put a backup in its place (docs/archives.md).") from error
        raise
    return verify(url, only, _progress(asking))


def _members(archive: Archive, names: Sequence[str]) -> list[str]:
    """The ids of the sources and of the members of the series that are named."""
    from monitor.config.problems import nearest

    known = archive.sources(retired=True)
    found: list[str] = []
    for name in names:
        members = [one.id for one in known if one.id == name] or [one.id for one in known if one.series == name]
        if not members:
            hint = nearest(name, sorted({one.id for one in known})) or "`variorum sources` lists what is watched."
            raise UsageError(f"{name}: no source or series of that name in the archive", hint=hint)
        found += members
    return found


def _progress(asking: Asking) -> Callable[[str, int], None]:
    """Progress on standard error, in place, where somebody looks at it."""
    if asking.verbosity < 0 or not sys.stderr.isatty():
        from storage.verify import unheard

        return unheard

    def told(what: str, done: int) -> None:
        click.echo(f"\r\x1b[K{what}: {done:,}", nl=False, err=True)
        if not done:
            click.echo("\r\x1b[K", nl=False, err=True)

    return told


def _told(report: Report) -> str:
    from monitor.render.telling import plural

    pruned = f" ({report.pruned:,} of them pruned: seal and digests alone)" if report.pruned else ""
    counts = [
        f"{plural(report.versions, 'version')}{pruned} of {plural(report.sources, 'source')}",
        plural(report.captures, "capture"),
        plural(report.bodies, "body", "bodies"),
    ]
    if report.timestamps:
        counts.append(plural(report.timestamps, "time-stamp"))
    return f"{', '.join(counts)}: all proved"


def _report_document(database: str, report: Report) -> dict[str, object]:
    return {
        "format": 1,
        "database": database,
        "sources": report.sources,
        "versions": report.versions,
        "pruned": report.pruned,
        "captures": report.captures,
        "bodies": report.bodies,
        "timestamps": report.timestamps,
        "faults": [_fault_document(fault) for fault in report.faults],
        "more_faults": report.more,
    }


def _fault_document(fault: Fault) -> dict[str, object]:
    return {"source": fault.source, "version": fault.version, "what": fault.what, "said": fault.said}


def _visible(line: str) -> str:
    from monitor.render.safe import visible

    return visible(line)


@click.command("backup")
@click.argument("target", metavar="FILE|URL")
@click.option("--json", "as_json", is_flag=True, help="One JSON document.")
@click.pass_obj
def backup_command(asking: Asking, target: str, as_json: bool) -> None:
    """Copy the archive, also while a daemon writes to it, and prove the copy before it gets its name.

    The copy is an SQLite file whatever the archive is on: open it with `--database sqlite:///FILE`, or put it in the
    archive's place. FILE may be the address of an empty PostgreSQL database instead: so an archive moves there.

    \b
    Examples:
      variorum backup /backups/variorum-2026-03-01.db
      variorum --database sqlite:////backups/variorum.db backup postgresql://me@db/variorum
    """
    from storage.backup import backup

    url = asking.database or asking.settings().database
    made = backup(url, target, progress=_progress(asking))
    if as_json:
        document: dict[str, object] = {"format": 1, "target": made.place, "bytes": made.size_bytes}
        say_json(document | {"sources": made.report.sources, "versions": made.report.versions, "proved": True})
        return
    size = f"{made.size_bytes:,} bytes, " if made.size_bytes is not None else ""
    write(f"{made.place}: {size}{_told(made.report)}\n")


@click.command("prune")
@click.argument("names", nargs=-1, metavar="[SOURCE|SERIES]…")
@click.option("--older-than", metavar="AGE", help="What was last seen longer ago: 90d, 18mo, 2y.")
@click.option("--keep", type=click.IntRange(1), metavar="N", help="Leave the newest N versions of each source alone.")
@click.option("--yes", is_flag=True, help="Do it. Without this, it is only said what would be pruned.")
@click.option("--dry-run", is_flag=True, help="Only say what would be pruned (that is the default).")
@click.option("--vacuum", is_flag=True, help="Then give the freed room back to the disk: rewrites the file.")
@click.option("--json", "as_json", is_flag=True, help="One JSON document.")
@click.pass_obj
def prune_command(
    asking: Asking,
    names: Sequence[str],
    older_than: str | None,
    keep: int | None,
    yes: bool,
    dry_run: bool,
    vacuum: bool,
    as_json: bool,
) -> None:
    """Let the texts and raw bytes of old versions go; number, times, digests and seal of each stay.

    Never touched: the first and the latest version of a source, and pinned baselines. The chain is proved as before; the
    words cannot be had back. Both rules together: what is old and not among the newest.

    \b
    Examples:
      variorum prune --older-than 2y
      variorum prune terms --keep 50 --yes
    """
    from monitor.clock import utc_now
    from storage import prune
    from storage.archive import Archive
    from storage.engine import engine_for

    if older_than is None and keep is None:
        raise UsageError("prune needs a rule", hint="--older-than 2y, --keep 50, or both.")
    if yes and dry_run:
        raise UsageError("--yes and --dry-run contradict each other")
    now = utc_now()
    cutoff = _before(now, older_than) if older_than is not None else None
    url = asking.database or asking.settings().database
    with Archive.open(url, create=False, readonly=True) as archive:
        every = [one.id for one in archive.sources(retired=True)]
        chosen = _members(archive, names) if names else every
        pinned = _pinned(asking, archive, chosen)
        plan = list(prune.choose(archive, chosen, older_than=cutoff, newest=keep, pinned=pinned))
    if not yes:
        _say_plan(asking, plan, as_json=as_json)
        return
    done = []
    engine = engine_for(url)
    try:
        for one in plan:
            done.append(prune.prune(engine, one, now))
            if not as_json:
                write(f"{_line(one)}: pruned; {done[-1].bodies} bodies, {done[-1].freed_bytes:,} bytes\n")
        if vacuum:
            prune.vacuum(engine)
    finally:
        engine.dispose()
    _say_done(asking, done, as_json=as_json, vacuumed=vacuum)


def _say_plan(asking: Asking, plan: Sequence[Chosen], *, as_json: bool) -> None:
    from storage.prune import ranges

    count = sum(len(one.versions) for one in plan)
    if as_json:
        listed = [{"source": one.source, "versions": ranges(one.versions)} for one in plan]
        say_json({"format": 1, "pruned": False, "versions": count, "sources": listed})
        return
    for one in plan:
        write(f"{_line(one)}: would be pruned\n")
    word = "version" if count == 1 else "versions"
    write(f"{count} {word} of {len(plan)} sources\n" if plan else "nothing to prune by this rule\n")
    if plan:
        asking.note("nothing was pruned; --yes does it, and the words cannot be had back (`variorum backup` first)")


def _say_done(asking: Asking, done: Sequence[object], *, as_json: bool, vacuumed: bool) -> None:
    from storage.prune import Pruned, ranges

    pruned = [one for one in done if isinstance(one, Pruned)]
    count, freed = sum(len(one.versions) for one in pruned), sum(one.freed_bytes for one in pruned)
    if as_json:
        listed = [
            {
                "source": one.source,
                "versions": ranges(one.versions),
                "bodies": one.bodies,
                "freed_bytes": one.freed_bytes,
            }
            for one in pruned
        ]
        say_json({"format": 1, "pruned": True, "versions": count, "freed_bytes": freed, "sources": listed})
        return
    write(f"{count} versions pruned, {freed:,} bytes freed\n" if pruned else "nothing to prune by this rule\n")
    if pruned and not vacuumed:
        asking.note("the room is free inside the database; --vacuum gives it back to the disk")


def _line(chosen: Chosen) -> str:
    from storage.prune import ranges

    return f"{chosen.source}@{ranges(chosen.versions)}"


def _pinned(asking: Asking, archive: Archive, names: Collection[str]) -> Mapping[str, Collection[int]]:
    """The versions that are somebody's baseline: by the configuration, and by what the archive was told last."""
    from monitor.history.refs import resolve

    known = {one.id: one for one in archive.sources(retired=True)}
    named = {(one.id, one.baseline) for one in known.values()}
    if asking.config_path.exists():
        named |= {(one.source.id, one.source.baseline) for one in asking.settings().declarations}
    pinned: dict[str, set[int]] = {}
    for name, baseline in named:
        if name not in names or baseline is None or not baseline.startswith("@"):
            continue
        history = archive.versions(name)
        if history:
            try:
                pinned.setdefault(name, set()).add(resolve(baseline[1:], history).number)
            except UsageError as error:
                hint = "Until it is known which version that is, none of this source is pruned."
                raise UsageError(f"{name}: baseline {baseline}: {error.message}", hint=hint) from None
    return pinned


def _before(now: datetime, age: str) -> datetime:
    """The moment so long ago: ``90d``, ``12w``, ``18mo`` (of 30 days), ``2y`` (of 365 days)."""
    import re
    from datetime import timedelta

    found = re.fullmatch(r"(\d{1,6})(d|w|mo|y)", age)
    days = {"d": 1, "w": 7, "mo": 30, "y": 365}
    try:
        if found is None:
            raise ValueError
        return now - timedelta(days=int(found[1]) * days[found[2]])
    except (ValueError, OverflowError):
        raise UsageError(f"--older-than {age}: not an age", hint="90d, 12w, 18mo or 2y.") from None
