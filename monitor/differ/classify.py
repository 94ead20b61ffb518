"""What kind of edit it is, by rules that a reader can follow. The order of the rules is the order of this file.

A cosmetic kind needs the *whole* edit to be of that kind. The lexical kinds look at what matches their pattern over the
edit, in the sentence around it, on both sides: when the matches differ, the edit is of that kind.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Final

import regex

from monitor.differ.align import SMALL
from monitor.differ.forms import WORDS, folded, quotes_only
from monitor.differ.lexicon import HAN
from monitor.differ.names import han_names, names
from monitor.differ.place import AROUND, Place, Side, added, differ, outside, said, sentence
from monitor.differ.raw import Raw
from monitor.differ.spelling import compound, spelling
from storage.records import COSMETIC_KINDS, Edit, EditKind, Severity, Span

if TYPE_CHECKING:
    from collections.abc import Iterator

    from monitor.differ.lexicon import Finder, Match, Rules
    from monitor.differ.raw import Bounds

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

_TELLING_MARKS: Final = regex.compile(r"[%％‰$€£¥₽°+<>=±≥≤]|(?<=\d)[.,:/-](?=\d)|(?:^|\s)[-−](?=\d)")
_LETTERS: Final = regex.compile(r"[^\p{L}\p{N}\p{M}]+")


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
        sentence_old=sentence(place.old.text, place.sentences_old, said.old),
        sentence_new=sentence(place.new.text, place.sentences_new, said.new),
        move=raw.move,
        rules=tuple(found.values()),
        within=raw.within,
    )


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
    folded_old, folded_new = folded(bare_old), folded(bare_new)
    if folded_old == folded_new:
        return EditKind.TYPOGRAPHY, "typography:" + ("quotes" if quotes_only(bare_old, bare_new) else "forms")
    if folded_old.casefold() == folded_new.casefold():
        return EditKind.CASE, "case:letters"
    if raw.split or raw.merged:
        return _bound(raw, old, new, rules)
    letters_old, letters_new = _LETTERS.sub("", folded_old), _LETTERS.sub("", folded_new)
    if letters_old.casefold() == letters_new.casefold():
        if compound(old, new):
            return EditKind.SPELLING, "spelling:compound"
        if not _tells(old, new):
            return EditKind.PUNCTUATION, "punctuation:marks"
    return spelling(folded_old, folded_new, old, new, rules)


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
    words_old = Counter(word.casefold() for word in WORDS.findall(old))
    words_new = Counter(word.casefold() for word in WORDS.findall(new))
    if words_old == words_new and not set(old + new) & _FULL_STOPS and not _breaks(old + new):
        return EditKind.PUNCTUATION, "punctuation:marks"  # a semicolon for a comma
    over = (words_old - words_new) + (words_new - words_old)
    if len(list(over.elements())) <= 3 and all(word in rules.connectors for word in over):
        return (EditKind.SPLIT, "split:sentence") if raw.split else (EditKind.MERGED, "merged:sentence")
    return None


def _tells(old: str, new: str) -> bool:
    """Whether marks that carry meaning (per cent, currency, a decimal point) came, went or changed."""
    return Counter(_TELLING_MARKS.findall(old)) != Counter(_TELLING_MARKS.findall(new))


def _wording(raw: Raw, old: str, new: str, place: Place) -> Iterator[tuple[EditKind, str]]:
    """Not cosmetic: inserted, deleted or replaced, and what it is about."""
    if not old.strip():
        yield EditKind.INSERTED, "inserted"
    elif not new.strip():
        yield EditKind.DELETED, "deleted"
    if raw.split or raw.merged:
        yield (EditKind.SPLIT, "split:reworded") if raw.split else (EditKind.MERGED, "merged:reworded")
    one_sided = not old.strip() or not new.strip()
    small = max(len(WORDS.findall(old)), len(WORDS.findall(new))) <= SMALL_EDIT_WORDS
    covered: tuple[list[Match], list[Match]] = ([], [])
    lexical = [] if raw.whole or (one_sided and not small) else list(_lexical(raw, old, new, place, covered))
    yield from lexical
    if one_sided:
        return
    if (
        not lexical
        or max(
            _beyond(text.text, span, found, named=any(kind is EditKind.NAME for kind, _ in lexical))
            for text, span, found in ((place.old, raw.old, covered[0]), (place.new, raw.new, covered[1]))
        )
        > BEYOND_MOST
    ):
        yield EditKind.WORDING, "wording"


BEYOND_MOST: Final = 1.5
"""With more weight of words that no lexical kind covers, an edit is a rewording as well."""


def _beyond(text: str, span: Bounds, covered: list[Match], *, named: bool) -> float:
    """The weight of the words of the edit that lie in no match: small words and single characters count a half."""
    heavy = 0.0
    for one in WORDS.finditer(text, *span):
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
        if differ(found_old := before.over(finder), found_new := after.over(finder), finder):
            _cover(covered, found_old, found_new)
            yield EditKind.FORMULA, f"formula:{name}"
            break
    dates_old, dates_new = before.over(rules.date), after.over(rules.date)
    if differ(dates_old, dates_new, rules.date) and not _weak(rules.date, dates_old, dates_new, old, new):
        _cover(covered, dates_old, dates_new)
        yield EditKind.DATE, "date:expression" + added(rules.date, dates_old + dates_new)
    numbers_old = outside(before.over(rules.number), dates_old)
    numbers_new = outside(after.over(rules.number), dates_new)
    if differ(numbers_old, numbers_new, rules.number) and not _mere_article(numbers_old, numbers_new):
        _cover(covered, numbers_old, numbers_new)
        figures = any(any(char.isdigit() for char in one[2]) for one in (*numbers_old, *numbers_new))
        yield (
            EditKind.NUMBER,
            "number:" + ("digits" if figures else "words") + added(rules.number, numbers_old + numbers_new),
        )
    for kind, finder in rules.words.items():
        said_old = outside(before.over(finder), dates_old)
        said_new = outside(after.over(finder), dates_new)
        if not differ(said_old, said_new, finder):
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
        olds, news = said(said_old, finder), said(said_new, finder)
        told = next((one for one in said_old if finder.said(one) not in news), None) or next(
            one for one in (*said_new, *said_old) if one in said_old or finder.said(one) not in olds
        )
        yield kind, f"{kind.value}:{told[2].casefold()}" + added(finder, [told])
    if not dates_old and not dates_new:
        if names(raw, place, numbers_old, numbers_new):
            yield EditKind.NAME, "name:capitalised"
        elif HAN.search(old + new) and (rule := han_names(before, after, old, new, rules)):
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


def _weak(finder: Finder, before: list[Match], after: list[Match], old: str, new: str) -> bool:
    """«morning» in a passage that was replaced by another: what the edit is about is not the time."""
    if before and after:
        return False
    if max(len(WORDS.findall(old)), len(WORDS.findall(new))) <= WEAKWORDS:
        return False
    return all(finder.said(one) in finder.weak for one in (*before, *after))


WEAKWORDS: Final = 3


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
    changed = [
        pair for pair in zip(words_old, words_new, strict=True) if pair[0] != pair[1] and not set(pair) <= {"a", "an"}
    ]
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
