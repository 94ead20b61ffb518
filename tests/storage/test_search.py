"""What a search may pass over: never a source that has the phrase, on both engines, in any language."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from itertools import pairwise
from random import Random

import pytest
import regex
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from monitor.history.folding import fold
from monitor.history.grep import grep, literals, places, sought
from monitor.history.grep import search as asked
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


def test_layers_stay_few_and_what_was_never_taken_in_is_seldom_held(archive: Archive, wordings: Wordings) -> None:
    archive.declare([wordings.source("one")], wordings.at(0))
    dice = Random(7)
    spaced = ["".join(dice.choices("abcdefghijklmnopqrstuvwxyz", k=3)) for _ in range(3000)]
    wide = ["".join(map(chr, dice.choices(range(0x4E00, 0x5800), k=2))) for _ in range(1000)]
    taken, never = {*spaced[:1400], *wide[:400]}, [*spaced[1500:], *wide[500:]]
    with writing(archive.engine) as connection:
        search._take(connection, 1, [], set(spaced[:600]))
        for start in range(0, 1400, 70):
            wanted = {*spaced[start : start + 70], *wide[start : start + 70]} & taken
            search._take(connection, 1, search._layers(connection, 1), wanted)
        layers = [bytes(row.bits) for row in search._layers(connection, 1)]
    assert len(layers) <= 7
    assert sum(map(len, layers)) < 1.45 * sum(search.PLACES[len(gram)] for gram in taken) * 1.45 / 8
    assert all(search._held(layers, search._marks(gram)) for gram in taken)
    for letters, most in ((3, 0.6), (2, 0.1)):
        falsely = [
            search._held(layers, search._marks(one)) for one in never if len(one) == letters and one not in taken
        ]
        assert sum(falsely) / len(falsely) < most
    (once,) = [search._made(600, spaced[:1000])]
    falsely = [search._held([once], search._marks(gram)) for gram in set(never) - set(spaced[:1000]) if len(gram) == 3]
    assert 0.05 < sum(falsely) / len(falsely) < 0.16


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


def test_places_in_later_paragraphs_are_those_of_the_whole_text() -> None:
    found = asked("s", history(["All for peace.\n\nNo “peace”.\n\nPeace"]), sought("peace"))
    assert found is not None
    assert found.wordings == (("peace", 2), ("Peace", 1))


# Paragraphs as canonical texts have them, of letters that fold to each other, to several, to nothing.
PARAGRAPHS = st.lists(
    st.text("abAK2s\u017f\u212aé\u0301ßﬁİ安全\uf914ｶ\uff9e가\u1100\u1161\u00ad\u2019-. ", min_size=1, max_size=8)
    .map(lambda words: " ".join(words.split()))
    .filter(bool),
    min_size=1,
    max_size=4,
)
PATTERNS = [
    "a",
    "ab|s",
    "(a|安).",
    "[ab]2?",
    r"\bs",
    "k{1,2}",
    "a b",
    "’s",
    r"a\s",
    "[^a]",
    "^a",
    "全$",
    "(?<=a)b",
    "a.*b",
]


@settings(deadline=None, max_examples=150)
@given(
    st.lists(PARAGRAPHS, min_size=1, max_size=4),
    st.one_of(LETTERS, PARAGRAPHS.map(lambda parts: parts[0][:3])),
    st.none() | st.sampled_from(PATTERNS),
    st.booleans(),
    st.booleans(),
)
def test_what_changed_and_a_quick_look_find_what_a_search_of_every_whole_text_finds(
    texts: list[list[str]], phrase: str, pattern: str | None, ignore_case: bool, whole_words: bool
) -> None:
    try:
        wanted = sought(
            pattern or phrase, is_regex=pattern is not None, ignore_case=ignore_case, whole_words=whole_words
        )
    except UsageError:
        assume(False)
    versions = history(["\n\n".join(parts) for parts in texts])
    naive = [  # as canonical texts are searched whole
        tuple(places(fold(text.text, ignore_case=ignore_case), wanted.pattern)) for _, text in versions
    ]  # fmt: skip
    found = asked("s", versions, wanted)
    assert (found.counts if found else ()) == tuple((n, len(one)) for n, one in enumerate(naive, 1) if any(naive))
    wordings = [text.text[start:end] for (_, text), spans in zip(versions, naive, strict=True) for start, end in spans]
    assert (dict(found.wordings) if found else {}) == Counter(wordings)
    plain = [b"", *(text.text.encode() for _, text in versions)]
    parts = plain[1:] if not wanted.apart else [search.fresh(now, old) for old, now in pairwise(plain)]
    stands = any(map(wanted.stands, parts))
    assert stands == any(naive) if wanted.apart else stands or not any(naive)


@settings(deadline=None, max_examples=150)
@given(st.text("ab\n", max_size=12), st.text("ab\n", max_size=12), st.sampled_from([1, 2, 3]))
def test_what_is_fresh_holds_every_paragraph_that_is_new(old: str, new: str, near: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(search, "NEAR", near)
        fresh = search.fresh(new.encode(), old.encode()).decode()
    assert fresh in new
    strange = {part.strip("\n") for part in new.split("\n\n")} - {part.strip("\n") for part in old.split("\n\n")}
    assert all(part in fresh for part in strange)
    assert fresh == "" or new != old


def test_what_is_fresh_is_little_of_a_long_text() -> None:
    before = [f"Paragraph {number} stands as it stood." for number in range(100)]
    after = [*before[:50], "Paragraph 50 stands otherwise.", *before[51:]]
    fresh = search.fresh("\n\n".join(after).encode(), "\n\n".join(before).encode())
    assert b"otherwise" in fresh
    assert len(fresh) < 400


def test_a_paragraph_that_versions_share_is_read_once(monkeypatch: pytest.MonkeyPatch) -> None:
    texts = [f"Peace stands, said № {number}.\n\nThe same words, “as ever”, about peace." for number in range(5)]
    with counted(monkeypatch) as asked:
        (found,) = grep({"s": history(texts)}, "peace")
    assert found.total == 10
    assert len([one for one in asked if one.startswith("The same")]) == 1


def test_the_quick_look_passes_over_most() -> None:
    wanted = sought("Security  concerns")
    looks = [b"Our SECURITY concern.", b"curity", "“peace” – é".encode(), "ｓecure".encode(), b"se\xc2\xadcurity"]
    assert [wanted.may_stand(one) for one in looks] == [True, False, False, True, True]
    assert [wanted.stands(one) for one in (looks[0], b"Our security\nconcerns")] == [False, True]
    assert [sought(one).may_stand(other.encode()) for one, other in (("が", "か\u3099"), ("가", "\u1100\u1161"))] == [
        True
    ] * 2
    assert [sought("安全").may_stand(one.encode()) for one in ("和平", "安 全", "\uf914")] == [False, True, False]


def test_a_pattern_that_may_reach_over_paragraphs_is_asked_of_whole_texts() -> None:
    within = ["a (b|c)", "“a”.*b", r"\bno\b", "[a-c]{2,3}", "(?:a|b)+", r"a\.b"]
    over = [r"a\s", "a\n", "[^a]", r"\W", "^a", "a$", "(?s)a.b", "(?<!a)b", "x{e<=1}", r"\p{L}", "[[a]b]", r"[\s]"]
    assert [one for one in within + over if sought(one, is_regex=True).apart] == within


def test_the_sources_that_say_something_are_named_as_they_are_found(said: Archive, wordings: Wordings) -> None:
    stands = "\n\n".join(f"Paragraph {number} stands as it stood." for number in range(20))
    keep(said, wordings, "english", stands)
    keep(said, wordings, "english", f"{stands}\n\nAn undertaking.")
    looked: list[bytes] = []

    def test(plain: bytes) -> bool:
        looked.append(plain)
        return b"undertaking" in plain

    assert list(said.saying([*SAID, "nobody"], test)) == ["english"]
    assert looked[1].startswith(b"Paragraph 0")
    assert looked[2].endswith(b"stood.\n\nAn undertaking.")
    assert len(looked[2]) < 200
    assert list(said.saying(list(SAID), lambda plain: b"undertaking" in plain, whole=True)) == ["english"]
    assert list(said.saying(list(SAID), lambda plain: "安全".encode() in plain)) == ["chinese"]


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
