"""Small pictures as SVG: when the versions came, and how far each is from the baseline. Pure; numbers to characters."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from markupsafe import Markup

from storage.records import Severity

if TYPE_CHECKING:
    from collections.abc import Sequence

    from storage.records import Version

WIDTH: Final = 640
MARGIN: Final = 12


def _places(versions: Sequence[Version]) -> list[float]:
    """Where each version stands from left to right, by the time of its capture."""
    times = [version.captured.timestamp() for version in versions]
    low, span = min(times), max(times) - min(times)
    return [MARGIN + (WIDTH - 2 * MARGIN) * ((at - low) / span if span else 0.5) for at in times]


def timeline(versions: Sequence[Version]) -> Markup:
    """A line of time (oldest first) with one mark a version: filled from ``wording`` up, a square for a silent edit."""
    if not versions:
        return Markup("")
    marks = []
    for version, x in zip(versions, _places(versions), strict=True):
        loud = version.severity in (Severity.WORDING, Severity.MAJOR)
        name = "loud" if loud else "soft"
        told = f"<title>{version.number}: {version.captured:%Y-%m-%d %H:%M}</title>"
        if version.silent:
            marks.append(f'<rect x="{x - 5:.1f}" y="15" width="10" height="10" class="{name}">{told}</rect>')
        else:
            marks.append(f'<circle cx="{x:.1f}" cy="20" r="5" class="{name}">{told}</circle>')
    closed = "".join(marks)
    return Markup(  # noqa: S704  (numbers and dates only)
        f'<svg class="plot" viewBox="0 0 {WIDTH} 40" role="img" aria-label="{len(versions)} versions over time">'
        f'<line x1="0" y1="20" x2="{WIDTH}" y2="20"/>{closed}</svg>'
    )


def drift_plot(versions: Sequence[Version], distances: Sequence[float]) -> Markup:
    """Distance from the baseline, 0 (below) to 1 (above), version by version (oldest first)."""
    if not versions:
        return Markup("")
    points = [(x, 110 - 100 * far) for x, far in zip(_places(versions), distances, strict=True)]
    dots = "".join(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3.5" class="loud"/>' for x, y in points)
    path = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
    return Markup(  # noqa: S704  (numbers only)
        f'<svg class="plot" viewBox="0 0 {WIDTH} 120" role="img" aria-label="Distance from the baseline, last '
        f'{distances[-1]:.0%}"><line x1="0" y1="110" x2="{WIDTH}" y2="110"/>'
        f'<polyline points="{path}"/>{dots}</svg>'
    )
