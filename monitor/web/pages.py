"""The pages of the reading room: a question to the archive, answered as HTML. Shared by the web page and the report.

An address is the same in both (``monitor.render.addresses``) and every link is relative, so that pages work below any
prefix and from a folder. Jinja2 escapes; what cannot be seen is made visible before.
"""

from __future__ import annotations

from datetime import UTC, datetime
from functools import cache, lru_cache, partial
from itertools import pairwise
from threading import Lock
from typing import TYPE_CHECKING, Final

from jinja2 import Environment, PackageLoader
from markupsafe import Markup

from monitor.history.blame import blames
from monitor.history.drift import Yardstick
from monitor.history.folding import fold
from monitor.history.lineage import words_in
from monitor.history.phrases import NEAR, NEAR_SHORT, SHORT_CHARACTERS, SHORT_WORDS, phrases
from monitor.history.refs import resolve
from monitor.render import Style, summary
from monitor.render.addresses import BASELINE, folder, pair_of, parted
from monitor.render.html import columns, contents, escaped, marked
from monitor.render.safe import one_line, visible
from monitor.render.telling import shown_time, shown_window
from monitor.sides import compared, configured_baseline, differ_rules, version_side
from monitor.web.plots import CROWD, Mark, drift_plot, timeline
from monitor.web.searching import EXAMPLES, Hits, search
from monitor.web.shelf import Kept, Remembered, Shelf
from storage.errors import UsageError
from storage.outbox import list_letters
from storage.records import Severity, Text, Version, Window

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from monitor.config import Settings
    from monitor.differ.lexicon import Rules
    from monitor.history.blame import Blame, Blamed
    from monitor.render import Comparison, Side
    from monitor.web.shelf import Entry
    from storage.archive import Archive
    from storage.records import Event, Phrase

LATELY: Final = 50
"""So many events on the overview, and so many deliveries on the status page."""
LATELY_SILENT: Final = 5
PER_PAGE: Final = 100
"""Sources on one page of the list."""
LISTED: Final = 50
"""Versions listed on the page of a source, the newest; a page of its own has them all."""
POINTS: Final = 7
"""So many points of the drift plot of a long history, evenly; and between two of them more, as long as it leaps there."""
LEAP: Final = 0.05
"""A difference that a plot should not leave to a straight line."""
AT_ONCE: Final = 200
"""Of a longer history, texts to be measured are unpacked one by one."""
SHADES: Final = 4
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
NOWHERE: Final = Version(
    "", 1, "", None, None, _EPOCH, _EPOCH, Window(None, _EPOCH), _EPOCH, None, None, False, False, "", 0, ""
)


class Moved(Exception):
    """The page has another address, relative to the one that was asked for."""

    def __init__(self, address: str) -> None:
        super().__init__(address)
        self.address = address


def shown(value: object) -> object:
    """What a template prints: hostile characters visible; what is HTML already as it is."""
    return value if isinstance(value, Markup) or not isinstance(value, str) else visible(value)


@cache
def templates() -> Environment:
    """The templates, escaping everything."""
    found = Environment(
        loader=PackageLoader("monitor.web"), autoescape=True, finalize=shown, trim_blocks=True, lstrip_blocks=True
    )
    found.globals.update(folder=folder, window=shown_window, time=_time, one_line=one_line)
    return found


def _time(at: datetime | None) -> Markup:
    if at is None:
        return Markup("–")
    return Markup('<time datetime="{}">{}</time>').format(at.isoformat(timespec="seconds"), shown_time(at))


class Room:
    """Answers addresses with pages. ``archive`` is only read; ``live`` says that a server is there to search.

    ``settings`` is asked for each page, so that a configuration read again takes effect.
    """

    def __init__(self, settings: Callable[[], Settings], archive: Archive, *, live: bool = True) -> None:
        self.archive = archive
        self.settings = settings
        self._shelf = Shelf(archive)
        self._live = live
        self._blames: Remembered[Blame] = Remembered(64)
        self._sentences: Remembered[tuple[Blamed, ...]] = Remembered(512)
        self._distances: Remembered[float] = Remembered(100_000)
        self._comparisons: Remembered[Comparison] = Remembered(128)
        self._searching = Lock()  # one at a time: a search reads every text, and other readers want their turn
        self._made: tuple[Settings, Rules | None, Callable[[str], Side | None]] | None = None

    # -- pages over everything

    def overview(self) -> str:
        """``index.html``: what changed lately, silent edits, the series, and how many sources there are."""
        settings = self.settings()
        titles = {one.id: one.title for one in settings.series}
        used = {one.source.series for one in settings.declarations if one.source.series}
        used |= {one.series for one in self.archive.sources(retired=True) if one.series}
        return self._page(
            "overview",
            0,
            tally=self.archive.tally(),
            events=self.archive.events(limit=LATELY),
            silent=_once(self.archive.events(limit=20, silent=True))[:LATELY_SILENT],
            series=[(name, titles.get(name)) for name in sorted(used)],
            href=_event_href,
        )

    def sources(self, page: int = 1) -> str:
        """``sources.html``, ``sources-2.html`` …: the sources by id. Raises ``UsageError`` beyond the last page."""
        states = self.archive.states(limit=PER_PAGE + 1, offset=(page - 1) * PER_PAGE) if page >= 1 else []
        if not states and page != 1:
            raise UsageError(f"no page {page} of sources")
        more = len(states) > PER_PAGE
        return self._page("sources", 0, states=states[:PER_PAGE], page=page, more=more)

    def source_pages(self) -> int:
        """How many pages the list of sources has."""
        count = len(self.archive.sources(retired=True))
        return max(1, -(-count // PER_PAGE))

    def status(self) -> str:
        """``status.html``: which checks go wrong, and what became of the deliveries."""
        troubled = self.archive.states(troubled=True, limit=PER_PAGE)
        sent = list_letters(self.archive, limit=LATELY)
        return self._page("status", 0, tally=self.archive.tally(), states=troubled, most=PER_PAGE, deliveries=sent)

    def search(self, phrase: str, start: int = 0) -> str:
        """``search``: where a phrase ever stood, from the ``start``-th place to look on. An empty one asks.

        A fault of the phrase is said on the page.
        """
        hits, fault = Hits(), None
        if phrase.strip():
            try:
                with self._searching:
                    hits = search(self.archive, self._shelf, phrase, start)
            except UsageError as error:
                fault = error.message
        return self._page("search", 0, phrase=phrase, hits=hits, fault=fault, examples=EXAMPLES, title_of=self._title)

    def missing(self, heading: str, told: str, depth: int) -> str:
        """Says that there is no such page, or none just now; asked for so many folders below the first one."""
        return self._page("missing", depth, heading=heading, told=one_line(told))

    # -- pages of a source or series

    def entry(self, name: str) -> Entry:
        """The source or series of that name. Raises ``UsageError`` for an unknown one."""
        return self._shelf.entry(name)

    def source(self, name: str | Entry, *, every: bool = False) -> str:
        """``s/NAME/index.html``: the versions of a source or series. Raises ``UsageError`` for an unknown name.

        ``every`` lists all versions of a source (``s/NAME/all.html``), not the newest only.
        """
        entry = self.entry(name) if isinstance(name, str) else name
        baseline = self._baseline(entry)
        if baseline is not None and entry.count <= AT_ONCE:
            _ = entry.pairs  # many texts are wanted: unpacked together they cost less than one by one
        versions = entry.versions
        listed = versions if every or entry.is_series else versions[-LISTED:]
        marks = [self._mark(entry, version) for version in versions]
        far = self._drift(entry, baseline) if baseline is not None and versions else {}
        plotted = [version.number - 1 for version in versions if version.number in far]
        registry, grid = self._registry(entry), self._grid(entry, listed)
        said = [
            at
            for at, phrase in enumerate(registry)
            if entry.name in phrase.expect or any(cells[at] in ("present", "reworded") for cells in grid.values())
        ]
        return self._page(
            "source",
            2,
            entry=entry,
            title=self._title(entry),
            line=timeline(marks, indented=bool(plotted)),
            crowd=CROWD,
            plot=drift_plot([marks[at] for at in plotted], [far[at + 1] for at in plotted]),
            distances=far,
            from_baseline=lambda version: baseline is not None and (self._live or version.number == entry.count),
            has_baseline=baseline is not None,
            phrases=[registry[at] for at in said],
            unsaid=len(registry) - len(said),
            grid={number: [cells[at] for at in said] for number, cells in grid.items()},
            versions=listed[::-1],
            before=lambda version: versions[version.number - 2] if version.number > 1 else None,
        )

    def step(self, name: str | Entry, address: str, *, beside: bool = False, cosmetic: bool = True) -> str:
        """``s/NAME/ADDRESS.html``: a version, a change, or a change side by side (``2-3.beside``).

        Raises ``UsageError`` (or ``StorageError``) when there is none, and ``Moved`` when it has another address.
        """
        entry = self.entry(name) if isinstance(name, str) else name
        beside = beside or address.endswith(".beside")
        pair = parted(address.removesuffix(".beside"))
        if pair is None:
            return self.source(entry, every=True) if address == "all" else self.version(entry, address)
        return self.pair(entry, *pair, beside=beside, cosmetic=cosmetic)

    def pair(
        self, name: str | Entry, old: str | int, new: str | int, *, beside: bool = False, cosmetic: bool = True
    ) -> str:
        """``s/NAME/OLD-NEW.html``: two versions compared; ``beside`` in columns. ``UsageError`` when one is missing."""
        entry = self.entry(name) if isinstance(name, str) else name
        later = entry.found(str(new))
        earlier = None if str(old) == BASELINE else entry.found(str(old))
        new_step = entry.step(later)
        old_step = entry.step(earlier) if earlier else BASELINE
        if (old_step, new_step) != (str(old), str(new)):
            raise Moved(f"{pair_of(old_step, new_step)}{'.beside' if beside else ''}.html")
        pruned = [one for one in (earlier, later) if one is not None and one.pruned]
        if pruned:
            return self._page("pruned", 2, entry=entry, versions=pruned)
        comparison = self._comparison(entry, earlier, later)
        style = Style(ignore_cosmetic=not cosmetic)
        body = columns(comparison, style) if beside else marked(comparison, style)
        near = _next(entry, earlier, later)
        edits = comparison.change.edits
        return self._page(
            "change",
            2,
            entry=entry,
            title=self._title(entry),
            old=earlier,
            new=later,
            near=near,
            change=comparison.change,
            beside=beside,
            cosmetic=cosmetic,
            light=sum(edit.severity is Severity.COSMETIC for edit in edits),
            address=pair_of(old_step, new_step),
            earlier=self._neighbour(entry, later.number - 1) if near else None,
            later=self._neighbour(entry, later.number + 1) if near else None,
            told=summary(comparison.change),
            contents=Markup(contents(comparison, style)),  # noqa: S704  (escaped by monitor.render.html)
            body=Markup(body),  # noqa: S704  (the same)
        )

    def version(self, name: str | Entry, step: str | int) -> str:
        """``s/NAME/STEP.html``: one version, each sentence with its age as a shade. ``UsageError`` when missing."""
        entry = self.entry(name) if isinstance(name, str) else name
        version = entry.found(str(step))
        if not entry.current(version):
            raise Moved(f"../{folder(version.source)}/{version.number}.html")
        own = entry.step(version)
        if own != str(step):
            raise Moved(f"{own}.html")
        if version.pruned:
            return self._page("pruned", 2, entry=entry, versions=[version])
        number = version.number
        text = entry.text(version).text
        sentences = self._blame(entry, version)
        labels = {
            since: (self._since_step(entry, since), self._since_label(entry, since))
            for since in {one.since.version for one in sentences}
        }
        return self._page(
            "version",
            2,
            entry=entry,
            title=self._title(entry),
            version=version,
            body=aged(_blocks(text, sentences), labels, titled=bool(version.title)),
            plain=number == 1,
            change=self._neighbour(entry, number),
            earlier=self._since_step(entry, number - 1) if number > 1 else None,
            later=self._since_step(entry, number + 1) if number < entry.count else None,
            first=pair_of(self._since_step(entry, 1), own) if number > 2 else None,
            has_baseline=(self._live or number == entry.count) and self._baseline(entry) is not None,
            from_baseline=pair_of(BASELINE, own),
        )

    def addresses(self, entry: Entry) -> Iterator[tuple[str, str]]:
        """Every page of a source or series for a report: its file name and the page.

        Each version and the change that led to it; from the first, and from the baseline, to the latest. Side by side is
        made of the same page by a script there: files of their own would double the report.
        """
        versions, _ = entry.versions, entry.pairs
        yield "index.html", self.source(entry)
        if len(versions) > LISTED and not entry.is_series:
            yield "all.html", self.source(entry, every=True)
        for version in versions:
            step = entry.step(version)
            yield f"{step}.html", self.version(entry, step)
            if version.number > 1:
                yield self._filed(entry, entry.step(versions[version.number - 2]), step)
        if len(versions) > 2:
            yield self._filed(entry, entry.step(versions[0]), entry.step(versions[-1]))
        if versions and self._baseline(entry) is not None:
            yield self._filed(entry, BASELINE, entry.step(versions[-1]))

    def _filed(self, entry: Entry, old: str, new: str) -> tuple[str, str]:
        return f"{pair_of(old, new)}.html", self.pair(entry, old, new)

    # -- parts

    def change(self, entry: Entry, version: Version) -> Comparison:
        """What led to a version, the second or a later one."""
        return self._comparison(entry, entry.found(str(version.number - 1)), version)

    def _comparison(self, entry: Entry, earlier: Version | None, later: Version) -> Comparison:
        old = version_side(entry, earlier) if earlier is not None else self._baseline(entry)
        if old is None:
            raise UsageError(f"{entry.name}: no baseline is configured")
        rules = self._rules()
        key = (old.text.digest, later.digest, entry.name, later.number, earlier.number if earlier else 0, id(rules))
        silent = later.silent and not entry.is_series and _next(entry, earlier, later)
        return self._comparisons.asked(
            key, lambda: compared(old, version_side(entry, later), silent=silent, rules=rules)
        )

    def _rules(self) -> Rules | None:
        return self._derived()[0]

    def _derived(self) -> tuple[Rules | None, Callable[[str], Side | None]]:
        """What is made of the settings once: the differ's rules, and the baseline of a name."""
        settings = self.settings()
        if self._made is None or self._made[0] is not settings:
            self._made = (settings, differ_rules(settings), cache(partial(configured_baseline, settings)))
        return self._made[1:]

    def _blame(self, entry: Entry, version: Version) -> tuple[Blamed, ...]:
        """The sentences of a version with their origins; from the latest blame at hand of a version before it on.

        Those of the versions in between are remembered as well, so that a history is gone through once.
        """

        def passed(one: Version, sentences: tuple[Blamed, ...]) -> tuple[Blamed, ...]:
            return self._sentences.put((entry.name, one.number, one.chain), sentences)

        known = self._sentences.get((entry.name, version.number, version.chain))
        if known is not None:
            return known
        if not self._live:  # every version of it will be asked for
            for one, sentences in blames(entry.pairs):
                passed(one, sentences)
            return self._sentences.get((entry.name, version.number, version.chain)) or ()
        found = entry.history.blame(version, before=self._blames.get(entry.name), passed=passed)
        self._blames.put(entry.name, found)
        return passed(version, found.sentences)

    def _drift(self, entry: Entry, baseline: Side) -> dict[int, float]:
        """The distance of each version that is plotted, by number: more of them where the distance leaps."""
        standing = [version for version in entry.versions if not version.pruned]
        yardstick: list[Yardstick] = []  # made when it is needed first
        far: dict[int, float] = {}

        def measure(at: int) -> float:
            version = standing[at]
            key = (baseline.text.digest, version.digest)
            known = self._distances.get(key)
            if known is None:
                yardstick[:] = yardstick or [Yardstick(baseline.text)]
                known = self._distances.put(key, yardstick[0].distance(entry.text(version)))
            far[version.number] = known
            return known

        places = _strided(len(standing), POINTS)
        least = max(1, len(standing) // (6 * POINTS))
        found = [(at, measure(at)) for at in places]
        while found:
            leaps = [(a, b) for (a, low), (b, high) in pairwise(found) if b - a > least and abs(high - low) > LEAP]
            middles = [(middle, measure(middle)) for a, b in leaps if (middle := (a + b) // 2)]
            if not middles:
                break
            found = sorted({*found, *middles})
        return far

    def _registry(self, entry: Entry) -> tuple[Phrase, ...]:
        return self.settings().phrases if entry.count else ()

    def _grid(self, entry: Entry, listed: Sequence[Version]) -> dict[int, tuple[str, ...]]:
        """For each listed version, in the order of the registry, whether a set phrase is present, reworded or absent."""
        registry = self._registry(entry)
        if not (registry and listed):
            return {}
        pruned = {version.number: ("unknown",) * len(registry) for version in listed if version.pruned}
        texts = entry.latest_pairs(len(listed))
        return pruned | {version.number: standing(registry, text) for version, text in texts}

    def _baseline(self, entry: Entry) -> Side | None:
        if isinstance(entry, Kept) and (pinned := entry.state.source.baseline or "").startswith("@") and entry.count:
            return version_side(entry, resolve(pinned[1:], entry.versions))
        return self._derived()[1](entry.name)

    def _title(self, entry: Entry) -> str | None:
        """What people call it: the title of a series, or that of the latest wording."""
        if entry.is_series:
            return next((one.title for one in self.settings().series if one.id == entry.name), None)
        latest = entry.state.latest if entry.state else None
        return latest.title if latest else None

    def _mark(self, entry: Entry, version: Version) -> Mark:
        at = version.captured if isinstance(entry, Kept) else entry.dates.get(version.number, version.captured)
        loud = version.severity in (Severity.WORDING, Severity.MAJOR)
        silent = version.silent and not entry.is_series
        return Mark(at, entry.label(version), f"{entry.step(version)}.html", loud or entry.is_series, silent)

    def _neighbour(self, entry: Entry, number: int) -> str | None:
        """The address of the change that led to that number; None where there is none."""
        if not 2 <= number <= entry.count:
            return None
        return pair_of(self._since_step(entry, number - 1), self._since_step(entry, number))

    def _since_step(self, entry: Entry, number: int) -> str:
        return entry.step(entry.versions[number - 1]) if entry.is_series else str(number)

    def _since_label(self, entry: Entry, number: int) -> str:
        return entry.label(entry.versions[number - 1]) if entry.is_series else str(number)

    def _page(self, name: str, depth: int, **values: object) -> str:
        root = "../" * depth or "./"
        return templates().get_template(f"{name}.html").render(root=root, live=self._live, pair_of=pair_of, **values)


@lru_cache(maxsize=256)
def _wanted(phrase: Phrase) -> tuple[tuple[tuple[tuple[str, int], ...], float], ...]:
    """For each variant how its words begin, with their lengths, and how many letters of them a paragraph must have.

    A near match has, of all letters of both sides, twice those of the words in common at most: with ``m`` of ``l`` in
    common it is ``2m / (l + m)`` alike, or less.
    """
    found = []
    for variant in phrase.variants:
        words = [word.folded for word in words_in(variant)]
        letters = sum(map(len, words))
        short = len(words) <= (SHORT_CHARACTERS if letters == len(words) else SHORT_WORDS)
        near = NEAR_SHORT if short else NEAR
        found.append((tuple((word[:4], len(word)) for word in words), letters * near / (2 - near) - 0.001))
    return tuple(found)


def may_stand(phrase: Phrase, folded: str) -> bool:
    """Whether enough words of a variant begin somewhere in a paragraph: to split most into words would be in vain."""
    return any(sum(size for head, size in words if head in folded) >= least for words, least in _wanted(phrase))


@lru_cache(maxsize=20_000)
def _standing_in(registry: tuple[Phrase, ...], paragraph: str) -> tuple[int, ...]:
    found = [0] * len(registry)
    folded = fold(paragraph).text
    likely = [phrase for phrase in registry if may_stand(phrase, folded)]
    if likely:
        at = {phrase.id: place for place, phrase in enumerate(registry)}
        for one in phrases(likely, {"": [(NOWHERE, Text(paragraph))]}).standings:
            found[at[one.phrase]] = 2 if one.usage else 1 if one.near else 0
    return tuple(found)


def standing(registry: tuple[Phrase, ...], text: Text) -> tuple[str, ...]:
    """Whether each set phrase is present in a text, only in other words (reworded), or absent."""
    blocks = [_standing_in(registry, block) for block in text.text.split("\n\n") if block.strip()]
    best = (max(column) for column in zip(*blocks, strict=True)) if blocks else (0 for _ in registry)
    return tuple(("absent", "reworded", "present")[one] for one in best)


def _next(entry: Entry, earlier: Version | None, later: Version) -> bool:
    """Whether the two stand beside each other."""
    if earlier is None or not (entry.current(earlier) and entry.current(later)):
        return False
    return later.number == earlier.number + 1


def _shades(origins: Iterable[int]) -> Callable[[int], int]:
    """The shade of each origin, 0 for the oldest in the text to ``SHADES`` for the youngest."""
    ordered = sorted(origins)
    most = max(1, len(ordered) - 1)
    shades = {since: round(SHADES * place / most) for place, since in enumerate(ordered)}
    return shades.__getitem__


def aged(blocks: Sequence[Sequence[Blamed]], labels: Mapping[int, tuple[str, str]], *, titled: bool) -> Markup:
    """A text with the age of each sentence as a shade, and at the end of a run of equal ages a link to their version.

    ``labels`` gives step and name of each version that a sentence came in; with a single one there is nothing to tell.
    """
    shade = _shades(labels)
    lines = []
    for place, block in enumerate(blocks):
        parts = []
        for at, one in enumerate(block):
            since = one.since.version
            parts.append(f'<span class="age-{shade(since)}">{escaped(one.text)}</span>')
            after = block[at + 1] if at + 1 < len(block) else None
            if len(labels) > 1 and (after is None or (after.since.version, after.returned) != (since, one.returned)):
                step, name = labels[since][0], escaped(one_line(labels[since][1]))
                back = "↩" if one.returned else ""
                parts.append(f'<sup lang="en"><a href="{step}.html" aria-label="since {name}">{name}{back}</a></sup>')
            parts.append(" ")
        opening = '<p dir="auto" class="title">' if titled and place == 0 else '<p dir="auto">'
        lines.append(f"{opening}{''.join(parts).rstrip()}</p>")
    return Markup("\n".join(lines))  # noqa: S704  (escaped above)


def _strided(count: int, most: int) -> list[int]:
    """The places 0 to ``count - 1``; of more than twice ``most`` so many, evenly, the first and the last included."""
    return list(range(count)) if count <= 2 * most else [round(at * (count - 1) / (most - 1)) for at in range(most)]


def _blocks(text: str, sentences: Sequence[Blamed]) -> list[list[Blamed]]:
    """The sentences in paragraphs."""
    blocks: list[list[Blamed]] = []
    end = 0
    for one in sentences:
        if not blocks or "\n\n" in text[end : one.start]:
            blocks.append([])
        blocks[-1].append(one)
        end = one.end
    return blocks


def _once(events: Iterable[Event]) -> list[Event]:
    """One event for each version: a silent edit that goes back to an earlier wording is told as both."""
    return list({(event.source, event.version): event for event in reversed(list(events))}.values())[::-1]


def _event_href(event: Event) -> str:
    if event.version and event.version > 1:
        return f"s/{folder(event.source)}/{pair_of(str(event.version - 1), str(event.version))}.html"
    return f"s/{folder(event.source)}/{f'{event.version}' if event.version else 'index'}.html"
