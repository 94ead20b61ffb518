"""What is wrong is told with its line, its key and what to do; each line of these tables is a mistake people make."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from monitor.config import ConfigProblems, load

from .writing import ONE, declared, faults, loaded, refused, written

if TYPE_CHECKING:
    from pathlib import Path

KEEP_ONE = "Keep one of them."
LIST = "Write one item a line, each after '- '."
UNIT = "A number needs a unit: 15s, 15m, 15h or 15d."
QUOTES = "Put it in quotes."
EXAMPLE = "For example: {young: 5m, for: 1d, then: 1h, until: 7d, finally: 24h}"


@pytest.mark.parametrize(
    ("keys", "said", "hint"),
    [
        ("evry: 5m", "evry: unknown key", "Did you mean 'every'?"),
        ("interval: 5m", "interval: unknown key", "It is called 'every' here."),
        ("filter: []", "filter: unknown key", "It is called 'filters' here."),
        ("database: x", "database: unknown key", "It belongs at the top of the file, not indented."),
        ("every: soon", "every: expected a duration such as 15m, got 'soon'", None),
        ("every: 15", "every: expected a duration such as 15m, got 15", UNIT),
        ("every: 0s", "every: expected a duration of 1s to ten years, got '0s'", None),
        ("every: 1m1h", "every: expected a duration such as 15m, got '1m1h'", None),
        ("every: 99999d", "every: expected a duration of 1s to ten years, got '99999d'", None),
        ("every: {young: 5m, for: 1d}", "every: the key 'then' is missing", None),
        ("every: {young: 5m, for: 1d, then: 1h, until: 7d}", "every: 'until' and 'finally' go together", EXAMPLE),
        (
            "every: {young: 5m, for: 2d, then: 1h, until: 1d, finally: 1d}",
            "every: 'until' (1d) must be a greater age than 'for' (2d)",
            EXAMPLE,
        ),
        ("every: {young: x, for: 2d, then: 1h}", "every.young: expected a duration such as 15m, got 'x'", None),
        (
            "every: {cron: '* * *'}",
            "every: '* * *': wrong number of fields",
            "Five fields: minute hour day month weekday, such as '*/15 8-18 * * 1-5'.",
        ),
        (
            "every: {cron: '0 9 * * *', timezone: Europe/Berln}",
            "every: 'Europe/Berln' is no IANA time zone",
            "Did you mean 'Europe/Berlin'?",
        ),
        ("every: {timezone: UTC}", "every: the key 'cron' is missing", None),
        ("every: {cron: '0 9 * * *', zone: UTC}", "every.zone: unknown key", "Did you mean 'timezone'?"),
        ("timeout: 0s", "timeout: expected a duration of 0.1s to ten years, got '0s'", None),
        (
            "max_size: 5 apples",
            "max_size: expected a size such as 5MB or 500KB, got '5 apples'",
            "KB and MB count in thousands, KiB and MiB in 1024s.",
        ),
        ("max_size: 9GB", "max_size: expected a size up to 2GiB, got '9GB'", None),
        ("robots: no", "robots: expected true or false, got 'no'", "Write false: YAML 1.2 knows no 'no'."),
        ("robots: maybe", "robots: expected true or false, got 'maybe'", None),
        ("tags: 2022", "tags: expected a list, got 2022", LIST),
        ("tags: [a, 2022]", "tags[1]: expected text, got 2022", QUOTES),
        ("tags: ['']", "tags[0]: expected text, got ''", None),
        ("select: 5", "select: expected text, got 5", QUOTES),
        ("select: '#a', xpath: //a", "'select' and 'xpath' stand side by side", KEEP_ONE),
        ("kind: htm", "kind: expected one of html, plain, pdf, got 'htm'", "Did you mean 'html'?"),
        ("encoding: utf-9", "encoding: expected an encoding such as utf-8 or gb18030, got 'utf-9'", None),
        ("encoding: hex", "encoding: expected an encoding such as utf-8 or gb18030, got 'hex'", None),
        (
            "allow_private: 10.0.0.1/8",
            "allow_private[0]: expected a network such as 10.0.0.0/8 or an address, got '10.0.0.1/8'",
            "The network is 10.0.0.0/8.",
        ),
        ("headers: {A b: c}", "headers.A b: expected the name of a header, got 'A b'", None),
        ('headers: {A: "b\\nc"}', "headers.A: expected a header's text on one line, got 'b\\nc'", None),
        ("headers: [a]", "headers: expected keys and values, got a list", None),
        ("confirm: {time: 2}", "confirm.time: unknown key", "Did you mean 'times'?"),
        ("confirm: {times: -1}", "confirm.times: expected a whole number from 0 to 100, got -1", None),
        ("confirm: {times: true}", "confirm.times: expected a whole number from 0 to 100, got true", None),
        ("filters: [{css: a}]", "filters[0].css: unknown key", None),
        (
            "filters: [{keep_lines_matching: '('}]",
            "filters[0].keep_lines_matching: not a regular expression: '(': missing ), unterminated subpattern at position 0",
            None,
        ),
        (
            "filters: [{re.sub: {pattern: a, repl: '\\2'}}]",
            "filters[0].re.sub: 'repl' does not fit 'pattern': invalid group reference 2 at position 1",
            "\\1 stands for the first group.",
        ),
        (
            "filters: [{keep_lines_matching: a, delete_lines_matching: b}]",
            "filters[0]: keep_lines_matching and delete_lines_matching stand side by side",
            KEEP_ONE,
        ),
        (
            "baseline: '@latest'",
            "baseline: expected a pinned version, got '@latest'",
            "@1, @first and @2022-03-01 stay what they are; @latest and @~1 would move.",
        ),
        (
            "baseline: seeds/none.txt",
            "baseline: seeds/none.txt: no such file",
            "The path starts at the folder of config.yaml.",
        ),
    ],
)
def test_a_wrong_key_of_a_source_is_told(tmp_path: Path, keys: str, said: str, hint: str | None) -> None:
    words = f"sources:\n  - id: one\n    url: https://www.example.org/one\n    _: 1\n    {keys}\n"
    # Keys side by side are written below one another, as people do.
    if ", xpath" in keys:
        words = words.replace(", xpath", "\n    xpath")
    ((told, hinted),) = faults(tmp_path, words)
    line, _, key = told.partition(": ")
    assert key.removeprefix("sources[0]").removeprefix(".").removeprefix(": ") == said
    assert line == ("2" if "side by side" in said and "filters" not in said else "5")
    assert hinted == hint or (hint is None and "Known here: " in str(hinted))


@pytest.mark.parametrize(
    ("words", "said", "hint"),
    [
        ("usr_agent: x", "1: usr_agent: unknown key", "Did you mean 'user_agent'?"),
        ("job_defaults: {}", "1: job_defaults: unknown key", "It is called 'defaults' here."),
        (
            "database: mysql://u:secret@h/n",
            "1: database: not the address of a database",
            "Write sqlite:///FILE or postgresql://USER@HOST/NAME.",
        ),
        ("concurrency: 0", "1: concurrency: expected a whole number from 1 to 1000, got 0", None),
        ("concurrency: 1.5", "1: concurrency: expected a whole number from 1 to 1000, got 1.5", None),
        ("sources: 7", "1: sources: expected a list, got 7", LIST),
        ("sources:\n  - 7", "2: sources[0]: expected keys and values, got 7", None),
        ("sources:\n  - id: a", "2: sources[0]: a key is missing: url or file", None),
        ("sources:\n  - url: https://a.org/\n    file: b", "2: sources[0]: url and file stand side by side", KEEP_ONE),
        ("defaults: {url: https://a.org/}", "1: defaults.url: unknown key", None),
        ("defaults: {every: soon}", "1: defaults.every: expected a duration such as 15m, got 'soon'", None),
        ("listings: [{id: a}]", "1: listings[0]: a key is missing: feed or index or sitemap", None),
        ("series: [{title: a}]", "1: series[0]: the key 'id' is missing", None),
        ("series: [{id: a}, {id: a}]", "1: series[1].id: 'a' stands twice", "Give each series its own id."),
        ("kinds: {modalty: aims to}", "1: kinds.modalty: unknown key", "Did you mean 'modality'?"),
        ("kinds:\n  attribution: [mulled, '--']", "2: kinds.attribution[1]: expected a word or phrase, got '--'", None),
        ("phrases: [{id: a, variants: []}]", "1: phrases[0].variants: expected a list with at least one item", None),
        (
            "phrases: [{id: a, variants: b, expect: call}]\nseries: [{id: calls}]",
            "1: phrases[0].expect: there is no series or source 'call'",
            "Did you mean 'calls'?",
        ),
        (
            "alerts: [{to: dsk}]\nchannels: {desk: {apprise: slack://x}}",
            "1: alerts[0].to: there is no channel 'dsk'",
            "Did you mean 'desk'?",
        ),
        ("alerts: [{to: desk}]", "1: alerts[0].to: there is no channel 'desk'", "Channels stand under 'channels:'."),
        (
            "alerts: [{to: a, when: {severity: mayor}}]\nchannels: {a: {apprise: b}}",
            "1: alerts[0].when.severity: expected one of cosmetic, minor, wording, major, got 'mayor'",
            "Did you mean 'major'?",
        ),
        ("channels: {a: {}}", "1: channels.a: a key is missing: email or webhook or apprise", None),
        (
            "channels: {a: {email: {to: a@b.org, smtp: {host: c, tls: true, starttls: true}}}}",
            "1: channels.a.email.smtp: 'tls' and 'starttls' stand side by side",
            "'tls: true' is for port 465, 'starttls: true' for 587.",
        ),
        (
            "channels: {a: {email: {to: a@b.org, smtp: {host: c, starttls: false, user: a, password: b}}}}",
            "1: channels.a.email.smtp: a password would be sent in clear text",
            "Set 'tls: true' or 'starttls: true'.",
        ),
        (
            "channels: {a: {email: {to: a@b.org, smtp: {host: c, password: b}}}}",
            "1: channels.a.email.smtp: 'user' and a password go together",
            "Give both, or neither for a server that asks for none.",
        ),
        (
            "channels: {a: {email: {to: a@b.org, smtp: {host: 'mail.a.org:25'}}}}",
            "1: channels.a.email.smtp.host: expected the name of a mail server, got 'mail.a.org:25'",
            None,
        ),
        (
            "channels: {a: {email: {to: a@b.org, unsubscribe: 'http://a.org/', smtp: {host: c}}}}",
            "1: channels.a.email.unsubscribe: expected an https address, got 'http://a.org/'",
            None,
        ),
        (
            "channels: {a: {webhook: {url: 'https://a.org/', secret: [hunter2]}}}",
            "1: channels.a.webhook.secret[0]: not a secret of 'whsec_' and base64",
            'Make one: echo "whsec_$(openssl rand -base64 32)"',
        ),
        (
            "channels: {a: {webhook: {url: 'https://a.org/', secret: whsec_c2hvcnQ=}}}",
            "1: channels.a.webhook.secret[0]: a secret of 5 bytes; 24 to 64 are asked for",
            'Make one: echo "whsec_$(openssl rand -base64 32)"',
        ),
        (
            "channels: {a: {email: {to: b, smtp: {host: c}}}}",
            "1: channels.a.email.to[0]: expected a mail address, got 'b'",
            None,
        ),
        (
            "channels: {a: {webhook: {url: 'file:///b'}}}",
            "1: channels.a.webhook.url: expected an address such as https://www.example.org/page, got 'file:///b'",
            "It begins with http:// or https://.",
        ),
        (
            "web: {listen: '0.0.0.0:8080'}",
            "1: web.listen: the web page would be open to everyone",
            "Listen on 127.0.0.1, or set 'token' or 'trust_header' beside it.",
        ),
        ("web: {listen: '8080'}", "1: web.listen: expected HOST:PORT such as 127.0.0.1:8080, got '8080'", None),
    ],
)
def test_a_wrong_part_of_the_file_is_told(tmp_path: Path, words: str, said: str, hint: str | None) -> None:
    ((told, hinted),) = faults(tmp_path, words)
    assert told == said
    assert hinted == hint or (hint is None and "Known here: " in str(hinted))


@pytest.mark.parametrize(
    "url",
    [
        "www.example.org/x",
        "ftp://example.org/x",
        "https://",
        "https://a b/",
        "https://a.org:x/",
        "file:x",
        "x",
        "http:/a",
    ],
)
def test_what_is_no_address_is_refused(tmp_path: Path, url: str) -> None:
    ((told, hint),) = faults(tmp_path, f"sources:\n  - url: {url!r}\n")
    assert told == f"2: sources[0].url: expected an address such as https://www.example.org/page, got {url!r}"
    assert hint == "It begins with http:// or https://; a local file is `file: PATH` in the place of `url:`."


@pytest.mark.parametrize("name", ["a b", "-a", ".a", "a/b", "a@1", "ä", "a" * 81])
def test_what_is_no_id_is_refused(tmp_path: Path, name: str) -> None:
    ((told, _),) = faults(tmp_path, f"sources:\n  - url: https://a.org/\n    id: '{name}'\n")
    assert told.startswith("3: sources[0].id: expected an id, got ")


def test_an_unquoted_selector_that_became_a_comment_is_explained(tmp_path: Path) -> None:
    ((told, hint),) = faults(tmp_path, "sources:\n  - url: https://a.org/\n    select: #article\n")
    assert told == "3: sources[0].select: expected text, got nothing"
    assert hint == "Leave the key out, or put its value in quotes: an unquoted # begins a comment."


def test_two_sources_of_one_id_are_told_with_both_lines(tmp_path: Path) -> None:
    words = "sources:\n  - {id: a, url: 'https://a.org/'}\n  - {id: b, url: 'https://a.org/'}\n  - id: a\n    file: c\n"
    assert faults(tmp_path, words) == [("4: sources[2].id: 'a' stands twice, first on line 2", "Give each its own id.")]


def test_addresses_that_make_the_same_id_ask_for_one(tmp_path: Path) -> None:
    words = "sources:\n  - url: https://www.example.org/a\n  - url: http://example.org/a.html\n"
    said = "3: sources[1]: 'example.org-a', made from the address, stands twice, first on line 2"
    assert faults(tmp_path, words) == [(said, "Give it an id of its own: `id: …`.")]


def test_a_source_and_a_series_or_a_listing_cannot_share_an_id(tmp_path: Path) -> None:
    words = "sources:\n  - {id: a, url: 'https://a.org/'}\nseries: [{id: a}]\nlistings:\n  - {id: b, feed: 'https://a.org/'}\n"
    ((told, _),) = faults(tmp_path, words)
    assert told == "2: sources[0].id: 'a' is the id of a series too"
    ((told, _),) = faults(tmp_path, words.replace("id: b", "id: a").replace("series: [{id: a}]", "series: []"))
    assert told == "5: listings[0].id: 'a' stands twice, first on line 2"


def test_all_faults_of_a_file_are_told_at_once_in_the_order_of_its_lines(tmp_path: Path) -> None:
    words = """\
        database: ${NOPE:-sqlite:///x.db}
        defaults: {robots: maybe}
        sources:
          - url: https://a.org/1
            evry: 5m
            evry: 6m
          - url: https://a.org/2
            every: ${EVERY}
            baseline: gone.txt
          - url: https://a.org/3
            baseline: gone.txt
        """
    found = faults(tmp_path, words)
    assert [told.split(":")[0] for told, _ in found] == ["2", "5", "6", "8", "11"]
    message = str(refused(loaded, tmp_path, words))
    assert f"{tmp_path / 'config.yaml'}:5: sources[0].evry: unknown key\n  Did you mean 'every'?\n" in message
    assert "pydantic" not in message


def test_a_variable_that_is_not_set_is_one_fault_and_not_a_bad_address_too(tmp_path: Path) -> None:
    said = "1: sources[0].url: the environment variable PAGE is not set"
    assert faults(tmp_path, "sources: [{url: '${PAGE}'}]") == [(said, "Set PAGE, or write ${PAGE:-default}.")]


def test_a_bare_address_in_place_of_a_source_says_what_to_write(tmp_path: Path) -> None:
    ((told, hint),) = faults(tmp_path, "sources: ['https://a.org/1']")
    assert told == "1: sources[0]: expected keys and values, got 'https://a.org/1'"
    assert hint == "Write `- url: https://a.org/1`."


def test_one_fault_has_its_message_and_its_hint_apart(tmp_path: Path) -> None:
    error = refused(loaded, tmp_path, ONE.replace("id: one", "iid: one"))
    assert error.message == f"{tmp_path / 'config.yaml'}:1: sources[0].iid: unknown key"
    assert error.hint == "Did you mean 'id'?"
    assert error.exit_code == 2


def test_of_very_many_faults_the_first_twenty_are_shown(tmp_path: Path) -> None:
    words = "sources:\n" + "  - {url: x}\n" * 50
    error = refused(loaded, tmp_path, words)
    assert isinstance(error, ConfigProblems)
    assert len(error.problems) == 50
    assert "sources[19]" in error.message
    assert "sources[20]" not in error.message
    assert error.hint == "30 more problems are not shown."


def test_a_wrong_default_is_one_fault_however_many_sources_take_it_over(tmp_path: Path) -> None:
    sources = "".join(f"  - url: https://a.org/{n}\n" for n in range(9))
    assert len(faults(tmp_path, f"defaults: {{baseline: gone.txt}}\nsources:\n{sources}")) == 1
    found = faults(tmp_path, f"defaults: {{select: '#['}}\nsources:\n{sources}", check_selectors=True)
    assert [told.partition(" CSS")[0] for told, _ in found] == ["1: defaults.select: not a"]


def test_selectors_are_compiled_when_asked(tmp_path: Path) -> None:
    words = "sources:\n  - url: https://a.org/1\n    select: '#['\n  - url: https://a.org/2\n    xpath: '//['\n"
    assert len(loaded(tmp_path, words).declarations) == 2
    found = [told.partition(" (")[0] for told, _ in faults(tmp_path, words, check_selectors=True)]
    assert found == ["3: sources[0].select: not a CSS selector: '#['", "5: sources[1].xpath: not an XPath: '//['"]


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b"a: 1\nb: \xff\n", ":2: not UTF-8 text (byte 8)"),
        ("a: 1\n".encode("utf-16"), ":1: not UTF-8 text (byte 0)"),
    ],
)
def test_a_file_that_is_not_utf_8_is_refused_with_its_line(tmp_path: Path, body: bytes, said: str) -> None:
    path = tmp_path / "config.yaml"
    path.write_bytes(body)
    error = refused(load, path, {})
    assert error.message == f"{path}{said}"


def test_a_missing_file_and_a_folder_are_no_configuration(tmp_path: Path) -> None:
    missing = refused(load, tmp_path / "none.yaml", {})
    assert missing.message == f"{tmp_path / 'none.yaml'}: no such file"
    assert missing.hint == "`variorum init` writes one."
    folder = refused(load, tmp_path, {})
    assert folder.message == f"{tmp_path}: a folder, not a file"
    assert folder.hint == f"Name the file in it: {tmp_path / 'config.yaml'}"


@pytest.mark.parametrize(
    ("body", "said"), [(b"caf\xe9", "not UTF-8 text (byte 3)"), (b"a\0b", "not a text (it holds a NUL byte)")]
)
def test_a_baseline_must_be_utf_8_text(tmp_path: Path, body: bytes, said: str) -> None:
    (tmp_path / "base.txt").write_bytes(body)
    ((told, _),) = faults(tmp_path, "series:\n  - id: a\n    baseline: base.txt\n")
    assert told == f"3: series[0].baseline: base.txt: {said}"


def test_secrets_stand_in_no_error(tmp_path: Path) -> None:
    words = """\
        database: mysql://me:hunter2@host/name
        sources:
          - {url: "${URL}", timeout: "${TOKEN}"}
        channels:
          a: {email: {to: a@b.org, smtp: {host: h, user: me, password: 12345}}}
          b: {apprise: {slack: hunter2}}
        """
    with pytest.raises(ConfigProblems) as caught:
        loaded(tmp_path, words, env={"TOKEN": "hunter2", "URL": "ftp://hunter2"})
    assert len(caught.value.problems) == 5
    assert "hunter2" not in str(caught.value)
    assert "12345" not in str(caught.value)
    assert "got '${TOKEN}'" in str(caught.value)


def test_no_key_is_refused_in_the_words_of_the_validator(tmp_path: Path) -> None:
    """Every key, given every sort of wrong value, is refused in our own words."""
    from monitor.config.model import BEHAVIOUR, HEAD, ITEMS

    strange = ["[[x]]", "{x: {y: z}}", "1.5", "[1, {}]", "''"]
    for value in strange:
        for key in BEHAVIOUR:
            path = written(tmp_path, f"sources: [{{url: 'https://a.org/', {key}: {value}}}]")
            with pytest.raises(ConfigProblems) as caught:
                load(path, {})
            assert "Input should" not in caught.value.message
        for key in (*HEAD, *ITEMS, "channels"):
            with pytest.raises(ConfigProblems) as caught:
                loaded(tmp_path, f"{key}: {value}")
            assert "Input should" not in caught.value.message


def test_a_good_source_stands_for_the_tests_above(tmp_path: Path) -> None:
    assert declared(tmp_path, "").source.id == "one"
