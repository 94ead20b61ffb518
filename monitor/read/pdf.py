"""PDF files by pypdf: paragraphs in reading order, without the headers and footers that every page repeats. Pure."""

from __future__ import annotations

import io
import re
from collections import Counter
from typing import TYPE_CHECKING

from monitor.read.canonical import canonical
from monitor.read.dates import moment, printed_date
from monitor.read.filters import filtered
from storage.errors import ReadError

if TYPE_CHECKING:
    from monitor.read import Reading, ReadRules


def read(body: bytes, rules: ReadRules, content_type: str | None) -> Reading:  # noqa: ARG001  (the form of all readers)
    """Read a PDF. Raises ``ReadError``: damaged, locked with a password, or without a text layer."""
    from monitor.read import Reading

    pages, title = _pages(body)
    lines = [line for page in _without_repeats(pages) for line in page]
    removed: Counter[str] = Counter()
    paragraphs = _paragraphs(lines)
    published = next((one for one in paragraphs[:4] if printed_date(one)), None)
    paragraphs = [one for one in paragraphs if one != published]
    if title and paragraphs and paragraphs[0] == title:
        paragraphs = paragraphs[1:]
    text = filtered(canonical(title, published, paragraphs, removed), rules)
    if not text.paragraphs:
        raise ReadError("the PDF has no text layer: it holds pictures of pages", hint="It would need OCR, which is not done.")
    return Reading(text, moment(text.published), None, None, rules.fingerprint, (), dict(+removed))


def _pages(body: bytes) -> tuple[list[list[str]], str | None]:

    from pypdf import PdfReader
    from pypdf.errors import FileNotDecryptedError

    try:
        document = PdfReader(io.BytesIO(body))
        pages = [[line.strip() for line in (page.extract_text() or "").splitlines()] for page in document.pages]
        title = document.metadata.title if document.metadata else None
    except FileNotDecryptedError:
        raise ReadError("the PDF is locked with a password") from None
    except (RecursionError, MemoryError):
        raise ReadError("the PDF is damaged: it refers to itself without end") from None
    except Exception as error:  # noqa: BLE001  (pypdf raises whatever a damaged file trips it into)
        raise ReadError(f"the PDF is damaged: {type(error).__name__}") from None
    return pages, title if isinstance(title, str) and title.strip() else None


def _without_repeats(pages: list[list[str]]) -> list[list[str]]:
    """First and last lines that most pages share (numbers apart) are furniture."""
    if len(pages) < 3:
        return pages
    edges = Counter(shape for page in pages for shape in {_shape(line) for line in _edge(page)})
    furniture = {shape for shape, count in edges.items() if shape and count > len(pages) / 2}
    return [
        [line for line in page if not (line in _edge(page) and _shape(line) in furniture)]
        for page in pages
    ]


def _edge(page: list[str]) -> list[str]:
    filled = [line for line in page if line]
    return filled[:2] + filled[-2:]


def _shape(line: str) -> str:
    return re.sub(r"\d+", "#", line).strip()


def _paragraphs(lines: list[str]) -> list[str]:
    """Lines joined until a blank one, or one that ends a sentence well before the usual width."""
    width = max((len(line) for line in lines), default=0)
    found: list[list[str]] = [[]]
    for line in lines:
        if not line:
            found.append([])
            continue
        found[-1].append(line)
        if line.endswith((".", ":", "。", "!", "?", "”")) and len(line) < 0.8 * width:
            found.append([])
    return [" ".join(part) for part in found if part]
