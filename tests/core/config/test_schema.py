"""The JSON Schema says what the validator says."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from monitor.config import ConfigProblems, schema
from monitor.config.appending import template
from monitor.config.document import Document, Guarded

from .writing import loaded

Schema = dict[str, Any]
KINDS = {"object": dict, "array": list, "string": str, "boolean": bool, "integer": int, "null": type(None)}
ROOT = Path(__file__).resolve().parents[3]


def is_a(value: Any, kind: str) -> bool:
    return isinstance(value, KINDS[kind]) and (kind == "boolean" or not isinstance(value, bool))


def fits(value: Any, shape: Schema) -> bool:
    """The part of JSON Schema that ours uses."""
    if isinstance(value, Guarded):
        value = value.shown  # an editor sees what is written
    kinds = shape.get("type", [])
    if kinds and not any(is_a(value, kind) for kind in ([kinds] if isinstance(kinds, str) else kinds)):
        return False
    checks = [
        "enum" not in shape or value in shape["enum"],
        "anyOf" not in shape or any(fits(value, one) for one in shape["anyOf"]),
        "oneOf" not in shape or sum(fits(value, one) for one in shape["oneOf"]) == 1,
    ]
    if isinstance(value, str):
        checks.append("pattern" not in shape or re.search(shape["pattern"], value) is not None)
        checks.append(len(value) >= shape.get("minLength", 0))
    if isinstance(value, int) and not isinstance(value, bool):
        checks.append(shape.get("minimum", value) <= value <= shape.get("maximum", value))
    if isinstance(value, list):
        checks.append(len(value) >= shape.get("minItems", 0))
        checks += [fits(one, shape.get("items", {})) for one in value]
    if isinstance(value, dict):
        checks += [key in value for key in shape.get("required", [])]
        known = shape.get("properties", {})
        for key, one in value.items():
            others = shape.get("additionalProperties", True)
            if not any(re.search(pattern, key) for pattern in shape.get("patternProperties", {})):
                checks.append(fits(one, known[key]) if key in known else others is not False)
                if key not in known and isinstance(others, dict):
                    checks += [fits(one, others), fits(key, shape.get("propertyNames", {}))]
    return all(checks)


def values(words: str) -> Any:
    return Document(words, "config.yaml", {"NAME": "x"}).values


def test_it_is_json_and_says_which_draft_it_is() -> None:
    found = json.loads(json.dumps(schema()))
    assert found["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert found == schema()


def test_every_key_has_a_description() -> None:
    def bare(shape: Any, path: str = "") -> list[str]:
        if isinstance(shape, list):
            return [one for item in shape for one in bare(item, path)]
        if not isinstance(shape, dict):
            return []
        found = [one for key in ("anyOf", "items", "additionalProperties") for one in bare(shape.get(key), path)]
        for name, inner in shape.get("properties", {}).items():
            found += bare(inner, f"{path}.{name}") + ([] if inner.get("description") else [f"{path}.{name}"])
        return found

    assert bare(schema()) == []


def test_the_shipped_configuration_and_the_template_fit() -> None:
    assert fits(values((ROOT / "config.yaml").read_text("utf-8")), schema())
    assert fits(values(template()), schema())


GOOD = [
    "",
    "sources:\n",
    "_x: 1\nsources: [{url: 'https://a.org/', _x: 2}]",
    "sources: [{file: a, every: {cron: '0 9 * * *', timezone: UTC}, tags: a, remove: [.a]}]",
    "sources: [{url: 'https://a.org/', every: {young: 5m, for: 1d, then: 1h}, timeout: 1h30m, max_size: 5 MB}]",
    "sources: [{url: 'https://a.org/', filters: [{re.sub: {pattern: a}}, {keep_lines_matching: a}]}]",
    "concurrency: '${NAME:-7}'\ndefaults: {robots: '${NAME:-true}', confirm: {times: 0, after: 0s}, headers: {A: b}}",
    "channels: {a: {apprise: [b]}, c: {webhook: {url: 'https://a.org/'}}}\nalerts: [{to: a}, {to: [c]}]",
    "kinds: {attribution: [mulled, 低语], spelling: oblast oblasť}",
    "listings: [{id: a, feed: 'https://a.org/'}]\nphrases: [{id: a, variants: b}]\nweb: {listen: 'a:1', token: t}",
]
BAD = [
    "sauces: []",
    "sources: 7",
    "sources: [{id: a}]",
    "sources: [{url: 'https://a.org/', file: a}]",
    "sources: [{url: 'https://a.org/', id: a b}]",
    "sources: [{url: 'https://a.org/', evry: 5m}]",
    "sources: [{url: 'https://a.org/', every: soon}]",
    "sources: [{url: 'https://a.org/', every: {young: 5m}}]",
    "sources: [{url: 'https://a.org/', kind: xml}]",
    "sources: [{url: 'https://a.org/', robots: no}]",
    "sources: [{url: 'https://a.org/', tags: [1]}]",
    "concurrency: 0",
    "concurrency: true",
    "database: mysql://x",
    "listings: [{id: a}]",
    "phrases: [{id: a, variants: []}]",
    "kinds: {modalty: a}",
    "channels: {a b: {apprise: c}}",
    "channels: {a: {}}",
    "channels: {a: {email: {to: b@c.org}}}",
]


@pytest.mark.parametrize("words", GOOD)
def test_what_the_validator_takes_fits_the_schema(tmp_path: Path, words: str) -> None:
    loaded(tmp_path, words, env={})
    assert fits(values(words), schema())


@pytest.mark.parametrize("words", BAD)
def test_what_the_validator_refuses_does_not_fit(tmp_path: Path, words: str) -> None:
    with pytest.raises(ConfigProblems):
        loaded(tmp_path, words)
    assert not fits(values(words), schema())
