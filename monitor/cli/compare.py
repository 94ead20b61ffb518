"""The verb people come for: diff."""

from __future__ import annotations

import os
import sys
from dataclasses import replace
from typing import TYPE_CHECKING

import click

from monitor.cli.asking import Asking, say, write
from monitor.cli.operands import Operands
from monitor.render.safe import visible
from storage.errors import UsageError
from storage.records import EditKind

if TYPE_CHECKING:
    from collections.abc import Sequence

    from monitor.render import Comparison, Style

FORMATS = ("inline", "side-by-side", "unified", "words", "markdown", "html", "json", "delta", "stat")


@click.command("diff")
@click.argument("operands", nargs=-1, required=True, metavar="A [B]")
@click.option("--format", "form", type=click.Choice(FORMATS), default="inline", help="How to show it.")
@click.option("--json", "as_json", is_flag=True, help="The same as --format json.")
@click.option("--context", type=click.IntRange(0), default=1, help="Unchanged sentences shown around a change.")
@click.option("--ignore-cosmetic", is_flag=True, help="Hide white space, typography, case, punctuation, spelling.")
@click.option(
    "--kind", "kinds", multiple=True, type=click.Choice([kind.value for kind in EditKind]), help="Only these."
)
@click.option("--explain", is_flag=True, help="Say which rule gave each edit its kind.")
@click.option("--exit-code", is_flag=True, help="Exit with 1 when there are differences.")
@click.option("--selector", help="CSS selector for pages and HTML files.")
@click.option("--encoding", help="Encoding of files that are not UTF-8.")
@click.pass_obj
def diff_command(
    asking: Asking,
    operands: Sequence[str],
    form: str,
    as_json: bool,
    context: int,
    ignore_cosmetic: bool,
    kinds: Sequence[str],
    explain: bool,
    exit_code: bool,
    selector: str | None,
    encoding: str | None,
) -> int:
    """Show which words changed.

    A and B are SOURCE, SOURCE@REF, FILE, - (standard input) or URL. One SOURCE alone shows its last change; REF is
    @3, @latest, @first, @baseline, @2022-03-01 (as of) or @~1 (one before the latest). With GIT_EXTERNAL_DIFF set to
    "variorum diff", git shows its own differences this way.

    \b
    Examples:
      variorum diff old.txt new.txt
      variorum diff mfa-nz-2022-02-25@baseline mfa-nz-2022-02-25 --format side-by-side
    """
    with Operands(asking, encoding=encoding, selector=selector) as resolve:
        if _called_by_git(operands):
            comparison = _asked_by_git(resolve, operands)
            if comparison is None:
                return 0
        else:
            comparison = _comparison(resolve, operands)
    style = replace(
        asking.style(),
        context=context,
        ignore_cosmetic=ignore_cosmetic,
        kinds=frozenset(EditKind(kind) for kind in kinds),
        explain=explain,
        raw=not sys.stdout.isatty(),
    )
    _show(comparison, "json" if as_json else form, style)
    return 1 if exit_code and _told(comparison, ignore_cosmetic, style.kinds) else 0


def _told(comparison: Comparison, ignore_cosmetic: bool, kinds: frozenset[EditKind]) -> bool:
    """Whether there is a difference among those that were asked for."""
    from storage.records import Severity

    edits = comparison.change.edits
    if ignore_cosmetic:
        edits = tuple(edit for edit in edits if edit.severity > Severity.COSMETIC)
    if kinds:
        edits = tuple(edit for edit in edits if kinds.intersection(edit.kinds))
    return bool(edits)


def _show(comparison: Comparison, form: str, style: Style) -> None:
    from monitor.render import render

    shown = render(comparison, form, style)
    if form in ("inline", "side-by-side", "words") and _counted_by_git():
        shown += "\n"  # git shows one file after the other
    if form in ("inline", "side-by-side", "words"):
        say(shown)
    else:
        write(shown)


def _comparison(resolve: Operands, operands: Sequence[str]) -> Comparison:
    from monitor.sides import compared

    if len(operands) == 1:
        return _one(resolve, operands[0])
    if len(operands) > 2:
        raise UsageError(f"diff takes one or two operands, got {len(operands)}", hint="`variorum diff A B`")
    old, new = resolve.sides(operands)
    return compared(old, new, silent=resolve.silent(operands), rules=resolve.rules())


def _called_by_git(operands: Sequence[str]) -> bool:
    return len(operands) in (1, 7, 9) and _counted_by_git()


def _counted_by_git() -> bool:
    return "GIT_DIFF_PATH_COUNTER" in os.environ


def _asked_by_git(resolve: Operands, operands: Sequence[str]) -> Comparison | None:
    """As git's external differ: ``path old-file old-hex old-mode new-file new-hex new-mode [new-path similarity]``.

    One path alone is unmerged. None where there is nothing to compare, which is said: an error would end git's whole diff.
    """
    from monitor.sides import compared

    if len(operands) == 1:
        write(f"{visible(operands[0])}: unmerged\n\n")
        return None
    path, old_file, _, old_mode, new_file, _, new_mode = operands[:7]
    old_name = os.devnull if old_file == os.devnull else f"a/{path}"
    new_name = os.devnull if new_file == os.devnull else f"b/{operands[7] if len(operands) > 7 else path}"
    try:
        old, new = resolve.sides([old_file, new_file], texts_only=True)
    except UsageError as error:
        reason = error.message.partition(": ")[2] or error.message
        write(f"{visible(old_name)} → {visible(new_name)}\nnot compared: {visible(reason)}\n\n")
        return None
    if old_mode != new_mode and os.devnull not in (old_file, new_file):
        new_name += f" (mode {old_mode} → {new_mode})"
    return compared(replace(old, ref=old_name), replace(new, ref=new_name))


def _one(resolve: Operands, word: str) -> Comparison:
    """``SOURCE``: its last change. ``SOURCE@REF``: the change that led to it; ``SOURCE@baseline``: from it to the latest."""
    from pathlib import Path

    from monitor.history.refs import BASELINE, split_operand
    from monitor.sides import compared, last_change, step

    if word == "-" or Path(word).exists() or word.startswith(("http://", "https://")):
        raise UsageError(f"{word}: one file or page alone has nothing to be compared with", hint="`variorum diff A B`")
    name, ref = split_operand(word)
    if ref == BASELINE:
        return compared(resolve.version_side(word), resolve.version_side(name), rules=resolve.rules())
    history, version = resolve.version(word)
    if ref is not None:
        return step(history, version, resolve.rules())
    if version.number == 1 and resolve.has_baseline(name):
        return compared(resolve.baseline(name), resolve.version_side(name), rules=resolve.rules())
    return last_change(history, resolve.rules())
