"""Forms of regular verbs, so that the lists hold each verb once: ``stress`` → stress, stresses, stressed, stressing.

English and French only. The rules are those of school grammars; a form that they make and nobody writes does no harm,
since it is only ever looked for.
"""

from __future__ import annotations

import re
from typing import Final

_DOUBLED: Final = re.compile(r"(?:^|[^aeiou])[aeiou][bdgmnprt]$")
_STRESSED: Final = frozenset(["rebut", "submit", "admit", "infer", "refer", "quip", "concur", "posit", "plan", "spot"])
_AR: Final = ("e", "es", "ent", "ait", "aient", "a", "èrent", "é", "ée", "és", "ées", "ant", "er", "era", "eront", "erait", "eraient", "ons", "ions", "ez", "ai")  # fmt: skip
_IR: Final = ("it", "is", "issent", "issait", "issaient", "issant", "i", "ie", "ies", "irent", "ir", "ira", "iront", "irait", "iraient")  # fmt: skip


def english(verb: str) -> list[str]:
    """The forms of a regular English verb, or of a phrase that begins with one (``point out``)."""
    first, _, rest = verb.partition(" ")
    tail = f" {rest}" if rest else ""
    return [form + tail for form in (first, _third(first), *_past(first))]


def _third(verb: str) -> str:
    if re.search(r"(?:s|x|z|ch|sh)$", verb):
        return verb + "es"
    return verb[:-1] + "ies" if re.search(r"[^aeiou]y$", verb) else verb + "s"


def _past(verb: str) -> tuple[str, str]:
    if verb.endswith("e"):
        return verb + "d", verb[:-1] + "ing"
    if re.search(r"[^aeiou]y$", verb):
        return verb[:-1] + "ied", verb + "ing"
    if verb in _STRESSED and _DOUBLED.search(verb):
        verb += verb[-1]
    return verb + "ed", verb + "ing"


def french(verb: str) -> list[str]:
    """The forms of a regular French verb in -er or -ir that prose in the third person uses, and its participles."""
    stem = verb[:-2]
    if verb.endswith("ir"):
        return [stem + ending for ending in _IR]
    forms = {_joined(stem, ending) for ending in _AR}
    # rappeler: rappelle; marteler: martèle; répéter: répète
    weak = {"e", "es", "ent", "era", "eront", "erait", "eraient"}
    if found := re.search(r"[eé]([bcdglmnprtv])$", stem):
        forms |= {f"{stem[: found.start()]}è{found[1]}{ending}" for ending in weak}
        if stem.endswith(("el", "et")):
            forms |= {f"{stem}{found[1]}{ending}" for ending in weak}
    return sorted(forms)


def _joined(stem: str, ending: str) -> str:
    """The stem before the ending, its last sound kept: menaça, jugeait."""
    if ending[0] in "aào":
        if stem.endswith("c"):
            return stem[:-1] + "ç" + ending
        if stem.endswith("g"):
            return stem + "e" + ending
    return stem + ending
