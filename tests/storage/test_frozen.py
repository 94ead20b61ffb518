"""Records are dataclasses to whoever asks: equal, hashed, shown, replaced, copied; and nothing can be set on them."""

from __future__ import annotations

import copy
import pickle
from dataclasses import FrozenInstanceError, asdict, field, fields, replace
from inspect import signature
from typing import TYPE_CHECKING

import pytest

import storage.frozen

if TYPE_CHECKING:
    from dataclasses import dataclass
else:
    from storage.frozen import dataclass


@dataclass(frozen=True, slots=True)
class Seen:
    """What was seen."""

    source: str
    words: int = 3
    secret: str = field(default="s3cret", repr=False)
    note: str = field(default="", compare=False)
    tags: list[str] = field(default_factory=list)


def test_it_is_made_as_a_dataclass_is() -> None:
    seen = Seen("one", tags=["a"])
    assert repr(seen) == "Seen(source='one', words=3, note='', tags=['a'])"
    assert [one.name for one in fields(seen)] == ["source", "words", "secret", "note", "tags"]
    assert asdict(replace(seen, words=4)) == {
        "source": "one",
        "words": 4,
        "secret": "s3cret",
        "note": "",
        "tags": ["a"],
    }
    assert list(signature(Seen).parameters) == ["source", "words", "secret", "note", "tags"]
    assert Seen("one").tags is not Seen("one").tags
    with pytest.raises(TypeError, match="source"):
        Seen()  # type: ignore[call-arg]
    match seen:
        case Seen(source, words):
            assert (source, words) == ("one", 3)


def test_equal_ones_are_equal_in_what_is_compared_and_in_their_class_only() -> None:
    assert Seen("one", note="x") == Seen("one", note="y")
    assert Seen("one") != Seen("two")
    assert Seen("one") != ("one", 3, "s3cret", "", [])
    key = storage.frozen.dataclass(frozen=True, slots=True)(type("Key", (), {"__annotations__": {"of": "str"}}))
    assert len({key("a"), key("a"), key("b")}) == 2


def test_copies_and_pickles_are_equal() -> None:
    seen = Seen("one", 5, tags=["a"])
    assert copy.deepcopy(seen) == copy.copy(seen) == pickle.loads(pickle.dumps(seen)) == seen
    assert copy.deepcopy(seen).tags is not seen.tags


def test_nothing_can_be_set_or_deleted() -> None:
    seen = Seen("one")
    for attempt in (lambda: setattr(seen, "words", 4), lambda: delattr(seen, "words"), lambda: setattr(seen, "new", 1)):
        with pytest.raises(FrozenInstanceError):
            attempt()
    assert (seen.words, hasattr(seen, "__dict__")) == (3, False)
