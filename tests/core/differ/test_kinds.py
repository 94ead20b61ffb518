"""What kind of edit it is: one line a case, in English, French and Chinese. All sentences are invented."""

from __future__ import annotations

import pytest

from monitor.differ import DIFFER, compare
from monitor.differ.lexicon import default_rules
from storage.records import EditKind, Severity, Text

CASES = [
    # kinds expected of the only edit, old, new
    ("number", "Rates rose to 5.25 percent.", "Rates rose to 5.50 percent."),
    ("number", "Growth of 3 per cent was seen.", "Growth of three and a half per cent was seen."),
    ("number", "It took the second place.", "It took the third place."),
    ("number", "The aid is worth $3 billion.", "The aid is worth €3 billion."),
    ("number", "It fell by 25 points.", "It fell by 25 percent points."),
    ("number", "全年增长百分之五。", "全年增长百分之六。"),
    ("number", "双方签署了三项协议。", "双方签署了五项协议。"),
    ("number", "Il y eut deux réunions.", "Il y eut trois réunions."),
    ("number", "two-thirds of members agreed", "three quarters of members agreed"),
    ("number", "One in five people voted.", "One in four people voted."),
    ("number", "Il détient un tiers des parts.", "Il détient un quart des parts."),
    ("number", "到会代表占四分之三。", "到会代表占三分之二。"),
    ("number", "拨款5亿元。", "拨款5亿美元。"),
    ("number", "Aid of USD 5 million was given.", "Aid of EUR 5 million was given."),
    ("number", "See Chapter IV of the Treaty.", "See Chapter VI of the Treaty."),
    ("number", "See Part III of the Treaty.", "See Part of the Treaty."),
    ("number", "au XIXe siècle, il vivait", "au XXe siècle, il vivait"),
    ("number", "规定如下：（一）办法", "规定如下：（二）办法"),
    ("date", "会议将于周三上午召开。", "会议将于周四上午召开。"),
    ("date", "二〇二二年五月召开", "二〇二三年五月召开"),
    ("date", "于2023-05-24抵达", "于2023-06-22抵达"),
    ("date", "It met in March and left.", "It met in May and left."),
    ("date", "La séance débute à 14 h 30 ce jour.", "La séance débute à 15 h 30 ce jour."),
    ("negation", "It is lawful to enter.", "It is unlawful to enter."),
    ("negation", "It will apply here.", "It won't apply here."),
    ("negation", "He is able to go.", "He is unable to go."),
    ("negation", "各方同意这样做。", "各方拒绝这样做。"),
    ("modality", "Le prix prendra effet.", "Le prix prendrait effet."),
    ("modality", "各方可提交材料。", "各方须提交材料。"),
    ("attribution", "Le ministre a martelé que tout va.", "Le ministre a reconnu que tout va."),
    ("attribution", "部长坦言，困难很多。", "部长断言，困难很多。"),
    ("punctuation", "工业、农业都好。", "工业，农业都好。"),
    ("spelling", "co-operation is good", "cooperation is good"),
    ("spelling", "il faut connaître cela", "il faut connaitre cela"),
    ("spelling", "The goverment agreed.", "The government agreed."),
    ("spelling", "They do not agree.", "They don't agree."),
    ("name", "会谈在日内瓦举行。", "会谈在维也纳举行。"),
    ("name", "马克龙在会上致辞", "朔尔茨在会上致辞"),
    ("name", "外长王毅会见来宾。", "外长秦刚会见来宾。"),
    ("name", "会上王建国发言。", "会上李志强发言。"),
    ("name", "Talks with President Xi went well.", "Talks with President Li went well."),
    ("typography", "协议——期待已久", "协议--期待已久"),
    ("date", "They met on 5 May 2023 in Geneva.", "They met on 6 May 2023 in Geneva."),
    ("date", "They met on Monday in Geneva.", "They met on Tuesday in Geneva."),
    ("date", "会谈于2月25日举行。", "会谈于2月26日举行。"),
    ("date", "Ils se réuniront le 3 mars 2024.", "Ils se réuniront le 4 mars 2024."),
    ("negation", "The parties will cooperate on this.", "The parties will not cooperate on this."),
    ("negation", "中方支持这一方案。", "中方不支持这一方案。"),
    ("modality", "The parties shall cooperate on this.", "The parties may cooperate on this."),
    ("modality", "各方应遵守协议。", "各方须遵守协议。"),
    ("modality", "Les parties doivent coopérer.", "Les parties peuvent coopérer."),
    ("attribution", "The minister said that talks go on.", "The minister stressed that talks go on."),
    ("attribution", "他指出，双方关系良好。", "他强调，双方关系良好。"),
    ("name", "Talks with President Macron went well.", "Talks with President Scholz went well."),
    ("typography", "Russia’s line is “red”.", 'Russia\'s line is "red".'),
    ("typography", "a long - standing view", "a long – standing view"),
    ("typography", "共有１２个国家。", "共有12个国家。"),
    ("case", "The central bank will act.", "The Central Bank will act."),
    ("case", "It ended late. the two sides agreed.", "It ended late. The two sides agreed."),
    ("punctuation", "Peace, stability and growth.", "Peace, stability, and growth."),
    ("spelling", "We support the programme fully.", "We support the program fully."),
    ("spelling", "They recognise the need.", "They recognize the need."),
    ("spelling", "两国關係良好。", "两国关系良好。"),
    ("whitespace", "One and  two.", "One and two."),
    ("wording", "The dramatic change was noted.", "The drastic change was noted."),
    ("inserted", "A balanced and sustainable mechanism.", "A balanced, effective and sustainable mechanism."),
    ("deleted", "A frank and constructive exchange.", "A frank exchange."),
    ("split", "One here. Two there.", "One here.\n\nTwo there."),
    ("merged", "One here.\n\nTwo there.", "One here. Two there."),
]


@pytest.mark.parametrize(
    ("kind", "old", "new"), CASES, ids=[f"{kind}-{place}" for place, (kind, _, _) in enumerate(CASES)]
)
def test_an_edit_is_told_by_its_kind(kind: str, old: str, new: str) -> None:
    edits = compare(Text(old), Text(new)).edits
    kinds = {EditKind(kind)}
    assert all(kinds & set(edit.kinds) for edit in edits), [
        (edit.kinds, edit.old.text, edit.new.text) for edit in edits
    ]
    assert len(edits) <= 4


@pytest.mark.parametrize(
    ("old", "new"),
    [("不断推进合作。", "继续推进合作。"), ("未来五年合作。", "今后五年合作。"), ("非常重要。", "十分重要。")],
)
def test_a_chinese_word_that_only_holds_a_negation_is_none(old: str, new: str) -> None:
    assert EditKind.NEGATION not in compare(Text(old), Text(new)).edits[0].kinds


@pytest.mark.parametrize(
    ("old", "new", "least"),
    [
        ("It is 5 percent.", "It is 6 percent.", Severity.WORDING),
        ("We shall go on.", "We may go on.", Severity.WORDING),
        ("We agree.", "We do not agree.", Severity.WORDING),
        ("On 5 May 2021 we met.", "On 6 May 2021 we met.", Severity.WORDING),
    ],
)
def test_figures_dates_negation_and_modality_are_never_below_wording(old: str, new: str, least: Severity) -> None:
    severity = compare(Text(old), Text(new)).severity
    assert severity is not None
    assert severity >= least


@pytest.mark.parametrize(
    ("old", "new", "inserted"),
    [
        ("to work and to trade", "to work and to study and to trade", "study and to "),
        ("Peace, trade, growth.", "Peace, jobs, trade, growth.", "jobs, "),
        ("We support peace, and growth.", "We support peace, and trade, and growth.", "and trade, "),
        ("Work, work.", "Work, hard work, work.", "hard work, "),
        ("和平、发展、合作。", "和平、安全、发展、合作。", "安全、"),
        ("very good", "very very good", "very "),
    ],
)
def test_what_could_stand_at_several_places_begins_where_a_clause_or_a_word_does(
    old: str, new: str, inserted: str
) -> None:
    (edit,) = compare(Text(old), Text(new)).edits
    assert (edit.old.text, edit.new.text) == ("", inserted)


@pytest.mark.parametrize(
    ("old", "new", "kind", "rule"),
    [
        ("他来了，她走了。", "他来了；她走了。", EditKind.PUNCTUATION, "punctuation:marks"),
        ("他来了；她走了。", "他来了。她走了。", EditKind.PUNCTUATION, None),
        ("He came; she left.", "He came. She left.", EditKind.SPLIT, None),
        ("It is so! It is.", "It is so, it is.", EditKind.MERGED, None),
    ],
)
def test_a_stronger_mark_is_punctuation_until_it_ends_a_sentence(
    old: str, new: str, kind: EditKind, rule: str | None
) -> None:
    (edit,) = compare(Text(old), Text(new)).edits
    assert edit.kinds == (kind,)
    assert rule is None or edit.rules == (rule,)


def test_a_curly_quote_is_cosmetic() -> None:
    change = compare(Text("Russia’s “line”."), Text('Russia\'s "line".'))
    assert change.severity is Severity.COSMETIC


def test_a_moved_sentence_is_a_move_with_two_halves() -> None:
    first, second, third = (
        "The first sentence stays here.",
        "The second sentence is going to move down.",
        "The third stays.",
    )
    old, new = " ".join((first, second, third)), " ".join((first, third, second))
    edits = compare(Text(old), Text(new)).edits
    assert [edit.kinds for edit in edits] == [(EditKind.MOVED,)] * 2
    assert {edit.move for edit in edits} == {1}
    assert sorted(bool(edit.old.text) for edit in edits) == [False, True]


def test_a_sentence_in_two_is_a_split_and_not_wording() -> None:
    old = "He said that all is well, and the talks will go on for two more weeks."
    new = "He said that all is well. The talks will go on for two more weeks."
    edits = compare(Text(old), Text(new)).edits
    assert [edit.kinds for edit in edits] == [(EditKind.SPLIT,)]


def test_what_changed_in_a_moved_sentence_is_told_between_the_pieces_of_its_halves() -> None:
    stays = "The council then heard the report. It thanked the treasurer for the work of many years."
    old = f"Members must submit their 12 plans in writing before the week ends. {stays}"
    new = f"{stays} Members may submit their 12 plans in writing before the week ends."
    edits = compare(Text(old), Text(new)).edits
    inside = [edit for edit in edits if edit.within == 1]
    assert [(edit.old.text, edit.new.text) for edit in inside] == [("must", ""), ("", "may")]
    assert all(edit.kinds == (EditKind.MODALITY,) and edit.severity is Severity.MAJOR for edit in inside)
    assert {edit.move for edit in edits if edit not in inside} == {1}
    assert "".join(edit.old.text for edit in edits).strip() == old.removesuffix(stays).strip()


def test_a_date_that_changed_in_two_places_is_one_edit() -> None:
    (edit,) = compare(Text("On May 3, 2021, they met."), Text("On June 4, 2022, they met.")).edits
    assert (edit.old.text, edit.new.text) == ("May 3, 2021", "June 4, 2022")


def test_what_leaves_the_start_of_a_paragraph_for_another_sentence_breaks_no_paragraph() -> None:
    old = "Alpha beta gamma delta. Epsilon zeta.\n\nWhisky xray yankee zulu. Mike november oscar papa."
    new = "Alpha beta gamma delta. Epsilon zeta. Hotel india juliett kilo.\n\nMike november oscar papa."
    assert [edit.kinds for edit in compare(Text(old), Text(new)).edits] == [(EditKind.INSERTED,), (EditKind.DELETED,)]


@pytest.mark.parametrize(
    ("old", "new"),
    [("prescribed by law", "proscribed by law"), ("a causal link", "a casual link"), ("il a marche", "il a marché")],
)
def test_two_real_words_are_no_spellings_of_one(old: str, new: str) -> None:
    assert EditKind.SPELLING not in compare(Text(old), Text(new)).edits[0].kinds


def test_an_edit_in_title_or_date_says_so() -> None:
    old = Text.of("Leaders speak", "2022-02-26 12:05", ["They spoke."])
    new = Text.of("Leaders talk", "2022-02-26 14:05", ["They spoke."])
    title, published = compare(old, new).edits
    assert EditKind.TITLE in title.kinds
    assert EditKind.PUBLISHED in published.kinds


def test_a_registered_phrase_is_a_formula() -> None:
    rules = default_rules().extended(formulas={"security-concerns": ["legitimate security concerns", "合理安全关切"]})
    english = compare(Text("It has legitimate security concerns."), Text("It has reasonable security concerns."), rules)
    chinese = compare(Text("重视合理安全关切。"), Text("重视正当安全关切。"), rules)
    for change in (english, chinese):
        assert EditKind.FORMULA in change.edits[0].kinds
        assert "formula:security-concerns" in change.edits[0].rules
        assert change.severity is Severity.MAJOR


def test_more_words_can_be_given_to_a_kind() -> None:
    rules = default_rules().extended({EditKind.MODALITY: ["hankers to"]})
    change = compare(Text("It hankers to grow."), Text("It tries to grow."), rules)
    assert EditKind.MODALITY in change.edits[0].kinds


def test_words_of_the_configuration_are_named_as_such_and_mark_the_differ() -> None:
    extra = {EditKind.ATTRIBUTION: ["mulled", "低语"], EditKind.SPELLING: ["oblast oblasť"], EditKind.NAME: ["Kragg"]}
    rules = default_rules().extended(extra)
    change = compare(Text("He said so in the oblast."), Text("He mulled so in the oblasť."), rules)
    assert [edit.kinds for edit in change.edits] == [(EditKind.ATTRIBUTION,), (EditKind.SPELLING,)]
    assert "(config.yaml)" in compare(Text("He mulled so."), Text("He said so."), rules).edits[0].rules[0]
    assert change.differ.startswith(f"{DIFFER}+")
    assert compare(Text("A b."), Text("A c.")).differ == DIFFER


def test_every_kind_says_which_rule_gave_it() -> None:
    for _, old, new in CASES:
        for edit in compare(Text(old), Text(new)).edits:
            assert len(edit.rules) == len(edit.kinds)
            assert all(edit.rules)
