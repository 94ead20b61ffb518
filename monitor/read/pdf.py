"""PDF files by pypdf: paragraphs in reading order, without the headers and footers that every page repeats. Pure."""

from __future__ import annotations

import io
import re
from collections import Counter
from typing import TYPE_CHECKING, Final

from monitor.read.canonical import canonical, line
from monitor.read.dates import lone_date, moment
from monitor.read.filters import filtered
from storage.errors import ReadError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pypdf import PageObject
    from pypdf.generic import DictionaryObject

    from monitor.read import Reading, ReadRules

EDGE_LINES: Final = 3
"""So many lines at the top and the bottom of a page may be its header or footer."""
MOST_PAGES: Final = 1_000
MOST_STEPS: Final = 1_000_000
"""Drawing steps of a whole file; a printed page takes some hundreds, and 100,000 take a second to follow."""
MOST_STREAM_BYTES: Final = 8_000_000
"""Of one page's steps, decompressed: 60 KB of a file can inflate to 20 MB of them."""
BYTES_A_STEP: Final = 8
TITLE_LONGEST: Final = 250
TOP_PARAGRAPHS: Final = 6


def read(body: bytes, rules: ReadRules, content_type: str | None) -> Reading:  # noqa: ARG001  (the form of all readers)
    """Read a PDF. Raises ``ReadError``: damaged, locked with a password, or without a text layer."""
    from monitor.read import Reading

    pages, named = _pages(body)
    removed: Counter[str] = Counter()
    kept = _without_repeats(pages)
    paragraphs = _paragraphs([one for page in kept for one in page])
    if not paragraphs:
        raise ReadError(
            f"the PDF ({_count(len(pages))}) has no text layer: it holds pictures of pages",
            hint="It would need character recognition (OCR), which is not done here.",
        )
    title, published, rest = _headed(paragraphs, named)
    text = filtered(canonical(title, published, rest, removed), rules)
    if not text.paragraphs:
        raise ReadError("the PDF holds no text but a title", hint="See what the address answers.")
    furniture = sum(map(len, pages)) - sum(map(len, kept))
    notes = (f"{furniture} repeated header and footer lines left out",) if furniture else ()
    return Reading(text, moment(text.published), None, None, rules.fingerprint, notes, dict(+removed))


def _pages(body: bytes) -> tuple[list[list[str]], str | None]:
    """The lines of each page, and the title in the document's own record."""
    from pypdf import PdfReader
    from pypdf.errors import FileNotDecryptedError, WrongPasswordError

    try:
        document = PdfReader(io.BytesIO(body))
        if len(document.pages) > MOST_PAGES:
            raise _too_much(f"it has {len(document.pages):,} pages; {MOST_PAGES:,} are read")
        steps = _Steps()
        pages = [[one.strip() for one in steps.text_of(page).splitlines()] for page in document.pages]
        title = document.metadata.title if document.metadata else None
    except ReadError:
        raise
    except (FileNotDecryptedError, WrongPasswordError):
        raise ReadError(
            "the PDF is locked with a password", hint="Only documents that open freely can be read."
        ) from None
    except (RecursionError, MemoryError):
        raise ReadError("the PDF is damaged: it refers to itself without end") from None
    except Exception as error:  # noqa: BLE001  (pypdf raises whatever a damaged file trips it into)
        raise ReadError(
            f"the PDF cannot be read: {type(error).__name__}", hint="It may be damaged or not have arrived whole."
        ) from None
    return pages, title if isinstance(title, str) and title.strip() else None


class _Steps:
    """Follows the drawing steps of a file's pages and counts them, so that no small file can hold a reader for minutes."""

    def __init__(self) -> None:
        self._left = MOST_STEPS
        self._forms: dict[str, int] = {}
        """Name of a form (a drawing that is called from others) → the size of the largest one so called."""

    def text_of(self, page: PageObject) -> str:
        """The text of a page. Raises ``ReadError`` when the file takes more than ``MOST_STEPS``."""
        contents = page.get_contents()
        size = len(contents.get_data()) if contents is not None else 0
        if size > MOST_STREAM_BYTES:
            raise _too_much(f"a page of it takes {size:,} bytes of drawing steps")
        self._learn(page, set())
        said = page.extract_text(visitor_operand_before=self._step) or ""
        # pypdf goes on after an error inside a form.
        self._require_some()
        return said

    def _step(self, operator: bytes, operands: object, *_: object) -> None:
        self._left -= 1
        if operator == b"Do" and isinstance(operands, list) and operands:
            self._left -= self._forms.get(str(operands[0]), 0) // BYTES_A_STEP
        self._require_some()

    def _require_some(self) -> None:
        if self._left < 0:
            raise _too_much(f"it takes more than {MOST_STEPS:,} drawing steps")

    def _learn(self, holder: DictionaryObject, seen: set[int]) -> None:
        """The sizes of the forms that a page or a form can call, theirs included."""
        resources = holder.get("/Resources")
        found = resources.get_object().get("/XObject") if resources is not None else None
        for name, one in (found.get_object() if found is not None else {}).items():
            form = one.get_object()
            if form is None or form.get("/Subtype") != "/Form" or id(form) in seen:
                continue
            seen.add(id(form))
            self._forms[str(name)] = max(self._forms.get(str(name), 0), len(form.get_data()))
            self._learn(form, seen)


def _too_much(why: str) -> ReadError:
    return ReadError(f"the PDF is too large to be read: {why}", hint="A statement takes less; is the address right?")


def _without_repeats(pages: Sequence[Sequence[str]]) -> list[list[str]]:
    """The pages without the first and last lines that most of them share, figures apart (page numbers, print dates)."""
    edges = Counter(shape for page in pages for shape in {_shape(page[at]) for at in _edge(page)})
    often = {shape for shape, count in edges.items() if count >= 2 and count > len(pages) / 2}
    kept = []
    for place, page in enumerate(pages):
        edge = _edge(page)
        numbers = {
            at for at in edge if re.fullmatch(rf"[-–—\s]*(?:page\s*)?{place + 1}[-–—\s]*", page[at], re.IGNORECASE)
        }
        furniture = {at for at in edge if _shape(page[at]) in often} | (numbers if len(pages) > 1 else set())
        kept.append([one for at, one in enumerate(page) if at not in furniture])
    return kept


def _edge(page: Sequence[str]) -> set[int]:
    filled = [at for at, one in enumerate(page) if one]
    return {*filled[:EDGE_LINES], *filled[-EDGE_LINES:]}


def _shape(words: str) -> str:
    return re.sub(r"\d+", "#", words).strip().lower()


def _paragraphs(lines: Sequence[str]) -> list[str]:
    """Lines joined until a blank one, a date, a list item, or one that stops well before the usual width."""
    widths = sorted(len(one) for one in lines if one)
    usual = widths[int(0.8 * (len(widths) - 1))] if widths else 0
    found: list[list[str]] = [[]]
    for one in lines:
        if not one or lone_date(one) or re.match(r"(?:[•▪◦‣·]|\(?\d{1,2}[.)]|\([a-z]\))\s", one):
            found.append([])
        if one:
            found[-1].append(one)
            ended = re.search(r"[.:!?。！？：”\"]$", one) is not None
            if len(one) < (0.8 if ended else 0.6) * usual:
                found.append([])
    return [line(_joined(part)) for part in found if part]


def _joined(lines: Sequence[str]) -> str:
    words = lines[0]
    for one in lines[1:]:
        if (words.endswith("-") and words[-2:-1].isalpha() and one[:1].islower()) or (
            words[-1:] >= "\u2e80" and one[:1] >= "\u2e80"
        ):
            words += one
        else:
            words += f" {one}"
    return words


def _headed(paragraphs: Sequence[str], named: str | None) -> tuple[str | None, str | None, list[str]]:
    """Title and printed date. The title in the document's record counts only where the first page prints it too."""
    rest = list(paragraphs)
    published: str | None = None
    for at, one in enumerate(rest[:TOP_PARAGRAPHS]):
        if printed := lone_date(one):
            published = printed
            del rest[at]
            break
    top = [one for one in rest[:TOP_PARAGRAPHS] if len(one) <= TITLE_LONGEST]
    wanted = line(named or "").casefold()
    title = next((one for one in top if wanted and one.casefold() == wanted), None)
    if title is None and len(rest) > 1 and rest[0] in top and not re.search(r"[.!?。！？;；,]$", rest[0]):
        title = rest[0]
    if title is not None:
        rest.remove(title)
    return title, published, rest


def _count(pages: int) -> str:
    return "1 page" if pages == 1 else f"{pages} pages"
