"""The verb that brings in what was kept elsewhere: import."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

import click

from monitor.cli.asking import Asking, say_json, write
from storage.errors import ConfigError, FetchError, FetchReason, UsageError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Sequence

    from monitor.fetch import FetchRules
    from monitor.read import ReadRules
    from monitor.transfer.cdx import Asked
    from monitor.transfer.placing import Brought, Fate, Placer
    from storage.records import Source

TOLD = 10
"""So many captures of each kind that was not kept are named without ``-v``."""

as_json_option = click.option("--json", "as_json", is_flag=True, help="One JSON document.")
selector_option = click.option("--selector", help="CSS selector of the statement in pages; `xpath:…` for XPath.")

believe_option = click.option(
    "--believe", is_flag=True, help="Keep every page, also one that looks like an error or a wall."
)

as_is_option = click.option(
    "--as-is", is_flag=True, help="Take texts letter for letter, as `variorum export` wrote them."
)


@click.group("import")
def import_command() -> None:
    """Bring in what was kept elsewhere; true capture times stay apart from the time of import.

    Importing twice adds nothing, and an import that was cut off goes on when it is called again.

    \b
    Examples:
      variorum import folder statements/ --series fomc
      variorum import git terms/ --path terms.md --source terms
    """


@import_command.command("folder", short_help="A folder of dated files")
@click.argument("folder", type=click.Path(path_type=Path))
@click.option("--series", help="Each file is a member of this series.")
@click.option("--source", help="Each file is a version of this source, captured at the time in its name.")
@as_is_option
@selector_option
@as_json_option
@click.pass_obj
def folder_command(
    asking: Asking,
    folder: Path,
    series: str | None,
    source: str | None,
    as_is: bool,
    selector: str | None,
    as_json: bool,
) -> int:
    """Bring in a folder of dated files (YYYY-MM-DD….txt, .md, .html; YYYY-MM-DDTHHMMSSZ….txt).

    \b
    Examples:
      variorum import folder statements/ --series fomc
      variorum import folder captures/ --source readout
    """
    from monitor.transfer.folder import import_folder

    if (series is None) == (source is None):
        raise UsageError("import folder takes either --series or --source", hint="--series fomc, or --source readout")
    return _bring(
        asking,
        lambda placer: import_folder(placer, folder, series=series, source=source),
        selector,
        as_is=as_is,
        as_json=as_json,
    )


@import_command.command("git", short_help="The history of a file in a git repository")
@click.argument("repository", type=click.Path(path_type=Path))
@click.option("--path", required=True, help="The file in the repository; renames are followed.")
@click.option("--source", required=True, help="Each commit that touches the file is a version of this source.")
@click.option("--revision", default="HEAD", help="Branch, tag or commit whose history is read (HEAD).")
@as_is_option
@selector_option
@as_json_option
@click.pass_obj
def git_command(
    asking: Asking,
    repository: Path,
    path: str,
    source: str,
    revision: str,
    as_is: bool,
    selector: str | None,
    as_json: bool,
) -> int:
    """Bring in the history of a file in a git repository; a commit's author date is the time of capture.

    \b
    Examples:
      variorum import git terms/ --path terms.md --source terms
      variorum import git site/ --path docs/policy.html --source policy --selector article
    """
    from monitor.transfer.git import import_git

    return _bring(
        asking,
        lambda placer: import_git(placer, repository, path=path, source=source, revision=revision),
        selector,
        as_is=as_is,
        as_json=as_json,
    )


@import_command.command("warc", short_help="The pages of a WARC file")
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--source", help="Name of the source, when it is one address; else each is named after its address.")
@click.option("--series", help="Series that the sources belong to.")
@click.option("--url", "urls", multiple=True, help="Bring in this address only (repeatable).")
@believe_option
@selector_option
@as_json_option
@click.pass_obj
def warc_command(
    asking: Asking,
    file: Path,
    source: str | None,
    series: str | None,
    urls: Sequence[str],
    believe: bool,
    selector: str | None,
    as_json: bool,
) -> int:
    """Bring in the pages of a WARC file; WARC-Date is the time of capture.

    \b
    Examples:
      variorum import warc crawl.warc.gz
      variorum import warc crawl.warc.gz --url https://www.example.org/terms --source terms
    """
    from monitor.transfer.warc import import_warc

    return _bring(
        asking,
        lambda placer: import_warc(placer, file, source=source, series=series, urls=urls),
        selector,
        judged=not believe,
        as_json=as_json,
    )


@import_command.command("cdx", short_help="The captures of a page in a web archive (CDX, Memento)")
@click.argument("address")
@click.option("--url", required=True, help="The page whose captures are brought in.")
@click.option("--source", required=True, help="Each capture with another wording is a version of this source.")
@click.option("--series", help="Series that the source belongs to.")
@click.option("--from", "start", metavar="DATE", help="First capture wanted: 2022, 2022-03-01.")
@click.option("--to", "end", metavar="DATE", help="Last capture wanted: 2022, 2022-03-01.")
@click.option("--replay", metavar="PATTERN", help="Where captures are kept, with {timestamp} and {url} in it.")
@click.option("--allow-private", multiple=True, metavar="CIDR", help="Allow addresses in this network (repeatable).")
@believe_option
@selector_option
@as_json_option
@click.pass_obj
def cdx_command(
    asking: Asking,
    address: str,
    url: str,
    source: str,
    series: str | None,
    start: str | None,
    end: str | None,
    replay: str | None,
    allow_private: Sequence[str],
    believe: bool,
    selector: str | None,
    as_json: bool,
) -> int:
    """Bring in the captures of a page from a web archive: ADDRESS is its CDX server or Memento time map.

    \b
    Examples:
      variorum import cdx https://web.archive.org/cdx/search/cdx --url https://www.example.org/terms --source terms
      variorum import cdx http://127.0.0.1:8080/ours/cdx --url https://www.example.org/ --source home --allow-private 127.0.0.0/8
    """
    from dataclasses import replace

    from monitor.transfer.cdx import Asked, replay_pattern
    from storage.records import Source

    if not url.startswith(("http://", "https://")):
        raise UsageError(f"{url}: not the address of a page", hint="It begins with http:// or https://.")
    asked = Asked(address, url, replay or replay_pattern(address), _digits(start), _digits(end))
    # The user named this archive and this page: that is a request, not a crawl.
    fetch = replace(asking.fetch_rules(allow_private=allow_private), robots=False)
    return _bring(
        asking,
        lambda placer: _from_archive(asking, placer, fetch, asked, Source(source, url, series)),
        selector,
        judged=not believe,
        as_json=as_json,
    )


@import_command.command("urlwatch", short_help="The jobs of urlwatch, into config.yaml")
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--dry-run", is_flag=True, help="Say what would be added; write nothing.")
@click.pass_obj
def urlwatch_command(asking: Asking, file: Path, dry_run: bool) -> int:
    """Add the jobs of urlwatch (urls.yaml) to config.yaml; what cannot be carried over is named, line by line.

    \b
    Examples:
      variorum import urlwatch ~/.config/urlwatch/urls.yaml --dry-run
      variorum import urlwatch ~/.config/urlwatch/urls.yaml
    """
    return _carry_over(asking, file, dry_run)


@import_command.command("webchanges", short_help="The jobs of webchanges, into config.yaml")
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--dry-run", is_flag=True, help="Say what would be added; write nothing.")
@click.pass_obj
def webchanges_command(asking: Asking, file: Path, dry_run: bool) -> int:
    """Add the jobs of webchanges (jobs.yaml) to config.yaml; what cannot be carried over is named, line by line.

    \b
    Examples:
      variorum import webchanges ~/.config/webchanges/jobs.yaml --dry-run
      variorum import webchanges ~/.config/webchanges/jobs.yaml
    """
    return _carry_over(asking, file, dry_run)


def _carry_over(asking: Asking, file: Path, dry_run: bool) -> int:
    """Append what can be carried over: all jobs at once, or, when one is refused, those that are not."""
    from monitor.cli.set_up import append
    from monitor.render.safe import visible
    from monitor.transfer.jobs import carried, entries

    jobs = list(carried(file))
    watched = {one.source.id: one.source.url for one in asking.settings().declarations}
    wanted = list(entries(jobs, watched))
    added = [(job, entry) for job, entry in wanted if entry is not None]
    for line in (line for job in jobs for line in job.left):
        asking.note(visible(line))
    refused = 0
    if added and not dry_run:
        try:
            append(asking.config_path, *(entry for _, entry in added))
        except ConfigError:
            for job, entry in list(added):
                try:
                    append(asking.config_path, entry)
                except ConfigError as error:
                    refused += 1
                    asking.note(visible(f"{file.name}:{job.line}: {job.name}: the whole job: {error.message}"))
                    added.remove((job, entry))
    left = sum(job.entry is None for job in jobs) + refused
    said = f"{len(added)} {'would be ' if dry_run else ''}added, {len(wanted) - len(added) - refused} there already"
    write(said + (f", {left} not carried over" if left else "") + "\n")
    return 3 if left else 0


def _from_archive(asking: Asking, placer: Placer, fetch: FetchRules, asked: Asked, source: Source) -> Iterator[Brought]:
    """The captures one by one, while the loop stands still between them: an import is one thing after the other."""
    import asyncio

    from monitor.fetch.client import Fetcher
    from monitor.transfer.cdx import import_cdx

    spacing_s = asking.settings().spacing_s if asking.config_path.exists() else 1.0
    with asyncio.Runner() as runner:

        async def opened() -> Fetcher:
            return Fetcher(concurrency=1, per_host=1, spacing_s=spacing_s)

        fetcher = runner.run(opened())
        try:
            captures = import_cdx(placer, fetcher, fetch, asked, source)
            while (one := runner.run(_next(captures))) is not None:
                yield one
        except FetchError as failure:
            refused = failure.reason is FetchReason.REFUSED_ADDRESS
            hint = failure.hint if refused else "Call it again: the import goes on after the last capture that is kept."
            raise FetchError(
                f"{asked.address}: {failure.message}", reason=failure.reason, status=failure.status, hint=hint
            ) from None
        finally:
            runner.run(fetcher.aclose())


async def _next(captures: AsyncIterator[Brought]) -> Brought | None:
    return await anext(captures, None)


def _digits(date: str | None) -> str | None:
    """A date as web archives write it: ``2022-03-01`` → ``20220301``. Raises ``UsageError``."""
    import re

    if date is None:
        return None
    digits = re.sub(r"[-:TZ ]", "", date)
    if not re.fullmatch(r"\d{4}(\d\d){0,5}", digits):
        raise UsageError(f"{date}: not a date", hint="Write 2022, 2022-03 or 2022-03-01.")
    return digits


def _bring(
    asking: Asking,
    bring: Callable[[Placer], Iterable[Brought]],
    selector: str | None,
    *,
    judged: bool = False,
    as_is: bool = False,
    as_json: bool = False,
) -> int:
    """Run one import and tell what became of each capture: the exit code is 3 when some could not be kept."""
    from monitor.clock import utc_now
    from monitor.quiet import hush
    from monitor.transfer.placing import Fate, Placer
    from storage.archive import Archive

    hush()
    rules = _rules(asking, selector)
    with Archive.open(asking.database or asking.settings().database) as archive:
        placer = Placer(archive, utc_now(), rules, judged=judged, as_is=as_is, differ=asking.rules())
        counts: Counter[Fate] = Counter()
        listed = []
        for one in bring(placer):
            counts[one.fate] += 1
            if as_json:
                listed.append(one)
            _tell(asking, one, counts[one.fate])
        left = max(counts[fate] - TOLD for fate in (Fate.OLDER, Fate.HELD, Fate.UNREAD))
        if left > 0 and asking.verbosity <= 0:
            asking.note("… and more like these; -v names every capture")
    return _sum_up(counts, listed, as_json=as_json)


def _tell(asking: Asking, one: Brought, nth: int) -> None:
    """One line for a capture that was not kept (the first few of each kind), or for every one with ``-v``."""
    from monitor.render.safe import visible
    from monitor.transfer.placing import Fate

    if one.fate in (Fate.ADDED, Fate.THERE):
        if asking.verbosity > 0:
            number = f" as version {one.version}" if one.version else ""
            asking.note(visible(f"{one.what}: {one.fate}{number}" + (f" ({one.note})" if one.note else "")))
        return
    if nth > TOLD and asking.verbosity <= 0:
        return
    asking.note(visible(f"{one.what}: {one.fate}" + (f": {one.note}" if one.note else "")))


def _sum_up(counts: Counter[Fate], brought: Sequence[Brought], *, as_json: bool) -> int:
    from monitor.transfer.placing import Fate

    if as_json:
        captures = [
            {"what": one.what, "source": one.source, "fate": one.fate.name.lower(), "version": one.version}
            | {"note": one.note}
            for one in brought
        ]
        totals = {fate.name.lower(): counts[fate] for fate in Fate}
        say_json({"format": 1, "totals": totals, "captures": captures})
    else:
        first = f"{counts[Fate.ADDED]} added, {counts[Fate.THERE]} there already"
        rest = (f"{counts[fate]} {fate}" for fate in (Fate.OLDER, Fate.HELD, Fate.UNREAD) if counts[fate])
        write(", ".join((first, *rest)) + "\n")
    return 3 if counts[Fate.OLDER] or counts[Fate.UNREAD] else 0


def _rules(asking: Asking, selector: str | None) -> Callable[[str], ReadRules]:
    """How each source is read: as ``--selector`` says, else as it is declared, else automatically."""
    from monitor.read import ReadRules
    from monitor.read.html import check_rules

    if selector is not None:
        css, xpath = (None, selector[6:]) if selector.startswith("xpath:") else (selector, None)
        chosen = ReadRules(select=css, xpath=xpath)
        check_rules(chosen)
        return lambda _source: chosen
    declared = asking.settings().declarations if asking.config_path.exists() else ()
    known = {one.source.id: one.read for one in declared}
    return lambda source: known.get(source, ReadRules())
