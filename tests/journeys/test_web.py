"""The reading room as a web page and as files: what it shows, to whom, and that hostile text stays text."""

from __future__ import annotations

import asyncio
import re
import shutil
import socket
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest

from monitor.cli import run as run_command
from monitor.config import load
from monitor.daemon import run
from monitor.history.folding import fold
from monitor.history.phrases import phrases
from monitor.render.addresses import folder, named
from monitor.report import _called_alike
from monitor.web.app import application
from monitor.web.guard import HEADERS, Access, require_safe
from monitor.web.pages import NOWHERE, may_stand
from monitor.web.plots import CROWD, Mark, timeline
from monitor.web.searching import search
from monitor.web.shelf import Shelf
from storage.archive import Archive
from storage.errors import ConfigError
from storage.records import Phrase, Text
from tests.journeys.conftest import Program

HOSTILE = "<script>alert(1)</script> javascript:alert(2) \u202egnp.exe stands here today."
PAGES = [
    *("/index.html", "/sources.html", "/status.html", "/search?q=stands", "/search?q=%3Cscript%3Ealert(1)%E2%80%AE"),
    *("/s/desk/index.html", "/s/desk/2.html", "/s/desk/1-2.html", "/s/desk/1-2.beside.html", "/s/calls/index.html"),
    *("/s/desk/1-2.html?view=beside&cosmetic=hidden", "/s/calls/calls-2024-03-01@1.html"),
    "/s/calls/calls-2024-03-01@1,calls-2024-04-01@1.html",
]


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with an archive: a source of three versions and a series of two, both with hostile text."""
    kept = tmp_path_factory.mktemp("desk")
    (kept / "config.yaml").write_text("sources: []\n")
    texts = {f"kept/2024-0{number}-01.txt": f"Readout\n\nThe two sides exchanged views on the {word} at length.\n\n{HOSTILE}\n"
             for number, word in ((1, "dispute"), (2, "crisis"), (3, "crisis,"))}  # fmt: skip
    texts |= {f"calls/2024-0{n}-01.txt": f"Call\n\nThe side of month {n} agreed.\n\n{HOSTILE}\n" for n in (3, 4)}
    for name, text in texts.items():
        (kept / name).parent.mkdir(exist_ok=True)
        (kept / name).write_text(text, "utf-8")
    config = ("--config", str(kept / "config.yaml"), "-q", "import", "folder")
    assert run_command([*config, str(kept / "kept"), "--source", "desk"]) == 0
    assert run_command([*config, str(kept / "calls"), "--series", "calls"]) == 0
    return kept


@pytest.fixture
def desk(variorum: Program, kept: Path) -> Program:
    """That folder, for a test that may write there."""
    shutil.copytree(kept, variorum.folder, dirs_exist_ok=True)
    return variorum


def asked(
    desk: Program,
    path: str,
    headers: dict[str, str] | None = None,
    access: Access | None = None,
    peer: str = "127.0.0.1",
    host: str = "localhost:8466",
    method: str = "GET",
) -> httpx.Response:
    async def ask() -> httpx.Response:
        settings = load(desk.folder / "config.yaml", {})
        with Archive.open(settings.database, create=False, readonly=True) as archive:
            transport = httpx.ASGITransport(app=application(settings, archive, access), client=(peer, 1))
            async with httpx.AsyncClient(transport=transport, base_url=f"http://{host}") as client:
                return await client.request(method, path, headers=headers)

    return asyncio.run(ask())


def test_a_change_has_its_own_address_and_marks_the_words(desk: Program) -> None:
    page = asked(desk, "/s/desk/1-2.html").text
    assert re.search(r"<del[^>]*>dispute</del>", page)
    assert re.search(r"<ins[^>]*>crisis</ins>", page)


def test_a_cosmetic_change_can_be_hidden(desk: Program) -> None:
    assert '<ins class="cosmetic"' in asked(desk, "/s/desk/2-3.html").text
    assert "<ins" not in asked(desk, "/s/desk/2-3.html?cosmetic=hidden").text


@pytest.mark.parametrize("path", PAGES)
def test_hostile_text_stays_text_on_every_page(desk: Program, path: str) -> None:
    answer = asked(desk, path)
    assert answer.status_code == 200
    assert "<script>alert" not in answer.text
    assert "\u202e" not in answer.text
    assert not re.search(r'href="javascript:', answer.text)
    assert "unsafe" not in answer.headers["content-security-policy"]


def test_an_unchanged_page_is_not_sent_again(desk: Program) -> None:
    tag = asked(desk, "/s/desk/2.html").headers["etag"]
    assert asked(desk, "/s/desk/2.html", {"If-None-Match": f'"other", W/{tag}'}).status_code == 304
    assert asked(desk, "/s/desk/2.html", {"If-None-Match": '"other"'}).status_code == 200


@pytest.mark.parametrize(
    "path",
    [
        *("/s/nobody/index.html", "/s/desk/9.html", "/s/desk/1-9.html", "/s/desk/x.html", "/s/desk/-.html"),
        *(
            "/s/desk/baseline-1.html",
            "/s/calls/nobody@1.html",
            "/s/calls/calls-2024-03-01@7.html",
            "/static/x",
            "/sources-9.html",
            "/sources-x.html",
            f"/sources-{'9' * 5000}.html",
            f"/s/desk/{'9' * 5000}.html",
            f"/s/calls/calls-2024-03-01@{'9' * 5000}.html",
            "/s/..%2F..%2Fetc/index.html",
            "/nowhere/at/all",
            "/s/desk/compare?old=1",
        ),
    ],
)
def test_what_is_not_there_is_not_found(desk: Program, path: str) -> None:
    answer = asked(desk, path)
    assert answer.status_code == 404
    home = re.search(r'class="brand" href="([^"]+)"', answer.text)
    assert home is not None
    assert answer.url.join(home[1]).path == "/index.html"


def test_a_search_goes_on_where_it_left_off(desk: Program) -> None:
    settings = load(desk.folder / "config.yaml", {})
    with Archive.open(settings.database, create=False, readonly=True) as archive:
        first = search(archive, Shelf(archive), "stands here", budget_s=-1)
        rest = search(archive, Shelf(archive), "stands here", first.later or 0)
    assert [[entry.name for entry, _ in part.found] for part in (first, rest)] == [["calls"], ["desk"]]
    assert (first.later, first.possible, rest.later) == (1, 2, None)
    page = asked(desk, "/search?q=stands+%26+co&from=1").text
    assert "2 to 2 of the" in asked(desk, "/search?q=stands&from=1").text
    assert 'href="search?q=stands%20%26%20co"' in page


@pytest.mark.parametrize(
    ("method", "path", "host", "status"),
    [
        *(("GET", "/index.html", "localhost", 200), ("HEAD", "/index.html", "localhost", 200)),
        *(("POST", "/index.html", "localhost", 405), ("GET", "/", "localhost", 307), ("GET", "/x", "localhost", 404)),
        *(("GET", "/s/desk/compare?old=1&new=2", "localhost", 303), ("GET", "/s/desk/9.html", "localhost", 404)),
        *(("GET", "/static/room.css", "localhost", 200), ("GET", "/index.html", "evil.example", 421)),
    ],
)
def test_every_answer_is_strict(desk: Program, method: str, path: str, host: str, status: int) -> None:
    refused = asked(desk, path, access=Access(token="s3"), host=host, method=method)
    answer = asked(desk, path, host=host, method=method)
    assert (answer.status_code, refused.status_code) == (status, 401)
    assert all(one.headers.get_list(name) == [value] for one in (answer, refused) for name, value in HEADERS.items())
    assert "unsafe" not in HEADERS["Content-Security-Policy"]


def test_a_member_keeps_its_address_when_an_older_one_comes_in(desk: Program) -> None:
    before = asked(desk, "/s/calls/calls-2024-03-01@1,calls-2024-04-01@1.html").text
    assert asked(desk, "/s/calls/2.html").headers["location"] == "calls-2024-04-01@1.html"
    desk.write("older/2023-01-01.txt", "Call\n\nAn older call.\n")
    assert desk("import", "folder", "older", "--series", "calls").code == 0
    assert asked(desk, "/s/calls/2.html").headers["location"] == "calls-2024-03-01@1.html"
    again = asked(desk, "/s/calls/calls-2024-03-01@1,calls-2024-04-01@1.html").text
    assert re.findall(r"<(?:ins|del).*", again) == re.findall(r"<(?:ins|del).*", before) != []


def test_the_form_of_any_two_versions_leads_to_their_permanent_address(desk: Program) -> None:
    assert asked(desk, "/s/desk/compare?old=1&new=3").headers["location"] == "1-3.html"
    assert asked(desk, "/s/desk/compare?old=..%2F..%2Fx&new=3").status_code == 404


def test_a_token_is_asked_for_and_a_wrong_one_refused(desk: Program) -> None:
    known = Access(token="s3")
    assert asked(desk, "/index.html", access=known).status_code == 401
    assert asked(desk, "/index.html", {"Authorization": "Bearer s4"}, known).status_code == 401
    assert asked(desk, "/index.html", {"Authorization": "Bearer s3"}, known).status_code == 200
    assert (
        asked(desk, "/index.html", {"Authorization": "Basic dTpzMw=="}, known, host="desk.example").status_code == 200
    )


def test_the_header_of_a_proxy_is_believed_from_the_proxy_only(desk: Program) -> None:
    behind = Access(header="X-User", proxies=("10.0.0.0/24",))
    assert asked(desk, "/index.html", access=behind, peer="10.0.0.9").status_code == 401
    assert asked(desk, "/index.html", {"X-User": "ada"}, behind, peer="10.0.0.9").status_code == 200
    assert asked(desk, "/index.html", {"X-User": "ada"}, behind, peer="192.0.2.1").status_code == 401


def test_a_rebound_page_cannot_pose_as_the_proxy_of_this_machine(desk: Program) -> None:
    """Same origin by then, its script may set any header."""
    behind, signed_in = Access(header="X-User", names=("desk.example",)), {"X-User": "ada"}
    assert asked(desk, "/index.html", signed_in, behind, host="evil.example").status_code == 421
    assert asked(desk, "/index.html", signed_in, behind, host="desk.example").status_code == 200
    assert asked(desk, "/index.html", signed_in, behind, host="127.0.0.1:8466").status_code == 200
    elsewhere = Access(header="X-User", proxies=("10.0.0.2",))
    assert asked(desk, "/index.html", signed_in, elsewhere, peer="10.0.0.2", host="any.example").status_code == 200


def test_an_open_page_answers_to_the_names_of_its_machine_only(desk: Program) -> None:
    assert asked(desk, "/index.html", host="evil.example").status_code == 421
    assert asked(desk, "/index.html", host="[::1]:8466").status_code == 200
    assert asked(desk, "/index.html", host="desk.example", access=Access(names=("desk.example",))).status_code == 200


def test_it_does_not_listen_publicly_without_a_token(desk: Program) -> None:
    with pytest.raises(ConfigError):
        require_safe("0.0.0.0", Access())
    require_safe("0.0.0.0", Access(token="s3"))
    require_safe("127.0.0.1", Access())
    desk.write("config.yaml", "web: {listen: '0.0.0.0:8466'}\n")
    refused = desk("config", "check")
    assert refused.code == 2
    assert "config.yaml:1: web.listen: the web page would be open to everyone" in refused.err


def test_the_daemon_serves_the_page(desk: Program, free_port: int) -> None:
    desk.write("config.yaml", f"web: {{listen: '127.0.0.1:{free_port}', trust_header: X-User}}\n")
    signed_in = {"X-User": "ada", "X-Forwarded-For": "192.0.2.7"}

    async def look() -> httpx.Response:
        stop = asyncio.Event()
        serving = asyncio.create_task(run(load(desk.folder / "config.yaml", {}), stop=stop))
        try:
            async with httpx.AsyncClient(trust_env=False) as client:
                while not serving.done():
                    try:
                        return await client.get(f"http://127.0.0.1:{free_port}/s/desk/1-2.html", headers=signed_in)
                    except httpx.ConnectError:
                        await asyncio.sleep(0.02)
            raise AssertionError(serving.result())
        finally:
            stop.set()
            await serving

    answer = asyncio.run(look())
    assert answer.status_code == 200
    assert "crisis" in answer.text


def test_every_link_of_the_report_leads_to_a_file(desk: Program) -> None:
    desk.write("config.yaml", "series: [{id: calls, baseline: kept/2024-01-01.txt}]\n")
    assert desk("report", "--out", "site").code == 0
    site = desk.folder / "site"
    pages = list(site.rglob("*.html"))
    assert len(pages) == 19
    for page in pages:
        for link in re.findall(r'(?:href|src)="([^"#:]+)[^"]*"', page.read_text("utf-8")):
            assert Path(page.parent, link).is_file(), (page, link)


def test_a_report_written_again_leaves_the_same_files_alone(desk: Program) -> None:
    desk("report", "--out", "site")
    page = desk.folder / "site" / "s" / "desk" / "1-2.html"
    written = page.stat().st_mtime_ns
    desk("report", "--out", "site")
    assert page.stat().st_mtime_ns == written


def test_names_that_differ_in_case_only_are_told_where_they_would_be_one() -> None:
    assert _called_alike(["desk", "Room", "DESK"]) == ("desk", "DESK")
    assert _called_alike(["desk", "room"]) is None


def test_a_report_that_cannot_be_written_says_where(desk: Program) -> None:
    desk.write("site/s", "a file stands in the way")
    told = desk("report", "--out", "site")
    assert told.code > 0
    assert told.err.startswith("error: site/s")


@pytest.mark.parametrize("name", ["fomc", "..", ".hidden", "CON", "nul.txt", "a/b", "习近平", "100%", "end.", "a~2Fb"])
def test_a_name_is_one_safe_step_of_a_path_and_comes_back(name: str) -> None:
    step = folder(name)
    assert re.fullmatch(r"[A-Za-z0-9_~-][A-Za-z0-9._~-]*(?<!\.)", step)
    assert step.upper().split(".")[0] not in ("CON", "NUL")
    assert named(step) == name


def test_the_grid_tells_where_a_set_phrase_stands(desk: Program) -> None:
    words = (
        "phrases: [{id: dispute, variants: [views on the dispute]}, {id: near, variants: [exchanged deep views on]}]"
    )
    desk.write("config.yaml", f"sources: []\n{words}\n")
    page = asked(desk, "/s/desk/index.html").text
    assert re.findall(r'<td class="(\w+)">', page) == ["absent", "reworded"] * 2 + ["present", "reworded"]


def test_a_set_phrase_that_never_stood_takes_no_column(desk: Program) -> None:
    words = "phrases: [{id: dispute, variants: [views on the dispute]}, {id: never, variants: [zebra crossing]}]"
    desk.write("config.yaml", f"sources: []\n{words}\n")
    page = asked(desk, "/s/desk/index.html").text
    assert re.findall(r'<th scope="col">(\w+)</th>', page) == ["Version", "dispute"]
    assert "2 of the set phrases never stood here." in asked(desk, "/s/calls/index.html").text


def test_silent_edits_are_told_apart_in_few_versions_and_in_many() -> None:
    def marks(count: int) -> list[Mark]:
        return [
            Mark(datetime(2024, 1, 1, tzinfo=UTC) + n * timedelta(days=1), f"x@{n}", f"{n}.html", True, n == 1)
            for n in range(count)
        ]

    few, many = timeline(marks(3)), timeline(marks(CROWD + 1))
    assert few.count("<circle") == 2
    assert few.count("<rect") == 1
    heights = Counter(re.findall(r'y1="(\d+)" x2="[\d.]+" y2="(\d+)" class="tick', many))
    assert sorted(heights.values()) == [1, CROWD]
    assert many.count("silent edit") == few.count("silent edit") == 2


def test_a_leap_from_the_baseline_is_plotted_where_it_happened(desk: Program) -> None:
    first = " ".join(f"The {word} of the council stands." for word in ("policy", "treaty", "border", "market"))
    for number in range(40):
        said = first if number < 15 else first.replace("stands", "was withdrawn in its entirety by all of them")
        desk.write(f"leap/2024-01-01T00{number:02}00Z.txt", f"Readout {number}\n\n{said}\n")
    desk.write("base.txt", f"Readout\n\n{first}\n")
    desk.write("config.yaml", "sources: [{id: leap, url: 'https://example.org/', baseline: base.txt}]\n")
    assert desk("import", "folder", "leap", "--source", "leap").code == 0
    page = asked(desk, "/s/leap/all.html").text
    plot = page[page.index("plot drift") : page.index("</svg>", page.index("plot drift"))]
    plotted = {int(number) for number in re.findall(r"leap@(\d+),", plot)}
    assert {1, 40} < plotted
    assert len(plotted) < 24
    assert any(number in plotted and plotted & {number + 1, number + 2} for number in (14, 15))


@pytest.mark.slow
@pytest.mark.corpus
def test_the_quick_look_for_a_phrase_hides_nothing_that_the_whole_search_finds(corpus: Path) -> None:
    said = ["considerable time", "considerable period", "can be patient in beginning to normalize", "roughly balanced",
            "risks nearly balanced", "transitory", "sustainable economic growth", "和谐社会", "积极的财政政策"]  # fmt: skip
    registry = tuple(Phrase(variant, (variant,)) for variant in said)
    files = [*(corpus / "series").glob("fomc-statements/*.txt"), *(corpus / "series").glob("zh-government*/*.txt")]
    blocks = {block for file in files for block in file.read_text("utf-8").split("\n\n")}
    found = 0
    for block in blocks:
        for one in phrases(registry, {"": [(NOWHERE, Text(block))]}).standings:
            found += 1
            assert may_stand(next(phrase for phrase in registry if phrase.id == one.phrase), fold(block).text), one
    assert found > 100


def test_a_port_that_is_taken_is_told_in_one_line(kept: Path, variorum: Program) -> None:
    shutil.copytree(kept, variorum.folder, dirs_exist_ok=True)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        place = f"127.0.0.1:{taken.getsockname()[1]}"
        ran = variorum("web", "--listen", place)
    assert (ran.code, ran.out) == (2, "")
    assert ran.err == f"error: {place}: cannot listen there\nhint: Is it taken? Another 'listen:' helps.\n"
