"""Statements as pages, for what is brought in and taken out."""

from __future__ import annotations

import gzip
from io import BytesIO
from pathlib import Path

WORDS = (
    "The Committee decided to keep the target range unchanged and expects {word} further steps to be appropriate.",
    "The economy has continued to expand at a moderate pace and the labour market remains strong by any measure.",
)


def page(word: str) -> bytes:
    paragraphs = "".join(f"<p>{one.format(word=word)}</p>" for one in WORDS)
    return f"<html><head><title>Statement</title></head><body><article><h1>Statement</h1>{paragraphs}</article></body></html>".encode()


def write_warc(file: Path, captures: list[tuple[str, str, bytes, int]], *, coded: bool = True) -> None:
    """A WARC file as a crawler writes it: date, address, body, status; bodies gzipped as servers send them."""
    from warcio.statusandheaders import StatusAndHeaders
    from warcio.warcwriter import WARCWriter

    with file.open("wb") as stream:
        writer = WARCWriter(stream, gzip=file.name.endswith(".gz"))
        for date, url, body, status in captures:
            sent = gzip.compress(body, mtime=0) if coded else body
            headers = [("Content-Type", "text/html; charset=utf-8"), ("Content-Length", str(len(sent)))]
            if coded:
                headers.insert(1, ("Content-Encoding", "gzip"))
            line = StatusAndHeaders(f"{status} OK", headers, protocol="HTTP/1.1")
            writer.write_record(
                writer.create_warc_record(
                    url,
                    "response",
                    payload=BytesIO(sent),
                    length=len(sent),
                    http_headers=line,
                    warc_headers_dict={"WARC-Date": date},
                )
            )
