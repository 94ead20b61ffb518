"""A small web archive on loopback that speaks as the real ones do: CDX rows as JSON, a JSON object a line, plain columns,
time maps, and the captures themselves. The forms were taken from the Wayback CDX server's documentation and pywb 2.10."""

from __future__ import annotations

import hashlib
import json
import threading
from base64 import b32encode
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit


@dataclass
class Capture:
    timestamp: str
    body: bytes
    status: int = 200

    @property
    def digest(self) -> str:
        return b32encode(hashlib.sha1(self.body).digest()).decode()


@dataclass
class WebArchive:
    """``form`` is how captures are listed: ``wayback``, ``pywb`` or ``plain``. ``fails`` maps a timestamp to the status
    that is answered instead, ``shifts`` to the timestamp of the capture that is given instead."""

    url: str
    captures: list[Capture]
    form: str = "wayback"
    page_rows: int = 10_000
    fails: dict[str, int] = field(default_factory=dict)
    shifts: dict[str, str] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)

    def __enter__(self) -> WebArchive:
        archive = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                status, media, body, headers = archive.answer(self.path)
                self.send_response(status)
                for name, value in {"content-type": media, "content-length": str(len(body)), **headers}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    @property
    def cdx(self) -> str:
        return f"{self.address}/cdx/search/cdx" if self.form == "wayback" else f"{self.address}/ours/cdx"

    @property
    def replayed(self) -> list[str]:
        """The timestamps of the captures that were fetched."""
        return [path.split("/")[2][:14] for path in self.asked if "id_/" in path]

    def answer(self, path: str) -> tuple[int, str, bytes, dict[str, str]]:
        self.asked.append(path)
        parts = urlsplit(path)
        if "id_/" in path:
            return self._replay(path)
        if "/timemap/" in path:
            return 200, "application/link-format", self._time_map(), {}
        if not parts.path.endswith("/cdx"):
            return 404, "text/plain", b"nothing here", {}
        query = {name: values[0] for name, values in parse_qs(parts.query).items()}
        rows = [one for one in self.captures if one.timestamp >= query.get("from", "")]
        rows = [one for one in rows if one.timestamp[: len(query.get("to", "9"))] <= query.get("to", "9")]
        limit = min(int(query.get("limit", "10000")), self.page_rows)
        return self._listed(rows[:limit] if query["url"] == self.url else [])

    def _listed(self, rows: list[Capture]) -> tuple[int, str, bytes, dict[str, str]]:
        key = "org,example)/statement"
        if self.form == "wayback":
            head = ["urlkey", "timestamp", "original", "mimetype", "statuscode", "digest", "length"]
            told = [[key, one.timestamp, self.url, "text/html", str(one.status), one.digest, "500"] for one in rows]
            body = "[" + ",\n".join(map(json.dumps, [head, *told])) + "]\n" if rows else "[]\n"
            return 200, "application/json", body.encode(), {}
        if self.form == "pywb":
            lines = (
                json.dumps(
                    {"urlkey": key, "timestamp": one.timestamp, "url": self.url, "mime": "text/html"}
                    | {"status": str(one.status), "digest": one.digest, "length": "500", "filename": "a.warc.gz"}
                )
                for one in rows
            )
            return 200, "text/x-ndjson", "".join(f"{line}\n" for line in lines).encode(), {}
        lines = (f"{key} {one.timestamp} {self.url} text/html {one.status} {one.digest} 500\n" for one in rows)
        return 200, "text/plain", "".join(lines).encode(), {}

    def _time_map(self) -> bytes:
        lines = [f'<{self.url}>; rel="original"', f'<{self.address}/ours/{self.url}>; rel="timegate"']
        for place, one in enumerate(self.captures):
            rel = "first memento" if place == 0 else "memento"
            lines.append(f'<{self.address}/ours/{one.timestamp}/{self.url}>; rel="{rel}"; datetime="{_http(one)}"')
        return ",\n".join(lines).encode()

    def _replay(self, path: str) -> tuple[int, str, bytes, dict[str, str]]:
        timestamp = path.split("/")[2][:14]
        if timestamp in self.fails:
            return self.fails[timestamp], "text/plain", b"no", {}
        timestamp = self.shifts.get(timestamp, timestamp)
        found = next(one for one in self.captures if one.timestamp == timestamp)
        headers = {"memento-datetime": _http(found), "x-archive-orig-content-type": "text/html; charset=utf-8"}
        return found.status, "text/html; charset=utf-8", found.body, headers


def _http(one: Capture) -> str:
    return format_datetime(datetime.strptime(one.timestamp, "%Y%m%d%H%M%S").replace(tzinfo=UTC), usegmt=True)
