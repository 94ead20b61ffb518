"""Which addresses may be connected to, in whatever form they come, on whatever hop."""

from __future__ import annotations

import asyncio
import ipaddress
import socket
from dataclasses import replace
from typing import TYPE_CHECKING

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.fetch import FetchRules
from monitor.fetch.client import Fetcher, Pools
from monitor.fetch.failures import told
from monitor.fetch.guard import UNHEARD_S, check_address, check_host, guarded_socket, is_permitted, is_public, networks
from storage.errors import FetchError, FetchReason

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.edges.origin import Origin

LOOPBACK = FetchRules(allow_private=("127.0.0.0/8",), robots=False, timeout_s=10)
PUBLIC_ONLY = replace(LOOPBACK, allow_private=())

PRIVATE = [
    "127.0.0.1", "127.8.8.8", "0.0.0.0", "10.0.0.5", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1",
    "192.0.0.8", "192.0.2.1", "192.88.99.1", "198.18.0.1", "203.0.113.9", "224.0.0.1", "239.1.1.1", "240.0.0.1",
    "255.255.255.255", "::", "::1", "fe80::1", "fec0::1", "fc00::1", "fd12::1", "ff02::1", "2001:db8::1", "3fff::1",
    "5f00::1", "100::1", "::ffff:127.0.0.1", "::ffff:10.0.0.5", "::ffff:0:10.0.0.5", "::10.0.0.5", "::127.0.0.1",
    "64:ff9b::7f00:1", "64:ff9b::10.0.0.5", "64:ff9b:1::1", "2002:7f00:1::", "2002:a00:5::1", "2001:0:7f00:1::1",
]  # fmt: skip
PUBLIC = [
    "8.8.8.8",
    "93.184.216.34",
    "1.1.1.1",
    "2606:4700::1111",
    "2a00:1450:4001::1",
    "::ffff:8.8.8.8",
    "64:ff9b::808:808",
]


class Names:
    """Answers names in turn: each look-up of a name takes the next answer, the last one stays."""

    def __init__(self, **answers: Sequence[Sequence[str]]) -> None:
        self.asked: list[str] = []
        self._answers = {name.replace("_", "."): list(given) for name, given in answers.items()}

    async def __call__(self, host: str, port: int) -> Sequence[str]:
        self.asked.append(host)
        if host not in self._answers:
            raise socket.gaierror(socket.EAI_NONAME, "unknown")
        left = self._answers[host]
        return left.pop(0) if len(left) > 1 else left[0]


def fetch_all(names: Names, *jobs: tuple[str, FetchRules]) -> list[bytes | FetchError]:
    async def run() -> list[bytes | FetchError]:
        results: list[bytes | FetchError] = []
        async with Fetcher(lookup=names) as fetcher:
            for url, rules in jobs:
                try:
                    got = await fetcher.fetch(url, rules)
                except FetchError as failure:
                    results.append(failure)
                else:
                    assert got.snapshot is not None
                    results.append(got.snapshot.body)
        return results

    return asyncio.run(run())


def assert_refused(result: bytes | FetchError) -> FetchError:
    assert isinstance(result, FetchError)
    assert result.reason is FetchReason.REFUSED_ADDRESS
    return result


@pytest.mark.parametrize("address", PRIVATE)
def test_an_address_outside_the_public_internet_is_not_public(address: str) -> None:
    assert not is_public(ipaddress.ip_address(address))


@pytest.mark.parametrize("address", PUBLIC)
def test_a_public_address_is_public_in_every_form(address: str) -> None:
    assert is_public(ipaddress.ip_address(address))


@given(st.ip_addresses(v=4))
def test_wrapping_an_ipv4_address_never_changes_the_verdict(address: ipaddress.IPv4Address) -> None:
    number = int(address)
    forms = [f"::ffff:{address}", f"64:ff9b::{address}", f"2002:{number >> 16:x}:{number & 0xFFFF:x}::1"]
    for form in forms:
        assert is_public(ipaddress.ip_address(form)) == is_public(address)
    if is_public(address):
        assert address.is_global


def test_an_allowed_network_admits_its_addresses_in_every_form_and_no_others() -> None:
    allowed = networks(("10.0.0.0/8", "fd00::/8"))
    for address in ("10.1.2.3", "::ffff:10.1.2.3", "fd00::1"):
        assert is_permitted(ipaddress.ip_address(address), allowed)
    for address in ("127.0.0.1", "192.168.0.1", "fc00::1", "169.254.169.254", "::1"):
        assert not is_permitted(ipaddress.ip_address(address), allowed)


def test_a_network_that_is_none_is_told() -> None:
    with pytest.raises(FetchError, match="is not a network"):
        networks(("10.0.0.0/33",))


UNUSUAL = "0x7f.1 0x7f000001 2130706433 127.1 127.0.1 0177.0.0.1 017700000001 1.2.3.4.5 127.0.0.0x1 0 127.0.0.1. a.0x"


@pytest.mark.parametrize("host", UNUSUAL.split())
def test_a_number_in_an_unusual_form_is_refused_even_where_loopback_is_allowed(host: str) -> None:
    for allowed in ((), networks(("10.0.0.0/8",))):
        with pytest.raises(FetchError) as caught:
            check_host(host, allowed)
        assert caught.value.reason is FetchReason.REFUSED_ADDRESS


@pytest.mark.parametrize(
    "host", ["en.example.org", "1.example", "x1", "0x7f.example", "例え.jp", "8.8.8.8", "2606:4700::1"]
)
def test_names_and_public_addresses_pass(host: str) -> None:
    check_host(host, ())


def test_the_message_says_what_to_do() -> None:
    with pytest.raises(FetchError) as caught:
        check_address("10.0.0.5", ())
    assert caught.value.message == "the address 10.0.0.5 is private; add it to allow_private if this is meant"
    assert caught.value.hint == "allow_private: [10.0.0.5/32]"


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "0x7f.1", "2130706433", "127.1", "[::1]", "[::ffff:127.0.0.1]", "[::ffff:7f00:1]"]
)
def test_no_request_reaches_loopback_unless_it_is_allowed(origin: Origin, host: str) -> None:
    origin.page("/", "secret")
    (result,) = fetch_all(Names(), (f"http://{host}:{origin.port}/", PUBLIC_ONLY))
    assert_refused(result)
    assert origin.asked == []


INSIDE = (
    "http://10.0.0.5/",
    "http://169.254.169.254/latest/meta-data",
    "http://[::ffff:10.0.0.5]/",
    "http://0x0a000005/",
    "//10.0.0.5/",
    "http://intranet.test/",
)


@pytest.mark.parametrize("to", INSIDE)
def test_a_redirect_to_a_private_address_is_refused(origin: Origin, to: str) -> None:
    (result,) = fetch_all(Names(intranet_test=[["10.0.0.5"]]), (origin.redirect("/go", to), LOOPBACK))
    assert_refused(result)


def test_a_name_is_looked_up_once_and_that_very_address_is_dialled(origin: Origin) -> None:
    origin.page("/", "x")
    names = Names(desk_test=[["127.0.0.1"], ["10.0.0.5"]])
    assert fetch_all(names, (f"http://desk.test:{origin.port}/", LOOPBACK)) == [b"x"]
    assert names.asked == ["desk.test"]
    assert origin.asked[0].header("host") == f"desk.test:{origin.port}"


def test_a_name_that_changes_its_answer_between_checks_is_refused(origin: Origin) -> None:
    origin.page("/", "x", headers=[("Connection", "close")])
    names = Names(rebind_test=[["127.0.0.1"], ["10.0.0.5"]])
    url = f"http://rebind.test:{origin.port}/"
    first, second = fetch_all(names, (url, LOOPBACK), (url, LOOPBACK))
    assert first == b"x"
    failure = assert_refused(second)
    assert failure.message.startswith("rebind.test leads to 10.0.0.5, which is private")


def test_a_name_that_changes_its_answer_between_hops_is_refused(origin: Origin) -> None:
    names = Names(rebind_test=[["127.0.0.1"], ["10.0.0.5"]])
    url = f"http://rebind.test:{origin.port}/go"
    origin.redirect("/go", "/go", headers=[("Connection", "close")])
    (result,) = fetch_all(names, (url, LOOPBACK))
    assert_refused(result)
    assert len(origin.asked) == 1


def test_one_private_answer_among_public_ones_refuses_the_name(origin: Origin) -> None:
    names = Names(mixed_test=[["127.0.0.1", "10.0.0.5"]])
    (result,) = fetch_all(names, (f"http://mixed.test:{origin.port}/", LOOPBACK))
    assert_refused(result)
    assert origin.asked == []


def test_a_kept_connection_is_not_lent_to_a_source_that_may_not_go_there(origin: Origin) -> None:
    origin.page("/", "x")
    names = Names(desk_test=[["127.0.0.1"]])
    url = f"http://desk.test:{origin.port}/"
    allowed, kept, refused = fetch_all(names, (url, LOOPBACK), (url, LOOPBACK), (url, PUBLIC_ONLY))
    assert allowed == kept == b"x"
    assert_refused(refused)
    assert [asked.connection for asked in origin.asked] == [1, 1]


def test_the_socket_itself_is_refused_for_a_private_address() -> None:
    open_socket = guarded_socket(())
    with pytest.raises(PermissionError):
        open_socket((socket.AF_INET, socket.SOCK_STREAM, 0, "", ("127.0.0.1", 80)))
    open_socket((socket.AF_INET, socket.SOCK_STREAM, 0, "", ("93.184.216.34", 80))).close()


@pytest.mark.skipif(not hasattr(socket, "TCP_USER_TIMEOUT"), reason="this system has no TCP_USER_TIMEOUT")
def test_what_was_sent_before_a_cable_was_pulled_does_not_arrive_minutes_later() -> None:
    with guarded_socket(())((socket.AF_INET, socket.SOCK_STREAM, 0, "", ("93.184.216.34", 80))) as made:
        assert made.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT) == UNHEARD_S * 1000


def test_the_pools_refuse_by_themselves_what_reaches_them_unchecked(origin: Origin) -> None:
    origin.page("/", "x")

    async def run() -> None:
        async with httpx.AsyncClient(transport=Pools(Names(), httpx.create_ssl_context)) as client:
            with pytest.raises(httpx.TransportError) as caught:
                await client.get(origin.url + "/")
        failure = told(caught.value, "127.0.0.1")
        assert failure.reason is FetchReason.REFUSED_ADDRESS
        assert failure.message.startswith("the address 127.0.0.1 is private")

    asyncio.run(run())
    assert origin.asked == []


def test_an_unknown_name_is_told_in_one_line() -> None:
    (result,) = fetch_all(Names(), ("http://en.example.test/", PUBLIC_ONLY))
    assert isinstance(result, FetchError)
    assert result.reason is FetchReason.DNS
    assert result.message == "en.example.test: name not found (DNS)"


def test_robots_txt_passes_the_guard_too(origin: Origin) -> None:
    origin.page("/page", "x")
    origin.redirect("/robots.txt", "http://10.0.0.5/robots.txt")
    (result,) = fetch_all(Names(), (origin.url + "/page", replace(LOOPBACK, robots=True)))
    assert_refused(result)


def test_proxies_of_the_environment_are_not_used(origin: Origin, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://10.0.0.5:3128")
    assert fetch_all(Names(), (origin.page("/", "x"), LOOPBACK)) == [b"x"]
