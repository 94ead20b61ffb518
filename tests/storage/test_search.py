"""What a search may pass over: never a source that has the phrase, on both engines, in any language."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

import pytest
import regex
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from monitor.history.folding import fold
from monitor.history.grep import grep, literals
from storage import search
from storage.archive import Archive
from storage.engine import engine_for, writing
from storage.errors import UsageError
from storage.records import Outcome, Source, Text, Version, Window
from storage.search import grams
from tests.storage.conftest import Wordings

SAID = {
    "english": "Both sides named legitimate security concerns; the IMF agreed.",
    "chinese": "双方重申合理安全关切，并强调和平解决。",
    "russian": "Стороны подчеркнули законные интересы безопасности.",
    "typography": "The parties’ “red lines” — co-\noperation, ﬁnally — stand.",
}


@pytest.fixture
def said(archive: Archive, wordings: Wordings) -> Archive:
    archive.declare([wordings.source(name) for name in SAID], wordings.at(0))
    for name, words in SAID.items():
        keep(archive, wordings, name, words)
    return archive


def keep(archive: Archive, wordings: Wordings, name: str, words: str) -> None:
    number = archive.latest([name])[name].number
    at = (number or 0) + 1
    archive.record(
        name, wordings.snapshot(words, at, name), Text.of(None, None, [words]), reader="r",
        outcome=Outcome.CHANGED if number else Outcome.NEW, expected=number,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("phrase", "where"),
    [
        ("security concerns", "english"),
        ("SECURITY Concerns", "english"),
        ("curity con", "english"),
        ("imf", "english"),
        ("安全", "chinese"),
        ("和平", "chinese"),
        ("关切，并", "chinese"),
        ("безопасности", "russian"),
        ('parties\' "red lines"', "typography"),
        ("co-operation, finally", "typography"),
    ],
)
def test_a_phrase_of_any_language_leads_to_its_source_alone(said: Archive, phrase: str, where: str) -> None:
    assert said.candidates(literals(phrase)) == {where}


def test_what_nobody_said_leads_nowhere_and_what_is_too_short_to_tell_anywhere(said: Archive) -> None:
    assert said.candidates(literals("military bloc")) == set()
    assert said.candidates(literals("战争")) == set()
    assert said.candidates(literals("to")) is None
    assert said.candidates([]) is None


def test_what_came_and_went_is_still_found(said: Archive, wordings: Wordings) -> None:
    for words in ("Nothing is said now.", "An undertaking was given.", "Nothing is said now."):
        keep(said, wordings, "english", words)
    for phrase in ("legitimate security", "undertaking", "nothing is said"):
        assert said.candidates(literals(phrase)) == {"english"}


def test_a_signature_grows_by_layers_and_loses_nothing(archive: Archive, wordings: Wordings) -> None:
    archive.declare([wordings.source("one")], wordings.at(0))
    marks = [f"{number:03d}{chr(97 + number % 26) * 3}{number * 7919:05d}" for number in range(120)]
    for start in range(0, len(marks), 30):
        keep(archive, wordings, "one", " ".join(marks[start : start + 30]))
    assert all(archive.candidates([mark]) == {"one"} for mark in marks)
    assert archive.candidates(["zqxjkv", "wvutsr"]) == set()


def test_signatures_are_made_anew_from_the_texts(said: Archive, url: str, wordings: Wordings) -> None:
    keep(said, wordings, "english", "Later words stand here.")
    engine = engine_for(url)
    with writing(engine) as connection:
        connection.exec_driver_sql("DELETE FROM signatures")
    assert said.candidates(literals("military bloc")) == set(SAID)  # nothing is known, so nothing is ruled out
    assert said.index() == len(SAID)
    assert said.index() == 0
    for phrase in ("security concerns", "later words"):
        assert said.candidates(literals(phrase)) == {"english"}
    with writing(engine) as connection:
        connection.exec_driver_sql("UPDATE signatures SET method = 'older'")
    engine.dispose()
    assert said.candidates(literals("military bloc")) == set(SAID)
    keep(said, wordings, "english", "Last words stand here.")
    assert said.index() == len(SAID)
    assert said.candidates(literals("last words")) == {"english"}


# Letters of several scripts, what folds to several, marks, spaces of many kinds, and what joins or parts words.
LETTERS = st.text(
    st.sampled_from("abAB isIßİıſKﬁﬀéÉe\u0301\u0308ñ-–—‐'’“\"  \u00a0\u3000\u200b\u00ad\n合理安全가각힣ｱﾞアガσςΣ12²½，.")
    | st.characters(codec="utf-8"),
    max_size=14,
)


def history(texts: list[str]) -> list[tuple[Version, Text]]:
    at = Wordings.start
    return [
        (
            Version(
                "s", number, text.digest, None, None, at, at, Window(None, at), at, None, None, False, False, "r", 1, ""
            ),
            text,
        )
        for number, text in enumerate(map(Text, texts), 1)
    ]


@settings(deadline=None, max_examples=120)
@given(LETTERS, LETTERS, LETTERS, st.booleans(), st.booleans(), st.data())
def test_every_true_match_is_a_candidate(
    before: str, phrase: str, after: str, ignore_case: bool, whole_words: bool, data: st.DataObject
) -> None:
    text = before + phrase + after
    shown = data.draw(st.sampled_from([phrase, phrase.upper(), phrase.lower(), fold(phrase).text]))
    try:
        found = grep({"s": history([text])}, shown, ignore_case=ignore_case, whole_words=whole_words)
    except UsageError:
        assume(False)
    if found:
        held = set[str]().union(*map(grams, text.split("\n\n")))
        assert set[str]().union(*map(grams, literals(shown))) <= held


@settings(deadline=None, max_examples=120)
@given(
    st.lists(
        st.sampled_from(
            ["ab", "c", "d?", "e*", "(fg|h)", "(i j)?", "[kl]m", "n{0,2}o", r"\w", r"\.", " ", "p+", "合理", "q|r", "(?i)s",
             r"\x61", "“", "x{e<=1}", "[[a]b]", "^", "$", "(a(b)c)?", "(b|ab)c", r"\d\b", "z??"]
        ),
        min_size=1, max_size=6,
    ),
    st.data(),
)  # fmt: skip
def test_every_match_of_a_pattern_is_a_candidate(parts: list[str], data: st.DataObject) -> None:
    pattern = "".join(parts)
    text = data.draw(st.text('abcdefghijklmnopqrsxz合理". 1', max_size=24))
    wanted = literals(pattern, is_regex=True)
    try:
        found = grep({"s": history([text])}, pattern, regex=True)
    except UsageError:
        assume(False)
    if found:
        assert set[str]().union(*map(grams, wanted)) <= grams(text)


def test_letters_that_a_pattern_takes_for_equal_are_equal_to_a_search() -> None:
    for one in filter(lambda one: one.upper() != one.lower(), map(chr, range(0x20, 0x1F000))):
        for other in {one.upper(), one.lower(), one.casefold(), one.title()}:
            if len(other) == 1 and regex.fullmatch(regex.escape(one), other, regex.IGNORECASE):
                assert one.translate(search._LETTERS) == other.translate(search._LETTERS), (one, other)


@contextmanager
def counted(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    from monitor.history import grep as module

    asked: list[str] = []
    real = module.fold

    def counting(text: str, *, ignore_case: bool = True) -> object:
        asked.append(text)
        return real(text, ignore_case=ignore_case)

    monkeypatch.setattr(module, "fold", counting)
    yield asked


@settings(deadline=None, max_examples=80)
@given(st.lists(st.lists(LETTERS, min_size=1, max_size=4), min_size=1, max_size=3), LETTERS, st.booleans())
def test_paragraph_by_paragraph_finds_what_the_whole_finds(
    texts: list[list[str]], phrase: str, ignore_case: bool
) -> None:
    from monitor.history.grep import _needle, compiled
    from monitor.history.grep import search as asked

    try:
        pattern = compiled(phrase, ignore_case=ignore_case)
    except UsageError:
        assume(False)
    versions = history(["\n\n".join(parts) for parts in texts])
    assert asked("s", versions, pattern, _needle(phrase)) == asked("s", versions, pattern)


def test_a_paragraph_that_versions_share_is_read_once(monkeypatch: pytest.MonkeyPatch) -> None:
    texts = [f"Peace stands, said № {number}.\n\nThe same words, “as ever”, about peace." for number in range(5)]
    with counted(monkeypatch) as asked:
        (found,) = grep({"s": history(texts)}, "peace")
    assert found.total == 10
    assert len([one for one in asked if one.startswith("The same")]) == 1


@settings(deadline=None)
@given(
    st.text(alphabet="aB -\n\t'\x1c\u00a0\u4e2d", max_size=24),
    st.text(alphabet="ab ", min_size=1, max_size=5).filter(str.strip),
)
def test_the_quick_test_never_loses_a_match(text: str, phrase: str) -> None:
    from monitor.history.grep import may_hold

    test = may_hold(phrase)
    found = grep({"s": history([text])}, phrase)
    assert test is None or test(text.encode()) or not found
    assert not found or may_hold(phrase, is_regex=True) is None or may_hold(phrase, is_regex=True)(text.encode())  # type: ignore[misc]


def test_the_quick_test_passes_over_most() -> None:
    from monitor.history.grep import may_hold

    test = may_hold("Security  concerns")
    assert test is not None
    assert [test(one) for one in (b"Our SECURITY concerns.", b"A\n\nsecurity concern", b"security\nconcerns")] == [
        True, False, True,
    ]  # fmt: skip
    pattern = may_hold("unambiguous (promise|undertaking)", is_regex=True)
    assert pattern is not None
    assert [pattern(one) for one in (b"an Unambiguous promise", b"a promise", "中".encode())] == [True, False, True]
    assert may_hold("安全") is None


def test_a_search_reads_the_texts_of_candidates_alone(said: Archive, monkeypatch: pytest.MonkeyPatch) -> None:
    from monitor.histories import pairs_of

    said.declare(
        [Source(name, f"https://example.org/{name}", series="all") for name in SAID], Wordings.start + timedelta(9)
    )

    def asked(*names: str) -> list[str]:
        return [name for name, _ in pairs_of(said, names, literals("安全"))]

    assert asked() == ["chinese"]
    assert asked("english") == []
    assert asked("all") == ["all"]
    with pytest.raises(UsageError, match="nobody"):
        asked("nobody")
