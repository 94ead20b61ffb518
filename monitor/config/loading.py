"""``config.yaml`` → settings: reads the file, joins defaults and sources, checks what no single key can tell."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar, cast

from monitor.config.alerting import phrases_of, policy_of, rule_of
from monitor.config.document import Document, Guarded
from monitor.config.problems import ConfigProblems, KeyPath, Problem, nearest
from monitor.config.rhythms import planned
from monitor.config.rules import fetch_rules, gate_rules, page_rules, read_rules, user_agent
from monitor.config.settings import (
    CONCURRENCY,
    MAX_NEW,
    PER_HOST,
    SPACING_S,
    WITHIN_S,
    Authority,
    Declaration,
    Health,
    Listing,
    Logging,
    PageRules,
    Series,
    Settings,
    Web,
)
from monitor.config.slugs import slug
from monitor.config.validation import Valid, validated
from monitor.fetch import FetchRules
from monitor.read import ReadRules
from monitor.read.gate import GateRules
from monitor.read.listing import KINDS as LISTING_KINDS
from monitor.read.listing import ListRules
from monitor.schedule import Ageing, Interval
from storage.errors import ConfigError
from storage.records import EditKind, Phrase, Source

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

T = TypeVar("T")

DATABASE: Final = "sqlite:///variorum.db"
EVERY: Final = Interval(900.0, "15m")

_PINNED: Final = re.compile(r"@(?:first|[1-9][0-9]*|[0-9]{4}-[0-9]{2}-[0-9]{2})")
_SQLITE: Final = re.compile(r"(sqlite(?:\+\w+)?:///)([^?]+)(.*)", re.DOTALL)


def load(path: Path, env: Mapping[str, str], *, check_selectors: bool = False) -> Settings:
    """Read and validate a configuration. ``env``: the environment that ``${NAME}`` is taken from.

    ``check_selectors`` also compiles CSS selectors and XPaths, which takes a library that is slow to load. Raises
    ``ConfigError``; a ``ConfigProblems``, which lists everything, when the file could be read and is wrong.
    """
    document = Document(_config_text(path), str(path), env)
    valid, problems = validated(document)
    # What a value is without the variable that is not set is no second problem.
    problems = [one for one in problems if one.path not in document.unfilled]
    joining = _Joining(path, document, valid)
    settings = joining.settings()
    problems += document.problems + joining.problems
    if check_selectors:
        problems += joining.wrong_selectors()
    if problems:
        raise ConfigProblems(document.name, problems)
    return settings


class _Joining:
    """Joins the valid parts of one file; what does not fit together lands in ``problems``."""

    def __init__(self, path: Path, document: Document, valid: Valid) -> None:
        self.problems: list[Problem] = []
        self._path = path
        self._folder = path.parent
        self._document = document
        self._valid = valid
        self._texts: dict[Path, str | None] = {}
        self._declared: dict[int, Declaration] = {}
        self._listings: dict[int, Declaration] = {}
        self._shared: dict[object, object] = {}
        head = valid.head
        defaults: dict[str, Any] = head.get("defaults", {})
        roots = (self._folder, *(self._folder / root for root in head.get("file_roots", ())))
        base = FetchRules(
            user_agent=user_agent(head.get("user_agent", FetchRules().user_agent)),
            file_roots=tuple(str(root.resolve()) for root in roots),
        )
        self._fetch = fetch_rules(base, defaults)
        self._read = read_rules(ReadRules(), defaults)
        self._gate = gate_rules(GateRules(), defaults)
        self._pages = page_rules(PageRules(), defaults)
        self._series = self._all_series()

    def settings(self) -> Settings:
        """The settings; whole and right when there are no problems."""
        head = self._valid.head
        for place, found in self._valid.items.get("sources", {}).items():
            self._declared[place] = self._declaration(place, found)
        for place, found in self._valid.items.get("listings", {}).items():
            self._listings[place] = self._listing(place, found)
        self._check_ids()
        self._check_names()
        return Settings(
            path=self._path,
            database=_beside(head.get("database", DATABASE), self._folder),
            declarations=(*self._declared.values(), *self._listings.values()),
            series=tuple(self._series.values()),
            fetch=self._fetch,
            user_agent=self._fetch.user_agent,
            concurrency=head.get("concurrency", CONCURRENCY),
            per_host=head.get("per_host", PER_HOST),
            spacing_s=head.get("spacing", SPACING_S),
            phrases=tuple(
                Phrase(one["id"], tuple(one["variants"]), tuple(one.get("expect", ())))
                for one in self._valid.items.get("phrases", {}).values()
            ),
            kinds=tuple((EditKind(kind), tuple(more)) for kind, more in head.get("kinds", {}).items()),
            health=_health(head.get("health", {})),
            web=self._web(head.get("web", {})),
            log=Logging(head.get("log", {}).get("format", "text"), head.get("log", {}).get("level")),
            secrets=_secrets(self._document.values),
            channels_told=tuple(self._valid.channels.items()),
            alerts=tuple(rule_of(one) for one in self._valid.items.get("alerts", {}).values()),
            policies=tuple((name, policy_of(told)) for name, told in self._valid.channels.items()),
            public_url=_with_slash(head.get("web", {}).get("public_url")),
            notes=tuple(self._notes()),
            timestamps=self._authority(head.get("timestamps")),
        )

    def _web(self, found: Mapping[str, Any]) -> Web | None:
        if "listen" not in found:
            return None
        host, _, port = found["listen"].rpartition(":")
        rest = {key: found[key] for key in ("public_url", "token", "trust_header") if key in found}
        if "proxies" in found:
            rest["proxies"] = tuple(found["proxies"])
        web = Web(host.strip("[]"), int(port), **rest)
        if not web.safe:
            hint = "Listen on 127.0.0.1, or set 'token' or 'trust_header' beside it."
            self._fault(("web", "listen"), "the web page would be open to everyone", hint)
        return web

    def _authority(self, found: Mapping[str, Any] | None) -> Authority | None:
        if found is None:
            return None
        named = found.get("certificates")
        file = self._text_file(named, ("timestamps", "certificates")) if named else None
        return Authority(found["url"], file, tuple(found.get("allow_private", ())), found.get("every"))

    def wrong_selectors(self) -> list[Problem]:
        """Selectors that cannot be compiled."""
        from monitor.read.html import check_rules

        found = []
        every = [(one, "sources", place) for place, one in self._declared.items()]
        every += [(one, "listings", place) for place, one in self._listings.items()]
        for declared, part, place in every:
            try:
                check_rules(declared.read)
                _check_links(declared)
            except ConfigError as error:
                key, _, said = error.message.partition(": ")
                found.append(self._document.problem(self._home(place, key, part), said, error.hint))
        return found

    def _listing(self, place: int, found: Mapping[str, Any]) -> Declaration:
        """A listing is a source that is due like others: as often as what it finds is when young."""
        kind = next(one for one in LISTING_KINDS if one in found)
        # Further pages of an index: of what it finds, these keys would say nothing.
        told = {key: value for key, value in found.items() if key not in ("next", "max_pages")}
        declared = self._declaration(place, {**told, "url": found[kind]}, "listings")
        pages = page_rules(PageRules(), {key: found[key] for key in ("next", "max_pages") if key in found})
        rules = ListRules(kind, found.get("follow"), pages.next, found.get("encoding"))
        rhythm = declared.rhythm
        own = Interval(rhythm.young_s, f"{rhythm.young_s:g}s") if isinstance(rhythm, Ageing) else rhythm
        listing = Listing(rules, rhythm, declared.pages, found.get("max_new", MAX_NEW))
        return replace(declared, rhythm=own, pages=pages, listing=listing)

    def _declaration(self, place: int, found: Mapping[str, Any], part: str = "sources") -> Declaration:
        defaults: Mapping[str, Any] = self._valid.head.get("defaults", {})
        url: str = found["url"] if "url" in found else (self._folder / found["file"]).resolve().as_uri()
        series = found.get("series", defaults.get("series"))
        named, baseline = self._baseline(place, found, series, part)
        source = Source(
            id=found.get("id") or slug(url),
            url=url,
            series=series,
            tags=self._once(found.get("tags", defaults.get("tags", ()))),
            baseline=named,
        )
        return Declaration(
            source=source,
            read=self._once(read_rules(self._read, found)),
            fetch=self._once(fetch_rules(self._fetch, found)),
            rhythm=self._once(
                planned(
                    found.get("every", defaults.get("every", EVERY)),
                    found.get("active", defaults.get("active")),
                    found.get("after_change", defaults.get("after_change")),
                )
            ),
            was=found.get("was"),
            gate=self._once(gate_rules(self._gate, found)),
            baseline=baseline,
            enabled=found.get("enabled", defaults.get("enabled", True)),
            where=f"{self._document.name}:{self._document.line((part, place))}",
            pages=self._once(page_rules(self._pages, found)),
            shown_url=found.get("user_visible_url"),
        )

    def _once(self, value: T) -> T:
        """One object for all equal ones: a hundred thousand sources have few ways of being read and fetched."""
        return cast("T", self._shared.setdefault(value, value))

    def _baseline(
        self, place: int, found: Mapping[str, Any], series: str | None, part: str
    ) -> tuple[str | None, Path | None]:
        """What the baseline is called and, for a file, where it is: the source's, its series' or the default one."""
        shared = self._series.get(series) if series else None
        if "baseline" not in found and shared is not None and shared.baseline is not None:
            return str(shared.baseline), shared.baseline
        named: str | None = found.get("baseline", self._valid.head.get("defaults", {}).get("baseline"))
        if named is None:
            return None, None
        if named.startswith("@"):
            if not _PINNED.fullmatch(named):
                hint = "@1, @first and @2022-03-01 stay what they are; @latest and @~1 would move."
                self._fault(self._home(place, "baseline", part), f"expected a pinned version, got {named!r}", hint)
            return str(named), None
        return str(named), self._text_file(named, self._home(place, "baseline", part))

    def _text_file(self, named: str, path: KeyPath) -> Path:
        """A file beside the configuration, which must be there and be UTF-8 text."""
        file = self._folder / named
        if file not in self._texts:
            self._texts[file] = _not_a_text(file)
        if said := self._texts[file]:
            hint = f"The path starts at the folder of {self._path.name}." if not Path(named).is_absolute() else None
            self._fault(path, f"{named}: {said}", hint)
        return file

    def _all_series(self) -> dict[str, Series]:
        found: dict[str, Series] = {}
        for place, one in self._valid.items.get("series", {}).items():
            baseline = one.get("baseline")
            if one["id"] in found:
                self._fault(("series", place, "id"), f"'{one['id']}' stands twice", "Give each series its own id.")
            file = self._text_file(baseline, ("series", place, "baseline")) if baseline else None
            found[one["id"]] = Series(one["id"], one.get("title"), file)
        return found

    def _check_ids(self) -> None:
        """No two sources and listings with one id, and none with the id of a series: commands take all of them."""
        first: dict[str, int] = {}
        listed = self._valid.items.get("listings", {})
        named = [(("sources", place), one.source.id) for place, one in self._declared.items()]
        named += [(("listings", place), one["id"]) for place, one in listed.items()]
        for path, name in named:
            line = self._document.line(path)
            if name in self._series:
                hint = "Commands take a series wherever they take a source: use two names."
                self._fault((*path, "id"), f"'{name}' is the id of a series too", hint)
            if name in first:
                given = path[0] == "listings" or "id" in self._valid.items["sources"][int(path[1])]
                said = f"'{name}' stands twice" if given else f"'{name}', made from the address, stands twice"
                hint = "Give each its own id." if given else "Give it an id of its own: `id: …`."
                self._fault((*path, "id") if given else path, f"{said}, first on line {first[name]}", hint)
            first.setdefault(name, line)
        for place, one in self._declared.items():
            if one.was is not None and one.was in first:
                said = f"'{one.was}' is declared too, on line {first[one.was]}"
                self._fault(("sources", place, "was"), said, "A history has one source: remove one of the two.")

    def _check_names(self) -> None:
        """Alerts name channels, phrases name series or sources: those that exist."""
        channels = self._document.values.get("channels")
        known = set(channels) if isinstance(channels, dict) else set()
        for place, one in self._valid.items.get("alerts", {}).items():
            for name in one["to"]:
                if name not in known:
                    hint = nearest(name, known) or "Channels stand under 'channels:'."
                    self._fault(("alerts", place, "to"), f"there is no channel '{name}'", hint)
        self._check_drift_and_quiet()
        everything = (*self._declared.values(), *self._listings.values())
        watched = {one.source.id for one in everything} | set(self._series)
        watched.update(one.source.series for one in everything if one.source.series)
        # What is named may stand in a source or series that has a fault of its own.
        whole = all(self._all_right(name) for name in ("sources", "listings", "series"))
        for place, one in self._valid.items.get("phrases", {}).items():
            for name in one.get("expect", ()):
                if name not in watched and whole:
                    said = f"there is no series or source '{name}'"
                    self._fault(("phrases", place, "expect"), said, nearest(name, watched))
        if whole and self._all_right("phrases"):
            self._check_rules(everything)

    def _check_rules(self, everything: Sequence[Declaration]) -> None:
        """Rules name sources, series and phrases that exist; what listings find is not known here."""
        phrases = {one["id"] for one in self._valid.items.get("phrases", {}).values()}
        series = set(self._series) | {one.source.series for one in everything if one.source.series}
        sources = {one.source.id for one in everything}
        for place, one in self._valid.items.get("alerts", {}).items():
            when = one.get("when", {})
            named = [("series", name, series) for name in when.get("series", ())]
            named += [("phrases", name, phrases) for name in phrases_of(when)]
            named += [("sources", name, sources) for name in when.get("sources", ()) if not self._listings]
            for key, name, known in named:
                if name not in known:
                    what = {"series": "series", "phrases": "phrase", "sources": "source"}[key]
                    self._fault(("alerts", place, "when", key), f"there is no {what} '{name}'", nearest(name, known))

    def _check_drift_and_quiet(self) -> None:
        """An event that is judged against a bound needs a rule with one."""
        rules = [one.get("when", {}) for one in self._valid.items.get("alerts", {}).values()]
        for key, example in (("drift", "drift: 0.2"), ("quiet", "quiet: 30d")):
            if any(key in when for when in rules):
                continue
            for place, one in self._valid.items.get("alerts", {}).items():
                if key in one.get("when", {}).get("events", ()):
                    said = f"'{key}' is never judged: no rule says beyond what"
                    self._fault(("alerts", place, "when", "events"), said, f"Write {example} under 'when:' instead.")

    def _all_right(self, name: str) -> bool:
        written = self._document.values.get(name) or []
        return isinstance(written, list) and len(written) == len(self._valid.items.get(name, {}))

    def _notes(self) -> list[str]:
        name, line = self._document.name, self._document.line
        notes = []
        for place, one in self._valid.items.get("sources", {}).items():
            if isinstance(one.get("url"), Guarded):
                path = ("sources", place, "url")
                told = "addresses are stored and shown as they are; keep secrets in headers"
                notes.append(f"{name}:{line(path)}: sources[{place}].url: {told}")
        return notes

    def _home(self, place: int, key: str, part: str = "sources") -> KeyPath:
        """Where the value stands that a source or listing has: in itself, or in the defaults."""
        own = self._valid.items[part][place]
        if key in own or key not in self._valid.head.get("defaults", {}):
            return (part, place, key)
        return ("defaults", key)

    def _fault(self, path: KeyPath, message: str, hint: str | None) -> None:
        self.problems.append(self._document.problem(path, message, hint))


def _with_slash(url: str | None) -> str | None:
    return url if url is None or url.endswith("/") else f"{url}/"


def _health(found: Mapping[str, Any]) -> Health | None:
    if "listen" not in found:
        return None
    host, _, port = found["listen"].rpartition(":")
    return Health(host.strip("[]"), int(port), found.get("within", WITHIN_S))


def _secrets(values: object) -> frozenset[str]:
    """What came from the environment, stands under a key of secrets, or is a password within an address."""
    found: set[str] = set()

    def search(value: object, key: str) -> None:
        if isinstance(value, dict):
            for name, inner in value.items():
                search(inner, "headers" if key == "headers" else str(name))
        elif isinstance(value, list | tuple):
            for inner in value:
                search(inner, key)
        elif isinstance(value, str):
            if isinstance(value, Guarded) or key in _SECRET_KEYS:
                found.add(str(value))
            if userinfo := _PASSWORD.search(value):
                found.add(userinfo[1])

    search(values, "")
    # A short or common value would black out ordinary words.
    return frozenset(secret for secret in found if len(secret) >= 6)


_SECRET_KEYS: Final = frozenset({"password", "secret", "apprise", "headers", "token"})
_PASSWORD: Final = re.compile(r"://[^/@\s:]*:([^/@\s]+)@")


def _check_links(declared: Declaration) -> None:
    """Raise ``ConfigError`` (``KEY: what``) for a selector of links that cannot be understood."""
    from monitor.read.links import AUTO, check_link
    from monitor.read.listing import bare_follow, is_expression

    listing = declared.listing
    follow = listing.rules.follow if listing is not None else None
    for key, selector in (
        ("next", declared.pages.next),
        ("print_view", (listing.pages if listing is not None else declared.pages).print_view),
        ("wait_for", declared.fetch.wait_for),
        ("follow", bare_follow(follow) if follow is not None and not is_expression(follow) else None),
    ):
        if selector is not None and selector != AUTO:
            check_link(key, selector)


def _beside(database: str, folder: Path) -> str:
    """An SQLite file with a relative path lies beside the configuration, wherever the program is started from."""
    found = _SQLITE.fullmatch(database)
    if found is None or found[2].startswith((":memory:", "file:")) or Path(found[2]).is_absolute():
        return database
    return f"{found[1]}{folder / found[2]}{found[3]}"


def _config_text(path: Path) -> str:
    try:
        body = path.read_bytes()
    except FileNotFoundError:
        raise ConfigError(f"{path}: no such file", hint="`variorum init` writes one.") from None
    except IsADirectoryError:
        raise ConfigError(
            f"{path}: a folder, not a file", hint=f"Name the file in it: {path / 'config.yaml'}"
        ) from None
    except OSError as error:
        raise ConfigError(f"{path}: {error.strerror}") from None
    try:
        return body.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = body.count(b"\n", 0, error.start) + 1
        raise ConfigError(f"{path}:{line}: not UTF-8 text (byte {error.start})", hint="Save it as UTF-8.") from None


def _not_a_text(file: Path) -> str | None:
    """Why a file is no UTF-8 text; None when it is one."""
    try:
        body = file.read_bytes()
        body.decode("utf-8")
    except FileNotFoundError:
        return "no such file"
    except (OSError, ValueError) as error:
        if isinstance(error, UnicodeDecodeError):
            return f"not UTF-8 text (byte {error.start})"
        return error.strerror if isinstance(error, OSError) and error.strerror else "cannot be read"
    return "not a text (it holds a NUL byte)" if b"\0" in body else None
