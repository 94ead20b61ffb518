"""Job files of urlwatch and webchanges, turned into entries of ``config.yaml``.

Both write YAML, a document for each job. What has a counterpart is carried over; what reads like one but is done anyway
here (``html2text``, ``strip``) is passed over in silence; everything else is named with its line, never dropped unsaid.
The keys and filters are those of urlwatch 2.29 and webchanges 3.31, by their documentation.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, field
from itertools import chain, count
from typing import TYPE_CHECKING, Any, Final

import yaml

from storage.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping
    from pathlib import Path

DONE_ANYWAY: Final = frozenset(
    {"html2text", "strip", "striplines", "strip_each_line", "remove-duplicate-lines", "remove_repeated", "beautify"}
    | {"strip_empty_lines", "absolute_links"}
)
"""Filters that make text of a page, or tidy it: canonical text is that."""
REMARKS: Final = frozenset({"kind", "index_number", "max_tries", "guid", "no_redirects_note"})
_NOT_KEPT: Final = {
    "use_browser": "pages are fetched without a browser unless the extra variorum[browser] is set up",
    "navigate": "pages are fetched without a browser unless the extra variorum[browser] is set up",
    "ssl_no_verify": "certificates are always checked",
    "data": "only GET requests are made",
    "method": "only GET requests are made",
    "http_method": "only GET requests are made",
    "cookies": "cookies are not kept; a `headers:` entry can send one",
    "diff_tool": "the differ is our own",
    "differ": "the differ is our own",
    "diff_filter": "filters work on the text, not on the difference",
    "additions_only": "additions and deletions are told alike; `variorum diff --kind` chooses",
    "deletions_only": "additions and deletions are told alike; `variorum diff --kind` chooses",
    "is_markdown": "the kind of a page is found out",
}


@dataclass(frozen=True, slots=True)
class Carried:
    """One job: the entry for ``config.yaml`` (None: it cannot be carried over), and a line for each thing left behind."""

    name: str
    line: int
    entry: dict[str, object] | None
    left: tuple[str, ...] = ()


@dataclass(slots=True)
class _Job:
    """A job on its way: what it says, where, and what became of it so far."""

    file: str
    name: str
    entry: dict[str, object] = field(default_factory=dict)
    filters: list[dict[str, object]] = field(default_factory=list)
    left: list[str] = field(default_factory=list)

    def leave(self, node: yaml.Node, what: str, why: str) -> None:
        self.left.append(f"{self.file}:{node.start_mark.line + 1}: {self.name}: {what}: {why}")

    def once(self, node: yaml.Node, key: str, value: object, what: str) -> None:
        """Set a key that may stand once; a second selector cannot be told."""
        if key in self.entry or (key in ("select", "xpath") and {"select", "xpath"} & self.entry.keys()):
            self.leave(node, what, f"only one {key} can be set; it stands already")
        else:
            self.entry[key] = value


def carried(file: Path) -> Iterator[Carried]:
    """The jobs of a file, in its order. Raises ``UsageError``: it cannot be read, or is no job file."""
    try:
        text = file.read_text("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        said = error.strerror if isinstance(error, OSError) else "not in UTF-8"
        raise UsageError(f"{file}: {said}") from None
    try:
        documents = list(yaml.compose_all(text, yaml.SafeLoader))
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        place = f"{file}:{mark.line + 1}" if mark else str(file)
        raise UsageError(f"{place}: not YAML: {getattr(error, 'problem', None) or 'cannot be read'}") from None
    for node in documents:
        if isinstance(node, yaml.SequenceNode):
            raise UsageError(f"{file}:{node.start_mark.line + 1}: a list, not a job", hint="Jobs are parted by '---'.")
        if isinstance(node, yaml.MappingNode):
            yield _carry(file.name, node)


def entries(jobs: Iterable[Carried], watched: Mapping[str, str]) -> Iterator[tuple[Carried, dict[str, object] | None]]:
    """Each job with its entry, under an id of its own; None beside a job that is watched already.

    ``watched``: id → address of what the configuration has. An address that is watched twice (two selectors on one page,
    as these programs have it) gets a number after its id.
    """
    from monitor.config import slug

    known = dict(watched)
    times: Counter[str] = Counter()
    for job in jobs:
        if job.entry is None:
            continue
        url = str(job.entry["url"])
        times[url] += 1
        if times[url] <= list(watched.values()).count(url):
            yield job, None
            continue
        base = slug(url)[:76]
        numbered = (f"{base}-{number}" for number in count(2))
        name = next(one for one in chain([base], numbered) if one not in known)
        known[name] = url
        yield job, {"id": name, **job.entry}


def _carry(file: str, node: yaml.MappingNode) -> Carried:
    said = {str(key.value): value for key, value in node.value}
    name = _word(said.get("name")) or _word(said.get("url") or said.get("navigate")) or _word(said.get("command"))
    job = _Job(file, name or "a job")
    line = node.start_mark.line + 1
    url = said.get("url") or said.get("navigate")
    if url is None or not _word(url).startswith(("http://", "https://", "file:")):
        kind = next((key for key in ("command", "shellpipe") if key in said), None)
        why = f"`{kind}` runs a program, which is never done" if kind else "it names no address that can be watched"
        job.leave(node, "the whole job", why)
        return Carried(job.name, line, None, tuple(job.left))
    if "data" in said:
        job.leave(said["data"], "the whole job", "it sends data; only GET requests are made")
        return Carried(job.name, line, None, tuple(job.left))
    job.entry["url"] = _word(url)
    for key, value in said.items():
        _key(job, key, value)
    _order(job, node)
    if job.filters:
        job.entry["filters"] = list(job.filters)
    return Carried(job.name, line, job.entry, tuple(job.left))


def _key(job: _Job, key: str, node: yaml.Node) -> None:
    value = _plain(node)
    if key in ("url", "command") or key in REMARKS:
        return
    if key in ("name", "note", "user_visible_url", "encoding"):
        job.entry[key] = str(value)
    elif key == "headers" and isinstance(value, dict):
        job.entry["headers"] = {str(name): str(one) for name, one in value.items()}
    elif key == "tags":
        job.entry["tags"] = [str(tag) for tag in value] if isinstance(value, list) else str(value).split()
    elif key == "timeout" and isinstance(value, int | float) and value > 0:
        job.entry["timeout"] = f"{value:g}s"
    elif key == "enabled" and isinstance(value, bool):
        job.entry["enabled"] = value
    elif key in ("filter", "filters"):
        for name, told, place in _filters(node):
            _filter(job, name, told, place)
    elif value not in (None, False):
        job.leave(node, key, _NOT_KEPT.get(key, "has no counterpart"))


def _filters(node: yaml.Node) -> Iterator[tuple[str, Any, yaml.Node]]:
    """Each filter with what it is told: a list of names and mappings, one name, or urlwatch's old comma form."""
    if isinstance(node, yaml.ScalarNode):
        for part in str(node.value).split(","):
            name, _, told = part.strip().partition(":")
            yield name, told or None, node
    elif isinstance(node, yaml.SequenceNode):
        for item in node.value:
            if isinstance(item, yaml.MappingNode):
                for key, value in item.value:
                    yield str(key.value), _plain(value), key
            else:
                yield str(item.value), None, item
    elif isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            yield str(key.value), _plain(value), key


def _filter(job: _Job, name: str, told: Any, node: yaml.Node) -> None:
    if name in DONE_ANYWAY:
        return
    known = _FILTERS.get(name)
    if known is None:
        job.leave(node, f"filter {name}", "has no counterpart")
    elif not known(job, told, node):
        job.leave(node, f"filter {name}", "cannot be carried over as it is written")


def _selected(key: str) -> Callable[[_Job, Any, yaml.Node], bool]:
    def carry(job: _Job, told: Any, node: yaml.Node) -> bool:
        words = told if isinstance(told, dict) else {"selector" if key == "select" else "path": told}
        chosen = words.get("selector") or words.get("path")
        if not isinstance(chosen, str) or not chosen:
            return False
        job.once(node, key, chosen, f"filter {'css' if key == 'select' else 'xpath'}")
        if words.get("exclude") and key == "select":
            job.once(node, "remove", [str(words["exclude"])], "exclude")
        for extra in words.keys() - {"selector", "path", "exclude"}:
            job.leave(node, f"filter {key} {extra}", "has no counterpart")
        if words.get("exclude") and key == "xpath":
            job.leave(node, "filter xpath exclude", "`remove:` takes CSS selectors")
        return True

    return carry


def _element(pattern: str) -> Callable[[_Job, Any, yaml.Node], bool]:
    def carry(job: _Job, told: Any, node: yaml.Node) -> bool:
        value = next(iter(told.values()), None) if isinstance(told, dict) else told
        if not isinstance(value, str) or not re.fullmatch(r"[\w-]+", value):
            return False
        job.once(node, "select", pattern.format(value), "filter element-by")
        return True

    return carry


def _lines(key: str) -> Callable[[_Job, Any, yaml.Node], bool]:
    def carry(job: _Job, told: Any, node: yaml.Node) -> bool:  # noqa: ARG001
        words = told if isinstance(told, dict) else {"re" if key.endswith("matching") else "text": told}
        way = "matching" if "re" in words else "containing"
        value = words.get("re", words.get("text"))
        if not isinstance(value, str) or not value or words.keys() - {"re", "text"}:
            return False
        job.filters.append({f"{key.split('_', maxsplit=1)[0]}_lines_{way}": value})
        return True

    return carry


def _substituted(job: _Job, told: Any, node: yaml.Node) -> bool:  # noqa: ARG001
    words = told if isinstance(told, dict) else {"pattern": told}
    if not isinstance(words.get("pattern"), str) or words.keys() - {"pattern", "repl"}:
        return False
    job.filters.append({"re.sub": {"pattern": words["pattern"], "repl": str(words.get("repl") or "")}})
    return True


def _pdf(job: _Job, told: Any, node: yaml.Node) -> bool:
    if told:
        job.leave(node, "filter pdf2text options", "have no counterpart")
    job.entry["kind"] = "pdf"
    return True


_FILTERS: Final[dict[str, Callable[[_Job, Any, yaml.Node], bool]]] = {
    "css": _selected("select"),
    "xpath": _selected("xpath"),
    "element-by-id": _element("#{}"),
    "element-by-class": _element(".{}"),
    "element-by-tag": _element("{}"),
    "grep": _lines("keep_matching"),
    "grepi": _lines("delete_matching"),
    "keep_lines_matching": _lines("keep_matching"),
    "keep_lines_containing": _lines("keep_containing"),
    "delete_lines_matching": _lines("delete_matching"),
    "delete_lines_containing": _lines("delete_containing"),
    "re.sub": _substituted,
    "pdf2text": _pdf,
}


def _order(job: _Job, node: yaml.Node) -> None:
    """Ours work in a fixed order (keep, delete, re.sub); where theirs was another, say so."""
    ranks = [("keep", "dele", "re.s").index(next(iter(one))[:4]) for one in job.filters]
    if ranks != sorted(ranks):
        job.leave(node, "the order of its filters", "first those that keep lines, then those that delete, then re.sub")


def _plain(node: yaml.Node) -> Any:
    constructor = yaml.SafeLoader("")
    try:
        return constructor.construct_document(node)
    except yaml.YAMLError:
        return None
    finally:
        constructor.dispose()


def _word(node: yaml.Node | None) -> str:
    return str(node.value).strip() if isinstance(node, yaml.ScalarNode) else ""
