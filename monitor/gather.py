"""Asks for what belongs to one look: one page or several that form one text; a listing and its further parts."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from monitor.read import Reading, ReadRules, read
from monitor.read.links import next_link, print_link
from monitor.read.listing import Listed, ListRules, listed
from storage.errors import FetchError, FetchReason
from storage.records import Snapshot, Text, Validators

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Container

    from monitor.config import Declaration, PageRules
    from monitor.fetch import Fetched, FetchRules
    from monitor.fetch.client import Fetcher

LISTING_PARTS: Final = 50
"""Sitemaps of one index that are asked for in one look, those changed last first."""
TIMES: Final = 4
"""Several documents of one look may take this many times the time-out of one."""


def patience_s(declared: Declaration) -> float:
    """The longest that one look at a source may take, in seconds."""
    several = declared.listing is not None or declared.pages.several
    return declared.fetch.timeout_s * (TIMES if several else 1)


@asynccontextmanager
async def _in_time(fetch: FetchRules) -> AsyncIterator[None]:
    """However many documents there are: the lease on the source must outlive the look."""
    try:
        async with asyncio.timeout(fetch.timeout_s * TIMES):
            yield
    except TimeoutError:
        raise FetchError(
            f"its documents together took longer than {fetch.timeout_s * TIMES:g} s",
            reason=FetchReason.TIMEOUT,
            hint=f"They may take {TIMES} times the 'timeout' of the source.",
        ) from None


async def gather(url: str, fetch: FetchRules, pages: PageRules, validators: Validators, fetcher: Fetcher) -> Fetched:
    """One page, or all pages of a text as ``Snapshot.pages``. Raises ``FetchError``: for any page, for it is one text.

    Of several pages none is asked for conditionally: that one is unchanged says nothing of the others.
    """
    if not pages.several:
        return await fetcher.fetch(url, fetch, validators)
    async with _in_time(fetch):
        return await _gathered(url, fetch, pages, fetcher)


async def _gathered(url: str, fetch: FetchRules, pages: PageRules, fetcher: Fetcher) -> Fetched:
    got = await fetcher.fetch(url, fetch)
    first = _received(got)
    if pages.print_view is not None:
        link = print_link(first.body, pages.print_view, content_type=first.header("content-type"), url=first.final_url)
        if link is not None:
            view = _received(await fetcher.fetch(link, _reach(fetch, url, link)))
            first = replace(view, url=first.url, redirects=first.redirects)
    further: list[Snapshot] = []
    asked = {url, first.final_url}
    for link in pages.pages[: pages.max_pages - 1]:
        further.append(_received(await fetcher.fetch(link, _reach(fetch, url, link))))
        asked.add(link)
    last = further[-1] if further else first
    while pages.next is not None and (link := _next(last, pages.next)) is not None and link not in asked:
        if len(further) + 1 >= pages.max_pages:
            raise FetchError(
                f"the text goes on after {pages.max_pages} pages",
                reason=FetchReason.TOO_LARGE,
                hint="Raise max_pages on the source, or make 'next' choose less.",
            )
        asked.add(link)
        last = _received(await fetcher.fetch(link, _reach(fetch, url, link)))
        further.append(last)
    return replace(got, snapshot=replace(first, pages=tuple(further)), validators=Validators())


def _next(page: Snapshot, selector: str) -> str | None:
    return next_link(page.body, selector, content_type=page.header("content-type"), url=page.final_url)


def _received(got: Fetched) -> Snapshot:
    if got.snapshot is None:
        raise FetchError("the server says 'not modified' to a first request", reason=FetchReason.PROTOCOL)
    return got.snapshot


def _reach(fetch: FetchRules, url: str, link: str) -> FetchRules:
    """Headers of a source stay with its origin, as they do across redirects."""
    from urllib.parse import urlsplit

    here, there = urlsplit(url), urlsplit(link)
    same = (here.scheme, here.netloc) == (there.scheme, there.netloc)
    return fetch if same or not fetch.headers else replace(fetch, headers=())


def read_pages(snapshot: Snapshot, rules: ReadRules, known: str | None = None) -> Reading:
    """The one text of a snapshot and its further pages: title and date of the first that has one, all paragraphs.

    A line that ends a page and begins the next one is kept: nothing is guessed away. ``known`` is the digest of the
    current text, which one page alone may be compared with (:func:`monitor.read.read`). Raises ``ReadError``.
    """
    first = _read(snapshot, rules, known if not snapshot.pages else None)
    if not snapshot.pages:
        return first
    readings = [first, *(_read(page, rules) for page in snapshot.pages)]
    published = next((one for one in readings if one.text.published), first)
    paragraphs = [paragraph for one in readings for paragraph in one.text.paragraphs]
    title = next((one.text.title for one in readings if one.text.title), None)
    return replace(
        first,
        text=Text.of(title, published.text.published, paragraphs),
        published_at=published.published_at,
        notes=tuple(dict.fromkeys(note for one in readings for note in one.notes)),
        hints=tuple(dict.fromkeys(hint for one in readings for hint in one.hints)),
    )


def _read(snapshot: Snapshot, rules: ReadRules, known: str | None = None) -> Reading:
    content_type = snapshot.header("content-type")
    return read(snapshot.body, rules, content_type=content_type, url=snapshot.final_url, known=known)


async def gather_listing(
    declared: Declaration, validators: Validators, known: Container[str], fetcher: Fetcher
) -> tuple[Fetched, Listed | None]:
    """A listing with its further parts: None when it is not modified. Raises ``FetchError`` and ``ReadError``.

    A sitemap index is followed to its sitemaps, an index page to its continuation as long as that names something that
    is not ``known``. One document alone is asked for conditionally the next time.
    """
    async with _in_time(declared.fetch):
        return await _gathered_listing(declared, validators, known, fetcher)


async def _gathered_listing(
    declared: Declaration, validators: Validators, known: Container[str], fetcher: Fetcher
) -> tuple[Fetched, Listed | None]:
    assert declared.listing is not None  # noqa: S101  (the caller dispatches on it)
    rules = replace(declared.listing.rules, most_bytes=declared.fetch.max_size_bytes)
    got = await fetcher.fetch(declared.source.url, declared.fetch, validators)
    if got.snapshot is None:
        return got, None
    first = await _listed(got.snapshot, rules)
    documents = [first]
    notes: list[str] = []
    parts = first.parts[:LISTING_PARTS]
    if len(first.parts) > len(parts):
        notes.append(f"{len(first.parts) - len(parts)} of its sitemaps left out; name those that matter themselves")
    for part in parts:
        snapshot = _received(await fetcher.fetch(part, _reach(declared.fetch, declared.source.url, part)))
        documents.append(await _listed(snapshot, rules))
    asked = {declared.source.url, got.snapshot.final_url}
    last = first
    while (link := last.next) is not None and link not in asked and any(item.url not in known for item in last.items):
        if len(documents) >= declared.pages.max_pages:
            notes.append(f"goes on after {declared.pages.max_pages} pages (max_pages); what is beyond was not seen")
            break
        asked.add(link)
        last = await _listed(
            _received(await fetcher.fetch(link, _reach(declared.fetch, declared.source.url, link))), rules
        )
        documents.append(last)
    if len(documents) == 1:
        return got, first
    items = {item.url: item for document in reversed(documents) for item in document.items}
    order = dict.fromkeys(item.url for document in documents for item in document.items)
    told = dict.fromkeys([*(note for document in documents for note in document.notes), *notes])
    whole = replace(first, items=tuple(items[url] for url in order), parts=(), next=None, notes=tuple(told))
    return replace(got, validators=Validators()), whole


async def _listed(snapshot: Snapshot, rules: ListRules) -> Listed:
    return await asyncio.to_thread(
        listed, snapshot.body, rules, content_type=snapshot.header("content-type"), url=snapshot.final_url
    )
