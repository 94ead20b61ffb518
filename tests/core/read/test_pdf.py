from __future__ import annotations

import io
import zlib

import pytest
from pypdf import PdfWriter

from monitor.read import ReadRules, read
from storage.errors import ReadError


def pdf(*pages: list[str]) -> bytes:
    """A small PDF with these lines on its pages."""
    objects = ["<< /Type /Catalog /Pages 2 0 R >>"]
    kids = " ".join(f"{4 + 2 * place} 0 R" for place in range(len(pages)))
    objects.append(f"<< /Type /Pages /Kids [{kids}] /Count {len(pages)} >>")
    objects.append("<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding >>")
    for place, lines in enumerate(pages):
        drawn = "".join(f"({one}) Tj 0 -16 Td " for one in lines)
        stream = f"BT /F1 11 Tf 60 780 Td {drawn}ET"
        objects.append(
            f"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents {5 + 2 * place} 0 R "
            "/Resources << /Font << /F1 3 0 R >> >> >>"
        )
        objects.append(f"<< /Length {len(stream)} >>\nstream\n{stream}\nendstream")
    return written([one.encode("latin-1") for one in objects])


def drawn(steps: bytes, *, form: bytes = b"", pages: int = 1) -> bytes:
    """A small PDF with one page, shown as often as wanted, whose drawing steps are compressed, and a form ``X``."""
    kids = b"3 0 R " * pages
    return written(
        [
            b"<< /Type /Catalog /Pages 2 0 R >>",
            b"<< /Type /Pages /Kids [%b] /Count %d >>" % (kids, pages),
            (
                b"<< /Type /Page /Parent 2 0 R /Contents 4 0 R "
                b"/Resources << /Font << /F1 5 0 R >> /XObject << /X 6 0 R >> >> >>"
            ),
            _compressed(steps),
            b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
            _compressed(form, b"/Type /XObject /Subtype /Form /BBox [0 0 1 1]"),
        ]
    )


def _compressed(words: bytes, more: bytes = b"") -> bytes:
    packed = zlib.compress(words, 9)
    return b"<< %b /Length %d /Filter /FlateDecode >>\nstream\n%b\nendstream" % (more, len(packed), packed)


def written(objects: list[bytes]) -> bytes:
    """The objects as a file, the first of them its catalogue."""
    body, offsets = b"%PDF-1.4\n", []
    for number, one in enumerate(objects, 1):
        offsets.append(len(body))
        body += b"%d 0 obj\n%b\nendobj\n" % (number, one)
    table = "".join(f"{offset:010} 00000 n \n" for offset in offsets)
    end = (
        f"xref\n0 {len(objects) + 1}\n0000000000 65535 f \n{table}trailer << /Size {len(objects) + 1} /Root 1 0 R >>\n"
    )
    return body + end.encode() + f"startxref\n{len(body)}\n%%EOF".encode()


PAGES = [
    ["Ministry of Example", "Readout of a call", "26 February 2022", "The two ministers spoke on the phone about the", "situation.", "Printed 1 March 2022, page 1"],
    ["Ministry of Example", "They agreed to remain in contact and to meet", "again.", "Printed 1 March 2022, page 2"],
    ["Ministry of Example", "Nothing else was said by either of the two sides.", "Printed 1 March 2022, page 3"],
]  # fmt: skip


def test_a_pdf_is_read_without_the_lines_that_every_page_repeats() -> None:
    found = read(pdf(*PAGES), ReadRules(), content_type="application/pdf")
    assert (found.text.title, found.text.published) == ("Readout of a call", "26 February 2022")
    assert found.text.paragraphs == (
        "The two ministers spoke on the phone about the situation.",
        "They agreed to remain in contact and to meet again.",
        "Nothing else was said by either of the two sides.",
    )
    assert found.notes == ("6 repeated header and footer lines left out",)


def test_another_print_date_in_the_footer_changes_nothing() -> None:
    later = [[line.replace("1 March", "9 March") for line in page] for page in PAGES]
    assert read(pdf(*PAGES), ReadRules()).text == read(pdf(*later), ReadRules()).text


def test_pictures_of_pages_are_told() -> None:
    writer = PdfWriter()
    writer.add_blank_page(595, 842)
    file = io.BytesIO()
    writer.write(file)
    with pytest.raises(ReadError, match=r"1 page\) has no text layer"):
        read(file.getvalue(), ReadRules())


def test_a_locked_and_a_damaged_file_are_told() -> None:
    writer = PdfWriter(clone_from=io.BytesIO(pdf(*PAGES)))
    writer.encrypt("secret", algorithm="RC4-128")
    file = io.BytesIO()
    writer.write(file)
    with pytest.raises(ReadError, match="locked with a password"):
        read(file.getvalue(), ReadRules())
    with pytest.raises(ReadError, match="cannot be read"):
        read(b"%PDF-1.4 nothing of the kind", ReadRules())
