"""Names: by capitals where the script has them; in Chinese by lists, titles and the characters that write foreign names."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import regex

from monitor.differ.place import added, differ, sentence, texts

if TYPE_CHECKING:
    from monitor.differ.lexicon import Match, Rules
    from monitor.differ.place import Place, Side
    from monitor.differ.raw import Bounds, Raw

_CAPITALISED: Final = regex.compile(r"(?<![\p{L}\p{N}])\p{Lu}[\p{L}\p{M}'’-]*")


def names(raw: Raw, place: Place, numbers_old: list[Match], numbers_new: list[Match]) -> bool:
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
    whole = sentence(place.new.text, place.sentences_new, raw.new)[:400]
    words = [word for word in regex.findall(r"\p{L}{4,}", whole) if word.casefold() not in _LINKS]
    return len(words) >= 3 and sum(word[0].isupper() for word in words) >= 0.8 * len(words)


_LINKS: Final = frozenset(
    ["of", "the", "and", "de", "du", "des", "la", "le", "les", "et", "von", "van", "bin", "al", "el", "der", "for"]
)


def _capitalised(text: str, starts: frozenset[int], span: Bounds, rules: Rules, numbers: list[Match]) -> list[str]:
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


def han_names(before: Side, after: Side, old: str, new: str, rules: Rules) -> str:
    """Chinese names, by list, by a title beside them, and by the characters of transliterations; quiet when unsure."""
    if max(len(old), len(new)) > HAN_NAME_LONGEST:
        return ""
    a, b = before.over(rules.names), after.over(rules.names)
    if differ(a, b, rules.names) and ((a and b) or old.strip() in texts(a) or new.strip() in texts(b)):
        return "name:list" + added(rules.names, a + b)
    if texts(a := before.persons(rules)) != texts(b := after.persons(rules)) and a and b:
        return "name:title"
    if len(old) == len(new) == 3 and rules.own.fullmatch(old) and rules.own.fullmatch(new):
        return "name:person"
    one, other = before.foreign(rules), after.foreign(rules)
    if one and other and one != other:
        return "name:transliteration"
    whole = min(len(old), len(new)) >= 3 and all(rules.foreign.fullmatch(one) for one in (old, new))
    if whole and not any(rules.telling.isdisjoint(one) for one in (old, new)):
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
_NO_NAME: Final = frozenset(
    "的了在是和与各全本该此这那每某新旧大中小主要一二三四五六七八九十两几多有无不发展建设城农乡"
)
