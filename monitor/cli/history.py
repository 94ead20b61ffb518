"""The verbs that read the archive: log, show."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from monitor.cli.asking import Asking, say, say_json
from monitor.cli.operands import Operands

if TYPE_CHECKING:
    from monitor.histories import History
    from storage.records import Version


@click.command("log")
@click.argument("source")
@click.option("-p", "--patch", is_flag=True, help="With the diff that led to each version.")
@click.option("--events", is_flag=True, help="With what else happened: failures, returns, rereads.")
@click.option("-n", "--limit", type=click.IntRange(1), help="At most so many.")
@click.option("--json", "as_json", is_flag=True, help="One JSON document.")
@click.pass_obj
def log_command(asking: Asking, source: str, patch: bool, events: bool, limit: int | None, as_json: bool) -> None:
    """Versions of a source, newest first, with the windows in which they came.

    \b
    Examples:
      variorum log mfa-nz-2022-02-25
      variorum log mfa-nz-2022-02-25 -p --events
    """
    with Operands(asking) as resolve:
        history = resolve.history(source)
        versions = list(reversed(history.versions))[:limit]
        happened = history.events(limit=limit) if events else []
        if as_json:
            from monitor.render.json_forms import log_json

            say_json(log_json(source, versions, happened if events else None))
            return
        from monitor.render.answers import events_lines, log_lines

        style = asking.style()
        if not versions:
            asking.note(f"{source}: no version yet; `variorum check {source}` looks at it now")
        if patch:
            say("\n".join(_with_patch(history, one, asking) for one in versions))
        else:
            say(log_lines(versions, style, name=source))
        if happened:
            say(f"\n{events_lines(happened, style)}")


def _with_patch(history: History, version: Version, asking: Asking) -> str:
    from monitor.render import render
    from monitor.render.answers import log_lines
    from monitor.sides import step

    style = asking.style()
    head = log_lines([version], style, name=history.name).rstrip("\n")
    if version.number == 1 or version.pruned or history.versions[version.number - 2].pruned:
        return head + "\n"
    return f"{head}\n\n{render(step(history, version, asking.rules()), 'inline', style)}"


@click.command("show")
@click.argument("version", metavar="SOURCE[@REF]")
@click.option("--raw", is_flag=True, help="The text alone, as it is stored.")
@click.option("--json", "as_json", is_flag=True, help="One JSON document.")
@click.pass_obj
def show_command(asking: Asking, version: str, raw: bool, as_json: bool) -> None:
    """One version, whole: its header and its text. Without REF the latest.

    \b
    Examples:
      variorum show mfa-nz-2022-02-25
      variorum show mfa-nz-2022-02-25@2022-03-01
    """
    from monitor.cli.asking import write
    from monitor.history.refs import BASELINE, split_operand

    with Operands(asking) as resolve:
        if split_operand(version)[1] == BASELINE:
            side = resolve.version_side(version)
            write(side.text.text + "\n")
            return
        history, found = resolve.version(version)
        text = history.text(found)
        if as_json:
            from monitor.render.json_forms import show_json

            say_json(show_json(found, text, name=history.name))
        elif raw:
            write(text.text)
        else:
            from monitor.render.answers import show_lines

            say(show_lines(found, text, asking.style(), name=history.name))
