"""What kind of edit it is, by rules that a reader can follow. The order of the rules is the order of this file.

A cosmetic kind needs the *whole* edit to be of that kind. The lexical kinds look at what matches their pattern over the
edit, in the sentence around it, on both sides: when the matches differ, the edit is of that kind.
"""

from __future__ import annotations

import unicodedata
from collections import Counter
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING, Final

import regex

from monitor.differ.align import SMALL
from monitor.differ.lexicon import HAN, WORD
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
_WORDS: Final = regex.compile(r"\p{Han}|[[\p{L}\p{N}\p{M}]--\p{Han}]+", regex.V1)


@dataclass(frozen=True)
class Place:
    """The two texts, the rules, and the bounds of the sentences where they differ."""

    old: Text
    new: Text
    rules: Rules

    sentences_old: Sequence[Bounds]
    sentences_new: Sequence[Bounds]
    twins: dict[tuple[Bounds, Bounds], dict[EditKind, str]] = field(default_factory=dict)
    """What was found of the edits within moved passages, each of which comes twice."""

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
    found = place.twins.get(raw.twin) if raw.twin is not None else None
    if found is None:
        found = dict(_kinds(said, place.old.text[slice(*said.old)], place.new.text[slice(*said.new)], place))
        if raw.twin is not None:
            place.twins[raw.twin] = found
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
    if letters_old.casefold() == letters_new.casefold():
        if _compound(old, new):
            return EditKind.SPELLING, "spelling:compound"
        if not _tells(old, new):
            return EditKind.PUNCTUATION, "punctuation:marks"
    return _spelling(folded_old, folded_new, old, new, rules)


_JOINED: Final = regex.compile(r"\p{L}+")
_PARTED: Final = regex.compile(r"\p{L}+(?:[-‐‑ ]\p{L}+)+")


def _compound(old: str, new: str) -> bool:
    """One word on one side, the same in parts on the other: co-operation, cooperation; week-end, weekend."""
    old, new = old.strip(), new.strip()
    return any(_JOINED.fullmatch(one) and _PARTED.fullmatch(other) for one, other in ((old, new), (new, old)))


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
    if not text.isascii():
        folded = "".join(unicodedata.normalize("NFKC", char) if _only_form(char) else char for char in text)
        text = unicodedata.normalize("NFC", folded).translate(_QUOTES).replace("…", "...").translate(_CJK_MARKS)
    return _RUNS.sub(_one_mark, text)


def _one_mark(found: regex.Match[str]) -> str:
    """Several signs that stand for one: ``--`` for a dash, ``……`` for an ellipsis, ``''`` and ``<<`` for quotes."""
    first = found.group()[0]
    return "..." if first == "." else "-" if first == "-" else '"'


_CJK_MARKS: Final = str.maketrans("，。；：！？（）〈〉", ",.;:!?()<>")
"""The enumeration comma ``、`` is left out: it is no form of ``，`` but another mark."""
_RUNS: Final = regex.compile(r"-{2,}|\.{3,}|''|<<|>>")


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
    if "'" in old + new and _expanded(raw_old) == _expanded(raw_new):
        return EditKind.SPELLING, "spelling:contraction"
    words_old = [word.casefold() for word in _WORDS.findall(raw_old)]
    words_new = [word.casefold() for word in _WORDS.findall(raw_new)]
    if not words_old or len(words_old) != len(words_new):
        return None
    rule = ""
    for one, other in zip(words_old, words_new, strict=True):
        if one != other:
            rule = _same_word(one, other, rules)
            if not rule:
                return None
    return (EditKind.SPELLING, f"spelling:{rule}") if rule else None


def _same_word(one: str, other: str, rules: Rules) -> str:
    """Which rule makes two different words spellings of one; '' when none does."""
    if _variants(one, other, rules):
        return "variant"
    if _accents(one, other, rules):
        return "accents"
    return "slip" if _slip(one, other, rules) else ""


_CONTRACTED: Final = (
    (regex.compile(r"\bcan(?:'t| ?not)\b"), "can not"),
    (regex.compile(r"\bwon't\b"), "will not"),
    (regex.compile(r"\bshan't\b"), "shall not"),
    (regex.compile(r"n't\b"), " not"),
    (regex.compile(r"'re\b"), " are"),
    (regex.compile(r"'ve\b"), " have"),
    (regex.compile(r"'ll\b"), " will"),
    (regex.compile(r"\b(it|he|she|that|there|what|who)'s\b"), r"\1 is"),
    (regex.compile(r"\bi'm\b"), "i am"),
)


def _expanded(text: str) -> str:
    text = " ".join(text.translate(_QUOTES).casefold().split())
    for short, whole in _CONTRACTED:
        text = short.sub(whole, text)
    return text


def _accents(one: str, other: str, rules: Rules) -> bool:
    """The same letters but for accents, œ and æ; never where an accent makes another word (marché, a) or form (-é)."""
    if len(one) < 3 or (one.isascii() and other.isascii()) or frozenset((one, other)) in rules.accents:
        return False
    bare_one, bare_other = _unaccented(one), _unaccented(other)
    if bare_one != bare_other:
        return False
    return not _ENDS_IN_E.search(bare_one) or _ending(one) == _ending(other)


_ENDS_IN_E: Final = regex.compile(r"e(?:e?s?)$")


def _ending(word: str) -> str:
    return unicodedata.normalize("NFC", word)[-3:].lstrip("bcdfghjklmnpqrstvwxyzç")


@lru_cache(maxsize=4096)
def _unaccented(word: str) -> str:
    parted = unicodedata.normalize("NFD", word.replace("œ", "oe").replace("æ", "ae"))
    return "".join(char for char in parted if not unicodedata.combining(char))


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


def _slip(one: str, other: str, rules: Rules) -> bool:
    """A slip of the keyboard in a long word: one letter too many or too few, wrong, or two turned round; not at its ends.

    The ends carry the grammar (-s, -ed, un-), so a change there is wording. Two words that are alike and both real
    (prescribe, proscribe) are listed; number words and the like are never slips.
    """
    if frozenset((one, other)) in rules.alike or any(word in finder.vocabulary for word in (one, other) for finder in rules.guards):
        return False
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
    covered: tuple[list[Match], list[Match]] = ([], [])
    lexical = [] if raw.whole or (one_sided and not small) else list(_lexical(raw, old, new, place, covered))
    yield from lexical
    if one_sided:
        return
    if not lexical or max(
        _beyond(text.text, span, found, named=any(kind is EditKind.NAME for kind, _ in lexical))
        for text, span, found in ((place.old, raw.old, covered[0]), (place.new, raw.new, covered[1]))
    ) > BEYOND_MOST:
        yield EditKind.WORDING, "wording"


BEYOND_MOST: Final = 1.5
"""With more weight of words that no lexical kind covers, an edit is a rewording as well."""


def _beyond(text: str, span: Bounds, covered: list[Match], *, named: bool) -> float:
    """The weight of the words of the edit that lie in no match: small words and single characters count a half."""
    heavy = 0.0
    for one in _WORDS.finditer(text, *span):
        word = one.group()
        if any(a < one.end() and one.start() < b for a, b, _ in covered):
            continue
        if HAN.match(word):
            heavy += 0.0 if named else 0.5
        elif not (named and word[0].isupper()):
            heavy += 0.5 if word.casefold() in SMALL else 1.0
    return heavy


def _lexical(
    raw: Raw, old: str, new: str, place: Place, covered: tuple[list[Match], list[Match]]
) -> Iterator[tuple[EditKind, str]]:
    """The lexical kinds, each with its rule; ``covered`` is given the matches behind them, of both sides."""
    rules = place.rules
    before, after = Side(place.old.text, raw.old), Side(place.new.text, raw.new)
    for name, finder in rules.formulas:
        if _differ(found_old := before.over(finder), found_new := after.over(finder), finder):
            _cover(covered, found_old, found_new)
            yield EditKind.FORMULA, f"formula:{name}"
            break
    dates_old, dates_new = before.over(rules.date), after.over(rules.date)
    if _differ(dates_old, dates_new, rules.date) and not _weak(rules.date, dates_old, dates_new, old, new):
        _cover(covered, dates_old, dates_new)
        yield EditKind.DATE, "date:expression" + _added(rules.date, dates_old + dates_new)
    numbers_old = _outside(before.over(rules.number), dates_old)
    numbers_new = _outside(after.over(rules.number), dates_new)
    if _differ(numbers_old, numbers_new, rules.number) and not _mere_article(numbers_old, numbers_new):
        _cover(covered, numbers_old, numbers_new)
        figures = any(any(char.isdigit() for char in one[2]) for one in (*numbers_old, *numbers_new))
        yield EditKind.NUMBER, "number:" + ("digits" if figures else "words") + _added(rules.number, numbers_old + numbers_new)
    for kind, finder in rules.words.items():
        said_old = _outside(before.over(finder), dates_old)
        said_new = _outside(after.over(finder), dates_new)
        if not _differ(said_old, said_new, finder):
            derived = _derived(kind, old, new, rules)
            if derived:
                yield kind, f"{kind.value}:{derived}"
            continue
        if kind is EditKind.ATTRIBUTION and not (
            said_old and said_new and max(len(old), len(new)) < ATTRIBUTION_LONGEST
        ):
            continue
        _cover(covered, said_old, said_new)
        # the word that only one side has says more than one that both have
        olds, news = _said(said_old, finder), _said(said_new, finder)
        told = next((one for one in said_old if finder.said(one) not in news), None) or next(
            one for one in (*said_new, *said_old) if one in said_old or finder.said(one) not in olds
        )
        yield kind, f"{kind.value}:{told[2].casefold()}" + _added(finder, [told])
    if not dates_old and not dates_new:
        if _names(raw, place, numbers_old, numbers_new):
            yield EditKind.NAME, "name:capitalised"
        elif HAN.search(old + new) and (rule := _han_names(raw, before, after, old, new, rules)):
            yield EditKind.NAME, rule


def _cover(covered: tuple[list[Match], list[Match]], old: list[Match], new: list[Match]) -> None:
    covered[0].extend(old)
    covered[1].extend(new)


def spanned(rules: Rules, text: str, gap: Bounds, around: Bounds) -> bool:
    """Whether one date or one number reaches over ``gap`` into what stands on both sides of it."""
    low, high = max(0, around[0] - AROUND), min(len(text), around[1] + AROUND)
    return any(
        one[0] < gap[0] and one[1] > gap[1]
        for finder in (rules.date, rules.number)
        for one in finder.find(text, low, high)
    )


def _added(finder: Finder, matches: list[Match]) -> str:
    """Says so when the word came from ``config.yaml``."""
    return " (config.yaml)" if finder.added and any(finder.said(one) in finder.added for one in matches) else ""


def _weak(finder: Finder, before: list[Match], after: list[Match], old: str, new: str) -> bool:
    """«morning» in a passage that was replaced by another: what the edit is about is not the time."""
    if before and after:
        return False
    if max(len(_WORDS.findall(old)), len(_WORDS.findall(new))) <= WEAK_WORDS:
        return False
    return all(finder.said(one) in finder.weak for one in (*before, *after))


WEAK_WORDS: Final = 3


def _mere_article(before: list[Match], after: list[Match]) -> bool:
    """«一个», «one», «both» against nothing: an article or a pronoun, and no number."""
    if before and after:
        return False
    return all(one[2].casefold() in _ARTICLES for one in (*before, *after))


_ARTICLES: Final = frozenset(["一", "one", "both", "single", "两"])


def _derived(kind: EditKind, old: str, new: str, rules: Rules) -> str:
    """What the form of a word says: lawful → unlawful (negation); prendra → prendrait (modality)."""
    if kind is EditKind.ATTRIBUTION:
        return ""
    words_old, words_new = old.casefold().split(), new.casefold().split()
    if not words_old or len(words_old) != len(words_new):
        return ""
    changed = [pair for pair in zip(words_old, words_new, strict=True) if pair[0] != pair[1] and not set(pair) <= {"a", "an"}]
    if len(changed) != 1:
        return ""
    ((one, other),) = changed
    short, long = sorted((one, other), key=len)
    if kind is EditKind.NEGATION:
        for prefix in rules.prefixes:
            if long == prefix + short and (len(short) >= 4 or HAN.match(short)):
                return f"{prefix}-"
        return ""
    for future, conditional in (("ra", "rait"), ("ront", "raient")):
        for a, b in ((one, other), (other, one)):
            if len(a) > 4 and a.endswith(future) and b == a[: -len(future)] + conditional:
                return f"-{future}/-{conditional}"
    return ""


def _han_names(raw: Raw, before: Side, after: Side, old: str, new: str, rules: Rules) -> str:
    """Chinese names, by list, by a title beside them, and by the characters of transliterations; quiet when unsure."""
    if max(len(old), len(new)) > HAN_NAME_LONGEST:
        return ""
    if _differ(a := before.over(rules.names), b := after.over(rules.names), rules.names):
        if (a and b) or old.strip() in _texts(a) or new.strip() in _texts(b):
            return "name:list" + _added(rules.names, a + b)
    if _texts(a := before.persons(rules)) != _texts(b := after.persons(rules)) and a and b:
        return "name:title"
    if len(old) == len(new) == 3 and rules.own.fullmatch(old) and rules.own.fullmatch(new):
        return "name:person"
    one, other = before.foreign(rules), after.foreign(rules)
    if one and other and one != other:
        return "name:transliteration"
    if min(len(old), len(new)) >= 3 and rules.foreign.fullmatch(old) and rules.foreign.fullmatch(new):
        if all(not rules.telling.isdisjoint(one) for one in (old, new)):
            return "name:transliteration"
    suffix = place_suffix(before, after)
    if 2 <= len(old) <= 4 and 2 <= len(new) <= 4 and suffix and not (set(old + new) & _NO_NAME):
        return f"name:…{suffix}"
    return ""


def place_suffix(before: Side, after: Side) -> str:
    """The ending of a place's name that follows the edit on both sides."""
    one, other = before.next(), after.next()
    return one[0] if one and one[0] in "省市县州镇乡村岛湾" and one == other else ""


HAN_NAME_LONGEST: Final = 16
_TITLED: Final = regex.compile("主席|总统|总理|首相|部长|外长|国务卿|大使|先生|女士|国王|议长|将军|特使|防长")
_NO_NAME: Final = frozenset("的了在是和与各全本该此这那每某新旧大中小主要一二三四五六七八九十两几多有无不发展建设城农乡")


def _texts(matches: list[Match]) -> list[str]:
    return sorted(one[2] for one in matches)


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

    def persons(self, rules: Rules) -> list[Match]:
        """Names beside a title that lie over the edit."""
        found = []
        for one in rules.persons.finditer(self._text, self._low, self._high):
            start, end = one.span(one.lastindex or 0)
            if start < self._end and end > self._start:
                found.append((start, end, self._text[start:end]))
        return found

    def foreign(self, rules: Rules) -> str:
        """The transliterated name that makes up the edit, with what of it was kept; '' for none."""
        for one in rules.foreign.finditer(self._text, self._low, self._high):
            if one.start() <= self._start and self._end <= one.end() and self._start < self._end:
                # ordinary characters may stand before a name that is written with the same ones
                if _TITLED.match(self._text, one.end()):
                    return one.group()
                text = self._text[self._start : one.end()] if self._end - self._start >= 2 else one.group()
                telling = sum(char in rules.telling for char in text)
                if len(text) >= 2 and telling >= max(2, 0.6 * len(text)):
                    return text
        return ""

    def next(self) -> str:
        """The two characters behind the edit."""
        return self._text[self._end : self._end + 2]

    def _touched(self) -> frozenset[str]:
        """The words of which a match over the edit holds one: the edit's own; without any, its neighbours."""
        inside: set[str] = set()
        nearest: list[str] = []
        for one in WORD.finditer(self._text, self._low, self._high):
            if one.end() <= self._start:
                nearest = [one.group().casefold()]
            elif one.start() < self._end or self._text[self._end : one.start()] in ("", "'", "’"):  # don|’t
                inside.add(one.group().casefold())
            else:
                nearest.append(one.group().casefold())
                break
        return frozenset(inside or nearest)


def _differ(before: list[Match], after: list[Match], finder: Finder) -> bool:
    """Whether two sides say something else; the order does not matter."""
    return bool(before or after) and _said(before, finder) != _said(after, finder)


def _said(matches: list[Match], finder: Finder) -> list[str]:
    return sorted(finder.said((start, end, _folded(text))) for start, end, text in matches)


def _outside(matches: list[Match], others: list[Match]) -> list[Match]:
    return [one for one in matches if not any(a < one[1] and one[0] < b for a, b, _ in others)]


def _names(raw: Raw, place: Place, numbers_old: list[Match], numbers_new: list[Match]) -> bool:
    """Capitalised words that do not begin a sentence differ, and make up the edit on one side at least."""
    before = _capitalised(place.old.text, place.starts_old, raw.old, place.rules, numbers_old)
    after = _capitalised(place.new.text, place.starts_new, raw.new, place.rules, numbers_new)
    if sorted(before) == sorted(after):
        return False
    for found, text, span in ((before, place.old.text, raw.old), (after, place.new.text, raw.new)):
        words = [word for word in regex.findall(r"[\p{L}\p{M}]+", text[slice(*span)]) if word.lower() not in _LINKS]
        if words and len(" ".join(found).replace("-", " ").replace("'", " ").split()) >= len(words) * 0.6:
            return not _in_title_case(raw, place)
    return False


def _in_title_case(raw: Raw, place: Place) -> bool:
    """Whether the edit stands in a heading where most words have capitals: there they say nothing."""
    sentence = _sentence(place.new.text, place.sentences_new, raw.new)[:400]
    words = [word for word in regex.findall(r"\p{L}{4,}", sentence) if word.casefold() not in _LINKS]
    return len(words) >= 3 and sum(word[0].isupper() for word in words) >= 0.8 * len(words)


_LINKS: Final = frozenset(
    ["of", "the", "and", "de", "du", "des", "la", "le", "les", "et", "von", "van", "bin", "al", "el", "der", "for"]
)


def _capitalised(
    text: str, starts: frozenset[int], span: Bounds, rules: Rules, numbers: list[Match]
) -> list[str]:
    found = []
    for one in _CAPITALISED.finditer(text, span[0], span[1]):
        word = one.group()
        if len(word) < 2 or word.casefold() in rules.common or any(a <= one.start() < b for a, b, _ in numbers):
            continue
        first = one.start() in starts or not text[max(0, one.start() - 2) : one.start()].strip("\"'“‘«( \n")
        if first and one.start() in starts and not word.isupper() and word.casefold() not in rules.capitals:
            continue
        found.append(word)
    return found
