"""The outbox for people and programs: channels, letters, and what is held back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from monitor.render.json_forms import FORMAT, instant
from monitor.render.safe import one_line
from monitor.render.telling import plural, shown_time
from monitor.render.terminal import Role, paint
from storage.records import LetterState

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import datetime

    from monitor.render import Style
    from storage.records import Alert, ChannelState, Delivery

ID_SHOWN: Final = 12
_ROLES: Final = {LetterState.SENT: Role.GOOD, LetterState.DEAD: Role.MAJOR, LetterState.WAITING: Role.WORDING}


def letters_lines(
    states: Sequence[ChannelState],
    letters: Sequence[Delivery],
    held: Sequence[tuple[Alert, str, datetime]],
    style: Style,
) -> str:
    """A line for each channel; then each letter with what it tells, and why it was not taken."""
    lines = [_channel(one) for one in states]
    if states and (letters or held):
        lines.append("")
    for alert, channel, until in held:
        told = (
            f"{shown_time(until)}  {paint('held', Role.WORDING, style.color)}     {one_line(channel)}  {_alert(alert)}"
        )
        lines.append(told)
    for one in letters:
        lines += _letter(one, style)
    return "\n".join(lines) + "\n" if lines else ""


def _channel(state: ChannelState) -> str:
    said = [f"{count} {word}" for count, word in ((state.held, "held"), (state.waiting, "waiting"), (state.dead, "dead"))
            if count]  # fmt: skip
    if state.stopped_at is not None:
        why = one_line(state.stopped_why or "")
        said.insert(0, f"stopped {shown_time(state.stopped_at)}: {why} (`variorum alerts retry {state.name}`)")
    return f"{one_line(state.name)}: {', '.join(said) or 'nothing waits'}"


def _letter(letter: Delivery, style: Style) -> Iterator[str]:
    moment = letter.sent_at or letter.last_at or letter.made_at
    word = paint(letter.state.value, _ROLES[letter.state], style.color) + " " * (9 - len(letter.state.value))
    count = len(letter.alerts) + letter.counted
    told = _alert(letter.alerts[0]) if count == 1 else plural(count, "alert")
    yield f"{shown_time(moment)}  {word}{one_line(letter.channel)}  {told}  {letter.id[:ID_SHOWN]}"
    if letter.error:
        tried = f"after {plural(letter.attempts, 'attempt')}: " if letter.attempts else ""
        then = f"; tried again {shown_time(letter.due)}" if letter.due else ""
        left = f" (still to be told: {', '.join(map(one_line, letter.left_to))})" if letter.left_to else ""
        yield f"    {tried}{one_line(letter.error)}{then}{left}"


def _alert(alert: Alert) -> str:
    event = alert.event
    version = f"@{event.version}" if event.version is not None else ""
    severity = f", {event.severity.label}" if event.severity is not None else ""
    return f"{one_line(event.source)}{version} {event.kind.value}{severity}"


def letters_json(
    states: Sequence[ChannelState], letters: Sequence[Delivery], held: Sequence[tuple[Alert, str, datetime]]
) -> dict[str, object]:
    """``alerts list --json``."""
    return {
        "format": FORMAT,
        "channels": [
            {
                "name": one.name,
                "held": one.held,
                "waiting": one.waiting,
                "dead": one.dead,
                "stopped_at": instant(one.stopped_at),
                "stopped_why": one.stopped_why,
            }
            for one in states
        ],
        "held": [{"channel": channel, "until": instant(until), **_alert_json(alert)} for alert, channel, until in held],
        "letters": [
            {
                "id": one.id,
                "channel": one.channel,
                "state": one.state.value,
                "made_at": instant(one.made_at),
                "sent_at": instant(one.sent_at),
                "due": instant(one.due),
                "attempts": one.attempts,
                "error": one.error,
                "left_to": list(one.left_to),
                "digest": one.digest,
                "counted": one.counted,
                "alerts": [_alert_json(alert) for alert in one.alerts],
            }
            for one in letters
        ],
    }


def _alert_json(alert: Alert) -> dict[str, object]:
    event = alert.event
    return {
        "alert": alert.id,
        "source": event.source,
        "event": event.kind.value,
        "at": instant(event.at),
        "version": event.version,
        "severity": event.severity.label if event.severity is not None else None,
        "chain": alert.chain,
    }
