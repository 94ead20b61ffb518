"""What the reading pane is asked to show, and the answer as characters with colours (SGR), from the shared renderers."""

from __future__ import annotations

import enum
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from monitor.render import Style, render
from monitor.sides import compared, configured_baseline, differ_rules, step, version_side
from storage.errors import UsageError

if TYPE_CHECKING:
    from monitor.config import Settings
    from monitor.histories import History
    from monitor.render import Side
    from storage.records import Version

WHOLE: Final = 100_000
"""So many sentences around a change: all of them."""


class Show(enum.Enum):
    """What the reading pane shows."""

    CHANGE = "change"
    TEXT = "text"
    BLAME = "blame"
    BASELINE = "against the baseline"
    PHRASE = "phrase"


@dataclass(frozen=True, slots=True)
class Asked:
    """A question to one history. ``mark`` is the other version of any two; None: the one before."""

    name: str
    number: int = 0
    show: Show = Show.CHANGE
    mark: int | None = None
    beside: bool = False
    cosmetic: bool = True
    whole: bool = False
    phrase: str = ""

    def told(self, history: History) -> str:
        """What is shown, in a few words, for the line above the pane."""
        if self.show is Show.PHRASE:
            return f"phrase “{self.phrase}”"
        if self.show is Show.CHANGE and self.mark not in (None, self.number):
            words = [" → ".join(label(history, number) for number in sorted((self.mark or 0, self.number)))]
        else:
            words = [f"{self.show.value} {label(history, self.number)}"]
        words += ["side by side"] if self.beside and self.show in (Show.CHANGE, Show.BASELINE) else []
        words += [] if self.cosmetic else ["cosmetic hidden"]
        return ", ".join(words)


def label(history: History, number: int) -> str:
    """What the viewer calls a version: its number, or in a series the member without the name of the series."""
    if not history.is_series or not number:
        return str(number or "")
    return history.versions[number - 1].source.removeprefix(f"{history.name}-")


def answer(asked: Asked, history: History, settings: Settings, width: int) -> str:
    """The answer, set for ``width`` columns. Raises ``UsageError`` with what to do where there is none."""
    if not history.versions:
        raise UsageError(f"{history.name}: no version yet", hint=f"`variorum check {history.name}` looks at it now.")
    context = WHOLE if asked.whole else 1
    style = Style(width=max(30, width), color=True, context=context, ignore_cosmetic=not asked.cosmetic)
    version = history.versions[asked.number - 1]
    if asked.show is Show.PHRASE:
        return _phrase(asked, history, style)
    if asked.show is Show.BLAME:
        from monitor.render.history import blame_lines

        return blame_lines(history.blame(version), style)
    form = "side-by-side" if asked.beside else "inline"
    rules = differ_rules(settings)
    if asked.show is Show.BASELINE:
        baseline = configured_baseline(settings, history.name)
        if baseline is None:
            raise UsageError(f"{history.name}: no baseline is configured", hint="Set `baseline: FILE` for this source.")
        return render(compared(baseline, _side(history, version), rules=rules), form, style)
    if asked.show is Show.CHANGE and asked.mark not in (None, asked.number):
        low, high = (history.versions[number - 1] for number in sorted((asked.mark or 1, asked.number)))
        return render(compared(_side(history, low), _side(history, high), rules=rules), form, style)
    if asked.show is Show.CHANGE and asked.number > 1:
        change = step(history, version, rules)
        old, new = (_side(history, history.versions[number - 1]) for number in (asked.number - 1, asked.number))
        return render(replace(change, old=old, new=new), form, style)
    from monitor.render.answers import show_lines

    return show_lines(version, history.text(version), style)


def _side(history: History, version: Version) -> Side:
    """A version as one side; a member of a series under the name that the list has for it: columns are narrow here."""
    side = version_side(history, version)
    return replace(side, ref=label(history, version.number)) if history.is_series else side


def counted(phrase: str, history: History) -> dict[int, int]:
    """How often a phrase stands in each version, by number. Raises ``UsageError`` for an empty one."""
    from monitor.history.grep import grep

    found = grep({history.name: history.pairs()}, phrase)
    return dict(found[0].counts) if found else {}


def _phrase(asked: Asked, history: History, style: Style) -> str:
    from monitor.history.grep import grep
    from monitor.render.seen import grep_lines

    return grep_lines(grep({history.name: history.pairs()}, asked.phrase), asked.phrase, style)
