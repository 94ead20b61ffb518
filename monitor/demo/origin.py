"""The server of the demonstration: one page on a loopback port, with what a real one sends around it."""

from __future__ import annotations

import threading
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING

from monitor.demo.page import page

if TYPE_CHECKING:
    from collections.abc import Iterator

PATH = "/eng/readout.html"


@dataclass(slots=True)
class Published:
    """What the server shows now; ``text`` is None when the page is gone. Set from outside, between requests."""

    text: str | None = None
    url: str = ""
    views: int = field(default=0)


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: object, client_address: object) -> None:
        """Nothing: a client that lets go of a kept connection is no fault."""


@contextmanager
def origin() -> Iterator[Published]:
    """Serve on a free loopback port until the block ends."""
    published = Published()

    class Answer(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            gone = published.text is None or self.path != PATH
            if not gone:
                published.views += 1
            body = "Not found\n" if gone else page(published.text or "", published.views)
            answer = body.encode()
            self.send_response(404 if gone else 200)
            self.send_header("Content-Type", f"text/{'plain' if gone else 'html'}; charset=utf-8")
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *_: object) -> None:
            """Nothing: the demonstration says itself what happens."""

    with _Server(("127.0.0.1", 0), Answer) as server:
        published.url = f"http://127.0.0.1:{server.server_address[1]}{PATH}"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        thread.start()
        try:
            yield published
        finally:
            server.shutdown()
            thread.join()
