"""Lines that say more about an event: which phrase came or went, how far the drift is, why a page is failing. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from storage.records import EventKind

if TYPE_CHECKING:
    from collections.abc import Iterable

    from storage.records import Event


TOLD_FURTHER: Final = frozenset(
    {EventKind.PHRASE, EventKind.DRIFT, EventKind.QUIET, EventKind.RETURNED, EventKind.RECOVERED}
)
"""Events of which a channel says only that they happened; of the others it says the reason, or where to, by itself."""


def about_of(event: Event, beside: Iterable[Event] = ()) -> tuple[str, ...]:
    """What an event holds that its kind does not say, and what else the same look brought, a line each."""
    lines = (line_of(one) for one in (*([event] if event.kind in TOLD_FURTHER else []), *beside))
    return tuple(dict.fromkeys(line for line in lines if line))


def line_of(event: Event) -> str | None:
    """An event in one line; None when its kind says it all."""
    detail = event.detail
    match event.kind:
        case EventKind.PHRASE:
            return _phrase(detail["phrase"], detail["what"], detail["was"], detail["is"])
        case EventKind.DRIFT:
            before = f", {detail['was']:.0%} before" if detail.get("was") is not None else ""
            bound, baseline = detail["beyond"], detail["baseline"]
            return f"{detail['distance']:.0%} away from {baseline}{before}; told beyond {bound:.0%}"
        case EventKind.QUIET:
            since = f" since {event.window.after:%Y-%m-%d %H:%M} UTC" if event.window and event.window.after else ""
            return f"nothing moved{since}; told after {_span(detail['after_s'])}"
        case EventKind.REVERTED:
            again = "; it goes back and forth, which is not told again" if detail.get("flapping") else ""
            return f"the wording of version {detail['to']} is back{again}"
        case EventKind.MOVED:
            return f"moved for good to {detail['to']}"
        case EventKind.GONE | EventKind.FAILING:
            return str(detail["reason"]) if detail.get("reason") else None
        case EventKind.RETURNED:
            return f"it is back; it was gone{_since(event)}"
        case EventKind.RECOVERED:
            return f"it can be read again; it failed{_since(event)}"
    return None


def _phrase(phrase: str, what: str, was: list[str], now: list[str]) -> str:
    if what == "missing":
        return f"the phrase {phrase} is expected here and missing"
    if what == "reworded":
        return f"the phrase {phrase} is said as {_quoted(now)}; before as {_quoted(was)}"
    return f"the phrase {phrase} {what}: {_quoted(now or was)}"


def _quoted(variants: list[str]) -> str:
    return ", ".join(f"“{one}”" for one in variants)


def _since(event: Event) -> str:
    if event.window is None or event.window.after is None:
        return ""
    return f" since {event.window.after:%Y-%m-%d %H:%M} UTC"


def _span(seconds: float) -> str:
    for size, unit in ((86_400, "days"), (3_600, "hours"), (60, "minutes")):
        if seconds >= 2 * size:
            return f"{seconds / size:g} {unit}"
    return f"{seconds:g} seconds"
