"""The verbs that ask about history: blame, grep, drift, phrases."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from monitor.cli.asking import Asking, say, say_each, say_json
from monitor.cli.operands import Operands
from storage.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from monitor.histories import History
    from storage.records import Text


@click.command("blame")
@click.argument("version", metavar="SOURCE[@REF]")
@click.option("--words", is_flag=True, help="Since when each word stands, too.")
@click.option("--json", "as_json", is_flag=True, help="One JSON document.")
@click.pass_obj
def blame_command(asking: Asking, version: str, words: bool, as_json: bool) -> None:
    """Since when each sentence stands: the version and window in which it came, and whether it ever went.

    \b
    Examples:
      variorum blame mfa-nz-2022-02-25
      variorum blame fomc@2014-03-19 --words
    """
    with Operands(asking, remembering=True) as resolve:
        history, found = resolve.version(version)
        history.text(found)  # a pruned one cannot be blamed
        _note_pruned(asking, history, found.number)
        answer = history.blame(found, words=words)
    if as_json:
        from monitor.render.json_forms import blame_json

        say_json(blame_json(answer))
    else:
        from monitor.render.history import blame_lines

        say(blame_lines(answer, asking.style()))


@click.command("grep")
@click.argument("phrase")
@click.argument("names", nargs=-1, metavar="[SOURCE|SERIES]…")
@click.option("--regex", is_flag=True, help="PHRASE is a regular expression.")
@click.option("--case", is_flag=True, help="Upper and lower case differ.")
@click.option("-w", "--word", is_flag=True, help="Whole words only.")
@click.option("--json", "as_json", is_flag=True, help="One JSON document.")
@click.pass_obj
def grep_command(
    asking: Asking, phrase: str, names: Sequence[str], regex: bool, case: bool, word: bool, as_json: bool
) -> None:
    """When a phrase was first and last seen, where it was missing in between, and how often it stood.

    \b
    Examples:
      variorum grep "legitimate security concerns"
      variorum grep "considerable (time|period)" fomc --regex
    """
    from monitor.histories import pairs_of
    from monitor.history.grep import found_in, literals, sought

    wanted = sought(phrase, is_regex=regex, ignore_case=not case, whole_words=word)  # what is wrong is said first
    with Operands(asking) as resolve:
        for name in names:
            _note_pruned(asking, resolve.history(name))
        if not names:
            for name, gone in resolve.archive.pruned().items():
                _note_gone(asking, name, gone)
        found = found_in(pairs_of(resolve.archive, names, literals(phrase, is_regex=regex), wanted), wanted)
        if as_json:
            from monitor.render.json_forms import grep_json

            say_json(grep_json(phrase, tuple(found)))
        else:
            from monitor.render.seen import grep_parts

            say_each(grep_parts(found, phrase, asking.style()))


@click.command("drift")
@click.argument("name", metavar="SOURCE|SERIES")
@click.option("--baseline", metavar="REF|FILE", help="Compare with this, instead of the configured baseline.")
@click.option("--json", "as_json", is_flag=True, help="One JSON document.")
@click.pass_obj
def drift_command(asking: Asking, name: str, baseline: str | None, as_json: bool) -> None:
    """How far each version is from the baseline: sentences kept, reworded, dropped, new, in another order.

    \b
    Examples:
      variorum drift mfa-nz-2022-02-25
      variorum drift fomc --baseline fomc@2014-01-29
    """
    from monitor.history.drift import drift

    with Operands(asking) as resolve:
        history = resolve.history(name)
        history.latest()
        pinned = _baseline(resolve, name, baseline)
        _note_pruned(asking, history)
        members = [(history.label(version), version, text) for version, text in history.pairs()]
        answer = drift(pinned, members)
    if as_json:
        from monitor.render.json_forms import drift_json

        say_json(drift_json(answer))
    else:
        from monitor.render.history import drift_lines

        say(drift_lines(answer, asking.style()))


def _note_pruned(asking: Asking, history: History, until: int | None = None) -> None:
    """Say which versions the answer cannot know of, because their texts were pruned."""
    gone = [one.number for one in history.versions if one.pruned and (until is None or one.number < until)]
    if gone:
        _note_gone(asking, history.name, gone)


def _note_gone(asking: Asking, name: str, gone: Sequence[int]) -> None:
    from storage.prune import ranges

    asking.note(f"note: {name}@{ranges(gone)}: pruned; what stood there is not known")


def _baseline(resolve: Operands, name: str, given: str | None) -> Text:
    if given is None:
        return resolve.baseline(name).text
    return resolve.canonical_side(f"{name}{given}" if given.startswith("@") else given).text


@click.command("phrases")
@click.argument("names", nargs=-1, metavar="[SOURCE|SERIES]…")
@click.option("--json", "as_json", is_flag=True, help="One JSON document.")
@click.pass_obj
def phrases_command(asking: Asking, names: Sequence[str], as_json: bool) -> None:
    """Where the registered set phrases stand, are expected and missing, change their order or wording.

    \b
    Examples:
      variorum phrases
      variorum phrases xi-putin-calls --json
    """
    from monitor.history.phrases import phrases

    settings = asking.settings()
    if not settings.phrases:
        raise UsageError(
            f"{asking.config_path}: no phrases are registered",
            hint='Add `phrases: [{id: …, variants: ["…"]}]`; docs/differ.md says more.',
        )
    with Operands(asking) as resolve:
        sources = resolve.archive.sources(retired=True)
        chosen = names or [source.id for source in sources]
        histories = {name: pairs for name in chosen if (pairs := resolve.history(name).pairs())}
        baselines = {
            one.source.id: resolve.baseline(one.source.id).text
            for one in settings.declarations
            if one.baseline is not None and one.source.id in histories
        }
        answer = phrases(
            settings.phrases,
            histories,
            series={source.id: source.series for source in sources if source.series},
            baselines=baselines,
        )
    if as_json:
        from monitor.render.json_forms import phrases_json

        say_json(phrases_json(answer))
    else:
        from monitor.render.history import phrases_lines

        say(phrases_lines(answer, asking.style()))
