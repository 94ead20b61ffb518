"""Do the ledger, events and time-stamps agree with the versions?"""

from __future__ import annotations

import json
from typing import Any, Final

from sqlalchemy import and_, func, or_, select, tuple_

from storage.marks import held, mark_of
from storage.proving.asking import BROKEN, Asking, raw, raws, short, unpacked
from storage.queries import EVENT, telling
from storage.records import EventKind, Outcome
from storage.schema import alerts, events, ledger, sources, timestamps, versions

_MANY: Final = 300
_CLEAR: Final = or_(
    events.c.kind.is_not(None),
    and_(*(events.c[name].is_(None) for name in ("at", "severity", "silent", "after", "before"))),
)
"""Whether an event says it all itself, or leaves all to its version."""


def runs(asking: Asking) -> None:
    """No run of the ledger contradicts itself."""
    known = [one.value for one in Outcome]
    wrong = (
        ledger.c.first > ledger.c.last,
        ledger.c["count"] < 1,
        ledger.c.version > func.coalesce(sources.c.number, 0),
    )
    query = select(raw(ledger.c.number).label("run"), raw(sources.c.id).label("id"))
    query = query.join(sources, sources.c.key == ledger.c.source)
    query = query.where(or_(*wrong, ledger.c.outcome.not_in(known)))
    for row in asking.stream(asking.of_only(query, ledger.c.source)):
        said = f"{row.id}: run {row.run} of the ledger contradicts itself (times, count, outcome or version)"
        asking.report.add("ledger", said, row.id)


def happened(asking: Asking) -> None:
    """Each event tells what can be, as it was written; so do the alerts about them; and none of a source is missing."""
    told = _events(asking)
    sent = _alerts(asking)
    query = select(sources.c.key, *(raw(sources.c[name]) for name in ("id", "told", "sent")))
    for row in asking.stream(asking.of_only(query, sources.c.key)):
        for what, found, chained in (("event", told, row.told), ("alert", sent, row.sent)):
            if found.get(row.key) != chained:
                said = (
                    f"{row.id}: an {what} is missing, added or out of order (their marks do not chain to what is held)"
                )
                asking.report.add(what, said, row.id)


def _events(asking: Asking) -> dict[int, bytes]:
    """Prove each event; returns their marks, chained by source."""
    known = {one.value for one in EventKind}
    chains: dict[int, bytes] = {}
    query = select(
        *(raw(column).label(column.name) for column in EVENT),
        *(raw(events.c[name]).label(name) for name in ("source", "mark")),
    )
    query = query.add_columns(
        _CLEAR.label("clear"), raw(sources.c.id).label("id"), raw(sources.c.number).label("newest")
    )
    query = telling(query.outerjoin(sources, sources.c.key == events.c.source)).order_by(events.c.number)
    for row in asking.counted("events", asking.of_only(query, events.c.source)):
        try:
            good = row.kind in known and isinstance(row.at, int) and (row.version or 0) <= (row.newest or 0)
            good = good and row.clear and isinstance(json.loads(row.detail) if row.detail is not None else {}, dict)
        except BROKEN:
            good = False
        if not good:
            asking.report.add("event", f"{row.id}: event {row.number} cannot be right", row.id, None)
        if mark_of("events", events.c.keys(), row._mapping) != row.mark:
            asking.report.add("event", f"{row.id}: event {row.number} is not as it was written (mark)", row.id, None)
        _chain(chains, row.source, row.number, row.mark)
    return chains


def _alerts(asking: Asking) -> dict[int, bytes]:
    """Prove each alert; returns their marks, chained by source."""
    chains: dict[int, bytes] = {}
    query = select(*raws(alerts), raw(sources.c.id).label("of"), raw(events.c.mark).label("event_mark"))
    query = query.outerjoin(sources, sources.c.key == alerts.c.source)
    query = query.outerjoin(events, events.c.number == alerts.c.event).order_by(alerts.c.key)
    for row in asking.counted("alerts", asking.of_only(query, alerts.c.source)):
        if mark_of("alerts", alerts.c.keys(), row._mapping, event=row.event_mark) != row.mark:
            asking.report.add("alert", f"{row.of}: alert {row.key} is not as it was written (mark)", row.of, None)
        _chain(chains, row.source, row.key, row.mark)
    return chains


def _chain(chains: dict[int, bytes], source: int, number: int, mark: bytes) -> None:
    try:
        chains[source] = held(chains.get(source), number, mark)
    except BROKEN:
        chains[source] = b""


class Stamps:
    """One pass over the time-stamps. In memory: 32 bytes a source."""

    def __init__(self, asking: Asking) -> None:
        self._asking = asking
        self._keys: dict[str, list[int]] = {}

    def prove(self) -> None:
        """Each is as it was written, and each head that it covers is in the archive with the seal that was stamped."""
        for row in self._asking.stream(select(sources.c.key, raw(sources.c.id).label("id"), raw(sources.c.sealed_as))):
            if self._asking.only is None or row.key in self._asking.only:
                self._keys.setdefault(row.id if row.sealed_as is None else row.sealed_as, []).append(row.key)
        good: dict[str, bytes] = {}
        before: Any = b""
        for row in self._asking.counted("time-stamps", select(*raws(timestamps)).order_by(timestamps.c.number)):
            self._asking.report.timestamps += 1
            at = f"time-stamp {row.number}"
            if mark_of("timestamps", timestamps.c.keys(), row._mapping, before=before) != row.mark:
                self._asking.report.add(
                    "time-stamp", f"{at}: is not as it was written, or the one before it is missing (mark)"
                )
            before = row.mark
            try:
                heads = [line.split(b"\t") for line in unpacked(row.heads).splitlines()]
                told = [(name.decode(), int(number), bytes.fromhex(seal.decode())) for name, number, seal in heads]
            except BROKEN as error:
                self._asking.report.add("time-stamp", f"{at}: the heads it covers cannot be read ({short(error)})")
                continue
            # Most heads are those of the stamp before: one that held needs no second look.
            fresh = [
                head
                for head in told
                if good.get(head[0]) != head[2] and (self._asking.only is None or head[0] in self._keys)
            ]
            for start in range(0, len(fresh), _MANY):
                self._stamped(at, fresh[start : start + _MANY], good)

    def _stamped(self, at: str, heads: list[tuple[str, int, bytes]], good: dict[str, bytes]) -> None:
        """Whether these stamped heads are in the archive, with the seals that were stamped."""
        wanted = [(key, number) for name, number, _ in heads for key in self._keys.get(name, ())]
        query = select(versions.c.source, versions.c.number, raw(versions.c.chain).label("chain"))
        query = query.where(tuple_(versions.c.source, versions.c.number).in_(wanted))
        kept = {(row.source, row.number): row.chain for row in self._asking.connection.execute(query)} if wanted else {}
        for name, number, stamped in heads:
            seals = [kept[key, number] for key in self._keys.get(name, ()) if (key, number) in kept]
            if stamped in seals:
                good[name] = stamped
            elif seals:
                self._asking.report.add("time-stamp", f"{name}@{number}: has another seal than {at} says", name, number)
            else:
                self._asking.report.add(
                    "time-stamp", f"{name}@{number}: is missing, and {at} says it stood", name, number
                )
