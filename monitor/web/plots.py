"""Small pictures as SVG: when the versions came, and how far each is from the baseline. Pure; numbers to characters."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from markupsafe import Markup, escape

from monitor.render.safe import one_line

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

WIDTH: Final = 720
LEFT: Final = 44
RIGHT: Final = 14
CROWD: Final = 60
"""More marks than this would cover one another: they are drawn as ticks, and the points of a line smaller."""
HIGH: Final = 120
"""The height of the drift plot between 0 and the top of its scale."""
MARGIN: Final = 8
MIDDLE: Final = 24
SIGN: Final = 5.5
SCALES: Final = (0.05, 0.1, 0.2, 0.5, 1.0)


@dataclass(frozen=True, slots=True)
class Mark:
    """A version in a picture. ``label`` and ``href`` lead to it; ``loud`` is from ``wording`` up."""

    at: datetime
    label: str
    href: str
    loud: bool = False
    silent: bool = False


def timeline(marks: Sequence[Mark], *, indented: bool = False) -> Markup:
    """A line of time (oldest first), one mark a version: filled from ``wording`` up, a square for a silent edit.

    A crowd is drawn as ticks, longer from ``wording`` up, the longest with a square for silent edits. ``indented``: as
    the plot of distances is, which has room for its scale there.
    """
    if not marks:
        return Markup("")
    left = LEFT if indented else MARGIN
    few = len(marks) <= CROWD
    parts = [f'<line x1="{left}" y1="{MIDDLE}" x2="{WIDTH - RIGHT}" y2="{MIDDLE}"/>']
    for mark, x in zip(marks, _places(marks, left), strict=True):
        told = f"{mark.at:%Y-%m-%d %H:%M} UTC{', silent edit' if mark.silent else ''}"
        parts.append(_link(mark, _sign(mark, x) if few else _tick(mark, x), told))
    return _picture(
        "timeline few" if few else "timeline", 62, f"{len(marks)} versions over time", [*parts, *_ends(marks, 58, left)]
    )


def _sign(mark: Mark, x: float) -> str:
    name = "loud" if mark.loud else "soft"
    if mark.silent:
        return f'<rect x="{x - SIGN:.1f}" y="{MIDDLE - SIGN:g}" width="{2 * SIGN:g}" height="{2 * SIGN:g}" class="{name}"/>'
    return f'<circle cx="{x:.1f}" cy="{MIDDLE}" r="{SIGN:g}" class="{name}"/>'


def _tick(mark: Mark, x: float) -> str:
    name = "loud" if mark.loud else "soft"
    half = 14 if mark.silent else 9 if mark.loud else 5
    head = f'<rect x="{x - 3:.1f}" y="{MIDDLE - half - 6}" width="6" height="6" class="{name}"/>' if mark.silent else ""
    line = f'<line x1="{x:.1f}" y1="{MIDDLE - half}" x2="{x:.1f}" y2="{MIDDLE + half}" class="tick {name}"/>'
    return f'<rect x="{x - 2:.1f}" y="4" width="4" height="40" class="catch"/>{line}{head}'


def drift_plot(marks: Sequence[Mark], distances: Sequence[float]) -> Markup:
    """Distance from the baseline (0 to 1, oldest first) over time; 0 is the baseline itself.

    The scale ends at the first of ``SCALES`` that holds them all.
    """
    if not marks:
        return Markup("")
    base = 12 + HIGH
    top = next(one for one in SCALES if one >= max(distances))
    parts = []
    for share in (0.0, top / 2, top):
        y = base - HIGH * share / top
        parts.append(f'<line x1="{LEFT}" y1="{y:g}" x2="{WIDTH - RIGHT}" y2="{y:g}"/>')
        parts.append(f'<text x="{LEFT - 8}" y="{y + 4:g}" text-anchor="end">{100 * share:g}%</text>')
    points = [(x, base - HIGH * far / top) for x, far in zip(_places(marks, LEFT), distances, strict=True)]
    path = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
    parts.append(f'<polyline points="{path}"/>')
    for mark, (x, y), far in zip(marks, points, distances, strict=True):
        dot = f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{4 if len(marks) <= CROWD else 2.5}" class="loud"/>'
        parts.append(_link(mark, dot, f"{mark.at:%Y-%m-%d}: {far:.0%} from the baseline"))
    told = f"Distance from the baseline over time, {distances[0]:.0%} at first, {distances[-1]:.0%} at last"
    return _picture(
        "drift few" if len(marks) <= CROWD else "drift", base + 32, told, [*parts, *_ends(marks, base + 26, LEFT)]
    )


def _picture(name: str, height: float, told: str, parts: Sequence[str]) -> Markup:
    body = "".join(parts)
    return Markup(  # noqa: S704  (numbers, dates, and labels that _link escapes)
        f'<svg class="plot {name}" viewBox="0 0 {WIDTH} {height:g}" role="group" aria-label="{told}">{body}</svg>'
    )


def _link(mark: Mark, shape: str, told: str) -> str:
    title = escape(f"{one_line(mark.label)}, {told}")
    return f'<a href="{escape(mark.href)}" tabindex="-1" aria-label="{title}"><title>{title}</title>{shape}</a>'


def _ends(marks: Sequence[Mark], y: float, left: float) -> list[str]:
    """The dates at both ends of the line."""
    first, last = (f"{mark.at:%Y-%m-%d}" for mark in (marks[0], marks[-1]))
    if first == last:
        return [f'<text x="{(left + WIDTH - RIGHT) / 2:g}" y="{y:g}" text-anchor="middle">{first}</text>']
    return [
        f'<text x="{left:g}" y="{y:g}">{first}</text>',
        f'<text x="{WIDTH - RIGHT}" y="{y:g}" text-anchor="end">{last}</text>',
    ]


def _places(marks: Sequence[Mark], left: float) -> list[float]:
    """Where each stands from left to right, by its time."""
    times = [mark.at.timestamp() for mark in marks]
    low, span = min(times), max(times) - min(times)
    wide = WIDTH - RIGHT - left - 12
    return [left + 6 + wide * ((at - low) / span if span else 0.5) for at in times]
