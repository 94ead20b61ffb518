from __future__ import annotations

import subprocess
import sys
from dataclasses import fields, replace

import pytest

import monitor.read
from monitor.read import ReadRules, kind_of, read
from monitor.read.gate import GateRules

CHANGED = ReadRules(
    select="#a", xpath="//p", remove=(".x",), start_after="a", end_before="b", keep_lines_matching=("k",),
    delete_lines_matching=("d",), substitute=(("a", "b"),), encoding="gbk", kind="html",
)  # fmt: skip


@pytest.mark.parametrize(
    ("body", "content_type", "url", "kind"),
    [
        (b"%PDF-1.7 ...", "text/html", "", "pdf"),
        (b"<!DOCTYPE html><p>", "text/plain", "", "html"),
        (b"\xef\xbb\xbf\n <html>", None, "", "html"),
        (b"words", "text/html; charset=utf-8", "", "html"),
        (b"words <p>and more", "text/plain", "", "plain"),
        (b"# Heading\n<p>x", None, "file:///x/notes.md", "plain"),
        (b"Some words", None, "https://x.example/a.htm?x=1", "html"),
        (b"Some words", None, "https://x.example/a", "plain"),
        (b"a <b", None, "http://[broken", "plain"),
        (b"<div>words</div>", "application/octet-stream", "", "html"),
    ],
)
def test_the_kind_is_told_by_bytes_type_and_address(body: bytes, content_type: str | None, url: str, kind: str) -> None:
    assert kind_of(body, content_type, url) == kind


def test_the_configured_kind_goes_before_everything() -> None:
    assert read(b"<p>a</p>", ReadRules(kind="plain"), content_type="text/html").text.text == "<p>a</p>"


@pytest.mark.parametrize("name", [field.name for field in fields(ReadRules)])
def test_the_fingerprint_changes_with_every_rule(name: str) -> None:
    assert replace(ReadRules(), **{name: getattr(CHANGED, name)}).fingerprint != ReadRules().fingerprint


def test_the_fingerprint_is_short_and_stable() -> None:
    assert ReadRules(select="#a").fingerprint == ReadRules(select="#a").fingerprint
    kind, _, rest = ReadRules(select="#a").fingerprint.partition("/")
    assert (kind, rest[:2], len(rest)) == ("html", f"{monitor.read.READER}:", 14)


def test_the_fingerprint_follows_the_libraries_that_are_used_and_no_others(monkeypatch: pytest.MonkeyPatch) -> None:
    rules = (ReadRules(), ReadRules(select="#a", kind="html"), ReadRules(kind="pdf"), ReadRules(kind="plain"))
    before = [monitor.read._fingerprint.__wrapped__(one) for one in rules]
    changes = {}
    for library in ("lxml", "trafilatura", "pypdf"):
        with monkeypatch.context() as patched:
            patched.setattr(
                monitor.read, "library_version", lambda name, changed=library: "9" if name == changed else "1"
            )
            other = [monitor.read._fingerprint.__wrapped__(one) for one in rules]
        with monkeypatch.context() as patched:
            patched.setattr(monitor.read, "library_version", lambda name: "1")
            plain = [monitor.read._fingerprint.__wrapped__(one) for one in rules]
        changes[library] = [a != b for a, b in zip(other, plain, strict=True)]
    assert len(set(before)) == 4
    assert changes == {
        "lxml": [True, True, False, False],
        "trafilatura": [True, False, False, False],
        "pypdf": [True, False, True, False],
    }


def test_rules_are_built_and_named_without_loading_a_parser() -> None:
    code = (
        "import sys\nfrom monitor.read import ReadRules\nfrom monitor.read.gate import GateRules\n"
        "ReadRules(select='#a').fingerprint, ReadRules().fingerprint, GateRules()\n"
        "heavy = {'lxml', 'trafilatura', 'pypdf', 'cchardet', 'yaml', 'cssselect', 'httpx', 'sqlalchemy'}\n"
        "sys.exit(','.join(heavy & set(sys.modules)) or 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_the_gate_has_the_defaults_of_the_design() -> None:
    assert (GateRules().confirm_after_s, GateRules().confirm_times, GateRules().min_ratio) == (60.0, 1, 0.5)
