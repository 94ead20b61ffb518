"""The plain records that travel between the rooms. Standard library only; frozen; no behaviour beyond derived values.

All times are aware UTC ``datetime``s. Offsets are Unicode code points into ``Text.text``. Digests are lower-case
hexadecimal SHA-256.
"""

from __future__ import annotations

import enum
import hashlib
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from datetime import datetime


class Severity(enum.IntEnum):
    """How much an edit matters; ordered, so that ``max`` of the edits is the severity of the change."""

    COSMETIC = 1
    MINOR = 2
    WORDING = 3
    MAJOR = 4

    @property
    def label(self) -> str:
        """The word used in output and configuration: ``cosmetic``, ``minor``, ``wording``, ``major``."""
        return self.name.lower()

    @classmethod
    def of(cls, label: str) -> Severity:
        """The severity with that label; ``KeyError`` for an unknown one."""
        return cls[label.upper()]


class EditKind(enum.StrEnum):
    """What sort of edit it is; several may hold. The first five are cosmetic."""

    WHITESPACE = "whitespace"
    TYPOGRAPHY = "typography"
    CASE = "case"
    PUNCTUATION = "punctuation"
    SPELLING = "spelling"
    NUMBER = "number"
    DATE = "date"
    NAME = "name"
    NEGATION = "negation"
    MODALITY = "modality"
    ATTRIBUTION = "attribution"
    FORMULA = "formula"
    WORDING = "wording"
    INSERTED = "inserted"
    DELETED = "deleted"
    MOVED = "moved"
    SPLIT = "split"
    MERGED = "merged"
    TITLE = "title"
    PUBLISHED = "published"


COSMETIC_KINDS = frozenset(
    {EditKind.WHITESPACE, EditKind.TYPOGRAPHY, EditKind.CASE, EditKind.PUNCTUATION, EditKind.SPELLING}
)


class Outcome(enum.StrEnum):
    """How one check ended; the words of ``check --json``."""

    NEW = "new"
    UNCHANGED = "unchanged"
    NOT_MODIFIED = "not-modified"
    CHANGED = "changed"
    COSMETIC = "cosmetic"
    REREAD = "reread"
    SUSPECT = "suspect"
    GONE = "gone"
    FAILED = "failed"
    SKIPPED = "skipped"


class EventKind(enum.StrEnum):
    """Something worth telling."""

    NEW = "new"
    CHANGED = "changed"
    COSMETIC = "cosmetic"
    REVERTED = "reverted"
    GONE = "gone"
    RETURNED = "returned"
    MOVED = "moved"
    FAILING = "failing"
    RECOVERED = "recovered"
    QUIET = "quiet"
    PHRASE = "phrase"
    DRIFT = "drift"
    REREAD = "reread"
    PRUNED = "pruned"


def digest_of(data: bytes) -> str:
    """SHA-256 of ``data``, lower-case hexadecimal."""
    return hashlib.sha256(data).hexdigest()


@dataclass(frozen=True)
class Text:
    """A canonical text: ``text`` is the whole, which is hashed, stored and differed; title and published are parts of it.

    Invariant: ``text`` starts with ``title`` (if any), then a blank line and ``published`` (if any), then blank line and
    paragraphs. Text made by :meth:`of` is joined with one blank line between blocks; the text of a raw file may not be.
    """

    text: str
    title: str | None = None
    published: str | None = None

    @classmethod
    def of(cls, title: str | None, published: str | None, paragraphs: tuple[str, ...] | list[str]) -> Text:
        """Put a canonical text together; absent fields are left out."""
        blocks = [block for block in (title, published) if block]
        return cls("\n\n".join([*blocks, *paragraphs]), title or None, published or None)

    @cached_property
    def digest(self) -> str:
        """SHA-256 of the text in UTF-8 (lone surrogates, which only raw files can hold, pass through)."""
        return digest_of(self.text.encode("utf-8", "surrogatepass"))

    @property
    def title_span(self) -> tuple[int, int]:
        """``(start, end)`` of the title; empty when there is none."""
        return (0, len(self.title)) if self.title else (0, 0)

    @property
    def published_span(self) -> tuple[int, int]:
        """``(start, end)`` of the printed date; empty when there is none."""
        if not self.published:
            return (0, 0)
        start = self.text.index(self.published, self.title_span[1])
        return (start, start + len(self.published))

    @property
    def paragraphs(self) -> tuple[str, ...]:
        """The blocks after title and published."""
        body = self.text[max(self.title_span[1], self.published_span[1]) :]
        return tuple(block for block in body.split("\n\n") if block.strip())


@dataclass(frozen=True, slots=True)
class Span:
    """A piece of a text: ``text == whole[start:end]``, in code points."""

    start: int
    end: int
    text: str


@dataclass(frozen=True, slots=True)
class Edit:
    """One edit: what stood at ``old`` stands as ``new`` now. One of them may be empty, never both.

    ``sentence_old`` and ``sentence_new`` are the sentences it falls in ('' where there is none). The two halves of a move
    carry the same ``move`` number (from 1); a half is cut in pieces where words within it changed. ``within`` is the move
    in whose passage such a change stands: what went out at the old half, what came at the new one, told of the same
    kinds. ``rules`` names, for each kind, the rule that gave it (``modality:shall``).
    """

    kinds: tuple[EditKind, ...]
    severity: Severity
    old: Span
    new: Span
    sentence_old: str = ""
    sentence_new: str = ""
    move: int | None = None
    rules: tuple[str, ...] = ()
    within: int | None = None


@dataclass(frozen=True, slots=True)
class Stats:
    """Counts over a change; words as the differ counts them (a CJK character is a word); ``similarity`` in [0, 1]."""

    words_old: int
    words_new: int
    words_deleted: int
    words_inserted: int
    similarity: float


@dataclass(frozen=True, slots=True)
class Change:
    """From one text to another. ``edits`` are in the order of the new text, do not overlap and cover every difference.

    ``script`` is diff-match-patch's delta over code points. ``severity`` is None when the texts are equal. ``silent``
    says that the wording changed while no stamp of the page did (set by ``monitor.events.judge``, which knows stamps).
    ``differ`` names the algorithm and its version.
    """

    edits: tuple[Edit, ...]
    script: str
    severity: Severity | None
    stats: Stats
    old_digest: str
    new_digest: str
    differ: str
    silent: bool = False

    @property
    def identical(self) -> bool:
        """Whether the two texts are equal."""
        return self.old_digest == self.new_digest


@dataclass(frozen=True, slots=True)
class Window:
    """When something happened, honestly: after the last check that saw the old state, before the first that saw the new.

    ``after`` is None for a first version: it may be any age.
    """

    after: datetime | None
    before: datetime


@dataclass(frozen=True, slots=True)
class Source:
    """One address that is checked, as the archive knows it. ``baseline`` is the configured reference, as text."""

    id: str
    url: str
    series: str | None = None
    tags: tuple[str, ...] = ()
    baseline: str | None = None


@dataclass(frozen=True, slots=True)
class Phrase:
    """A registered set phrase: its wordings in any language, and the sources or series in which it is expected."""

    id: str
    variants: tuple[str, ...]
    expect: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Validators:
    """What the server gave us to ask conditionally with (RFC 9110, section 13)."""

    etag: str | None = None
    last_modified: str | None = None

    def __bool__(self) -> bool:
        return bool(self.etag or self.last_modified)


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Bytes as received, and how. ``body`` is decoded of transfer and content codings only; kept once by its SHA-256.

    ``url`` is what was asked, ``final_url`` what answered after ``redirects`` (the addresses passed through, in order).
    ``status`` is None for a local file. ``headers`` keep order and repeats, names in lower case.
    """

    url: str
    final_url: str
    status: int | None
    headers: tuple[tuple[str, str], ...]
    redirects: tuple[str, ...]
    fetched_at: datetime
    body: bytes = field(repr=False)
    pages: tuple[Snapshot, ...] = ()
    """Further pages of the same text, in order; each of these has none itself."""

    @property
    def body_digest(self) -> str:
        """SHA-256 of the body."""
        return digest_of(self.body)

    def header(self, name: str) -> str | None:
        """The first header of that (lower-case) name."""
        return next((value for key, value in self.headers if key == name), None)

    @property
    def validators(self) -> Validators:
        """What to send with the next request."""
        return Validators(self.header("etag"), self.header("last-modified"))


@dataclass(frozen=True, slots=True)
class Version:
    """A canonical text kept: its place in the history of one source. The text itself is asked of the archive.

    ``number`` counts from 1 for each source. ``first_seen`` and ``last_seen`` are the first and last checks that found
    this wording while it was the latest. ``captured`` is the true time of the capture; ``imported`` when it was brought
    in from elsewhere, None for our own checks. ``severity`` is that of the change that led here (None: the first).
    ``chain`` is the chained hash of this record (hexadecimal). ``snapshot`` is the archive's number of its snapshot.
    """

    source: str
    number: int
    digest: str
    title: str | None
    published: str | None
    first_seen: datetime
    last_seen: datetime
    window: Window
    captured: datetime
    imported: datetime | None
    severity: Severity | None
    silent: bool
    reread: bool
    reader: str
    snapshot: int
    chain: str
    pruned: bool = False
    """Its text was pruned: what it said is not known any more; that it stood, and when, is."""


@dataclass(frozen=True, slots=True)
class Suspicion:
    """A capture or failure not yet believed: how often and since when the same was seen."""

    reason: str
    digest: str | None
    first_at: datetime
    times: int


@dataclass(frozen=True, slots=True)
class Latest:
    """What the archive knows of a source before a check; ``number`` is None before the first version.

    ``reader`` is the fingerprint of the reader that the current comparison base was read (or found equal) with.
    ``snapshot`` is the snapshot of the current base. ``last_good`` is the last check that saw the current text.
    ``failures`` counts failed checks in a row, ``failing_since`` the first of them. ``gone`` is whether the source is
    believed gone, ``failing`` whether an event told that it fails. ``length`` is the length of the latest text in code
    points. ``next_check`` is when it is due (None: it is not).
    points. ``body`` is the SHA-256 of the bytes that it was read from, ``body_bytes`` their number.
    """

    source: str
    number: int | None = None
    digest: str | None = None
    length: int = 0
    reader: str | None = None
    snapshot: int | None = None
    validators: Validators = Validators()
    first_seen: datetime | None = None
    last_good: datetime | None = None
    last_change: datetime | None = None
    final_url: str | None = None
    failures: int = 0
    failing_since: datetime | None = None
    failing: bool = False
    gone: bool = False
    suspicion: Suspicion | None = None
    next_check: datetime | None = None
    body: str | None = None
    body_bytes: int | None = None


@dataclass(frozen=True, slots=True)
class Event:
    """Something worth telling about a source. ``version`` is the version it is about, if any.

    ``detail`` holds what a teller needs beside (JSON-able): the reason of a failure, the earlier version of a return.
    """

    kind: EventKind
    source: str
    at: datetime
    version: int | None = None
    severity: Severity | None = None
    silent: bool = False
    window: Window | None = None
    detail: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Alert:
    """An event that rules send to ``channels``. ``id`` is derived from its content, so that it is the same for ever.

    ``chain`` is the chain head of the source after the event, hexadecimal; None before it is kept, or before a version.
    """

    id: str
    event: Event
    channels: tuple[str, ...] = ()
    chain: str | None = None


@dataclass(frozen=True, slots=True)
class Waiting:
    """An alert that waits to be put into a letter on one channel. ``held``: it was kept back before."""

    key: int
    alert: str
    source: str
    kind: EventKind
    severity: Severity | None
    at: datetime
    held: bool = False


@dataclass(frozen=True, slots=True)
class Bundle:
    """Deliveries (their keys) that go out as one letter; those ``counted`` are told as a number only."""

    keys: tuple[int, ...]
    counted: tuple[int, ...] = ()
    digest: bool = False


@dataclass(frozen=True, slots=True)
class Plan:
    """What becomes of waiting deliveries: letters, moments until which some are held, and those not told at all."""

    letters: tuple[Bundle, ...] = ()
    held: tuple[tuple[int, datetime], ...] = ()
    dropped: tuple[int, ...] = ()


class LetterState(enum.StrEnum):
    """How it stands with a letter."""

    WAITING = "waiting"
    SENT = "sent"
    DEAD = "dead"


@dataclass(frozen=True, slots=True)
class Delivery:
    """A letter on its way: which alerts it tells, and how its attempts went.

    ``id`` is the same at every attempt; ``counted`` alerts are told as a number only. ``source`` is None when the letter
    tells several alerts; ``thread`` is the id of the first letter about that source on this channel (None: this is it).
    ``due`` is when it is tried (again), None when it is not. ``left_to`` are the recipients that refused it while others
    took it: only they are sent it again (empty: everyone is).
    """

    id: str
    channel: str
    state: LetterState
    made_at: datetime
    alerts: tuple[Alert, ...]
    counted: int = 0
    digest: bool = False
    source: str | None = None
    thread: str | None = None
    due: datetime | None = None
    attempts: int = 0
    first_at: datetime | None = None
    last_at: datetime | None = None
    sent_at: datetime | None = None
    error: str | None = None
    left_to: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ChannelState:
    """A channel as the outbox knows it. ``stopped_at``: when its receiver said that it wants nothing any more."""

    name: str
    stopped_at: datetime | None = None
    stopped_why: str | None = None
    held: int = 0
    waiting: int = 0
    dead: int = 0
    oldest: datetime | None = None
    """When the oldest letter that still waits was made."""


@dataclass(frozen=True, slots=True)
class LedgerRun:
    """A run of equal outcomes in the check ledger: ``count`` checks from ``first`` to ``last`` that all ended alike.

    Where a source went back and forth for long, old runs are told as one: ``runs`` says how many, and checks that ended
    otherwise lie between them.
    """

    outcome: Outcome
    first: datetime
    last: datetime
    count: int
    version: int | None = None
    error: str | None = None
    runs: int = 1


@dataclass(frozen=True, slots=True)
class SourceState:
    """A source as ``status`` shows it: the latest version and its chain head, and how its checks go."""

    source: Source
    versions: int
    latest: Version | None
    last_check: datetime | None
    last_outcome: Outcome | None
    last_error: str | None
    last_good: datetime | None
    next_check: datetime | None
    failures: int
    failing: bool
    gone: bool
    retired: bool
    chain: str | None


@dataclass(frozen=True, slots=True)
class Tally:
    """How many there are: watched ``sources``, ``versions`` of all that is kept; of the watched ones, how many are
    believed gone, told to be failing, or doubtful (a failure not yet told)."""

    sources: int
    versions: int
    gone: int
    failing: int
    doubtful: int


@dataclass(frozen=True, slots=True)
class Found:
    """A source that a listing named: which listing, and what that said of it.

    ``stamp`` is what the listing said last of its last change (``lastmod``), ``kept_stamp`` what it said when the latest
    version was kept. ``missing_since`` is when the listing was first seen without it, although it names older ones.
    """

    source: str
    listing: str
    url: str
    title: str | None = None
    published_at: datetime | None = None
    stamp: str | None = None
    kept_stamp: str | None = None
    first_listed: datetime | None = None
    missing_since: datetime | None = None
