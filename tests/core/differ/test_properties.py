"""What always holds, whatever the texts."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys

import pytest
import regex
from hypothesis import given, settings
from hypothesis import strategies as st

from monitor.differ import compare, latin
from monitor.differ.align import _WORD
from monitor.differ.lexicon import default_rules
from monitor.differ.place import AROUND, Side
from monitor.differ.script import apply, revert
from monitor.differ.segment import sentences
from monitor.differ.words import TOKEN, tokens
from storage.errors import IntegrityError
from storage.records import Severity, Text

ODD = "ab .,\n\r\té\u0301\u0308👨‍👩‍👧🇫🇷\u202e\u2066\x00\x1b中文。；！1 2.5%\ud800\udc00\u2028\u0085’“"
anything = st.one_of(st.text(max_size=60), st.text(alphabet=ODD, max_size=60))
sentence = st.sampled_from(
    [
        "The parties shall meet again.", "Growth was 2.5 percent in May.", "双方同意加强合作。", "各国应尊重主权！",
        "He said that nothing is agreed until all is agreed.", "Mr. Smith of the U.S. delegation spoke.", "Non, dit-elle.",
        "A very short one.", "The parties shall meet again soon.", "Growth was 3 percent in June.", "No.",
    ]
)  # fmt: skip
prose = st.lists(st.tuples(sentence, st.sampled_from([" ", "\n", "\n\n", ""])), max_size=14).map(
    lambda parts: "".join(one + gap for one, gap in parts)
)


@settings(max_examples=250, deadline=None)
@given(st.one_of(st.tuples(anything, anything), st.tuples(prose, prose)))
def test_edits_rebuild_both_texts_in_order_without_overlap(pair: tuple[str, str]) -> None:
    old, new = pair
    change = compare(Text(old), Text(new))
    assert apply(change.script, old) == new
    assert revert(change, new) == old
    at_old = at_new = 0
    for edit in change.edits:
        assert old[edit.old.start : edit.old.end] == edit.old.text
        assert new[edit.new.start : edit.new.end] == edit.new.text
        assert edit.old.text != edit.new.text or edit.move is not None
        assert edit.old.start >= at_old
        assert edit.new.start >= at_new
        assert old[at_old : edit.old.start] == new[at_new : edit.new.start]
        at_old, at_new = edit.old.end, edit.new.end
    assert old[at_old:] == new[at_new:]
    assert change.identical == (old == new) == (not change.edits)


@settings(max_examples=200, deadline=None)
@given(st.one_of(st.tuples(anything, anything), st.tuples(prose, prose)))
def test_no_grapheme_is_cut(pair: tuple[str, str]) -> None:
    old, new = pair
    for text, side in ((old, "old"), (new, "new")):
        ends = {0, *(match.end() for match in regex.finditer(r"\X", text))}
        for edit in compare(Text(old), Text(new)).edits:
            span = getattr(edit, side)
            assert {span.start, span.end} <= ends


@settings(max_examples=150, deadline=None)
@given(prose, prose)
def test_no_word_and_no_figure_is_cut(old: str, new: str) -> None:
    word = regex.compile(r"[\p{L}\p{N}]")
    for edit in compare(Text(old), Text(new)).edits:
        for text, span in ((old, edit.old), (new, edit.new)):
            for place in (span.start, span.end):
                around = text[max(0, place - 1) : place + 1]
                inside = len(around) == 2 and all(word.match(char) for char in around)
                assert not inside or regex.search(r"\p{Han}", around), (edit, around)


@given(anything)
def test_tokens_and_sentences_keep_every_character(text: str) -> None:
    assert "".join(tokens(text)) == text
    at = 0
    for one in sentences(text):
        assert text[at : one.start].strip() == ""
        assert text[one.start : one.end] == one.text == one.text.strip()
        at = one.end
    assert text[at:].strip() == ""


def test_the_result_does_not_depend_on_the_hash_seed() -> None:
    words = (
        "from monitor.differ import compare; from storage.records import Severity, Text;"
        "a = ' '.join(f'Sentence {n % 7} of the text says {n * 37 % 11} things.' for n in range(40));"
        "b = ' '.join(f'Sentence {n % 5} of the text said {n * 31 % 11} things.' for n in range(44));"
        "print(compare(Text(a), Text(b)))"
    )
    seen = set()
    for seed in ("0", "1", "77"):
        env = {**os.environ, "PYTHONHASHSEED": seed}
        run = subprocess.run([sys.executable, "-c", words], env=env, capture_output=True, check=True)
        seen.add(hashlib.sha256(run.stdout).hexdigest())
    assert len(seen) == 1


def test_a_script_for_another_text_is_refused() -> None:
    change = compare(Text("One two."), Text("One three."))
    with pytest.raises(IntegrityError):
        apply(change.script, "Another text altogether.")
    with pytest.raises(IntegrityError):
        revert(change, "Something else.")


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("Mr. Smith of the U.S. delegation met Dr. No on Jan. 5. They spoke.", 2),
        ("It rose 2.5 percent. Art. 5 applies. See e.g. No. 7.", 3),
        ("他说：“很好。”双方同意；会谈结束！", 3),
        ("One block\n\nTwo blocks. And more?", 3),
        ("“Is it so?” he asked. “Yes.”", 2),
        ("They joined NATO. He spoke.", 2),
        ("He left the U.S. They stayed. See example.org. Copies are free.", 4),
        ("", 0),
    ],
)
def test_sentences_end_where_a_reader_ends_them(text: str, count: int) -> None:
    assert len(sentences(text)) == count, [one.text for one in sentences(text)]


@pytest.mark.parametrize("before", [300, 700, 1498])
def test_a_run_without_spaces_is_cut_behind_one_and_the_same_character(before: int) -> None:
    text = "a" * before + "m" + "a" * 1200
    assert [len(one.text) for one in sentences(text)] == [before + 1, 1200]


@settings(max_examples=400, deadline=None)
@given(
    st.one_of(
        st.text(alphabet=st.characters(max_codepoint=0x24F), max_size=80),
        st.text(alphabet="ab1½²é_.,:/@-+’“” \n\t\x1c\x85\xa0\xad€www.https", max_size=60),
        prose,
    )
)
def test_latin_texts_are_cut_as_all_others(text: str) -> None:
    if latin.is_latin(text):
        assert latin.TOKEN.findall(text) == TOKEN.findall(text)
        assert latin.WORD.findall(text) == _WORD.findall(text)


legal = st.lists(
    st.sampled_from(
        ["no", "longer", "is", "not", "don’t", "will", "able", "to", "twenty", "one", "per", "cent", "5", "May", "Monday", "said", "legitimate", "concerns"]
    ),
    max_size=9,
).map(" ".join)  # fmt: skip


@settings(max_examples=300, deadline=None)
@given(legal, st.integers(0, 60), st.integers(0, 20))
def test_a_place_that_is_not_looked_at_holds_no_match(text: str, start: int, size: int) -> None:
    """The words around an edit may spare a search, never lose what it would find."""
    start = min(start, len(text))
    end = min(start + size, len(text))
    bounds = [at for at in range(len(text) + 1) if not text[at - 1 : at + 1].isalpha() or at in (0, len(text))]
    start, end = max(at for at in bounds if at <= start), min(at for at in bounds if at >= end)
    rules = default_rules().extended(formulas={"x": ["legitimate concerns"]})
    side = Side(text, (start, end))
    for finder in (rules.date, rules.number, *rules.words.values(), rules.formulas[0][1]):
        low, high = max(0, start - AROUND), min(len(text), end + AROUND)
        over = [
            one
            for one in finder.find(text, low, high)
            if (one[0] < end and one[1] > start) or (start == end and one[0] < start < one[1])
        ]
        assert side.over(finder) == over


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (" " * 40_000, " " * 39_999),
        ("e" + "\u0301" * 20_000, "e" + "\u0301" * 19_999),
        ("a.”" * 1_000, 'a."' * 1_000),
        ("三百" * 700, "四百" * 700),
    ],
    ids=["spaces", "one long cluster", "every third mark", "numerals"],
)
def test_a_text_that_no_one_writes_is_compared_in_bounded_steps(old: str, new: str) -> None:
    """Each took seconds to minutes of squared work before it was bounded; the suite would show it."""
    change = compare(Text(old), Text(new))
    assert apply(change.script, old) == new


def test_two_runs_that_share_little_are_given_up_after_the_same_number_of_steps() -> None:
    old, new = ("".join(chr(0x4E00 + (n * step) % 1201) for n in range(1400)) for step in (1, 7))
    assert compare(Text(old), Text(new)) == compare(Text(old), Text(new))


moving = st.lists(
    st.sampled_from([f"Paragraph {n} tells of {n * 7} matters that shall be settled by then." for n in range(9)]),
    min_size=2, max_size=9, unique=True,
)  # fmt: skip


@settings(max_examples=120, deadline=None)
@given(moving, st.randoms(use_true_random=False), st.sampled_from([" ", "\n\n", "\n- "]))
def test_moved_and_edited_sentences_are_rebuilt_and_never_below_wording(
    rows: list[str], dice: object, gap: str
) -> None:
    shuffled = [row.replace("shall", "may") for row in rows]
    dice.shuffle(shuffled)  # type: ignore[attr-defined]
    old, new = gap.join(rows), gap.join(shuffled)
    change = compare(Text(old), Text(new))
    assert apply(change.script, old) == new
    assert revert(change, new) == old
    assert change.severity is Severity.MAJOR
    halves: dict[int, list[bool]] = {}
    for edit in change.edits:
        if edit.move is not None:
            halves.setdefault(edit.move, []).append(bool(edit.new.text))
            assert "shall" not in edit.old.text.split()
            assert "may" not in edit.new.text.split()
    assert all(set(sides) == {True, False} for sides in halves.values())
