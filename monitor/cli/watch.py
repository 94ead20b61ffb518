"""The verbs that watch: check, daemon, worker, sources, status."""

from __future__ import annotations

import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

import click

from monitor.cli.asking import Asking, say, say_json, write
from storage.records import Outcome

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from monitor.compose import House
    from monitor.config import Declaration, Settings
    from monitor.deliver import Tried
    from monitor.endings import Checked

NEWS: Final = frozenset({Outcome.CHANGED, Outcome.COSMETIC, Outcome.NEW})
TROUBLE: Final = frozenset({Outcome.FAILED, Outcome.GONE, Outcome.SUSPECT})
SEND_WITHIN_S: Final = 120.0
"""How long `check` stays to send what is due."""
DIFFS_SHOWN: Final = 20
"""Diffs printed in full after a round of checks; the others are named, and `diff` shows them."""


@click.command("check")
@click.argument("names", nargs=-1, metavar="[SOURCE|TAG|SERIES]…")
@click.option("--json", "as_json", is_flag=True, help="One JSON document.")
@click.option("--exit-code", is_flag=True, help="Exit with 1 when a wording changed.")
@click.option("--no-alerts", is_flag=True, help="Hold back alerts that are due.")
@click.pass_obj
def check_command(asking: Asking, names: Sequence[str], as_json: bool, exit_code: bool, no_alerts: bool) -> int:
    """Check now what is named (default: all) and report what changed.

    \b
    Examples:
      variorum check
      variorum check ukraine --json
    """
    import asyncio

    from monitor.clock import utc_now
    from monitor.compose import house
    from monitor.config import named

    settings = asking.settings(check_selectors=True)
    chosen = named(settings, names) if not settings.listings else []
    started = utc_now()
    if not settings.declarations:
        asking.note("no sources are declared; `variorum add URL` adds one")

    async def check() -> list[Checked]:
        async with house(settings) as parts:
            results = await (
                _check_listed(asking, parts, names) if settings.listings else _check_shown(asking, parts, chosen)
            )
            if as_json:
                from monitor.render.json_forms import check_json

                say_json(check_json(started, results))
            else:
                _report(asking, parts, results)
            if not no_alerts:
                await _send_due(asking, parts)
            return results

    results = asyncio.run(check())
    if any(one.outcome in TROUBLE for one in results):
        return 3
    changed = any(one.outcome in NEWS and one.outcome is not Outcome.NEW for one in results)
    return 1 if exit_code and changed else 0


async def _send_due(asking: Asking, parts: House) -> None:
    """Send what is due from the outbox, for a while; say what became of it, on standard error."""
    from monitor.render.telling import plural
    from monitor.stillness import judge_stillness

    if not parts.settings.channels_told:
        return
    await judge_stillness(parts.settings.alerts, parts.around.writer, parts.around.now())
    tried: list[Tried] = []
    parts.deliverer.tried = tried
    whole = await parts.deliverer.drain(SEND_WITHIN_S)
    sent = sum(one.state == "sent" for one in tried)
    if sent:
        asking.note(f"{plural(sent, 'alert')} sent")
    for one in tried:
        if one.state != "sent":
            then = "tried again later" if one.state == "failed" else "a dead letter: `variorum alerts list --dead`"
            asking.note(f"{one.channel}: not sent: {one.error}; {then}")
    if not whole:
        asking.note(f"sending was ended after {SEND_WITHIN_S:g} s; the rest is sent with the next check")


async def _check_listed(asking: Asking, parts: House, names: Sequence[str]) -> list[Checked]:
    """Listings first, then the sources that are named, with what was found just now."""
    from monitor.config import named
    from monitor.discover import with_found
    from storage.archive import Archive

    everything = with_found(parts.settings, await parts.around.writer.call(Archive.found))
    chosen = named(everything, names)
    results = await _check_shown(asking, parts, [one for one in chosen if one.listing is not None])
    fresh = [name for one in results for name in one.found]
    more = with_found(parts.settings, await parts.around.writer.call(Archive.found, ids=fresh)) if fresh else everything
    known = {one.source.id for one in chosen}
    chosen += [one for one in more.declarations if one.source.id in set(fresh) - known and one.enabled]
    return results + await _check_shown(asking, parts, [one for one in chosen if one.listing is None])


async def _check_shown(asking: Asking, parts: House, chosen: Sequence[Declaration]) -> list[Checked]:
    from monitor.rounds import check_all
    from storage.archive import Archive

    latest = await parts.around.writer.call(Archive.latest, [one.source.id for one in chosen])
    results = []
    with _progress(asking, len(chosen)) as advance:
        async for checked in check_all(chosen, latest, parts.around, concurrency=parts.settings.concurrency):
            results.append(checked)
            advance()
    order = {one.source.id: place for place, one in enumerate(chosen)}
    return sorted(results, key=lambda one: order[one.source])


@contextmanager
def _progress(asking: Asking, total: int) -> Iterator[Callable[[], None]]:
    """A bar on standard error, on a terminal, when there is more than one source to wait for."""
    if total < 2 or not sys.stderr.isatty() or asking.verbosity < 0:
        yield lambda: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("checking"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("checking", total=total)
        yield lambda: bar.advance(task)


def _report(asking: Asking, parts: House, results: Sequence[Checked]) -> None:
    """What was found: a line for each source that has news or trouble, the diffs, and a count."""
    from monitor.histories import history_of
    from monitor.render import render
    from monitor.render.answers import check_line, check_summary
    from monitor.sides import last_change

    style = asking.style()
    shown = 0
    for one in results:
        quiet = one.outcome in (Outcome.UNCHANGED, Outcome.NOT_MODIFIED)
        if quiet and one.note is None and asking.verbosity <= 0:
            continue
        write(check_line(one, style) + "\n")
        if one.outcome in (Outcome.CHANGED, Outcome.COSMETIC) and asking.verbosity >= 0 and shown < DIFFS_SHOWN:
            shown += 1
            write(
                "\n"
                + render(
                    last_change(history_of(parts.archive, one.source), parts.around.rules), "inline", style
                ).rstrip("\n")
                + "\n\n"
            )
    if asking.verbosity >= 0:
        write(check_summary(results) + "\n")


@click.command("daemon")
@click.option("--no-work", is_flag=True, help="Leave checks and letters to workers (PostgreSQL).")
@click.pass_obj
def daemon_command(asking: Asking, no_work: bool) -> int:
    """Run the scheduler until it is told to stop (SIGTERM, Ctrl-C).

    On PostgreSQL with the extra 'cluster' any number of `variorum worker` may share its work.

    \b
    Examples:
      variorum daemon
      variorum -v --config /etc/variorum/config.yaml daemon
    """
    import asyncio

    from monitor.daemon import run

    settings, reload = _logged(asking)
    asyncio.run(run(settings, reload=reload, works=not no_work))
    return 0


@click.command("worker")
@click.pass_obj
def worker_command(asking: Asking) -> int:
    """Take checks and letters from a shared PostgreSQL, beside a daemon, until told to stop (SIGTERM, Ctrl-C).

    Start as many as wanted, on any machine that reaches the database and has the same configuration.

    \b
    Examples:
      variorum worker
      variorum --database postgresql://variorum@db.example.org/variorum worker
    """
    import asyncio

    from monitor.cluster.tasks import require

    require(asking.settings(check_selectors=True).database)
    from monitor.worker import run

    settings, reload = _logged(asking)
    asyncio.run(run(settings, reload=reload))
    return 0


def _logged(asking: Asking) -> tuple[Settings, Callable[[], Settings]]:
    """The configuration of something that runs for long, its log set up by it, and how it is read again."""
    import logging

    from monitor.logs import configure

    settings = asking.settings(check_selectors=True)
    level = {-1: logging.WARNING, 0: logging.INFO}.get(asking.verbosity, logging.DEBUG)
    if asking.verbosity == 0 and settings.log.level is not None:
        level = logging.getLevelNamesMapping()[settings.log.level.upper()]
    configure(settings.log.format, level if asking.verbosity >= -1 else logging.ERROR, settings.secrets)
    _note_unused(asking, settings)

    def reload() -> Settings:
        fresh = asking.settings_again()
        configure(fresh.log.format, logging.getLogger("variorum").level, fresh.secrets | settings.secrets)
        return fresh

    return settings, reload


def _note_unused(asking: Asking, settings: Settings) -> None:
    for line in settings.notes:
        asking.note(f"note: {line}")


@click.command("sources")
@click.option("--json", "as_json", is_flag=True, help="One JSON document.")
@click.pass_obj
def sources_command(asking: Asking, as_json: bool) -> None:
    """What is watched: the sources of config.yaml and those that listings found, with how often and which reader.

    \b
    Examples:
      variorum sources
      variorum sources --json
    """
    settings = asking.watched()
    if as_json:
        say_json({"format": 1, "sources": [_declared_json(one) for one in settings.declarations]})
        return
    from monitor.render.answers import sources_table

    say(sources_table([_declared_row(one) for one in settings.declarations], asking.style()))


def _declared_row(one: Declaration) -> tuple[str, str, str, str]:
    selector = one.read.select or (f"xpath:{one.read.xpath}" if one.read.xpath else "automatic")
    if one.listing is not None:
        selector = f"{one.listing.rules.kind} (listing)"
    return (one.source.id, one.rhythm.shown if one.enabled else "disabled", selector, one.source.url)


def _declared_json(one: Declaration) -> dict[str, object]:
    return {
        "id": one.source.id,
        "url": one.source.url,
        "series": one.source.series,
        "tags": list(one.source.tags),
        "baseline": one.source.baseline,
        "every": one.rhythm.shown,
        "select": one.read.select,
        "xpath": one.read.xpath,
        "enabled": one.enabled,
        "listing": one.listing.rules.kind if one.listing is not None else None,
        "found_by": one.found.listing if one.found is not None else None,
        "title": one.found.title if one.found is not None else None,
    }


@click.command("status")
@click.argument("names", nargs=-1, metavar="[SOURCE|TAG|SERIES]…")
@click.option("--json", "as_json", is_flag=True, help="One JSON document.")
@click.pass_obj
def status_command(asking: Asking, names: Sequence[str], as_json: bool) -> None:
    """State, next check and last good check of each source.

    \b
    Examples:
      variorum status
      variorum status ukraine --json
    """
    from monitor.clock import utc_now
    from monitor.config import named
    from monitor.render.answers import listed_lines, status_table
    from monitor.render.json_forms import status_json

    with asking.archive() as archive:
        found = {one.source: one for one in archive.found()}
        wanted = None
        if names:
            from monitor.discover import with_found

            everything = with_found(asking.settings(), found.values())
            listings = {one.source.id for one in named(everything, names) if one.listing is not None}
            wanted = {one.source.id for one in named(everything, names)}
            wanted |= {one.source for one in found.values() if one.listing in listings}
        states = [one for one in archive.states() if wanted is None or one.source.id in wanted]
    now = utc_now()
    if as_json:
        say_json(status_json(states, now, found))
        return
    if not states:
        asking.note("nothing was looked at yet; `variorum check` looks at every source")
        return
    say(status_table(states, now, asking.style()) + listed_lines(states, found, now))
