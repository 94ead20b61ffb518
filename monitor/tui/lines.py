"""The two widgets of the viewer: lines that are scrolled, and a list in which one line is chosen.

Both draw only what is seen (Textual's line API), so that a thousand sources cost no more than twenty.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Final

from rich.segment import Segment
from rich.style import Style
from rich.text import Text
from textual.binding import Binding, BindingType
from textual.geometry import Region, Size
from textual.message import Message
from textual.scroll_view import ScrollView
from textual.strip import Strip

from monitor.render.terminal import Role
from monitor.tui.rows import Runs, next_stop, stops

if TYPE_CHECKING:
    from collections.abc import Callable

    from textual import events


def _style(role: Role) -> Style:
    found = Text.from_ansi(f"\x1b[{role.value}mx").spans[0].style if role.value else ""
    return found if isinstance(found, Style) else Style.parse(found)


ROLE_STYLES: Final = {role: _style(role) for role in Role}
"""The colours of the shared renderers, as Rich knows them."""

MOVES: Final[list[BindingType]] = [
    Binding("j,down", "by(1)", "down", show=False),
    Binding("k,up", "by(-1)", "up", show=False),
    Binding("space,pagedown,ctrl+f", "page(1)", "page down", show=False),
    Binding("pageup,ctrl+b", "page(-1)", "page up", show=False),
    Binding("ctrl+d", "half(1)", "half a page down", show=False),
    Binding("ctrl+u", "half(-1)", "half a page up", show=False),
    Binding("g,home", "end(-1)", "top", show=False),
    Binding("G,end", "end(1)", "bottom", show=False),
]


class Reading(ScrollView, can_focus=True):
    """Characters with colours, already set for its width; knows where the changes are."""

    BINDINGS: ClassVar[list[BindingType]] = MOVES

    def __init__(self, id: str) -> None:  # noqa: A002  (Textual's word)
        super().__init__(id=id)
        self._lines: list[Text] = []
        self._stops: list[int] = []
        self._at = -1

    @property
    def lines(self) -> list[str]:
        """What it shows, without colours."""
        return [line.plain for line in self._lines]

    @property
    def stop(self) -> tuple[int, int]:
        """Which change was jumped to, from 1 (0: none yet), and how many there are."""
        return (self._stops.index(self._at) + 1 if self._at in self._stops else 0), len(self._stops)

    def fill(self, ansi: str) -> None:
        """Show this from its top."""
        self._lines = [Text.from_ansi(line, tab_size=1) for line in ansi.rstrip("\n").split("\n")]
        self._stops = stops(map(_marked, self._lines))
        self._at = -1
        self.virtual_size = Size(max((line.cell_len for line in self._lines), default=0), len(self._lines))
        self.scroll_to(0, 0, animate=False, force=True)
        self.refresh()

    def jump(self, step: int) -> bool:
        """To the next (1) or previous (−1) change; False when there is none that way."""
        place = next_stop(self._stops, self._at, step)
        if place is None:
            return False
        self._at = place
        self.scroll_to(y=max(0, place - self.size.height // 3), animate=False, force=True)
        self.refresh()
        return True

    def render_line(self, y: int) -> Strip:
        """One line, as Textual asks for it."""
        left, top = self.scroll_offset
        width = self.scrollable_content_region.width
        if not 0 <= top + y < len(self._lines):
            return Strip.blank(width, self.rich_style)
        strip = Strip(self._lines[top + y].render(self.app.console)).crop(left, left + width)
        style = self.rich_style
        if top + y == self._at:
            style += Style(reverse=False, bgcolor=self.get_component_rich_style("reading--at", partial=True).bgcolor)
        return strip.extend_cell_length(width).apply_style(style)

    COMPONENT_CLASSES: ClassVar[set[str]] = {"reading--at"}

    def action_by(self, step: int) -> None:
        """A line up or down."""
        self.scroll_to(y=self.scroll_offset.y + step, animate=False, force=True)

    def action_page(self, step: int) -> None:
        """A page, less one line."""
        self.action_by(step * max(1, self.size.height - 1))

    def action_half(self, step: int) -> None:
        """Half a page."""
        self.action_by(step * max(1, self.size.height // 2))

    def action_end(self, step: int) -> None:
        """To the top or the bottom."""
        self.scroll_to(y=0 if step < 0 else self.max_scroll_y, animate=False, force=True)


class Listing(ScrollView, can_focus=True):
    """A list in which one line is chosen. ``line`` draws a row for a width; rows may be any number."""

    BINDINGS: ClassVar[list[BindingType]] = [*MOVES, Binding("enter", "open", "open", show=False)]
    COMPONENT_CLASSES: ClassVar[set[str]] = {"listing--chosen", "listing--chosen-unfocused"}

    class Chosen(Message):
        """Another line is chosen."""

        def __init__(self, listing: Listing) -> None:
            super().__init__()
            self.listing = listing

        @property
        def control(self) -> Listing:
            """The list it happened in."""
            return self.listing

    class Opened(Chosen):
        """Enter, or a click on the chosen line."""

    def __init__(self, id: str) -> None:  # noqa: A002  (Textual's word)
        super().__init__(id=id)
        self._count = 0
        self._line: Callable[[int, int], Runs] = lambda place, width: ()  # noqa: ARG005
        self.chosen = 0

    def fill(self, count: int, line: Callable[[int, int], Runs], chosen: int = 0) -> None:
        """Show ``count`` rows; ``line(place, width)`` draws one."""
        self._count, self._line = count, line
        self.virtual_size = Size(self.scrollable_content_region.width, count)
        self.chosen = min(max(0, chosen), max(0, count - 1))
        self._reveal()
        self.refresh()

    def choose(self, place: int) -> None:
        """Choose a row; nothing beyond the ends."""
        place = min(max(0, place), self._count - 1)
        if place < 0 or place == self.chosen:
            return
        self.chosen = place
        self._reveal()
        self.refresh()
        self.post_message(self.Chosen(self))

    def _reveal(self) -> None:
        if self.size.height:
            self.scroll_to_region(Region(0, self.chosen, 1, 1), animate=False, force=True)

    def on_resize(self) -> None:
        """The chosen row stays in sight."""
        self.virtual_size = Size(self.scrollable_content_region.width, self._count)
        self._reveal()

    def render_line(self, y: int) -> Strip:
        """One row, as Textual asks for it."""
        place, width = self.scroll_offset.y + y, self.scrollable_content_region.width
        if place >= self._count:
            return Strip.blank(width, self.rich_style)
        segments = [Segment(text, ROLE_STYLES[role]) for text, role in self._line(place, width)]
        strip = Strip(segments).crop(0, width).extend_cell_length(width)
        style = self.rich_style
        if place == self.chosen:
            name = "listing--chosen" if self.has_focus else "listing--chosen-unfocused"
            style += self.get_component_rich_style(name, partial=True)
            strip = Strip([Segment(one.text, Style(bold=bool(one.style and one.style.bold))) for one in strip])
        return strip.apply_style(style)

    def on_focus(self) -> None:
        """The chosen line is drawn otherwise."""
        self.refresh()

    def on_blur(self) -> None:
        """The chosen line is drawn otherwise."""
        self.refresh()

    def on_click(self, event: events.Click) -> None:
        """A click chooses; a click on what is chosen opens it."""
        place = self.scroll_offset.y + event.y
        if place >= self._count:
            return
        if place == self.chosen:
            self.action_open()
        else:
            self.choose(place)

    def action_by(self, step: int) -> None:
        """The row before or after."""
        self.choose(self.chosen + step)

    def action_page(self, step: int) -> None:
        """A page of rows."""
        self.choose(self.chosen + step * max(1, self.size.height - 1))

    def action_half(self, step: int) -> None:
        """Half a page of rows."""
        self.choose(self.chosen + step * max(1, self.size.height // 2))

    def action_end(self, step: int) -> None:
        """The first or the last row."""
        self.choose(0 if step < 0 else self._count - 1)

    def action_open(self) -> None:
        """Say that the chosen row is wanted."""
        if self._count:
            self.post_message(self.Opened(self))


def _marked(line: Text) -> bool:
    """Whether a line shows an edit: struck through or underlined, as the shared renderers draw them."""
    return any(isinstance(span.style, Style) and (span.style.strike or span.style.underline) for span in line.spans)
