"""The verbs that set things up: init, add, read."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from monitor.cli.asking import Asking, say, say_json, write
from storage.errors import ConfigError, UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from monitor.looking import Seen

SEED = "2022-02-25-xi-putin-call.txt"


@click.command("init")
@click.option("--force", is_flag=True, help="Overwrite an existing file.")
@click.pass_obj
def init_command(asking: Asking, force: bool) -> None:
    """Write a commented config.yaml, and the seeded baseline it names, here.

    \b
    Examples:
      variorum init
      variorum --config /etc/variorum/config.yaml init
    """
    from monitor.config.appending import template
    from monitor.seeding import seed_bytes

    path = asking.config_path
    if path.exists() and not force:
        raise UsageError(f"{path}: exists already", hint="--force overwrites it.")
    seed = path.parent / "seeds" / SEED
    try:
        seed.parent.mkdir(parents=True, exist_ok=True)
        if not seed.exists():
            seed.write_bytes(seed_bytes(SEED))
        path.write_text(template(), encoding="utf-8")
    except OSError as error:
        raise ConfigError(f"{error.filename}: {error.strerror}") from None
    asking.note(f"wrote {path} and {seed}")
    asking.note("next: `variorum config check`, then `variorum check`")


@click.command("read")
@click.argument("where", metavar="URL|FILE")
@click.option("--selector", help="CSS selector of the statement; `xpath:…` for XPath.")
@click.option("--remove", multiple=True, help="CSS selector of what to leave out (repeatable).")
@click.option("--encoding", help="Encoding, when the page does not say it rightly.")
@click.option("--browser", is_flag=True, help="Render the page in a browser first (needs the extra `browser`).")
@click.option("--listing", type=click.Choice(["feed", "index", "sitemap"]), help="Show what it lists instead.")
@click.option("--follow", help="With --listing: CSS selector of the links, or a regular expression over addresses.")
@click.option("--allow-private", multiple=True, metavar="CIDR", help="Allow addresses in this network (repeatable).")
@click.option("--json", "as_json", is_flag=True, help="One JSON document.")
@click.pass_obj
def read_command(
    asking: Asking,
    where: str,
    selector: str | None,
    remove: Sequence[str],
    encoding: str | None,
    browser: bool,
    listing: str | None,
    follow: str | None,
    allow_private: Sequence[str],
    as_json: bool,
) -> None:
    """What the reader makes of an address or a file; nothing is stored.

    \b
    Examples:
      variorum read https://www.example.org/statement --selector article
      variorum read page.html --json
      variorum read https://www.example.org/news --listing index --follow '.news a'
    """
    if listing is not None:
        _show_listed(asking, where, listing, follow, encoding, allow_private, as_json)
        return
    if follow is not None:
        raise UsageError("--follow: needs --listing", hint="Say which kind: feed, index or sitemap.")
    seen = _look(asking, where, selector, remove, encoding, allow_private, browser=browser)
    if as_json:
        from monitor.render.json_forms import reading_json

        say_json(reading_json(seen.reading))
        return
    from monitor.render.answers import reading_lines

    say(reading_lines(seen.reading, asking.style()))
    if selector is None:
        _propose(asking, seen)


def _propose(asking: Asking, seen: Seen) -> None:
    """Which selectors would pin what was found automatically, beside the result."""
    from monitor.read import ReadRules, kind_of
    from monitor.read.propose import proposals
    from monitor.render.safe import one_line
    from monitor.render.telling import plural
    from monitor.render.terminal import fit

    content_type = seen.snapshot.header("content-type")
    if kind_of(seen.snapshot.body, content_type, seen.snapshot.final_url) != "html":
        return
    found = proposals(seen.snapshot.body, ReadRules(), seen.reading, content_type=content_type)
    if not found:
        return
    asking.note("selectors that would read it (--selector); '=' gives this very text:")
    longest = max(len(one.select) for one in found)
    for one in found:
        line = f"  {'=' if one.same else '~'} {one.select:{longest}}  {plural(one.words, 'word')}: {one_line(one.first_line)}"
        asking.note(fit(line, asking.style().width))


def _show_listed(
    asking: Asking,
    where: str,
    kind: str,
    follow: str | None,
    encoding: str | None,
    allow_private: Sequence[str],
    as_json: bool,
) -> None:
    """What an address lists, with the ids that its items would get."""
    import asyncio

    from monitor.discover import identity
    from monitor.looking import look_at_listing
    from monitor.read.links import check_link
    from monitor.read.listing import ListRules, bare_follow, is_expression
    from monitor.render.answers import table
    from monitor.render.json_forms import instant

    if kind == "index" and follow is None:
        raise UsageError("--listing index: needs --follow", hint="A CSS selector such as '.news a', or '^https://…'.")
    if follow is not None and not is_expression(follow):
        check_link("--follow", bare_follow(follow))
    rules = ListRules(kind, follow, encoding=encoding)
    listed = asyncio.run(look_at_listing(where, asking.fetch_rules(allow_private=allow_private), rules))
    if as_json:
        items = [
            {
                "id": identity(one),
                "url": one.url,
                "title": one.title,
                "published_at": instant(one.published_at),
                "stamp": one.stamp,
            }
            for one in listed.items
        ]
        say_json({"format": 1, "items": items, "parts": list(listed.parts), "notes": list(listed.notes)})
        return
    rows = [
        (f"{one.published_at:%Y-%m-%d}" if one.published_at else "–", identity(one), one.url) for one in listed.items
    ]
    say(table(("DATE", "ID", "ADDRESS"), rows, asking.style()))
    for part in listed.parts:
        asking.note(f"further part: {part}")
    for note in listed.notes:
        asking.note(f"note: {note}")


def _look(
    asking: Asking,
    where: str,
    selector: str | None,
    remove: Sequence[str],
    encoding: str | None,
    allow_private: Sequence[str],
    *,
    browser: bool = False,
) -> Seen:
    import asyncio
    from dataclasses import replace

    from monitor.looking import look
    from monitor.read import ReadRules
    from monitor.read.html import check_rules

    css, xpath = (None, selector[6:]) if selector and selector.startswith("xpath:") else (selector, None)
    rules = ReadRules(select=css, xpath=xpath, remove=tuple(remove), encoding=encoding)
    check_rules(rules)
    fetch = asking.fetch_rules(allow_private=allow_private)
    return asyncio.run(look(where, replace(fetch, browser=True) if browser else fetch, rules))


@click.command("add")
@click.argument("url")
@click.option("--id", "slug", help="Stable id of the source (else made from the address).")
@click.option("--selector", help="CSS selector of the statement; `xpath:…` for XPath.")
@click.option("--baseline", help="File with the text it is compared with.")
@click.option("--every", help="How often to look: 15m, 1h, 7d.")
@click.option("--tag", "tags", multiple=True, help="Tag (repeatable).")
@click.option("--series", help="Series it belongs to.")
@click.option("--browser", is_flag=True, help="Render the page in a browser first (needs the extra `browser`).")
@click.option("--allow-private", multiple=True, metavar="CIDR", help="Allow addresses in this network (repeatable).")
@click.option("--dry-run", is_flag=True, help="Show what would be read; write nothing.")
@click.pass_obj
def add_command(
    asking: Asking,
    url: str,
    slug: str | None,
    selector: str | None,
    baseline: str | None,
    every: str | None,
    tags: Sequence[str],
    series: str | None,
    browser: bool,
    allow_private: Sequence[str],
    dry_run: bool,
) -> None:
    """Try an address, show what would be read, append it to config.yaml.

    \b
    Examples:
      variorum add https://www.example.org/statement --selector article --every 15m
      variorum add https://www.example.org/statement --id statement --tag desk --dry-run
    """
    from monitor.config import slug as slug_of
    from monitor.render.answers import reading_lines

    settings = asking.settings()
    if not url.startswith(("http://", "https://", "file:///")):
        hint = "It begins with http:// or https://. A file is watched by `- file: PATH` in config.yaml."
        raise UsageError(f"{url}: not the address of a page", hint=hint)
    if slug is None and any(declared.source.url == url for declared in settings.declarations):
        raise UsageError(f"{url}: is watched already", hint="--id gives it a second name.")
    seen = _look(asking, url, selector, (), None, allow_private, browser=browser)
    write(reading_lines(seen.reading, asking.style()) + "\n")
    entry: dict[str, object] = {"id": slug or slug_of(url), "url": url}
    if selector and selector.startswith("xpath:"):
        entry["xpath"] = selector[6:]
    elif selector:
        entry["select"] = selector
    wanted = {"baseline": baseline, "series": series, "every": every, "tags": list(tags)}
    entry |= {key: value for key, value in wanted.items() if value}
    if browser:
        entry["browser"] = True
    if selector is None:
        _propose(asking, seen)
    if allow_private:
        entry["allow_private"] = list(allow_private)
    if dry_run:
        asking.note("nothing written (--dry-run)")
        return
    append(asking.config_path, entry)
    asking.note(f"added {entry['id']} to {asking.config_path}; `variorum check {entry['id']}` keeps its first version")
    if selector is None and seen.reading.select:
        asking.note(f"hint: read automatically; `select: {seen.reading.select!r}` would pin what is read")


def append(path: Path, *entries: Mapping[str, object]) -> None:
    """Write the longer file only when it is a good one; the old one stays until the new one is whole."""
    import os
    import tempfile

    from monitor.config import load
    from monitor.config.appending import append_source

    text = path.read_text("utf-8")
    for entry in entries:
        text = append_source(text, entry)
    try:
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=path.name, suffix=".new")
        trial = Path(name)
        try:
            with os.fdopen(handle, "w", encoding="utf-8") as file:
                file.write(text)
            load(trial, os.environ, check_selectors=True)
            trial.chmod(path.stat().st_mode)
            trial.replace(path)
        finally:
            trial.unlink(missing_ok=True)
    except ConfigError as error:
        raise ConfigError(error.message.replace(trial.name, path.name), hint=error.hint) from None
    except OSError as error:
        raise ConfigError(f"{path}: {error.strerror}") from None
    sys.stdout.flush()
