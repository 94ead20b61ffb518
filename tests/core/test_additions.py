"""What is added in one place and forgotten in another: the table of docs/architecture.md, held."""

from __future__ import annotations

import json
import re
from importlib import import_module
from pathlib import Path

from monitor.alerts.channels import CHANNELS
from monitor.cli import COMMANDS
from monitor.cli.compare import FORMATS as OFFERED
from monitor.config.model import KINDS as MORE_WORDS
from monitor.config.model import WAYS
from monitor.differ.classify import SEVERITY
from monitor.differ.lexicon import EXTENSIBLE
from monitor.read import KINDS, ReadRules
from monitor.read.listing import KINDS as LISTINGS
from monitor.render import FORMATS
from monitor.render.telling import TELLING
from storage.records import EditKind

DOCS = Path(__file__).parents[2] / "docs"


def test_every_kind_of_edit_has_a_severity_a_rank_a_row_and_stands_in_the_schema() -> None:
    kinds = set(EditKind)
    assert set(SEVERITY) == kinds
    assert set(TELLING) == kinds
    assert len(TELLING) == len(kinds)
    rows = re.findall(r"^\| (`[a-z`, ]+`) \|", (DOCS / "differ.md").read_text("utf-8"), re.MULTILINE)
    assert kinds <= {name.strip(" `") for row in rows for name in row.split(",")}
    schemas = [json.loads(path.read_text("utf-8")) for path in DOCS.rglob("*.schema.json")]
    offered = [one["enum"] for schema in schemas for one in _shapes(schema) if "negation" in one.get("enum", ())]
    assert offered
    assert all(set(one) == kinds for one in offered)


def test_the_kinds_that_take_more_words_are_those_that_the_configuration_offers() -> None:
    assert set(MORE_WORDS) == {kind.value for kind in EXTENSIBLE}


def _shapes(shape: object) -> list[dict[str, list[str]]]:
    """Every mapping in a document."""
    if isinstance(shape, dict):
        return [shape, *(found for inner in shape.values() for found in _shapes(inner))]
    return [found for inner in shape for found in _shapes(inner)] if isinstance(shape, list) else []


def test_every_channel_can_be_configured_and_opened() -> None:
    assert list(WAYS) == list(CHANNELS)


def test_every_reader_has_a_module_that_reads_and_a_fingerprint() -> None:
    for kind, (module, _) in KINDS.items():
        assert callable(import_module(module).read)
        assert ReadRules(kind=kind).fingerprint.startswith(f"{kind}/")


def test_every_kind_of_listing_has_a_module_that_lists() -> None:
    for module in LISTINGS.values():
        assert callable(import_module(module).listed)


def test_every_format_is_offered() -> None:
    assert set(OFFERED) == set(FORMATS)


def test_every_command_has_a_module_with_it() -> None:
    for name, (module, line) in COMMANDS.items():
        assert getattr(import_module(module), f"{name}_command").name == name
        assert line
