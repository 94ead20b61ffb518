"""A fast loopback origin with known edits: N statement pages whose furniture changes at every round.

``/p/0007`` is a page of 30-60 KB with a statement of 400-1500 words in ``<article id="statement">``. ``/_round`` starts
the next round: a new nonce goes into head, navigation and footer of every page, and a seeded share of the statements
gets one small edit each; the answer names the pages that were edited. ``/_served`` tells when each page was first given
out in this round, ``/_counts`` how many requests there were, ``/_etag?on=1`` turns ``ETag`` on. Past the last page they
begin anew: ``/p/1007`` of 1,000 pages is ``/p/7``. Run as a process of its own, so that its CPU is not counted:
``python -m bench.origin --pages 1000`` prints its address and serves until its standard input closes.
"""

from __future__ import annotations

import argparse
import asyncio
import gzip
import hashlib
import json
import random
import sys
import time
from urllib.parse import parse_qs, urlsplit

NOUNS = [
    "council",
    "policy",
    "agreement",
    "rate",
    "inflation",
    "market",
    "measure",
    "partner",
    "region",
    "growth",
    "security",
    "dialogue",
    "border",
    "treaty",
]
VERBS = [
    "supports",
    "reaffirms",
    "notes",
    "expects",
    "regards",
    "considers",
    "welcomes",
    "reviews",
    "maintains",
    "stresses",
]
OTHERS = [
    "the",
    "a",
    "of",
    "to",
    "in",
    "with",
    "and",
    "for",
    "under",
    "gradual",
    "balanced",
    "mutual",
    "current",
    "economic",
    "joint",
    "further",
    "stable",
    "broad",
]


class Statement:
    """The prose of one page; an edit changes one word, one figure, or adds or drops one sentence."""

    def __init__(self, seed: int) -> None:
        self._dice = random.Random(seed)
        self.sentences = [self._sentence() for _ in range(self._dice.randint(22, 80))]

    def _sentence(self) -> str:
        dice = self._dice
        words = [dice.choice(OTHERS if dice.random() < 0.5 else NOUNS) for _ in range(dice.randint(10, 22))]
        words[2] = dice.choice(VERBS)
        words[-2] = f"{dice.randint(1, 99)}.{dice.randint(0, 9)} per cent"
        return " ".join(words).capitalize() + "."

    def edit(self) -> None:
        dice, place = self._dice, self._dice.randrange(len(self.sentences))
        how = dice.randrange(4)
        if how == 0:
            words = self.sentences[place].split(" ")
            words[4] = "unforeseen" if words[4] != "unforeseen" else "renewed"
            self.sentences[place] = " ".join(words)
        elif how == 1:
            before, _, after = self.sentences[place].rpartition(" per cent")
            head, _, figure = before.rpartition(" ")
            self.sentences[place] = (
                f"{head} {float(figure or 0) + 0.25:.2f} per cent{after}" if head else self._sentence()
            )
        elif how == 2:
            self.sentences.insert(place, self._sentence())
        elif len(self.sentences) > 10:
            del self.sentences[place]

    @property
    def html(self) -> str:
        groups = [self.sentences[at : at + 4] for at in range(0, len(self.sentences), 4)]
        return "\n".join(f"<p>{' '.join(group)}</p>" for group in groups)


class Site:
    """All pages, the round, and how to answer."""

    def __init__(self, pages: int, *, delay_s: float, etag: bool) -> None:
        self.statements = [Statement(number) for number in range(pages)]
        self.delay_s = delay_s
        self.etag = etag
        self.round = 0
        self.requests = 0
        self.not_modified = 0
        self.made: list[tuple[bytes, bytes, str]] = []
        self.served: dict[int, float] = {}
        filler = random.Random(7)
        link = '<li class="nav-item"><a href="/{0}/{1}" data-token="NONCE">{2} {3} {4}</a></li>'
        self._filler = "\n".join(
            link.format(filler.choice(NOUNS), n, filler.choice(VERBS), filler.choice(NOUNS), filler.choice(NOUNS))
            for n in range(420)
        )

    def next_round(self, share: float, seed: int) -> list[int]:
        self.round += 1
        dice = random.Random(f"{seed}/{self.round}")
        edited = sorted(dice.sample(range(len(self.statements)), round(share * len(self.statements))))
        for number in edited:
            self.statements[number].edit()
        # Made before they are asked for: the origin's own work must not stand between question and answer.
        self.served = {}
        self.made = [(body, gzip.compress(body, 1), tag) for body, tag in map(self.page, range(len(self.statements)))]
        return edited

    def page(self, number: int) -> tuple[bytes, str]:
        statement = self.statements[number].html
        nonce = hashlib.blake2b(f"{self.round}/{number}".encode(), digest_size=8).hexdigest()
        tag = hashlib.blake2b(statement.encode(), digest_size=8).hexdigest()
        filler = self._filler.replace("NONCE", nonce)
        body = (
            f'<!DOCTYPE html><html lang="en"><head><meta charset="utf-8"><title>Statement {number}</title>'
            f'<meta name="csrf" content="{nonce}"></head><body><nav><ul>{filler}</ul></nav><main>'
            f'<article id="statement"><h1>Statement {number}</h1>\n{statement}\n</article></main>'
            f"<footer>Visit {nonce}</footer></body></html>"
        )
        return body.encode(), tag


class Answer(asyncio.Protocol):
    """HTTP/1.1 with kept connections: as little as the bench needs, as fast as it can be."""

    def __init__(self, site: Site) -> None:
        self._site = site
        self._got = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._got += data
        while b"\r\n\r\n" in self._got:
            head, _, self._got = self._got.partition(b"\r\n\r\n")
            lines = head.split(b"\r\n")
            headers = {
                key.strip().lower(): value.strip() for key, _, value in (line.partition(b":") for line in lines[1:])
            }
            target = lines[0].split(b" ")[1].decode("latin-1")
            delay_s = 0.0 if target.startswith("/_") else self._site.delay_s
            answer = self._answer(target, headers)
            if delay_s:
                asyncio.get_running_loop().call_later(delay_s, self._send, answer)
            else:
                self._send(answer)

    def _send(self, answer: bytes) -> None:
        if not self._transport.is_closing():
            self._transport.write(answer)

    def _answer(self, target: str, headers: dict[bytes, bytes]) -> bytes:
        parts = urlsplit(target)
        site = self._site
        if parts.path == "/_round":
            asked = parse_qs(parts.query)
            edited = site.next_round(float(asked["share"][0]), int(asked.get("seed", ["1"])[0]))
            return _response(json.dumps(edited).encode(), "application/json")
        if parts.path == "/_counts":
            counts = {"requests": site.requests, "not_modified": site.not_modified}
            return _response(json.dumps(counts).encode(), "application/json")
        if parts.path == "/_etag":
            site.etag = parse_qs(parts.query)["on"] == ["1"]
            return _response(b"null", "application/json")
        if parts.path == "/_served":
            return _response(json.dumps(site.served).encode(), "application/json")
        if not parts.path.startswith("/p/"):
            return _response(b"not found", "text/plain", "404 Not Found")
        site.requests += 1
        if not site.made:
            site.next_round(0.0, 0)
        number = int(parts.path[3:])
        site.served.setdefault(number, time.time())
        body, squeezed, tag = site.made[number % len(site.made)]
        extra = f'ETag: "{tag}"\r\n' if site.etag else ""
        if site.etag and headers.get(b"if-none-match") == f'"{tag}"'.encode():
            site.not_modified += 1
            return f"HTTP/1.1 304 Not Modified\r\n{extra}\r\n".encode()
        if b"gzip" in headers.get(b"accept-encoding", b""):
            return _response(squeezed, "text/html; charset=utf-8", extra=extra + "Content-Encoding: gzip\r\n")
        return _response(body, "text/html; charset=utf-8", extra=extra)


def _response(body: bytes, kind: str, status: str = "200 OK", extra: str = "") -> bytes:
    head = f"HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}\r\n{extra}\r\n"
    return head.encode() + body


async def serve(site: Site, port: int = 0) -> None:
    """Serve until standard input closes; the first line printed is the address."""
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Answer(site), "127.0.0.1", port, backlog=1024)
    print(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", flush=True)
    await loop.run_in_executor(None, sys.stdin.read)
    server.close()


def main() -> None:
    """Parse the options and serve."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--pages", type=int, default=1000)
    options.add_argument("--delay-ms", type=float, default=0)
    options.add_argument("--etag", action="store_true")
    options.add_argument("--port", type=int, default=0)
    given = options.parse_args()
    asyncio.run(serve(Site(given.pages, delay_s=given.delay_ms / 1000, etag=given.etag), given.port))


if __name__ == "__main__":
    main()
