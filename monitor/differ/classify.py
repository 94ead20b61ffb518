"""What kind of edit it is, by rules that a reader can follow. The order of the rules is the order of this file.

A cosmetic kind needs the *whole* edit to be of that kind. The lexical kinds look at what matches their pattern over the
edit, in the sentence around it, on both sides: when the matches differ, the edit is of that kind.
"""

from __future__ import annotations

import unicodedata
from collections import Counter
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Final

import regex

from monitor.differ.lexicon import WORD
from monitor.differ.raw import Raw
from storage.records import COSMETIC_KINDS, Edit, EditKind, Severity, Span, Text

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from monitor.differ.lexicon import Finder, Match, Rules
    from monitor.differ.raw import Bounds

AROUND: Final = 24
"""How far from the edit a match may begin or end, in code points."""
ATTRIBUTION_LONGEST: Final = 60
SMALL_EDIT_WORDS: Final = 12
"""In a longer insertion or deletion, single figures and modal verbs are not what it is about."""

SEVERITY: Final = {
    **dict.fromkeys(COSMETIC_KINDS, Severity.COSMETIC),
    **dict.fromkeys(
        (EditKind.MOVED, EditKind.SPLIT, EditKind.MERGED, EditKind.PUBLISHED, EditKind.TITLE), Severity.MINOR
    ),
    **dict.fromkeys(
        (EditKind.NUMBER, EditKind.DATE, EditKind.NAME, EditKind.ATTRIBUTION, EditKind.WORDING), Severity.WORDING
    ),
    **dict.fromkeys((EditKind.INSERTED, EditKind.DELETED), Severity.WORDING),
    **dict.fromkeys((EditKind.NEGATION, EditKind.MODALITY, EditKind.FORMULA), Severity.MAJOR),
}
"""The severity of an edit is the highest of its kinds'. What changes the sense or the obligation is major."""

_QUOTES: Final = str.maketrans(
    dict.fromkeys("‘’‚‛′´`ʼ", "'") | dict.fromkeys("“”„‟«»″〝〞「」『』", '"') | dict.fromkeys("‐‑‒–—―−", "-")
)
_TYPOGRAPHIC: Final = frozenset({"<wide>", "<narrow>", "<compat>", "<noBreak>", "<font>", "<small>", "<vertical>"})
_TELLING_MARKS: Final = regex.compile(r"[%％‰$€£¥₽°+<>=±≥≤]|(?<=\d)[.,:/-](?=\d)|(?:^|\s)[-−](?=\d)")
_LETTERS: Final = regex.compile(r"[^\p{L}\p{N}\p{M}]+")
_CAPITALISED: Final = regex.compile(r"(?<![\p{L}\p{N}])\p{Lu}[\p{L}\p{M}'’-]*")
_WORDS: Final = regex.compile(r"[\p{Han}]|[\p{L}\p{N}\p{M}]+")


@dataclass(frozen=True)
class Place:
    """The two texts, the rules, and the bounds of the sentences where they differ."""

    old: Text
    new: Text
    rules: Rules

    sentences_old: Sequence[Bounds]
    sentences_new: Sequence[Bounds]

    @cached_property
    def starts_old(self) -> frozenset[int]:
        """Where the old sentences start."""
        return frozenset(start for start, _ in self.sentences_old)

    @cached_property
    def starts_new(self) -> frozenset[int]:
        """Where the new sentences start."""
        return frozenset(start for start, _ in self.sentences_new)


def classified(raw: Raw, place: Place) -> Edit:
    """The edit with its kinds, its severity, its sentences, and the rule behind each kind."""
    old, new = place.old.text[slice(*raw.old)], place.new.text[slice(*raw.new)]
    # Within a moved passage the two sides of an exchange stand apart: what it is shows beside its counterpart only.
    said = Raw(*raw.twin) if raw.twin is not None else raw
    found = dict(_kinds(said, place.old.text[slice(*said.old)], place.new.text[slice(*said.new)], place))
    kinds = tuple(found)
    severity = max(SEVERITY[kind] for kind in kinds)
    return Edit(
        kinds=kinds,
        severity=severity,
        old=Span(*raw.old, old),
        new=Span(*raw.new, new),
        sentence_old=_sentence(place.old.text, place.sentences_old, said.old),
        sentence_new=_sentence(place.new.text, place.sentences_new, said.new),
        move=raw.move,
        rules=tuple(rule for kind, rule in found.items()),
        within=raw.within,
    )


def _sentence(text: str, bounds: Sequence[Bounds], span: Bounds) -> str:
    """The sentence (or the run of sentences) that ``span`` falls in; '' between sentences."""
    from bisect import bisect_right

    start, end = span
    first = max(0, bisect_right(bounds, (start, len(text) + 1)) - 1)
    touched = []
    for low, high in bounds[first:]:
        if low >= max(end, start + 1):
            break
        if high > start or (start == end and low <= start <= high):
            touched.append((low, high))
    return text[touched[0][0] : touched[-1][1]] if touched else ""


def _kinds(raw: Raw, old: str, new: str, place: Place) -> Iterator[tuple[EditKind, str]]:
    """Kind and rule; later ones never take back an earlier one."""
    if raw.move is not None:
        yield EditKind.MOVED, "moved:alike"
        return
    cosmetic = _cosmetic(raw, old, new, place.rules)
    if cosmetic is not None:
        yield cosmetic
    else:
        yield from _wording(raw, old, new, place)
    yield from _where(raw, place)


def _where(raw: Raw, place: Place) -> Iterator[tuple[EditKind, str]]:
    for kind, before, after in (
        (EditKind.TITLE, place.old.title_span, place.new.title_span),
        (EditKind.PUBLISHED, place.old.published_span, place.new.published_span),
    ):
        if _within(raw.old, before) or _within(raw.new, after):
            yield kind, f"{kind.value}:place"


def _within(span: Bounds, part: Bounds) -> bool:
    return part[0] < part[1] and part[0] <= span[0] and span[1] <= part[1] and span[0] < part[1]


def _cosmetic(raw: Raw, old: str, new: str, rules: Rules) -> tuple[EditKind, str] | None:
    bare_old, bare_new = "".join(old.split()), "".join(new.split())
    if bare_old == bare_new:
        return _space(old, new) if not bare_old else (EditKind.WHITESPACE, "whitespace:inside")
    folded_old, folded_new = _folded(bare_old), _folded(bare_new)
    if folded_old == folded_new:
        return EditKind.TYPOGRAPHY, "typography:" + ("quotes" if _quotes_only(bare_old, bare_new) else "forms")
    if raw.split or raw.merged:
        return _bound(raw, old, new, rules)
    if folded_old.casefold() == folded_new.casefold():
        return EditKind.CASE, "case:letters"
    letters_old, letters_new = _LETTERS.sub("", folded_old), _LETTERS.sub("", folded_new)
    if letters_old.casefold() == letters_new.casefold() and not _tells(old, new):
        kind = EditKind.PUNCTUATION
        return kind, "punctuation:marks"
    return _spelling(folded_old, folded_new, old, new, rules)


def _space(old: str, new: str) -> tuple[EditKind, str]:
    """Only white space: a paragraph break that came or went, or nothing a reader sees."""
    breaks_old, breaks_new = _breaks(old), _breaks(new)
    if breaks_new and not breaks_old:
        return EditKind.SPLIT, "split:paragraph"
    if breaks_old and not breaks_new:
        return EditKind.MERGED, "merged:paragraph"
    return EditKind.WHITESPACE, "whitespace:between"


def _breaks(space: str) -> bool:
    return space.replace("\r\n", "\n").replace("\r", "\n").count("\n") >= 2 or "\u2029" in space


_FULL_STOPS: Final = frozenset(".!?。！？…")


def _bound(raw: Raw, old: str, new: str, rules: Rules) -> tuple[EditKind, str] | None:
    """At a sentence bound that only one side has: a split or a merge when nothing but a joining word went with it."""
    words_old = Counter(word.casefold() for word in _WORDS.findall(old))
    words_new = Counter(word.casefold() for word in _WORDS.findall(new))
    if words_old == words_new and not set(old + new) & _FULL_STOPS and not _breaks(old + new):
        return EditKind.PUNCTUATION, "punctuation:marks"  # a semicolon for a comma
    over = (words_old - words_new) + (words_new - words_old)
    if len(list(over.elements())) <= 3 and all(word in rules.connectors for word in over):
        return (EditKind.SPLIT, "split:sentence") if raw.split else (EditKind.MERGED, "merged:sentence")
    return None


def _folded(text: str) -> str:
    """Quotes, dashes, ellipses and the width of characters made alike; superscripts and fractions are left alone."""
    text = text.translate(_QUOTES)
    if text.isascii():
        return text
    folded = "".join(unicodedata.normalize("NFKC", char) if _only_form(char) else char for char in text)
    return unicodedata.normalize("NFC", folded).translate(_QUOTES).replace("…", "...").translate(_CJK_MARKS)


_CJK_MARKS: Final = str.maketrans("，。；：！？（）、", ",.;:!?(),")


def _only_form(char: str) -> bool:
    kind = unicodedata.decomposition(char).split(" ", 1)[0]
    return kind in _TYPOGRAPHIC


def _quotes_only(old: str, new: str) -> bool:
    return old.translate(_QUOTES) == new.translate(_QUOTES)


def _tells(old: str, new: str) -> bool:
    """Whether marks that carry meaning (per cent, currency, a decimal point) came, went or changed."""
    return Counter(_TELLING_MARKS.findall(old)) != Counter(_TELLING_MARKS.findall(new))


def _spelling(old: str, new: str, raw_old: str, raw_new: str, rules: Rules) -> tuple[EditKind, str] | None:
    if old.translate(rules.simplified) == new.translate(rules.simplified):
        return EditKind.SPELLING, "spelling:traditional-simplified"
    words_old = [word.casefold() for word in _WORDS.findall(raw_old)]
    words_new = [word.casefold() for word in _WORDS.findall(raw_new)]
    if not words_old or len(words_old) != len(words_new):
        if words_old and "".join(words_old) == "".join(words_new):
            return EditKind.SPELLING, "spelling:compound"
        return None
    for one, other in zip(words_old, words_new, strict=True):
        if one != other and not _variants(one, other, rules):
            break
    else:
        return EditKind.SPELLING, "spelling:variant"
    if all(one == other or _slip(one, other) for one, other in zip(words_old, words_new, strict=True)):
        return EditKind.SPELLING, "spelling:slip"
    return None


_VARIANT_ENDINGS: Final = (
    (regex.compile(r"(?<=\p{L}{3})is(e|es|ed|ing|ation|ations|er|ers)$"), r"iz\1"),
    (regex.compile(r"(?<=\p{L}{3})ys(e|es|ed|ing)$"), r"yz\1"),
    (regex.compile(r"(?<=\p{L}{2})our(s|ed|ing|able|ably|ite|ites|hood|less|ful|ers|er)?$"), r"or\1"),
    (regex.compile(r"(?<=\p{L}{2})(t|b)re(s|d)?$"), r"\1er\2"),
    (regex.compile(r"(?<=\p{L}{2}[aeiou])ll(ed|ing|er|ers|or|ors)$"), r"l\1"),
    (regex.compile(r"(?<=\p{L}{2})ogue(s)?$"), r"og\1"),
    (regex.compile(r"(?<=\p{L}{2})ence$"), "ense"),
    (regex.compile(r"ae|oe"), "e"),
)


def _variants(one: str, other: str, rules: Rules) -> bool:
    """Whether two different words are spellings of one; the regular endings leave the beginning alone but for ae and oe."""
    alike = one[0] == other[0] or "e" in (one[0], other[0])
    listed = one in rules.variants or other in rules.variants
    return (alike or listed) and _variant(one, rules) == _variant(other, rules)


def _variant(word: str, rules: Rules) -> str:
    """The word as its variants share it: listed ones first, then the regular endings."""
    if word in rules.variants:
        return rules.variants[word]
    for ending, shared in _VARIANT_ENDINGS:
        word = ending.sub(shared, word)
    return word


def _slip(one: str, other: str) -> bool:
    """A slip of the keyboard in a long word: one letter too many or too few, wrong, or two turned round; not at its ends.

    The ends carry the grammar (-s, -ed, un-), so a change there is wording.
    """
    short, long = sorted((one, other), key=len)
    if len(short) < 6 or len(long) - len(short) > 1 or not one.isalpha() or not other.isalpha():
        return False
    head = 0
    while head < len(short) and short[head] == long[head]:
        head += 1
    tail = 0
    while tail < len(short) - head and short[-1 - tail] == long[-1 - tail]:
        tail += 1
    if head < 2 or tail < 2:
        return False
    middle_short, middle_long = short[head : len(short) - tail], long[head : len(long) - tail]
    if len(middle_short) == 0 and len(middle_long) == 1:
        return True
    turned = len(middle_short) == 2 and middle_short == middle_long[::-1]
    return turned or (len(middle_short) == 1 and len(middle_long) == 1 and len(short) >= 8)


def _wording(raw: Raw, old: str, new: str, place: Place) -> Iterator[tuple[EditKind, str]]:
    """Not cosmetic: inserted, deleted or replaced, and what it is about."""
    if not old.strip():
        yield EditKind.INSERTED, "inserted"
    elif not new.strip():
        yield EditKind.DELETED, "deleted"
    if raw.split or raw.merged:
        yield (EditKind.SPLIT, "split:reworded") if raw.split else (EditKind.MERGED, "merged:reworded")
    one_sided = not old.strip() or not new.strip()
    small = max(len(_WORDS.findall(old)), len(_WORDS.findall(new))) <= SMALL_EDIT_WORDS
    lexical = [] if raw.whole or (one_sided and not small) else list(_lexical(raw, old, new, place))
    yield from lexical
    if one_sided:
        return
    explained = bool(lexical) and max(len(_WORDS.findall(old)), len(_WORDS.findall(new))) <= _explained_words(lexical)
    if not explained:
        yield EditKind.WORDING, "wording"


def _explained_words(lexical: list[tuple[EditKind, str]]) -> int:
    """Up to how many words an edit is wholly what its lexical kinds say; beyond, it is a rewording as well."""
    return 4 + 2 * len(lexical)


def _lexical(raw: Raw, old: str, new: str, place: Place) -> Iterator[tuple[EditKind, str]]:
    rules = place.rules
    before, after = Side(place.old.text, raw.old), Side(place.new.text, raw.new)
    for name, finder in rules.formulas:
        if _differ(before.over(finder), after.over(finder)):
            yield EditKind.FORMULA, f"formula:{name}"
            break
    dates_old, dates_new = before.over(rules.date), after.over(rules.date)
    if _differ(dates_old, dates_new):
        yield EditKind.DATE, "date:expression"
    numbers_old = _outside(before.over(rules.number), dates_old)
    numbers_new = _outside(after.over(rules.number), dates_new)
    if _differ(numbers_old, numbers_new):
        figures = any(any(char.isdigit() for char in one[2]) for one in (*numbers_old, *numbers_new))
        yield EditKind.NUMBER, "number:" + ("digits" if figures else "words")
    for kind, finder in rules.words.items():
        said_old = _outside(before.over(finder), dates_old)
        said_new = _outside(after.over(finder), dates_new)
        if not _differ(said_old, said_new):
            continue
        if kind is EditKind.ATTRIBUTION and not (
            said_old and said_new and max(len(old), len(new)) < ATTRIBUTION_LONGEST
        ):
            continue
        yield kind, f"{kind.value}:{(said_old or said_new)[0][2].casefold()}"
    if _names(raw, place) and not dates_old and not dates_new:
        yield EditKind.NAME, "name:capitalised"


class Side:
    """One side of an edit: where matches may lie, and which words they must touch."""

    def __init__(self, text: str, span: Bounds) -> None:
        self._text = text
        self._start, self._end = span
        self._low, self._high = max(0, span[0] - AROUND), min(len(text), span[1] + AROUND)
        self._words = self._touched()

    def over(self, finder: Finder) -> list[Match]:
        """Matches that lie over the edit; for an empty one, those that it would cut."""
        start, end = self._start, self._end
        return [
            one
            for one in finder.find(self._text, self._low, self._high, self._words)
            if (one[0] < end and one[1] > start) or (start == end and one[0] < start < one[1])
        ]

    def _touched(self) -> frozenset[str]:
        """The words of which a match over the edit holds one: the edit's own; without any, its neighbours."""
        inside: set[str] = set()
        nearest: list[str] = []
        for one in WORD.finditer(self._text, self._low, self._high):
            if one.end() <= self._start:
                nearest = [one.group().casefold()]
            elif one.start() < self._end or self._text[self._end : one.start()] in ("'", "’"):  # don|’t
                inside.add(one.group().casefold())
            else:
                nearest.append(one.group().casefold())
                break
        return frozenset(inside or nearest)


def _differ(before: list[Match], after: list[Match]) -> bool:
    """Whether two sides say something else; the order does not matter."""
    return bool(before or after) and _said(before) != _said(after)


def _said(matches: list[Match]) -> list[str]:
    return sorted(" ".join(_folded(text).casefold().split()) for _, _, text in matches)


def _outside(matches: list[Match], others: list[Match]) -> list[Match]:
    return [one for one in matches if not any(a <= one[0] and one[1] <= b for a, b, _ in others)]


def _names(raw: Raw, place: Place) -> bool:
    """Capitalised words that do not begin a sentence differ, and make up the edit on one side at least."""
    before = _capitalised(place.old.text, place.starts_old, raw.old, place.rules)
    after = _capitalised(place.new.text, place.starts_new, raw.new, place.rules)
    if sorted(before) == sorted(after):
        return False
    for found, text, span in ((before, place.old.text, raw.old), (after, place.new.text, raw.new)):
        words = [word for word in regex.findall(r"[\p{L}\p{M}]+", text[slice(*span)]) if word.lower() not in _LINKS]
        if words and len(" ".join(found).replace("-", " ").replace("'", " ").split()) >= len(words) * 0.6:
            return True
    return False


_LINKS: Final = frozenset(
    ["of", "the", "and", "de", "du", "des", "la", "le", "les", "et", "von", "van", "bin", "al", "el", "der", "for"]
)


def _capitalised(text: str, starts: frozenset[int], span: Bounds, rules: Rules) -> list[str]:
    found = []
    for one in _CAPITALISED.finditer(text, span[0], span[1]):
        word = one.group()
        if len(word) < 2 or word.casefold() in rules.common:
            continue
        first = one.start() in starts or not text[max(0, one.start() - 2) : one.start()].strip("\"'“‘«( \n")
        if first and one.start() in starts and not word.isupper():
            continue
        found.append(word)
    return found
