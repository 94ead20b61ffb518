"""When did a phrase first stand in a source, when last, with what gaps, and how often in each version?

Matching is on folded texts (:mod:`monitor.history.folding`): quotes, dashes, width, line ends and case make no
difference; offsets are those of the true text.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Final

import regex

from monitor.history.folding import fold
from storage.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from monitor.history.folding import Folded
    from storage.records import Text, Version, Window

TIMEOUT_S: Final = 2.0
"""How long a pattern may work on one text."""
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
    asked = each(histories.items(), phrase, regex=regex, ignore_case=ignore_case, whole_words=whole_words)
    return tuple(asked)


def each(
    histories: Iterable[tuple[str, Sequence[tuple[Version, Text]]]],
    phrase: str,
    *,
    regex: bool = False,
    ignore_case: bool = True,
    whole_words: bool = False,
) -> Iterator[Found]:
    """As :func:`grep`, one answer after the other: the first is there before the last history is looked into."""
    pattern = compiled(phrase, is_regex=regex, ignore_case=ignore_case, whole_words=whole_words)
    needle, word = (None, _word(literals(phrase, is_regex=True))) if regex else (_needle(phrase), "")
    for source, history in histories:
        found = search(source, history, pattern, needle, word)
        if found is not None:
            yield found


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


def may_hold(phrase: str, *, is_regex: bool = False) -> Callable[[bytes], bool] | None:
    """A quick test of a text in UTF-8, False where no match can be; None where only a search can say.

    It knows texts in plain ASCII alone, in which white space is single spaces and blank lines, as in canonical text.
    """
    folded = _word(literals(phrase, is_regex=True)) if is_regex else fold(phrase).text.strip()
    if not regex.fullmatch("[a-z0-9]+(?: [a-z0-9]+)*", folded):
        return None
    wanted = folded.encode()

    def test(plain: bytes) -> bool:
        return wanted in plain.lower() or not plain.isascii() or (b" " in wanted and _uneven(plain))

    return test


def _uneven(plain: bytes) -> bool:
    """Whether there is other white space than single spaces and blank lines."""
    return plain.count(b"\n") != 2 * plain.count(b"\n\n") or any(one in plain for one in _ODD)


_ODD: Final = (b"  ", b"\t", b"\r", b"\v", b"\f", b"\x1c", b"\x1d", b"\x1e", b"\x1f")


def _needle(phrase: str) -> str | None:
    """What a paragraph in plain ASCII must hold, in small letters, for a plain phrase to match; None where that is not sure.

    The longest word in ASCII; or a letter without case, as of Chinese, which such a paragraph cannot hold at all.
    """
    folded = fold(phrase).text.strip()
    if "\n" in folded:
        return None
    caseless = (one for one in folded if not one.isascii() and one.isalnum() and one.lower() == one.upper())
    return next(caseless, None) or _word((folded,))


def _word(certain: Iterable[str]) -> str:
    """The longest word in ASCII of strings that every match holds: what a text in plain ASCII must hold, in small letters."""
    words = (word for part in certain for word in regex.findall("[a-z0-9]+", fold(part).text))
    return max(words, key=len, default="")


def search(
    source: str,
    history: Sequence[tuple[Version, Text]],
    pattern: regex.Pattern[str],
    needle: str | None = None,
    word: str = "",
) -> Found | None:
    """The answer of one history to a compiled pattern; None when it never stood there.

    ``needle``: what must stand, in small letters, where plain ASCII matches; and no match reaches over paragraphs. Then
    each paragraph that many versions share is looked at once, and those without it not at all. ``word``: what a whole text
    in plain ASCII must hold, where matches may reach over paragraphs.
    """
    known: dict[str, tuple[tuple[int, int], ...]] = {}
    paragraphs: dict[str, tuple[tuple[int, int], ...]] = {}
    found: list[tuple[tuple[int, int], ...]] = []
    for version, text in history:
        if text.digest not in known:
            where = f"{source}@{version.number}"
            if needle is None and word and text.text.isascii() and word not in text.text.lower():
                known[text.digest] = ()
            elif needle is None:
                known[text.digest] = _spans(text.text, pattern, where)
            else:
                known[text.digest] = _spans_by_paragraph(text.text, pattern, needle, paragraphs, where)
        found.append(known[text.digest])
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


def _spans(text: str, pattern: regex.Pattern[str], where: str) -> tuple[tuple[int, int], ...]:
    folded = fold(text, ignore_case=bool(pattern.flags & regex.IGNORECASE))
    return tuple(places(folded, pattern, where=where))


def _spans_by_paragraph(
    text: str,
    pattern: regex.Pattern[str],
    needle: str,
    known: dict[str, tuple[tuple[int, int], ...]],
    where: str,
) -> tuple[tuple[int, int], ...]:
    if text.isascii() and needle not in text.lower():
        return ()
    found: list[tuple[int, int]] = []
    at = 0
    for part in text.split("\n\n"):
        spans = known.get(part)
        if spans is None:
            absent = part.isascii() and needle not in part.lower()
            spans = known[part] = () if absent else _spans(part, pattern, where)
        if spans:
            found += [(at + start, at + end) for start, end in spans]
        at += len(part) + 2
    return tuple(found)


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
