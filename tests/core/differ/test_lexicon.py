"""What the lists find in a text, word for word, and what the stages below them answer. All sentences are invented."""

from __future__ import annotations

from pathlib import Path

import pytest
import regex

from monitor.differ import compare
from monitor.differ.forms import folded
from monitor.differ.graphemes import bound_after, is_bound
from monitor.differ.inflect import english, french
from monitor.differ.lexicon import default_rules
from storage.records import EditKind, Text

FILE = Path(__file__).parents[2] / "golden" / "differ" / "found.txt"
SAID = [
    *(
        f"It was so {word} 2019 again."
        for word in ("in", "since", "during", "by", "until", "early", "late", "mid", "to")
    ),
    "It ran from 2019 and 2020, in fiscal 2021, and weighed 2019 tons.",
    "Depuis 2019, en 2020, l’année 2021; le 3 mars 2024, à 14 h 30, lundi.",
    "On Monday, 3 May 2021, at 14:30, they met; on the morning of June 4th they left.",
    "En mars ou dès mars, puis en mai, et avant mai.",
    "他说 no and never，没有 nothing：上午九点至下午三时半。",
    "定于五月十二日、十二日或二〇二二年三月一日上午；月饼很好，二月三号见。",
    "Three and a half, one out of six, two in five, three point five, twenty-one, both, a dozen, $3 billion, 25 percent.",
    "See Chapters I, II, III, IV, V, VI, VII, VIII, IX and X.",
    "Trois et demi, cinq virgule deux, un sur cinq, deux tiers, 1 000 euros, 12,5 %.",
    "See Article V, Part X and Annex I.",
    "百分之五、三分之二、第一、一个、五亿元、12个、一定、统一。",
    "He won't, can't, isn’t, doesn't and cannot; nobody, never, no longer, neither, without, un-able, not only.",
    "Il n'a pas dit, n’en veut plus, ne peut guère; nul, sans, aucun, jamais; il n'ira pas.",
    "不应、不断、非常、未来、没有、并非、无、不同意、不得、未能、除非、非洲。",
    "They shall, may, must, might, should, ought to, would, will, they'll and could; needs to, is able to.",
    "Ils doivent, devraient, peuvent, pourraient, il faut; prendrait.",
    "应、须、必须、可以、可能、应该、反应、适应、将、会、会议。",
    "He said, noted, is noting, stressed, stresses, pointed out, replied, denied, carried, is planning and admitted.",
    "Il a dit, a souligné, rappelle, répète, menaça, jugeait, a averti, avertissent.",
    "他说、指出、强调、表示、重申、坦言、小说、学说。",
]


def test_the_golden_matches(request: pytest.FixtureRequest) -> None:
    rules = default_rules()
    finders = {"date": rules.date, "number": rules.number, **{kind.value: one for kind, one in rules.words.items()}}
    lines = []
    for text in SAID:
        lines.append(text)
        for name, finder in finders.items():
            if found := finder.find(text, 0, len(text)):
                lines.append(f"    {name}: " + " | ".join(one[2] for one in found))
    told = "\n".join(lines) + "\n"
    if request.config.getoption("--golden-update"):
        FILE.write_text(told, "utf-8")
    assert told == FILE.read_text("utf-8")


def test_nothing_is_found_beyond_the_part_that_is_searched() -> None:
    rules = default_rules()
    assert rules.number.find("各国三项五个", 0, 2) == []
    assert [one[2] for one in rules.number.find("各国三项五个", 2, 4)] == ["三"]


@pytest.mark.parametrize(
    ("verb", "forms"),
    [
        ("note", "note notes noted noting"),
        ("stress", "stress stresses stressed stressing"),
        ("deny", "deny denies denied denying"),
        ("say", "say says sayed saying"),
        ("admit", "admit admits admitted admitting"),
        ("visit", "visit visits visited visiting"),
    ],
)
def test_an_english_verb_has_its_forms(verb: str, forms: str) -> None:
    assert english(verb) == forms.split()
    assert english(f"{verb} out") == [f"{form} out" for form in forms.split()]


def test_a_french_verb_keeps_the_sound_of_its_stem() -> None:
    assert {"menaça", "menacent", "menaçant"} <= set(french("menacer"))
    assert {"jugeait", "juge", "jugé"} <= set(french("juger"))
    assert {"rappelle", "rappelait"} <= set(french("rappeler"))
    assert {"répète", "répétait"} <= set(french("répéter"))
    assert {"averti", "avertissent", "avertira"} <= set(french("avertir"))


@pytest.mark.parametrize(
    "text", ["a\r\nb\n\rc", "e\u0301\u0308x", "👨‍👩‍👧🇫🇷🇩🇪🇫", "\u0301\u0301a", "各\r\n方\u200d\u0301 x" + "\u0301" * 80]
)
def test_a_bound_lies_between_two_clusters(text: str) -> None:
    bounds = [0, *(found.end() for found in regex.finditer(r"\X", text))]
    assert [place for place in range(len(text) + 1) if is_bound(text, place)] == bounds
    for place in range(len(text) + 1):
        assert bound_after(text, place) == min(bound for bound in bounds if bound >= place)


@pytest.mark.parametrize(
    ("text", "plain"),
    [("a -- b", "a - b"), ("so.....", "so..."), ("''so''", '"so"'), ("<<so>>", '"so"'), ("——", "-"), ("好……", "好...")],
)
def test_signs_that_stand_for_one_are_one(text: str, plain: str) -> None:
    assert folded(text) == plain


def test_what_stands_before_a_date_is_an_edit_of_its_own() -> None:
    first, second = compare(Text("会议于5月3日举行。"), Text("会议在5月4日举行。")).edits
    assert (first.old.text, second.old.text) == ("于", "3")
    assert EditKind.DATE in second.kinds


@pytest.mark.parametrize(
    ("kind", "old", "new"),
    [
        (EditKind.DATE, "It is at hogmanay.", "It is at night."),
        (EditKind.NUMBER, "There were Umpteen of it.", "There were few of it."),
        (EditKind.NEGATION, "It scarcefully rains.", "It often rains."),
    ],
)
def test_a_word_of_the_configuration_is_found_and_named_as_such(kind: EditKind, old: str, new: str) -> None:
    rules = default_rules().extended({kind: ["hogmanay", "umpteen", "scarcefully"]})
    (edit,) = compare(Text(old), Text(new), rules).edits
    assert edit.kinds[0] is kind
    assert edit.rules[0].endswith(" (config.yaml)")
