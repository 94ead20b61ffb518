"""CPU a request, by HTTP transport: why ``monitor/fetch/client.py`` is built as it is.

One loopback origin in a process of its own, 45 KB pages sent as gzip, connections kept. Each client gets a process of
its own for each run, so that none warms another; the best of the runs counts, as noise only ever adds. The bare clients
read the body and stop there; ``variorum`` is our whole fetcher, with guard, bounds, decoding and turns.
"""

from __future__ import annotations

import argparse
import asyncio
import resource
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from functools import partial

Get = Callable[[str, str | None], Awaitable[tuple[int, str | None]]]
"""From an address and an ETag to status and ETag, the body having been read."""


async def httpx_plain(stack: AsyncExitStack, in_flight: int) -> Get:
    """httpx with its own transport."""
    import httpx

    limits = httpx.Limits(max_connections=in_flight, max_keepalive_connections=in_flight)
    client = await stack.enter_async_context(httpx.AsyncClient(limits=limits, timeout=30, trust_env=False))
    return partial(_httpx_get, client)


async def httpx_aiohttp(stack: AsyncExitStack, in_flight: int) -> Get:
    """httpx over aiohttp."""
    import aiohttp
    import httpx
    from httpx_aiohttp import AiohttpTransport

    session = aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=in_flight), cookie_jar=aiohttp.DummyCookieJar()
    )
    transport = AiohttpTransport(client=session)
    client = await stack.enter_async_context(httpx.AsyncClient(transport=transport, timeout=30, trust_env=False))
    return partial(_httpx_get, client)


async def aiohttp_bare(stack: AsyncExitStack, in_flight: int) -> Get:
    """aiohttp itself: what is left when httpx's API is given up."""
    import aiohttp

    session = await stack.enter_async_context(
        aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=in_flight), cookie_jar=aiohttp.DummyCookieJar())
    )

    async def get(url: str, etag: str | None) -> tuple[int, str | None]:
        async with session.get(url, headers=_condition(etag)) as response:
            await response.read()
            return response.status, response.headers.get("etag")

    return get


async def variorum(stack: AsyncExitStack, in_flight: int, *, robots: bool) -> Get:
    """Our fetcher."""
    from monitor.fetch import FetchRules
    from monitor.fetch.client import Fetcher
    from storage.records import Validators

    fetcher = await stack.enter_async_context(Fetcher(concurrency=in_flight, per_host=in_flight))
    rules = FetchRules(allow_private=("127.0.0.0/8",), robots=robots)

    async def get(url: str, etag: str | None) -> tuple[int, str | None]:
        got = await fetcher.fetch(url, rules, Validators(etag))
        return 304 if got.not_modified else 200, got.validators.etag

    return get


CLIENTS: dict[str, Callable[[AsyncExitStack, int], Awaitable[Get]]] = {
    "aiohttp": aiohttp_bare,
    "httpx-aiohttp": httpx_aiohttp,
    "httpx": httpx_plain,
    "variorum": partial(variorum, robots=False),
    "variorum, robots.txt": partial(variorum, robots=True),
}


async def _httpx_get(client: object, url: str, etag: str | None) -> tuple[int, str | None]:
    import httpx

    assert isinstance(client, httpx.AsyncClient)
    response = await client.get(url, headers=_condition(etag))
    return response.status_code, response.headers.get("etag")


def _condition(etag: str | None) -> dict[str, str]:
    return {"If-None-Match": etag} if etag else {}


async def measure(name: str, url: str, requests: int, in_flight: int) -> tuple[float, float, float]:
    """CPU microseconds a page, CPU microseconds a 304, pages a second."""
    async with AsyncExitStack() as stack:
        get = await CLIENTS[name](stack, in_flight)
        urls = [f"{url}/p/{number}" for number in range(100)]
        etags = dict(zip(urls, await _round(get, [(one, None) for one in urls], in_flight, 200), strict=True))
        jobs = [urls[number % len(urls)] for number in range(requests)]
        started, cpu = time.perf_counter(), _cpu_s()
        await _round(get, [(one, None) for one in jobs], in_flight, 200)
        page_us, rate = (_cpu_s() - cpu) * 1e6 / requests, requests / (time.perf_counter() - started)
        cpu = _cpu_s()
        await _round(get, [(one, etags[one]) for one in jobs], in_flight, 304)
        return page_us, (_cpu_s() - cpu) * 1e6 / requests, rate


async def _round(get: Get, jobs: list[tuple[str, str | None]], in_flight: int, expected: int) -> list[str | None]:
    waiting = iter(enumerate(jobs))
    etags: list[str | None] = [None] * len(jobs)

    async def work() -> None:
        for place, (url, etag) in waiting:
            status, etags[place] = await get(url, etag)
            assert status == expected, (url, status)

    await asyncio.gather(*(work() for _ in range(in_flight)))
    return etags


def _cpu_s() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def main(arguments: list[str]) -> int:
    """Measure all clients, or (``--one``) a single one in this very process."""
    options = argparse.ArgumentParser(prog="python -m bench client", description=__doc__)
    options.add_argument("--requests", type=int, default=1000)
    options.add_argument("--runs", type=int, default=3)
    options.add_argument("--in-flight", type=int, nargs="+", default=[10, 50])
    options.add_argument("--one", metavar="CLIENT", choices=CLIENTS, help=argparse.SUPPRESS)
    options.add_argument("--url", help=argparse.SUPPRESS)
    given = options.parse_args(arguments)
    if given.one:
        figures = asyncio.run(measure(given.one, given.url, given.requests, given.in_flight[0]))
        print(*figures)
        return 0
    command = [sys.executable, "-m", "bench.origin", "--pages", "100", "--etag"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as origin:
        assert origin.stdin is not None
        assert origin.stdout is not None
        url = origin.stdout.readline().strip()
        print("| client | in flight | CPU us a page | CPU us a 304 | pages/s |\n|---|---|---|---|---|")
        for in_flight in given.in_flight:
            for name in CLIENTS:
                runs = [in_own_process(name, url, given.requests, in_flight) for _ in range(given.runs)]
                page_us, known_us = min(run[0] for run in runs), min(run[1] for run in runs)
                print(f"| {name} | {in_flight} | {page_us:.0f} | {known_us:.0f} | {max(run[2] for run in runs):.0f} |")
        origin.stdin.close()
    return 0


def in_own_process(name: str, url: str, requests: int, in_flight: int) -> tuple[float, float, float]:
    """CPU microseconds a page and a 304, and pages a second, of that client in a process of its own."""
    command = [sys.executable, "-m", "bench.client", "--one", name, "--url", url]
    command += ["--requests", str(requests), "--in-flight", str(in_flight)]
    page_us, known_us, rate = map(
        float, subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()
    )
    return page_us, known_us, rate


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
