"""One capture that was made elsewhere, put in its place in the history of its source: the end of every import.

The rules, in one place:

- The time of capture is the true one; the time of import is kept beside it (``Version.imported``).
- Nothing is added twice. A capture that the history already covers is passed over; one that shows the latest wording
  again, later, moves ``last_seen`` on: so that the window of the next change is as narrow as the captures allow.
- A history is append-only and its chain is sealed in order: a capture that is older than what is kept, and differs from
  what is known to have stood then, is refused and named. It can be kept under a source of its own.
- One transaction each, oldest first: an import that was cut off goes on where it was when it is called again.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from monitor import events
from monitor.config.shapes import ID
from monitor.differ import compare
from monitor.events import Stamps
from monitor.read import Reading, read
from monitor.read.gate import GateRules, confirmed, gate
from monitor.read.plain import parse, verbatim
from storage.archive import Unchanged
from storage.errors import ReadError, UsageError
from storage.records import Latest, Outcome, Suspicion

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from monitor.differ.lexicon import Rules
    from monitor.read import ReadRules
    from storage.archive import Archive
    from storage.records import Snapshot, Source, Text

AS_IS: Final = "as-is/1"
"""The fingerprint of no reader at all."""
_GATE: Final = GateRules()


class Fate(enum.StrEnum):
    """What became of a capture."""

    ADDED = "added"
    THERE = "there already"
    OLDER = "older than what is kept"
    HELD = "held back"
    UNREAD = "could not be read"


@dataclass(frozen=True, slots=True)
class Brought:
    """What became of one capture: ``version`` is its number where one was added; ``note`` says why in the other cases."""

    what: str
    source: str
    fate: Fate
    version: int | None = None
    note: str | None = None


@dataclass(slots=True)
class _Known:
    """What is known of one source while it is imported: captures in order, and a doubt that is not settled."""

    captures: list[tuple[datetime, str]]
    """When each version was captured, and its digest."""
    doubt: Suspicion | None = None


@dataclass(slots=True)
class Placer:
    """Places captures, oldest first for each source. ``now`` is the time of import.

    ``rules`` says how a source is read. ``judged``: pages taken from the web pass the quality gate, as in a check;
    files that a person put in a folder do not. ``as_is``: texts are taken as an export of ours wrote them, letter for letter
    (reading a canonical text again may take marks for Markdown that the page really had). ``differ`` classifies with registered phrases, where there are some.
    """

    archive: Archive
    now: datetime
    rules: Callable[[str], ReadRules]
    judged: bool = False
    as_is: bool = False
    differ: Rules | None = None
    _known: dict[str, _Known] = field(default_factory=dict)

    def seen_until(self, source: str) -> datetime | None:
        """The last moment at which the latest wording of that source is known to have stood; None without one."""
        latest = self.archive.latest([source]).get(source)
        return latest.last_good if latest is not None else None

    def first_seen(self, source: str) -> datetime | None:
        """The first capture that the archive has of that source; None without one."""
        latest = self.archive.latest([source]).get(source)
        return latest.first_seen if latest is not None else None

    def place(
        self, source: Source, snapshot: Snapshot, what: str, *, landed: str | None = None, believed: bool = False
    ) -> Brought:
        """Put one capture in its place; ``what`` is what a person calls it. Raises ``StorageError``, ``UsageError`` (no id).

        ``landed``: the page's own address, where an archive answered in its place (``snapshot.final_url`` is the archive's).
        ``believed``: it was a version already, in the archive it was taken out of, and is not judged again.
        """
        known = self._of(source)
        latest = self.archive.latest([source.id])[source.id]
        try:
            reading = as_written(snapshot.body) if self.as_is else _read(snapshot, self.rules(source.id))
        except ReadError as error:
            return Brought(what, source.id, Fate.UNREAD, note=error.message)
        text, at = reading.text, snapshot.fetched_at
        if latest.last_good is not None and at <= latest.last_good:
            passed = self._passed(known, latest, text, at, what)
            if passed is not None:
                return passed
        elif text.digest == latest.digest:
            self._again(latest, at, Outcome.UNCHANGED)
            known.doubt = None
            return Brought(what, source.id, Fate.THERE, note="shows the latest wording again")
        before = self.archive.text(source.id, latest.number) if latest.number else None
        if self.judged and not believed and (doubt := _doubted(known, latest, before, reading, snapshot, landed)):
            return Brought(what, source.id, Fate.HELD, note=doubt)
        return self._add(known, latest, before, reading, snapshot, what)

    def seen_again(self, source: Source, at: datetime, what: str) -> Brought:
        """Note that the latest wording was seen again at ``at``, by who knows that the bytes were the same."""
        known = self._of(source)
        latest = self.archive.latest([source.id])[source.id]
        if latest.number is not None and latest.last_good is not None and at > latest.last_good and not known.doubt:
            self._again(latest, at, Outcome.NOT_MODIFIED)
        return Brought(what, source.id, Fate.THERE, note="the same bytes as the capture before")

    def _of(self, source: Source) -> _Known:
        known = self._known.get(source.id)
        if known is None:
            for name in (source.id, source.series):
                if name is not None and not ID.fullmatch(name):
                    # Exports make file names of ids; and what a file from elsewhere calls a source is not ours to trust.
                    raise UsageError(
                        f"{name}: not an id", hint="Up to 80 letters (a-z), digits and . _ - without spaces."
                    )
            self.archive.adopt(source, self.now)
            kept = reversed(self.archive.versions(source.id))
            known = self._known[source.id] = _Known([(one.captured, one.digest) for one in kept if not one.reread])
        return known

    def _passed(self, known: _Known, latest: Latest, text: Text, at: datetime, what: str) -> Brought | None:
        """What becomes of a capture from the time that the history covers; None when it belongs at its very end."""
        standing = [digest for captured, digest in known.captures if captured <= at]
        following = [digest for captured, digest in known.captures if captured == at]
        if text.digest in following or (standing and text.digest == standing[-1]):
            return Brought(what, latest.source, Fate.THERE)
        if at == latest.last_good and text.digest not in standing:
            return None  # two wordings in the same second, as in a git history: the second follows the first
        return Brought(what, latest.source, Fate.OLDER, note=_older(known, latest, at))

    def _again(self, latest: Latest, at: datetime, outcome: Outcome) -> None:
        note = Unchanged(latest.source, at, outcome, validators=latest.validators, next_due=latest.next_check)
        self.archive.note_unchanged([note])

    def _add(
        self, known: _Known, latest: Latest, before: Text | None, reading: Reading, snapshot: Snapshot, what: str
    ) -> Brought:
        text, at = reading.text, snapshot.fetched_at
        judgement = events.judge(
            latest,
            at=at,
            change=compare(before, text, self.differ) if before else None,
            before=Stamps(before.published if before else None, latest.validators.last_modified),
            after=Stamps(text.published, snapshot.validators.last_modified),
            earlier=self.archive.earlier(latest.source, text.digest) if before else None,
        )
        version = self.archive.record(
            latest.source,
            snapshot,
            text,
            reader=reading.reader,
            outcome=judgement.outcome,
            expected=latest.number,
            change=judgement.change,
            events=judgement.events,
            validators=snapshot.validators,
            next_due=latest.next_check,
            imported=self.now,
        )
        known.captures.append((at, text.digest))
        known.doubt = None
        return Brought(what, latest.source, Fate.ADDED, version.number)


def as_written(body: bytes) -> Reading:
    """A canonical text taken letter for letter, but for one line end after it. Raises ``ReadError`` unless it is UTF-8."""
    try:
        words = body.decode("utf-8").removesuffix("\n")
    except UnicodeDecodeError:
        raise ReadError("not a text that was exported: no UTF-8") from None
    text = parse(words)
    return Reading(text if text.text == words else verbatim(words), None, "utf-8", None, AS_IS)


def _read(snapshot: Snapshot, rules: ReadRules) -> Reading:
    return read(snapshot.body, rules, content_type=snapshot.header("content-type"), url=snapshot.url)


def _doubted(
    known: _Known, latest: Latest, before: Text | None, reading: Reading, snapshot: Snapshot, landed: str | None
) -> str | None:
    """Why the quality gate holds a page back, or None; a doubt that the capture after it confirms is none."""
    verdict = gate(
        reading,
        url=snapshot.url,
        final_url=landed or snapshot.final_url,
        status=snapshot.status,
        latest=latest,
        previous=before,
        rules=_GATE,
    )
    at, digest = snapshot.fetched_at, reading.text.digest
    if not verdict.suspect or (verdict.confirmable and confirmed(known.doubt, digest, at, _GATE)):
        return None
    reason = verdict.reason or "suspect"
    if known.doubt is None or known.doubt.digest != digest:
        known.doubt = Suspicion(reason, digest, at, 1)
    return reason


def _older(known: _Known, latest: Latest, at: datetime) -> str:
    if not known.captures or at < known.captures[0][0]:
        first = known.captures[0][0] if known.captures else latest.last_good
        return f"captured {_day(at)}, before the first capture that is kept ({_day(first)})"
    return f"captured {_day(at)}; what stood then is kept otherwise, up to {_day(latest.last_good)}"


def _day(moment: datetime | None) -> str:
    return f"{moment:%Y-%m-%d %H:%M} UTC" if moment is not None else "never"
