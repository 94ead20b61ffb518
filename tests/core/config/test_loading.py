"""From the file to the records that leave this room."""

from __future__ import annotations

import subprocess
import sys
from copy import deepcopy
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from monitor import __version__
from monitor.config import Series, load
from monitor.config.appending import template
from monitor.config.document import Document
from monitor.config.validation import validated
from monitor.differ import compare
from monitor.fetch import FetchRules
from monitor.read import ReadRules
from monitor.read.gate import GateRules
from monitor.schedule import Ageing, Cron, Interval
from monitor.sides import differ_rules
from storage.records import EditKind, Source, Text

from .writing import ONE, declared, faults, loaded, written

if TYPE_CHECKING:
    from monitor.schedule import Rhythm

ROOT = Path(__file__).resolve().parents[3]


def test_the_shipped_configuration_watches_the_seeded_page() -> None:
    settings = load(ROOT / "config.yaml", {}, check_selectors=True)
    (only,) = settings.declarations
    assert only.source.id == "mfa-nz-2022-02-25"
    assert only.source.url.startswith("http://nz.china-embassy.gov.cn/eng/")
    assert only.read.select == "#article"
    assert only.baseline == ROOT / "seeds" / "2022-02-25-xi-putin-call.txt"
    assert only.rhythm.shown == "5m for 1d, then 1h until 7d, then 24h"
    assert settings.notes == ()


def test_what_init_writes_is_the_shipped_configuration() -> None:
    assert template() == (ROOT / "config.yaml").read_text("utf-8")


def test_an_empty_file_has_good_defaults(tmp_path: Path) -> None:
    settings = loaded(tmp_path, "")
    assert settings.database == f"sqlite:///{tmp_path / 'variorum.db'}"
    assert (settings.declarations, settings.series, settings.notes) == ((), (), ())
    assert (settings.concurrency, settings.per_host) == (50, 2)
    assert settings.fetch == FetchRules(file_roots=(str(tmp_path),))


def test_a_bare_source_is_read_and_fetched_by_default_rules(tmp_path: Path) -> None:
    only = loaded(tmp_path, ONE).declarations[0]
    assert only.source == Source("one", "https://www.example.org/one")
    assert only.read == ReadRules()
    assert only.fetch == FetchRules(file_roots=(str(tmp_path),))
    assert only.gate == GateRules()
    assert only.rhythm == Interval(900.0, "15m")
    assert (only.baseline, only.enabled, only.where) == (None, True, f"{tmp_path / 'config.yaml'}:1")


def test_every_key_of_a_source_arrives(tmp_path: Path) -> None:
    (tmp_path / "base.txt").write_text("Title\n")
    words = """\
        user_agent: "Desk/{version}"
        sources:
          - id: one
            url: https://www.example.org/one
            name: a name
            note: anything
            xpath: //article
            remove: [.share, .related]
            start_after: Readout
            end_before: Related
            filters:
              - keep_lines_containing: a.b
              - keep_lines_matching: ^C
              - delete_lines_containing: (ad)
              - delete_lines_matching: \\d+ views
              - re.sub: {pattern: "Page (\\\\d+)", repl: "p. \\\\1"}
              - re.sub: {pattern: x}
            encoding: gb18030
            kind: html
            baseline: base.txt
            series: calls
            tags: [a, b]
            every: 1h30m
            timeout: 1m
            max_size: 1.5 MiB
            headers: {Accept-Language: zh}
            robots: false
            allow_private: [10.0.0.0/8, "::1"]
            confirm: {after: 2m, times: 0}
            enabled: false
        """
    (one,) = loaded(tmp_path, words).declarations
    assert one.source == Source("one", "https://www.example.org/one", "calls", ("a", "b"), "base.txt")
    assert one.read == ReadRules(
        xpath="//article",
        remove=(".share", ".related"),
        start_after="Readout",
        end_before="Related",
        keep_lines_matching=(r"a\.b", "^C"),
        delete_lines_matching=(r"\(ad\)", r"\d+ views"),
        substitute=((r"Page (\d+)", r"p. \1"), ("x", "")),
        encoding="gb18030",
        kind="html",
    )
    assert one.fetch == FetchRules(
        timeout_s=60.0,
        max_size_bytes=1_572_864,
        user_agent=f"Desk/{__version__}",
        headers=(("Accept-Language", "zh"),),
        robots=False,
        allow_private=("10.0.0.0/8", "::1"),
        file_roots=(str(tmp_path),),
    )
    assert one.gate == replace(GateRules(), confirm_after_s=120.0, confirm_times=0)
    assert one.rhythm == Interval(5_400.0, "1h30m")
    assert (one.baseline, one.enabled, one.where) == (tmp_path / "base.txt", False, f"{tmp_path / 'config.yaml'}:3")


@pytest.mark.parametrize(
    ("every", "rhythm"),
    [
        ("30s", Interval(30.0, "30s")),
        ("7d", Interval(604_800.0, "7d")),
        ("1.5h", Interval(5_400.0, "1.5h")),
        ("{young: 5m, for: 1d, then: 1h}", Ageing(300.0, 86_400.0, 3_600.0, words="5m for 1d, then 1h")),
        ("{cron: '*/15 8-18 * * 1-5', timezone: Asia/Shanghai}", Cron("*/15 8-18 * * 1-5", "Asia/Shanghai")),
        ("{cron: '0 9 * * *'}", Cron("0 9 * * *", "UTC")),
    ],
)
def test_every_has_three_forms(tmp_path: Path, every: str, rhythm: Rhythm) -> None:
    assert declared(tmp_path, f"every: {every}").rhythm == rhythm


@pytest.mark.parametrize(
    ("written_as", "size_bytes"),
    [("500B", 500), ("500KB", 500_000), ("5 MB", 5_000_000), ("1KiB", 1_024), ("1.5MiB", 1_572_864)],
)
def test_sizes_count_in_thousands_unless_they_say_otherwise(tmp_path: Path, written_as: str, size_bytes: int) -> None:
    assert declared(tmp_path, f"max_size: {written_as}").fetch.max_size_bytes == size_bytes


def test_defaults_hold_until_a_source_says_otherwise(tmp_path: Path) -> None:
    words = """\
        defaults:
          {every: 1h, timeout: 5s, robots: false, select: article, tags: [a], headers: {A: b}, confirm: {after: 5s}}
        sources:
          - {id: one, url: "https://a.org/1"}
          - {id: two, url: "https://a.org/2", every: 5m, robots: true, xpath: //main, tags: [], confirm: {times: 3}}
        """
    settings = loaded(tmp_path, words)
    one, two = settings.declarations
    assert (one.rhythm, two.rhythm) == (Interval(3_600.0, "1h"), Interval(300.0, "5m"))
    assert (one.fetch.timeout_s, two.fetch.timeout_s) == (5.0, 5.0)
    assert (one.fetch.robots, two.fetch.robots) == (False, True)
    assert one.fetch.headers == two.fetch.headers == (("A", "b"),)
    assert (one.read.select, one.read.xpath) == ("article", None)
    assert (two.read.select, two.read.xpath) == (None, "//main")
    assert (one.source.tags, two.source.tags) == (("a",), ())
    assert (one.gate.confirm_after_s, two.gate.confirm_after_s, two.gate.confirm_times) == (5.0, 5.0, 3)
    assert settings.fetch == one.fetch


@pytest.mark.parametrize("own", ["", "timeout: 9s, select: b, every: 2h, confirm: {times: 2}, tags: [a]"])
def test_sources_that_say_the_same_share_their_rules(tmp_path: Path, own: str) -> None:
    sources = "".join(f"  - {{url: https://a.org/{n}, {own}}}\n" for n in range(2))
    one, two = loaded(tmp_path, f"defaults: {{timeout: 5s, select: a, every: 1h}}\nsources:\n{sources}").declarations
    assert one.gate is two.gate
    assert one.source.tags is two.source.tags
    assert one.fetch is two.fetch
    assert one.read is two.read
    assert one.rhythm is two.rhythm


def test_a_series_lends_its_baseline_to_members_that_have_none(tmp_path: Path) -> None:
    for name in ("calls.txt", "own.txt", "default.txt"):
        (tmp_path / name).write_text("Text\n")
    words = """\
        defaults: {baseline: default.txt}
        series: [{id: calls, title: Calls, baseline: calls.txt}, {id: rates}]
        sources:
          - {id: one, url: "https://a.org/1", series: calls}
          - {id: two, url: "https://a.org/2", series: calls, baseline: own.txt}
          - {id: three, url: "https://a.org/3", series: rates}
          - {id: four, url: "https://a.org/4", series: calls, baseline: "@3"}
        """
    settings = loaded(tmp_path, words)
    assert settings.series == (Series("calls", "Calls", tmp_path / "calls.txt"), Series("rates"))
    assert [one.baseline and one.baseline.name for one in settings.declarations] == [
        "calls.txt",
        "own.txt",
        "default.txt",
        None,
    ]
    assert settings.declarations[3].source.baseline == "@3"


def test_a_local_file_is_a_source(tmp_path: Path) -> None:
    (one,) = loaded(tmp_path, "sources: [{file: texts/Über uns.txt, id: one}]").declarations
    assert one.source.url == (tmp_path / "texts" / "Über uns.txt").as_uri()


def test_local_files_may_lie_beside_the_configuration_or_under_named_roots(tmp_path: Path) -> None:
    (one,) = loaded(tmp_path, "file_roots: [../texts, /srv/texts]\nsources: [{file: a.txt}]").declarations
    assert one.fetch.file_roots == (str(tmp_path), str(tmp_path.parent / "texts"), "/srv/texts")


@pytest.mark.parametrize(
    ("address", "meant"),
    [
        ("sqlite:///x.db", "sqlite:///{folder}/x.db"),
        ("sqlite:///sub/x.db?timeout=5", "sqlite:///{folder}/sub/x.db?timeout=5"),
        ("sqlite:////srv/x.db", "sqlite:////srv/x.db"),
        ("sqlite:///:memory:", "sqlite:///:memory:"),
        ("sqlite://", "sqlite://"),
        ("postgresql://me@host/name", "postgresql://me@host/name"),
    ],
)
def test_a_database_lies_beside_the_configuration(tmp_path: Path, address: str, meant: str) -> None:
    assert loaded(tmp_path, f"database: '{address}'").database == meant.format(folder=tmp_path)


def test_numbers_and_flags_may_come_from_the_environment(tmp_path: Path) -> None:
    words = "concurrency: ${N}\ndefaults: {robots: '${ROBOTS:-false}', timeout: '${T}'}\n" + ONE
    settings = loaded(tmp_path, words, env={"N": "7", "T": "9s"})
    assert settings.concurrency == 7
    assert (settings.fetch.robots, settings.fetch.timeout_s) == (False, 9.0)


def test_rules_from_the_environment_are_rules_like_any_other(tmp_path: Path) -> None:
    rules = declared(tmp_path, "select: '${HERE}'", env={"HERE": "#article"}).read
    assert rules == ReadRules(select="#article")
    assert rules.fingerprint == ReadRules(select="#article").fingerprint
    assert repr(deepcopy(rules)) == repr(rules)


def test_text_from_the_environment_stays_text(tmp_path: Path) -> None:
    assert declared(tmp_path, "tags: ['${YEAR}', $$5]", env={"YEAR": "2022"}).source.tags == ("2022", "$5")


def test_secrets_are_seen_in_no_repr(tmp_path: Path) -> None:
    words = """\
        database: postgresql://me:hunter2@host/name
        sources: [{id: one, url: "https://a.org/", headers: {Authorization: "Bearer ${TOKEN}"}}]
        channels: {a: {email: {to: a@b.org, smtp: {host: h, user: me, password: hunter2}}}}
        """
    settings = loaded(tmp_path, words, env={"TOKEN": "hunter2"})
    assert settings.declarations[0].fetch.headers == (("Authorization", "Bearer hunter2"),)
    assert settings.database == "postgresql://me:hunter2@host/name"
    assert "hunter2" not in repr(settings)
    assert settings.shown_database == "postgresql://me:***@host/name"


def test_secrets_written_out_are_guarded_as_soon_as_they_are_validated() -> None:
    words = """\
channels:
  a: {email: {to: a@b.org, smtp: {host: h, user: me, password: hunter2}}}
  b: {webhook: {url: "https://a.org/", secret: whsec_aHVudGVyMmh1bnRlcjJodW50ZXIyaHVudGVyMg==}}
  c: {apprise: "slack://hunter2"}
"""
    valid, problems = validated(Document(words, "config.yaml", {}))
    assert problems == []
    assert valid.channels["b"]["webhook"]["secret"] == ("whsec_aHVudGVyMmh1bnRlcjJodW50ZXIyaHVudGVyMg==",)
    assert "hunter2" not in repr(valid)


def test_the_whole_shape_of_the_design_is_accepted(tmp_path: Path) -> None:
    words = """\
        database: sqlite:///variorum.db
        defaults: {every: 15m, timeout: 30s, max_size: 5MB, robots: true}
        sources:
          - {id: one, url: "https://a.org/1", user_visible_url: "https://a.org/", series: calls, tags: [desk]}
        listings:
          - {id: feed, feed: "https://a.org/feed", follow: "^https://a.org/", series: calls, select: article, every: 1h}
          - {id: index, index: "https://a.org/news", follow: "a.title", next: a.next, allow_private: [10.0.0.0/8]}
          - {id: map, sitemap: "https://a.org/sitemap.xml"}
        series: [{id: calls, title: Calls}]
        phrases:
          - {id: concerns, variants: [legitimate security concerns, 合理安全关切], expect: [calls, one]}
        alerts:
          - {when: {severity: wording, tags: [desk], kinds: [number], events: [changed], silent: true}, to: [desk, hook]}
          - {to: chat}
        channels:
          desk:
            email:
              to: [desk@example.org, "The Desk <desk@example.org>"]
              from: variorum@example.org
              smtp: {host: mail.example.org, port: 587, starttls: true, user: me, password: "${SMTP_PASSWORD}"}
              digest: daily
          hook: {webhook: {url: "https://a.org/hook", secret: "${HOOK_SECRET:-whsec_aHVudGVyMmh1bnRlcjJodW50ZXIyaHVudGVyMg==}", allow_private: [10.0.0.0/8]}}
          chat: {apprise: "slack://${TOKEN:-a}/b"}
        web: {listen: "127.0.0.1:8080", public_url: "https://variorum.example.org"}
        _remark: {anything: goes}
        """
    settings = loaded(tmp_path, words, env={"SMTP_PASSWORD": "x"})
    assert [one.source.id for one in settings.declarations] == ["one", "feed", "index", "map"]
    assert settings.web is not None
    assert (settings.web.host, settings.web.port, settings.web.public_url) == (
        "127.0.0.1",
        8080,
        "https://variorum.example.org",
    )
    assert settings.declarations[0].shown_url == "https://a.org/"
    assert settings.notes == ()


def test_words_for_kinds_reach_the_rules_of_the_differ(tmp_path: Path) -> None:
    settings = loaded(tmp_path, "kinds: {attribution: [mulled, 低语], modality: hankers to}")
    assert settings.kinds == ((EditKind.ATTRIBUTION, ("mulled", "低语")), (EditKind.MODALITY, ("hankers to",)))
    rules = differ_rules(settings)
    assert rules is not None
    edits = compare(Text("He hankers to go, he said."), Text("He must go, he mulled."), rules).edits
    assert [edit.kinds for edit in edits] == [(EditKind.MODALITY,), (EditKind.ATTRIBUTION,)]
    assert differ_rules(loaded(tmp_path, "sources: []")) is None


def test_a_secret_in_an_address_is_warned_of(tmp_path: Path) -> None:
    settings = loaded(tmp_path, "sources: [{id: one, url: 'https://a.org/?t=${TOKEN}'}]", env={"TOKEN": "x"})
    (note,) = settings.notes
    assert note.endswith(":1: sources[0].url: addresses are stored and shown as they are; keep secrets in headers")


def test_headings_whose_lists_are_still_to_be_written_are_empty(tmp_path: Path) -> None:
    settings = loaded(tmp_path, "sources:\nseries:\nalerts:\nchannels:\ndefaults:\nweb:\n")
    assert settings.declarations == ()


def test_a_fault_in_a_series_does_not_make_its_name_unknown(tmp_path: Path) -> None:
    words = "phrases: [{id: a, variants: b, expect: calls}]\nseries: [{id: calls, tittle: c}]"
    assert [told for told, _ in faults(tmp_path, words)] == ["2: series[0].tittle: unknown key"]


def test_a_byte_order_mark_is_no_part_of_the_first_key(tmp_path: Path) -> None:
    path = written(tmp_path, "")
    path.write_bytes(b"\xef\xbb\xbfconcurrency: 3\n")
    assert load(path, {}).concurrency == 3


def test_loading_needs_no_heavy_library() -> None:
    """``variorum sources`` has 200 ms for everything: these alone would take more."""
    heavy = [
        "pydantic",
        "lxml",
        "trafilatura",
        "pypdf",
        "httpx",
        "aiohttp",
        "sqlalchemy",
        "asyncio",
        "rich",
        "cronsim",
        "zoneinfo._zoneinfo",
    ]
    program = (
        "import sys; from pathlib import Path; from monitor.config import load; "
        f"load(Path({str(ROOT / 'config.yaml')!r}), {{}}); print([one for one in {heavy!r} if one in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, cwd=ROOT, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.slow
def test_a_thousand_sources_cost_less_than_eight_times_their_parsing(tmp_path: Path) -> None:
    """Measured: 3.4 times the bare parser events (50 ms on a slow machine). A ratio, since machines differ."""
    import time

    from monitor.config.document import events_of

    item = "  - id: s{0}\n    url: https://a.org/{0}\n    select: '#a'\n    every: 15m\n    tags: [a, b]\n"
    words = "sources:\n" + "".join(item.format(n) for n in range(1_000))
    path = written(tmp_path, words)

    def fastest_s(work: object) -> float:
        assert callable(work)
        times = []
        for _ in range(7):
            start = time.perf_counter()
            work()
            times.append(time.perf_counter() - start)
        return min(times)

    assert fastest_s(lambda: load(path, {})) < 8 * fastest_s(lambda: list(events_of(words)))
