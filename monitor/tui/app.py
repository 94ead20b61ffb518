"""The viewer: sources, the versions of one as a timeline, and the text or diff beside it."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, ClassVar, Final

from rich.text import Text
from textual.app import App, ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.screen import ModalScreen
from textual.widgets import Input, Static

from monitor.render.safe import one_line
from monitor.render.terminal import fit
from monitor.tui.asked import Asked, Show, answer, counted
from monitor.tui.lines import Listing, Reading
from monitor.tui.rows import Runs, SourceRow, filtered, position, source_line, source_rows, version_line
from storage.errors import VariorumError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from textual import events

    from monitor.config import Settings
    from monitor.histories import History
    from storage.archive import Archive

KEYS: Final = (
    ("j k ↓ ↑ PgUp PgDn", "move; Ctrl+D Ctrl+U by half pages, g G to the ends"),
    ("h l ← → Tab", "to the list or the text beside"),
    ("Enter, click", "open a source; from the timeline to the text"),
    ("Esc", "leave a search; back to the sources"),
    ("n p", "next and previous change, on into other versions"),
    ("J K", "older and newer version, from anywhere"),
    ("d", "what changed in this version"),
    ("t", "the text of this version"),
    ("b", "blame: since when each sentence stands"),
    ("B", "against the baseline"),
    ("m", "mark a version to compare any other with; again: no more"),
    ("s", "side by side, or inline"),
    ("w", "the whole text, or the surroundings of changes"),
    ("c", "cosmetic changes shown, or hidden"),
    ("/", "a phrase, in every version of this source"),
    ("f", "sources by a part of their name"),
    ("r", "read the archive again"),
    ("L", "light or dark"),
    ("? q", "this help; quit"),
)

SETTLE_S: Final = 0.03
"""So long a question stands before it is answered."""

CSS: Final = """
Screen { layout: vertical; }
Listing, Reading { overflow-x: hidden; scrollbar-gutter: stable; }
#head { height: 1; padding: 0 1; background: $panel; color: $text; text-style: bold; }
#foot { height: 1; padding: 0 1; background: $panel; color: $text-muted; }
#body { height: 1fr; }
Listing { scrollbar-size-vertical: 1; padding: 0 0 0 1; }
#sources { width: 38; border-right: solid $panel-lighten-2; }
#versions { width: 40; border-right: solid $panel-lighten-2; }
#right { width: 1fr; }
#told { height: 1; padding: 0 1; color: $text-muted; }
Reading { scrollbar-size-vertical: 1; padding: 0 1; }
Listing:focus { background: $surface; }
.listing--chosen { background: $primary; color: $text; }
.listing--chosen-unfocused { background: $primary-muted; color: $text; }
.reading--at { background: $panel; }
#ask { display: none; height: 1; border: none; padding: 0 1; background: $boost; }
#ask.asking { display: block; }
.-narrow #sources { width: 100%; border-right: none; }
.-narrow #versions { width: 24; }
.-narrow.at-sources #versions, .-narrow.at-sources #right { display: none; }
.-narrow.at-one #sources { display: none; }
Help { align: center middle; background: $background 60%; }
Help > Static { width: 80; max-width: 100%; height: auto; max-height: 100%; padding: 0 1; border: round $primary; background: $surface; overflow-y: auto; }
"""


class Help(ModalScreen[None]):
    """The keys. Any key closes it."""

    def compose(self) -> ComposeResult:
        """The table."""
        table = Text()
        for key, does in KEYS:
            table.append(f"{key:<18}", "bold")
            table.append(f" {does}\n")
        table.rstrip()
        yield Static(table)

    def on_key(self, event: events.Key) -> None:
        """Close."""
        event.stop()
        self.dismiss()

    def on_click(self) -> None:
        """Close."""
        self.dismiss()


class Viewer(App[None]):
    """Reads an archive; changes nothing. ``start`` is the source or series to open with."""

    CSS = CSS
    TITLE = "Variorum"
    ENABLE_COMMAND_PALETTE = False
    HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (118, "-wide")]  # noqa: RUF012  (as Textual has it)
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("question_mark", "help", "help"),
        Binding("q", "quit", "quit"),
        Binding("n", "change(1)", "next change"),
        Binding("p", "change(-1)", "previous change"),
        Binding("J", "version(1)", "older"),
        Binding("K", "version(-1)", "newer"),
        Binding("h,left", "beside(-1)", "left"),
        Binding("l,right", "beside(1)", "right"),
        Binding("escape", "leave", "back"),
        Binding("d", "show('CHANGE')", "change"),
        Binding("t", "show('TEXT')", "text"),
        Binding("b", "show('BLAME')", "blame"),
        Binding("B", "show('BASELINE')", "baseline"),
        Binding("m", "mark", "mark"),
        Binding("s", "switch('beside')", "side by side"),
        Binding("w", "switch('whole')", "whole"),
        Binding("c", "switch('cosmetic')", "cosmetic"),
        Binding("slash", "ask('phrase')", "phrase"),
        Binding("f", "ask('name')", "filter"),
        Binding("r", "reload", "reload"),
        Binding("L", "light", "light"),
    ]

    def __init__(self, settings: Settings, archive: Archive, start: History | None = None) -> None:
        super().__init__()
        self._settings, self._archive = settings, archive
        self._rows: list[SourceRow] = []
        self._shown_rows: list[SourceRow] = []
        self._history = start
        self.asked = Asked(start.name if start else "")
        self._times: dict[int, int] | None = None
        self._asking = ""

    def compose(self) -> ComposeResult:
        """Head, the three panes, the line to type in, foot."""
        yield Static("", id="head", markup=False)
        with Horizontal(id="body"):
            yield Listing(id="sources")
            yield Listing(id="versions")
            with Vertical(id="right"):
                yield Static("", id="told", markup=False)
                yield Reading(id="reading")
        yield Input(id="ask", compact=True)
        yield Static("", id="foot", markup=False)

    def on_mount(self) -> None:
        """Fill the list of sources; open the one that was asked for."""
        self._load()
        if self._history is not None:
            self._opened(self._history)
        else:
            self._place("at-sources", "#sources")

    # -- what is on the screen

    def _load(self) -> None:
        self._rows = source_rows(self._archive.states())
        self._fill_sources(self._rows)

    def _fill_sources(self, rows: list[SourceRow]) -> None:
        self._shown_rows = rows
        at = next((place for place, row in enumerate(rows) if row.name == self.asked.name), 0)
        self.query_one("#sources", Listing).fill(len(rows), lambda place, width: source_line(rows[place], width), at)
        self._tell()

    def _fill_versions(self) -> None:
        history = self._history
        if history is None:
            return
        count = len(history.versions)

        def line(place: int, width: int) -> Runs:
            version = history.versions[count - 1 - place]
            return version_line(
                version,
                width,
                date=history.dates.get(version.number) if history.dates else None,
                series=history.name if history.is_series else None,
                marked=version.number == self.asked.mark,
                phrase=self._times,
            )

        self.query_one("#versions", Listing).fill(count, line, count - self.asked.number)

    def _opened(self, history: History) -> None:
        self._history, self._times = history, None
        self.asked = Asked(history.name, len(history.versions), cosmetic=self.asked.cosmetic, beside=self.asked.beside)
        self._fill_versions()
        self._place("at-one", "#versions")
        self._read()

    def _place(self, where: str, focus: str) -> None:
        self.screen.set_class(where == "at-sources", "at-sources")
        self.screen.set_class(where == "at-one", "at-one")
        self.query_one(focus).focus()
        self._tell()

    def _read(self) -> None:
        """Work out what is asked for, off the loop; a newer question takes the place of an older one."""
        self._tell("…")
        self._run(partial(self._answer, self.asked), "reading")

    def _run(self, work: Callable[[], Awaitable[None]], group: str) -> None:
        self.run_worker(work, exclusive=True, group=group)

    async def _answer(self, asked: Asked) -> None:
        reading, history = self.query_one(Reading), self._history
        if history is None or history.name != asked.name:
            return
        await asyncio.sleep(SETTLE_S)  # a key held down asks many questions, and a thread once begun goes on to its end
        width = reading.scrollable_content_region.width
        if not width:  # not laid out yet: the resize that follows asks again
            return
        try:
            told = await asyncio.to_thread(answer, asked, history, self._settings, width)
        except VariorumError as error:
            told = one_line(error.message) + (f"\n{one_line(error.hint)}" if error.hint else "")
        if asked == self.asked:
            reading.fill(told)
            self._tell()

    def _tell(self, wait: str = "") -> None:
        """The lines above and below."""
        sources, reading = self.query_one("#sources", Listing), self.query_one(Reading)
        history = self._history
        at_sources = self.screen.has_class("at-sources") or history is None
        head = f"Variorum   {position(sources.chosen, self._shown_rows)} sources"
        if history is not None and not at_sources:
            kind = "series" if history.is_series else "source"
            head = f"{one_line(history.name)}   {kind}, {len(history.versions):,} versions"
            if history.versions and not history.is_series and (title := history.versions[-1].title):
                head += f"   {one_line(title)}"
        width = max(20, self.size.width - 2)
        self.query_one("#head", Static).update(Text(fit(head, width)))
        stop, stops = reading.stop
        told = one_line(self.asked.told(history)) if history is not None else ""
        changes = (
            f"   change {stop or '–'} of {stops}" if stops and self.asked.show in (Show.CHANGE, Show.BASELINE) else ""
        )
        marked = history is not None and self.asked.mark == self.asked.number  # else both stand there as a pair
        mark = "   marked: choose another" if marked else ""
        self.query_one("#told", Static).update(Text(f"{told}{changes}{mark}  {wait}"))
        keys = (
            "? help  Enter open  f filter  / phrase  q quit"
            if at_sources
            else "? help  n p change  J K version  d t b B show  m mark  / phrase  Esc back"
        )
        self.query_one("#foot", Static).update(Text(fit(keys, width)))

    # -- what happens

    def on_listing_chosen(self, message: Listing.Chosen) -> None:
        """Another source or version."""
        if message.listing.id == "versions" and self._history is not None:
            number = len(self._history.versions) - message.listing.chosen
            show = Show.CHANGE if self.asked.show is Show.PHRASE else self.asked.show
            self.asked = replace(self.asked, number=number, show=show)
            self._read()
        else:
            self._tell()

    def on_listing_opened(self, message: Listing.Opened) -> None:
        """Enter on a source opens it; on a version it leads to the text."""
        if message.listing.id == "versions":
            self.query_one(Reading).focus()
        elif self._shown_rows:
            self._open(self._shown_rows[message.listing.chosen].name)

    def _open(self, name: str) -> None:
        self._tell("…")
        self._run(partial(self._find, name), "finding")

    async def _find(self, name: str) -> None:
        from monitor.histories import history_of

        try:
            history = await asyncio.to_thread(history_of, self._archive, name)
        except VariorumError as error:
            self.notify(one_line(error.message), severity="error", markup=False)
            return
        self._opened(history)

    def on_resize(self) -> None:
        """The text is set anew for another width."""
        if self._history is not None:
            self.call_after_refresh(self._read)

    def action_version(self, step: int) -> None:
        """An older (1) or newer (−1) version."""
        if self._history is not None:
            self.query_one("#versions", Listing).action_by(step)

    def action_change(self, step: int) -> None:
        """The next (1) or previous (−1) change; beyond the last that of the next version."""
        if self._history is None or self.screen.has_class("at-sources"):
            return
        if not self.query_one(Reading).jump(step) and self.asked.show is Show.CHANGE and self.asked.mark is None:
            self.action_version(-step)
        self._tell()

    def action_show(self, name: str) -> None:
        """Change, text, blame or baseline of the chosen version."""
        if self._history is not None:
            self._times = None
            self.asked = replace(self.asked, show=Show[name], phrase="")
            self._fill_versions()
            self._read()

    def action_switch(self, name: str) -> None:
        """Side by side, whole, cosmetic: on or off."""
        if self._history is not None:
            beside, whole, cosmetic = self.asked.beside, self.asked.whole, self.asked.cosmetic
            self.asked = replace(
                self.asked,
                beside=beside ^ (name == "beside"),
                whole=whole ^ (name == "whole"),
                cosmetic=cosmetic ^ (name == "cosmetic"),
            )
            self._read()

    def action_mark(self) -> None:
        """Mark the chosen version, or no version any more."""
        if self._history is not None:
            mark = None if self.asked.mark == self.asked.number else self.asked.number
            self.asked = replace(self.asked, mark=mark, show=Show.CHANGE)
            self._fill_versions()
            self._read()

    def action_beside(self, step: int) -> None:
        """To the pane on the left or right."""
        panes = [one for one in (*self.query(Listing), self.query_one(Reading)) if one.display and one.size.width]
        at = next((place for place, one in enumerate(panes) if one.has_focus), 0)
        if step < 0 and at == 0:
            self.action_leave()
        elif 0 <= at + step < len(panes):
            panes[at + step].focus()
        elif self.screen.has_class("at-sources"):
            self.query_one("#sources", Listing).action_open()

    def action_leave(self) -> None:
        """Out of what is typed, out of a search, back to the sources."""
        if self._asking:
            self._end_asking()
            self._fill_sources(self._rows)
        elif self.asked.show is Show.PHRASE and self._history is not None:
            self.action_show("CHANGE")
        elif self.screen.has_class("at-sources") and len(self._shown_rows) < len(self._rows):
            self._fill_sources(self._rows)
        else:
            self._place("at-sources", "#sources")

    def action_help(self) -> None:
        """The keys."""
        self.push_screen(Help())

    def action_reload(self) -> None:
        """What the archive has now."""
        self._load()
        if self._history is not None and not self.screen.has_class("at-sources"):
            self._open(self._history.name)

    def action_light(self) -> None:
        """Light or dark."""
        self.theme = "textual-light" if self.theme == "textual-dark" else "textual-dark"

    # -- what is typed

    def action_ask(self, what: str) -> None:
        """Open the line to type in: a part of a name, or a phrase."""
        if what == "phrase" and (self._history is None or self.screen.has_class("at-sources")):
            if not self._shown_rows:
                return
            self._open(self._shown_rows[self.query_one("#sources", Listing).chosen].name)
        if what == "name":
            self._place("at-sources", "#sources")
        self._asking = what
        line = self.query_one("#ask", Input)
        line.value = ""
        line.placeholder = "a phrase, then Enter" if what == "phrase" else "a part of the name, then Enter"
        line.add_class("asking")
        line.focus()

    def _end_asking(self) -> None:
        what, self._asking = self._asking, ""
        self.query_one("#ask", Input).remove_class("asking")
        self.query_one("#sources" if what == "name" else "#versions", Listing).focus()

    def on_input_changed(self, event: Input.Changed) -> None:
        """The sources are filtered while the name is typed."""
        if self._asking == "name":
            self._fill_sources(filtered(self._rows, event.value))

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """A name is chosen, or a phrase is searched."""
        what, words = self._asking, event.value.strip()
        self._end_asking()
        if what == "phrase" and words:
            self._run(partial(self._search, words), "finding")

    async def _search(self, words: str) -> None:
        history = self._history
        if history is None:
            return
        try:
            self._times = await asyncio.to_thread(counted, words, history)
        except VariorumError as error:
            self.notify(one_line(error.message), severity="error", markup=False)
            return
        self.asked = replace(self.asked, show=Show.PHRASE, phrase=words)
        self._fill_versions()
        self._read()
