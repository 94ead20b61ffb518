"""When did a phrase first stand in a source, when last, with what gaps, and how often in each version?

Matching is on folded texts (:mod:`monitor.history.folding`): quotes, dashes, width, line ends and case make no
difference; offsets are those of the true text.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from itertools import pairwise
from typing import TYPE_CHECKING, Final, TypeAlias

import regex

from monitor.history.folding import disguises, fold
from storage.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from monitor.history.folding import Folded
    from storage.records import Text, Version, Window

Spans: TypeAlias = "tuple[tuple[int, int], ...]"
"""Places in a text, in order: where each begins and ends."""
TIMEOUT_S: Final = 2.0
"""How long a pattern may work on one text, or paragraph."""
SPACED_LETTER: Final = r"[^\W\p{Han}\p{Hiragana}\p{Katakana}\p{Thai}\p{Lao}\p{Khmer}\p{Myanmar}]"
"""A letter or figure of a script that parts its words."""
CONTEXT: Final = 60
"""Code points of surroundings on each side of an example; cut at white space, and at the paragraph."""


@dataclass(frozen=True, slots=True)
class Seen:
    """A version, by its number. ``label`` is the source it belongs to: in a series, the member."""

    version: int
    label: str
    window: Window


@dataclass(frozen=True, slots=True)
class Gap:
    """A run of versions without the phrase between versions with it.

    ``vanished`` is the first version without it, ``returned`` the first with it again; ``versions`` those between.
    """

    vanished: Seen
    returned: Seen
    versions: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Example:
    """One place: ``match`` is ``text[start:end]`` of that version's text, between ``before`` and ``after``."""

    version: int
    start: int
    end: int
    match: str
    before: str
    after: str


@dataclass(frozen=True, slots=True)
class Found:
    """What one source knows of the phrase; only sources in which it ever stood have one.

    ``counts`` holds ``(version, times)`` for every version, in order, zeros too. ``present`` says that the latest
    version has it; else ``vanished`` is the version in which it was missing first after ``last``. ``wordings`` are the
    different true wordings matched, with counts over all versions, most frequent first. ``examples``: the first place
    of each run of versions that have it.
    """

    source: str
    first: Seen
    last: Seen
    present: bool
    vanished: Seen | None
    gaps: tuple[Gap, ...]
    counts: tuple[tuple[int, int], ...]
    wordings: tuple[tuple[str, int], ...]
    examples: tuple[Example, ...]

    @property
    def total(self) -> int:
        """How often it was matched over all versions."""
        return sum(times for _, times in self.counts)

    @property
    def versions(self) -> int:
        """In how many versions it stands."""
        return sum(1 for _, times in self.counts if times)


def grep(
    histories: Mapping[str, Sequence[tuple[Version, Text]]],
    phrase: str,
    *,
    regex: bool = False,
    ignore_case: bool = True,
    whole_words: bool = False,
) -> tuple[Found, ...]:
    """Where the phrase ever stood: one answer for each history (oldest version first) that has it, in the order given.

    As with ``grep``, a phrase is found inside words too, unless ``whole_words``. A pattern (``regex``) is one of the
    ``regex`` module's; it sees folded text, in which any white space is one space and a paragraph ends with ``\\n``.

    Raises ``UsageError`` for an empty phrase, a pattern that is wrong (naming the position) or works too long.
    """
    wanted = sought(phrase, is_regex=regex, ignore_case=ignore_case, whole_words=whole_words)
    return tuple(found_in(histories.items(), wanted))


def found_in(histories: Iterable[tuple[str, Sequence[tuple[Version, Text]]]], wanted: Sought) -> Iterator[Found]:
    """As :func:`grep`, one answer after the other: the first is there before the last history is looked into."""
    for source, history in histories:
        found = search(source, history, wanted)
        if found is not None:
            yield found


@dataclass(frozen=True, slots=True)
class Sought:
    """A phrase or pattern, made ready to be looked for in many texts.

    ``apart``: no match reaches over paragraphs, so that each can be looked at by itself. ``needle``: what must stand in a
    text that has a match, in small letters, or something that folds to it; empty: nothing is certain.
    """

    pattern: regex.Pattern[str]
    needle: str
    apart: bool
    _harmless: set[str] = field(default_factory=set, repr=False, compare=False)

    def may_stand(self, plain: bytes) -> bool:
        """Whether a match may be in this stretch of a text in UTF-8: a quick look, which most of it does not pass."""
        if self.needle.encode() in plain.lower():
            return True
        if plain.isascii():
            return False
        others = set(plain.translate(None, _ASCII).decode("utf-8", "surrogatepass")) - self._harmless
        if any(disguises(one, self.needle) for one in others):
            return True
        self._harmless.update(others)
        return False

    def stands(self, plain: bytes) -> bool:
        """Whether a match is in these paragraphs of a text in UTF-8; where matches reach over them, whether one may be."""
        if not self.may_stand(plain):
            return False
        if not self.apart:
            return True
        parts = filter(self.may_stand, plain.split(b"\n\n"))  # only of these it is worth while to fold them
        try:
            return any(_spans(part.decode("utf-8", "surrogatepass"), self.pattern, "") for part in parts)
        except UsageError:  # it works too long: who looks for the places will find out where
            return True


_ASCII: Final = bytes(range(128))


def sought(phrase: str, *, is_regex: bool = False, ignore_case: bool = True, whole_words: bool = False) -> Sought:
    """The phrase, or the pattern, ready to be looked for. Raises ``UsageError`` as :func:`grep` does."""
    pattern = compiled(phrase, is_regex=is_regex, ignore_case=ignore_case, whole_words=whole_words)
    if is_regex:
        return Sought(pattern, _word(literals(phrase, is_regex=True)), _WITHIN.fullmatch(phrase) is not None)
    folded = fold(phrase).text.strip()
    return Sought(pattern, _needle(folded), "\n" not in folded)


def compiled(
    phrase: str, *, is_regex: bool = False, ignore_case: bool = True, whole_words: bool = False
) -> regex.Pattern[str]:
    """The phrase as a pattern over folded text. Raises ``UsageError`` as :func:`grep` does."""
    wanted = _folded_pattern(phrase) if is_regex else regex.escape(fold(phrase, ignore_case=ignore_case).text.strip())
    if not wanted:
        raise UsageError("an empty phrase is everywhere", hint="`variorum grep PHRASE` needs at least one character.")
    if whole_words:
        wanted = rf"(?<!{SPACED_LETTER})(?:{wanted})(?!{SPACED_LETTER})"
    try:
        return regex.compile(wanted, regex.IGNORECASE if ignore_case else 0)
    except regex.error as error:
        where = f" at position {error.pos + 1}" if error.pos is not None else ""
        raise UsageError(
            f"{phrase}: not a regular expression: {error.msg}{where}",
            hint="Without --regex the phrase is taken as it is written.",
        ) from None


def _folded_pattern(pattern: str) -> str:
    """The pattern with quotes, dashes and wide letters as folded texts have them, escaped where special there."""
    folded = (one if one.isascii() else regex.escape(fold(one, ignore_case=False).text) or one for one in pattern)
    return "".join(folded)


def literals(phrase: str, *, is_regex: bool = False) -> tuple[str, ...]:
    """Strings that every text with a match holds, but for case and typography: what a search for candidates asks for.

    None of them where nothing is certain. Of a pattern, only letters outside of groups, sets and what may be missing are
    certain, and none where the whole is an alternative; a pattern with flags or escapes beyond the plainest is not looked into.
    """
    if not is_regex:
        return tuple(part for part in fold(phrase).text.split("\n") if part.strip())
    if "(?" in phrase or _STRANGE_ESCAPE.search(phrase):
        return ()
    depth, found = 0, [""]
    for part in _PARTS.findall(phrase):
        if part == "|" and depth == 0:
            return ()
        depth += (part == "(") - (part == ")")
        if part in ("?", "*", "{") or part.startswith("{"):
            found[-1:] = [found[-1][:-1], ""]  # what stands before may be missing
        elif len(part) == 1 and (part.isalnum() or part == " ") and depth == 0:
            found[-1] += part
        else:
            found.append("")
    return tuple(part for part in found if part.strip())


_STRANGE_ESCAPE: Final = regex.compile(r"\\[^\W\d_bBdDsSwW]|\\\d|\[\[|&&|\[\]|\[\^\]")
_PARTS: Final = regex.compile(r"\\.|\[(?:\\.|[^\]])*\]|\{[^}]*\}|.", regex.DOTALL)


_WITHIN: Final = regex.compile(
    r"""(?:[\p{L}\p{N} ,;:'"‘’“”%–—.|*+?-]|\((?!\?)|\(\?:|\)|\[[\p{L}\p{N} ,;'–-]+\]|\{\d*,?\d*\}|\\[bdw.()+*?])*"""
)
"""Patterns of which no match can reach over paragraphs: they hold nothing that matches their end, or the end of a text."""


def _needle(folded: str) -> str:
    """What a text must hold for this folded phrase to stand in it: its longest word in ASCII, or a letter without case."""
    caseless = (one for one in folded if not one.isascii() and one.isalnum() and one.lower() == one.upper())
    return next(caseless, None) or _word((folded,))


def _word(certain: Iterable[str]) -> str:
    """The longest word in ASCII of strings that every match holds: what a text in plain ASCII must hold, in small letters."""
    words = (word for part in certain for word in regex.findall("[a-z0-9]+", fold(part).text))
    return max(words, key=len, default="")


def search(source: str, history: Sequence[tuple[Version, Text]], wanted: Sought) -> Found | None:
    """The answer of one history; None when it never stood there. A paragraph that many versions share is looked at once."""
    known: dict[str, Spans] = {}
    paragraphs: dict[str, Spans] = {}
    found: list[Spans] = []
    for version, text in history:
        if version.digest not in known:
            known[version.digest] = _spans_in(text.text, wanted, paragraphs, f"{source}@{version.number}")
        found.append(known[version.digest])
    having = [index for index, spans in enumerate(found) if spans]
    if not having:
        return None
    seen = [Seen(version.number, version.source, version.window) for version, _ in history]
    wordings = Counter(
        text.text[start:end] for (_, text), spans in zip(history, found, strict=True) for start, end in spans
    )
    starts = [index for index in having if index == 0 or not found[index - 1]]
    last = having[-1]
    return Found(
        source=source,
        first=seen[having[0]],
        last=seen[last],
        present=last == len(history) - 1,
        vanished=None if last == len(history) - 1 else seen[last + 1],
        gaps=tuple(_gap(seen, before, after) for before, after in pairwise(having) if after - before > 1),
        counts=tuple((version.number, len(spans)) for (version, _), spans in zip(history, found, strict=True)),
        wordings=tuple(sorted(wordings.items(), key=lambda item: (-item[1], item[0]))),
        examples=tuple(_example(history[index][0].number, history[index][1].text, found[index][0]) for index in starts),
    )


def _spans_in(text: str, wanted: Sought, known: dict[str, Spans], where: str) -> Spans:
    """The places in a text; those of its paragraphs that are ``known`` are not looked for again."""
    parts = text.split("\n\n") if wanted.apart else [text]
    found: list[tuple[int, int]] = []
    at = 0
    for part in parts:
        spans = known.get(part)
        if spans is None:
            may = wanted.may_stand(part.encode("utf-8", "surrogatepass"))
            spans = known[part] = _spans(part, wanted.pattern, where) if may else ()
        if spans:
            found += [(at + start, at + end) for start, end in spans]
        at += len(part) + 2
    return tuple(found)


def _spans(text: str, pattern: regex.Pattern[str], where: str) -> Spans:
    folded = fold(text, ignore_case=bool(pattern.flags & regex.IGNORECASE))
    return tuple(places(folded, pattern, where=where))


def places(folded: Folded, pattern: regex.Pattern[str], *, where: str = "") -> Iterator[tuple[int, int]]:
    """The true spans of every match in a folded text, in order; matches of nothing are passed over."""
    try:
        for match in pattern.finditer(folded.text, timeout=TIMEOUT_S):
            if match.end() > match.start():
                yield folded.span(match.start(), match.end())
    except TimeoutError:
        raise UsageError(
            f"{where}: the pattern worked longer than {TIMEOUT_S:g} s on this text",
            hint="Avoid repeats inside repeats, such as (a+)+.",
        ) from None


def _gap(seen: Sequence[Seen], before: int, after: int) -> Gap:
    absent = seen[before + 1 : after]
    return Gap(vanished=absent[0], returned=seen[after], versions=tuple(one.version for one in absent))


def _example(version: int, text: str, span: tuple[int, int]) -> Example:
    start, end = span
    before = text[max(0, start - CONTEXT) : start].rpartition("\n\n")[2]
    after = text[end : end + CONTEXT].partition("\n\n")[0]
    if len(before) == CONTEXT and " " in before:  # begin with a whole word
        before = before.partition(" ")[2]
    if len(after) == CONTEXT and " " in after:
        after = after.rpartition(" ")[0]
    return Example(version, start, end, text[start:end], before, after)
