"""From the values of a file to validated ones, and from pydantic's errors to plain words at the right line."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING, Any, Final

from pydantic_core import ErrorDetails, SchemaValidator, ValidationError

from monitor.config.model import CHANNELS, HEAD, ITEMS, schema
from monitor.config.problems import KeyPath, Problem, nearest
from monitor.config.shapes import EXPECTED, WRONG, JsonSchema, section, shown

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from monitor.config.document import Document

ELSEWHERE: Final[Mapping[str, str]] = {
    "job_defaults": "defaults",
    "jobs": "sources",
    "report": "channels",
    "location": "url",
    "navigate": "url",
    "css": "select",
    "selector": "select",
    "include_filters": "select",
    "subtractive_selectors": "remove",
    "ignore_text": "filters",
    "filter": "filters",
    "interval": "every",
    "schedule": "every",
    "check_every": "every",
    "tag": "tags",
}
"""What other monitors call it → what we call it."""


@dataclass(slots=True)
class Valid:
    """The parts of a file that are right: ``head`` by key, and the right ones of each list by their place in it."""

    head: dict[str, Any] = field(default_factory=dict)
    items: dict[str, dict[int, dict[str, Any]]] = field(default_factory=dict)
    channels: dict[str, dict[str, Any]] = field(default_factory=dict)


def validated(document: Document) -> tuple[Valid, list[Problem]]:
    """Validate item by item, so that one wrong source hides nothing of the others."""
    valid = Valid()
    problems: list[Problem] = []

    def take(name: str, path: KeyPath, value: object) -> Any:
        try:
            return _validators()[name].validate_python(value)
        except ValidationError as error:
            problems.extend(_problem(document, path, detail) for detail in error.errors(include_url=False))
            return None

    parts = (*ITEMS, "channels", "defaults", "health", "log", "web")
    # A heading whose list is still to be written is an empty list.
    values = {key: value for key, value in document.values.items() if value is not None or key not in parts}
    for name in ITEMS:
        listed = values.pop(name, [])
        if not isinstance(listed, list):
            problems.append(document.problem((name,), f"expected a list, got {shown(listed)}", _LIST_HINT))
            continue
        taken = ((place, take(name, (name, place), item)) for place, item in enumerate(listed))
        valid.items[name] = {place: item for place, item in taken if item is not None}
    channels = take("channels", ("channels",), values.pop("channels", {}))
    valid.channels = channels or {}
    valid.head = take("head", (), values) or {}
    return valid, problems


_LIST_HINT: Final = "Write one item a line, each after '- '."


@cache
def _validators() -> Mapping[str, SchemaValidator]:
    cores = {name: item.shape.core for name, item in ITEMS.items()}
    cores |= {"channels": CHANNELS.shape.core, "head": section(HEAD).core}
    return {name: SchemaValidator(core) for name, core in cores.items()}


def _problem(document: Document, above: KeyPath, detail: ErrorDetails) -> Problem:
    inside = tuple(step for step in detail["loc"] if not (isinstance(step, str) and step[:1] in ("<", "[")))
    path = above + inside
    kind, value, about = detail["type"], detail["input"], detail.get("ctx", {})
    if kind == WRONG:
        return document.problem(path, about["message"], about["hint"])
    if kind == EXPECTED:
        return document.problem(path, f"expected {about['what']}, got {shown(value)}")
    if kind == "extra_forbidden":
        return document.problem(path, "unknown key", _meant(path))
    if kind == "missing":
        return document.problem(path[:-1], f"the key '{path[-1]}' is missing")
    if kind == "dict_type":
        hint = f"Write `- url: {value}`." if path[:1] == ("sources",) and len(path) == 2 and _is_url(value) else None
        return document.problem(path, f"expected keys and values, got {shown(value)}", hint)
    if kind == "list_type":
        return document.problem(path, f"expected a list, got {shown(value)}", _LIST_HINT)
    if kind == "too_short":
        return document.problem(path, "expected a list with at least one item")
    return document.problem(path, detail["msg"])


def _is_url(value: object) -> bool:
    return isinstance(value, str) and value.startswith(("http://", "https://"))


def _meant(path: KeyPath) -> str:
    """The key that an unknown one may have meant, or all there are."""
    *above, last = path
    known = sorted({key for one in _sections(schema(), above) for key in one.get("properties", {})})
    word = str(last)
    if ELSEWHERE.get(word) in known:
        return f"It is called '{ELSEWHERE[word]}' here."
    if near := nearest(word, known):
        return near
    if word in schema()["properties"]:
        return "It belongs at the top of the file, not indented."
    return f"Known here: {', '.join(known)}."


def _sections(shape: JsonSchema, path: list[str | int]) -> Iterator[JsonSchema]:
    """The parts of the JSON Schema that describe what stands at ``path``."""
    if "anyOf" in shape:
        for one in shape["anyOf"]:
            yield from _sections(one, path)
    elif not path:
        yield shape
    elif isinstance(path[0], int):
        yield from _sections(shape.get("items", {}), path[1:])
    else:
        inner = shape.get("properties", {}).get(path[0], shape.get("additionalProperties"))
        yield from _sections(inner or {}, path[1:])
