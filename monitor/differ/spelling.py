"""Spellings of one word: listed and regular variants, accents, contractions, scripts of Chinese, slips of the keyboard."""

from __future__ import annotations

import unicodedata
from functools import lru_cache
from typing import TYPE_CHECKING, Final

import regex

from monitor.differ.forms import QUOTES, WORDS
from storage.records import EditKind

if TYPE_CHECKING:
    from monitor.differ.lexicon import Rules

_JOINED: Final = regex.compile(r"\p{L}+")
_PARTED: Final = regex.compile(r"\p{L}+(?:[-‐‑ ]\p{L}+)+")


def compound(old: str, new: str) -> bool:
    """One word on one side, the same in parts on the other: co-operation, cooperation; week-end, weekend."""
    old, new = old.strip(), new.strip()
    return any(_JOINED.fullmatch(one) and _PARTED.fullmatch(other) for one, other in ((old, new), (new, old)))


def spelling(old: str, new: str, raw_old: str, raw_new: str, rules: Rules) -> tuple[EditKind, str] | None:
    """Whether the two sides (``old`` and ``new`` folded) spell the same words, and by which rule."""
    if old.translate(rules.simplified) == new.translate(rules.simplified):
        return EditKind.SPELLING, "spelling:traditional-simplified"
    if "'" in old + new and _expanded(raw_old) == _expanded(raw_new):
        return EditKind.SPELLING, "spelling:contraction"
    words_old = [word.casefold() for word in WORDS.findall(raw_old)]
    words_new = [word.casefold() for word in WORDS.findall(raw_new)]
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
    text = " ".join(text.translate(QUOTES).casefold().split())
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
    if frozenset((one, other)) in rules.alike or any(
        word in finder.vocabulary for word in (one, other) for finder in rules.guards
    ):
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
