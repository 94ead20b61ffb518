"""The pages of the reading room: a question to the archive, answered as HTML. Shared by the web page and the report.

An address is the same in both (``s/ID/2-3.html``) and every link is relative, so that pages work below any prefix and
from a folder. Jinja2 escapes; what cannot be seen is made visible before.
"""

from __future__ import annotations

from functools import cache, cached_property
from typing import TYPE_CHECKING, Final
from urllib.parse import quote

from jinja2 import Environment, PackageLoader
from markupsafe import Markup

from monitor.histories import History, history_of, pairs_of
from monitor.history.blame import blame
from monitor.history.drift import drift
from monitor.history.grep import grep, literals
from monitor.history.phrases import phrases
from monitor.render import Style, summary
from monitor.render.html import columns, marked
from monitor.render.safe import visible
from monitor.sides import baseline_side, compared, differ_rules, version_side
from monitor.web.plots import drift_plot, timeline
from storage.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from monitor.config import Settings
    from monitor.history.blame import Blame
    from monitor.history.grep import Found
    from monitor.render import Side
    from storage.archive import Archive
    from storage.records import Text, Version

LATELY: Final = 50
"""So many events on the overview."""


def shown(value: object) -> object:
    """What a template prints: hostile characters visible; what is HTML already as it is."""
    return value if isinstance(value, Markup) or not isinstance(value, str) else visible(value)


@cache
def templates() -> Environment:
    """The templates, escaping everything."""
    return Environment(
        loader=PackageLoader("monitor.web"), autoescape=True, finalize=shown, trim_blocks=True, lstrip_blocks=True
    )


class Room:
    """Answers addresses with pages. ``archive`` is only read; ``live`` says that a server is there to search."""

    def __init__(self, settings: Settings, archive: Archive, *, live: bool = True) -> None:
        self.archive = archive
        self.settings = settings
        self._rules = differ_rules(settings)
        self._live = live
        self._held: History | None = None
        self._blamed: Blame | None = None

    def overview(self) -> str:
        """``index.html``: what changed lately, and every source and series."""
        states = self.archive.states()
        series = sorted({state.source.series for state in states if state.source.series})
        return self._page("overview", 0, states=states, series=series, events=self.archive.events(limit=LATELY))

    def status(self) -> str:
        """``status.html``: how the checks of every source go."""
        return self._page("status", 0, states=self.archive.states())

    def search(self, phrase: str) -> str:
        """``search``: where a phrase ever stood. An empty one asks. A fault of the phrase is said on the page."""
        found: tuple[Found, ...] = ()
        fault: str | None = None
        if phrase.strip():
            histories = pairs_of(self.archive, (), literals(phrase))
            try:
                found = grep({name: pairs for name, pairs in histories.items() if pairs}, phrase)
            except UsageError as error:
                fault = error.message
        return self._page("search", 0, phrase=phrase, found=found, fault=fault)

    def source(self, name: str) -> str:
        """``s/NAME/index.html``: the versions of a source or series. Raises ``UsageError`` for an unknown name."""
        history = self.history(name)
        plot, distances = None, {}
        if (baseline := self._baseline(name)) is not None and history.versions:
            pairs = history.pairs()
            far = drift(baseline.text, [(history.label(version), version, text) for version, text in pairs])
            distances = {member.version: member for member in far.members}
            plot = drift_plot([version for version, _ in pairs], [member.distance for member in far.members])
        return self._page(
            "source",
            2,
            history=history,
            line=timeline(history.versions),
            grid=self._grid(history),
            phrases=[phrase.id for phrase in self.settings.phrases],
            plot=plot,
            distances=distances,
            versions=tuple(reversed(history.versions)),
        )

    def pair(self, name: str, old: int, new: int, *, beside: bool = False, cosmetic: bool = True) -> str:
        """``s/NAME/OLD-NEW.html``: two versions compared; ``beside`` in columns. ``UsageError`` when one is missing."""
        history = self.history(name)
        first, second = _version(history, old), _version(history, new)
        if first.pruned or second.pruned:
            return self._page("pruned", 2, history=history, versions=[one for one in (first, second) if one.pruned])
        silent = second.silent and new == old + 1 and not history.is_series
        sides = version_side(history, first), version_side(history, second)
        comparison = compared(*sides, silent=silent, rules=self._rules)
        style = Style(ignore_cosmetic=not cosmetic)
        body = columns(comparison, style) if beside else marked(comparison, style)
        return self._page(
            "change",
            2,
            history=history,
            old=first,
            new=second,
            silent=silent,
            beside=beside,
            cosmetic=cosmetic,
            told=summary(comparison.change),
            body=Markup(body),  # noqa: S704  (escaped by monitor.render.html)
        )

    def version(self, name: str, number: int) -> str:
        """``s/NAME/NUMBER.html``: one version, each sentence with its age as a shade. ``UsageError`` when missing."""
        history = self.history(name)
        found = _version(history, number)
        if found.pruned:
            return self._page("pruned", 2, history=history, versions=[found])
        text = history.text(found).text
        return self._page(
            "version",
            2,
            history=history,
            version=found,
            text=text,
            blame=self._blame(history, number),
            shade=lambda since: 4 if number == 1 else round(4 * (since - 1) / (number - 1)),
        )

    def history(self, name: str) -> History:
        """The history of a source or series. For a report it is held until another is asked for, texts and all."""
        if self._live:
            return history_of(self.archive, name)
        if self._held is None or self._held.name != name:
            found = history_of(self.archive, name)
            self._held, self._blamed = (found if found.is_series else _Held.of(found)), None
        return self._held

    def _blame(self, history: History, number: int) -> Blame:
        """For a report, going on from the blame of the version before."""
        if self._live:
            return history.blame(history.versions[number - 1])
        before = self._blamed if number > 1 and self._blamed and self._blamed.version == number - 1 else None
        since = number if before else 1
        self._blamed = blame([pair for pair in history.pairs() if since <= pair[0].number <= number], before=before)
        return self._blamed

    def _grid(self, history: History) -> dict[int, list[str]]:
        """For each version, in the order of the registry, whether a set phrase is present, reworded or absent."""
        if not (self.settings.phrases and history.versions):
            return {}
        standings = phrases(self.settings.phrases, {history.name: history.pairs()}).standings
        by_phrase = {one.phrase: one for one in standings}
        grid: dict[int, list[str]] = {}
        for version in history.versions:
            row = grid[version.number] = []
            for phrase in self.settings.phrases:
                standing = by_phrase.get(phrase.id)
                stands = standing is not None and any(use.version == version.number for use in standing.usage)
                near = standing is not None and any(one.at.version == version.number for one in standing.near)
                row.append("present" if stands else "reworded" if near else "absent")
        return grid

    def _baseline(self, name: str) -> Side | None:
        for declared in self.settings.declarations:
            if declared.baseline is not None and name in (declared.source.id, declared.source.series):
                return baseline_side(declared)
        return None

    def _page(self, name: str, depth: int, **values: object) -> str:
        root = "../" * depth or "./"
        return templates().get_template(f"{name}.html").render(root=root, live=self._live, folder=folder, **values)


class _Held(History):
    """The history of a source with every text at hand that is kept."""

    @classmethod
    def of(cls, history: History) -> _Held:
        texts = tuple(text for _, text in history.pairs())
        return cls(history.name, history.versions, history.archive, None, texts, history.url)

    def text(self, version: Version) -> Text:
        """The text of one of its versions."""
        return self._by_number[version.number]

    @cached_property
    def _by_number(self) -> dict[int, Text]:
        return {version.number: text for version, text in self.pairs()}

    def pairs(self, *, after: int = 0, upto: int | None = None) -> Sequence[tuple[Version, Text]]:
        """Every version with its text but for pruned ones, oldest first; those after one number, as far as another."""
        kept = zip((one for one in self.versions if not one.pruned), self.held, strict=True)
        last = upto if upto is not None else len(self.versions)
        return tuple(pair for pair in kept if after < pair[0].number <= last)


def folder(name: str) -> str:
    """A name as one step of an address."""
    return quote(name, safe="")


def _version(history: History, number: int) -> Version:
    if not 1 <= number <= len(history.versions):
        raise UsageError(f"{history.name}: no version {number}")
    return history.versions[number - 1]
