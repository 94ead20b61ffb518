"""How the daemon is: when it last ticked and fetched, what is overdue; as faults for ``/healthz``, as figures for metrics."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector, generate_latest

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from storage.records import ChannelState, Outcome

TICK_WITHIN_S: Final = 30.0
"""A loop that has not ticked for so long hangs."""


class Pulse:
    """Kept by the daemon, read by the health page. Times are aware UTC; ``within_s`` as in ``health: within``."""

    def __init__(self, started: datetime, within_s: float) -> None:
        self.within_s = within_s
        self.ticked: datetime = started
        self.checked: datetime = started
        self.oldest_due: datetime | None = None
        self.refused: str | None = None
        """Why the configuration as it stands in the file was refused; None while it is the one that runs."""
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        self._checks = Counter("variorum_checks", "Checks ended.", ["outcome"], registry=self.registry)
        self._seconds = Histogram(
            "variorum_check_seconds",
            "Wall time of a check.",
            buckets=(0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60),
            registry=self.registry,
        )
        self.sources = Gauge("variorum_sources", "Sources that are watched.", registry=self.registry)
        self.running = Gauge("variorum_checks_running", "Checks in flight.", registry=self.registry)
        self._overdue = Gauge("variorum_overdue_seconds", "Age of the oldest due time.", registry=self.registry)
        self._tick = Gauge("variorum_last_tick_timestamp_seconds", "The last tick.", registry=self.registry)
        self._check = Gauge("variorum_last_check_timestamp_seconds", "The last check.", registry=self.registry)
        self._deliveries = Counter(
            "variorum_deliveries", "Attempts to deliver a letter.", ["channel", "result"], registry=self.registry
        )
        self._told = Histogram(
            "variorum_alert_seconds",
            "From what happened to its acceptance by a channel.",
            buckets=(0.25, 0.5, 1, 2, 5, 15, 60, 300, 3600, 86_400),
            registry=self.registry,
        )
        self._waiting = Gauge(
            "variorum_alerts_waiting", "Alerts and letters that wait.", ["channel"], registry=self.registry
        )
        self._dead = Gauge("variorum_letters_dead", "Dead letters.", ["channel"], registry=self.registry)
        self._stopped = Gauge(
            "variorum_channel_stopped",
            "Whether its receiver wants nothing any more.",
            ["channel"],
            registry=self.registry,
        )
        self.reloads = Counter("variorum_reloads", "Configuration read again.", ["result"], registry=self.registry)

    def tick(self, now: datetime, running: int) -> None:
        """A tick that could claim has ended."""
        self.ticked = now
        self._tick.set(now.timestamp())
        self.running.set(running)

    def check(self, now: datetime, outcome: Outcome, ms: int) -> None:
        """A check has ended."""
        self.checked = now
        self._check.set(now.timestamp())
        self._checks.labels(outcome.value).inc()
        self._seconds.observe(ms / 1000)

    def delivery(self, channel: str, result: str, waited_s: float) -> None:
        """An attempt has ended: ``sent``, ``failed`` or ``dead``, so long after what it tells of."""
        self._deliveries.labels(channel, result).inc()
        if result == "sent":
            self._told.observe(waited_s)

    def outbox(self, states: Iterable[ChannelState]) -> None:
        """How it stands with the channels."""
        for gauge in (self._waiting, self._dead, self._stopped):
            gauge.clear()
        for one in states:
            self._waiting.labels(one.name).set(one.held + one.waiting)
            self._dead.labels(one.name).set(one.dead)
            self._stopped.labels(one.name).set(one.stopped_at is not None)

    def due(self, now: datetime, oldest: datetime | None) -> None:
        """When the next source is due, or has been since."""
        self.oldest_due = oldest
        self._overdue.set(max(0.0, (now - oldest).total_seconds()) if oldest else 0.0)

    def faults(self, now: datetime) -> list[str]:
        """Why it is not well, a sentence each; none when it is: it ticked lately, and fetched what was due."""
        found = []
        if (silent_s := (now - self.ticked).total_seconds()) > TICK_WITHIN_S:
            found.append(f"nothing was claimed for {silent_s:.0f} s: the database may be locked or away")
        waiting_s = (now - self.oldest_due).total_seconds() if self.oldest_due else 0.0
        idle_s = (now - self.checked).total_seconds()
        if waiting_s > self.within_s and idle_s > self.within_s:
            found.append(f"no check ended for {idle_s:.0f} s, though one is due since {waiting_s:.0f} s")
        return found

    def metrics(self) -> bytes:
        """All figures in the text form of Prometheus."""
        return generate_latest(self.registry)
