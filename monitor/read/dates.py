"""The date a page prints: found by its shape, kept as printed, and parsed where that is possible. Pure.

A small grammar of our own: it must answer the same for ever (a parser that guesses differently after an upgrade would
rewrite history), and never take a number in a sentence for a date. Shapes: ISO 8601; ``2022/02/26 12:05``; month names
of nine languages in either order; Chinese, Japanese and Korean forms, Chinese numerals included; ``26.02.2022``. A form
such as ``03/04/2022`` is found but not parsed: it names two different days.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Final

from storage.frozen import dataclass

_MONTH_NAMES: Final = (
    "january jan janvier janv januar jänner enero gennaio janeiro января januari",
    "february feb février févr februar febrero febbraio fevereiro февраля februari",
    "march mar mars märz marzo março марта maart",
    "april apr avril avr abril aprile апреля",
    "may mai mayo maggio maio мая mei",
    "june jun juin juni junio giugno junho июня",
    "july jul juillet juil juli julio luglio julho июля",
    "august aug août aout agosto августа augustus",
    "september sept sep septembre septiembre settembre setembro сентября",
    "october oct octobre oktober okt octubre ottobre outubro октября",
    "november nov novembre noviembre novembro ноября",
    "december dec décembre déc dezember dez diciembre dicembre dezembro декабря",
)
_MONTHS: Final = {name: number for number, names in enumerate(_MONTH_NAMES, 1) for name in names.split()}
_MONTH: Final = "|".join(sorted(_MONTHS, key=len, reverse=True))
_WEEKDAYS: Final = (
    "monday tuesday wednesday thursday friday saturday sunday mon tue tues wed thu thur thurs fri sat sun "
    "lundi mardi mercredi jeudi vendredi samedi dimanche montag dienstag mittwoch donnerstag freitag samstag sonntag "
    "lunes martes miércoles jueves viernes sábado domingo lunedì martedì mercoledì giovedì venerdì sabato domenica "
    "понедельник вторник среда четверг пятница суббота воскресенье"
)
_WEEKDAY: Final = "|".join(sorted(_WEEKDAYS.split(), key=len, reverse=True))
_FULL_WIDTH: Final = str.maketrans("０１２３４５６７８９：／．－，", "0123456789:/.-,")
_CHINESE: Final = "〇一二三四五六七八九"
_ZONES: Final = {
    "z": 0, "utc": 0, "gmt": 0, "est": -5, "edt": -4, "cdt": -5, "mst": -7, "mdt": -6, "pst": -8, "pdt": -7,
    "cet": 1, "cest": 2, "msk": 3, "jst": 9, "kst": 9, "hkt": 8, "sgt": 8, "nzst": 12, "nzdt": 13,
    "aest": 10, "aedt": 11, "北京时间": 8,
}  # fmt: skip

_DATES: Final = (
    r"(?P<year>(?:19|20)\d\d)-(?P<month>\d{1,2})-(?P<day>\d{1,2})",
    r"(?P<year>(?:19|20)\d\d)(?P<sep>[./])\s?(?P<month>\d{1,2})(?P=sep)\s?(?P<day>\d{1,2})",
    r"(?P<year>(?:19|20)\d\d)\s*[年년]\s*(?P<month>\d{1,2})\s*[月월]\s*(?P<day>\d{1,2})\s*[日号號일]",
    r"(?P<zh_year>[〇零○一二三四五六七八九]{4})年(?P<zh_month>[一二三四五六七八九十]{1,2})月(?P<zh_day>[一二三四五六七八九十]{1,3})日",
    (
        rf"(?:(?:{_WEEKDAY})\.?,?\s+)?(?:the\s)?(?P<day>\d{{1,2}})(?:st|nd|rd|th|er|\.|º)?\s+(?:of\s|de\s)?"
        rf"(?P<name>{_MONTH})\.?,?\s+(?:de\s)?(?P<year>(?:19|20)\d\d)(?:\s?(?:года|г\.))?"
    ),
    rf"(?:(?:{_WEEKDAY})\.?,?\s+)?(?P<name>{_MONTH})\.?\s+(?P<day>\d{{1,2}})(?:st|nd|rd|th)?,?\s+(?P<year>(?:19|20)\d\d)",
    rf"(?P<day>\d{{1,2}})[-/](?P<name>{_MONTH})[-/](?P<year>(?:19|20)\d\d)",
    r"(?P<day>\d{1,2})\.\s?(?P<month>\d{1,2})\.\s?(?P<year>(?:19|20)\d\d)",
    r"(?P<first>\d{1,2})(?P<sep>[/-])(?P<second>\d{1,2})(?P=sep)(?P<year>(?:19|20)\d\d)",
)
_CLOCK: Final = (
    r"(?:(?P<half_cjk>上午|下午|晚上|中午|凌晨|오전|오후)\s*)?(?P<hour>\d{1,2})\s*(?:[:h时時시]|(?=\s?[ap]\.?m\b))\s*"
    r"(?P<minute>\d{2})?(?:[:分분]\s*(?:\d{2})?秒?(?:\.\d+)?)?(?:\s*(?P<half>[ap]\.?m\b\.?)|\s*uhr\b|\s*часов)?"
)
_ZONE: Final = (
    r"(?:\s*\(?\s*(?P<zone>z|utc|gmt|est|edt|cdt|cst|bst|ist|mst|mdt|pst|pdt|cet|cest|msk|jst|kst|hkt|sgt|nzst|nzdt|aest|"
    r"aedt|et|ct|pt|北京时间)?(?P<offset>[+-]\d{1,2}(?::?\d{2})?)?\s*\)?)?"
)
_BETWEEN: Final = (
    r"(?:T|\s*[,，|–—·-]?\s*(?:星期[一二三四五六日天]|周[一二三四五六日])?\s*(?:at|à|um|a las|alle|às|в)?\s*)"
)
_TIME: Final = re.compile(rf"{_CLOCK}{_ZONE}", re.IGNORECASE)
_YEAR: Final = re.compile(r"(?:19|20)\d\d|[〇零○一二三四五六七八九]{4}年")
_LABEL: Final = re.compile(
    r"(?:first\s+)?(?:published|updated|posted|modified|released?|issued|created|date|time|press release|statement|"
    r"for (?:immediate )?release|embargoed until|last (?:update|updated|modified|reviewed)|publication date|release date|"
    r"date of (?:issue|publication)|publié|mise? (?:à jour|en ligne)|veröffentlicht|stand|datum|fecha|publicado|data|"
    r"pubblicato|дата публикации|опубликовано|发布时间|发布日期|发文日期|成文日期|更新时间|时间|日期|發布時間|發布日期|掲載日|"
    r"更新日|등록일|작성일|on|at|le|el|il|am|as of|:|：|\||·|-|–|—|\(|\)|,|\[|\]|/|•|\.|\s)+",
    re.IGNORECASE,
)
LONGEST: Final = 100
"""A line longer than this is a sentence that mentions a date, not a printed date."""


@dataclass(frozen=True, slots=True)
class Printed:
    """A date found in a line: ``text == line[start:end]``, as printed."""

    start: int
    end: int
    text: str


def find_date(words: str) -> Printed | None:
    """The first full date (day, month and year, perhaps with a time) in a line."""
    found = _first(words)
    if found is None:
        return None
    end = found.start() + len(found.group().rstrip(" ,(-|"))
    return Printed(found.start(), end, words[found.start() : end])


def lone_date(words: str) -> str | None:
    """What a line prints when it is nothing but a date (several, with times and words such as "Updated"); else None.

    Only a word in front ("Published:") is left away: whatever else changes in a date line is an edit.
    """
    words = words.strip()
    if not 6 <= len(words) <= LONGEST:
        return None
    found = find_date(words)
    if found is None or not (_says_nothing(words[: found.start]) and _says_nothing(words[found.end :])):
        return None
    label = _LABEL.match(words)
    return words[label.end() if label else 0 :].strip(" |()[]·•,")


def lone_time(words: str) -> bool:
    """Whether a line is nothing but a time of day."""
    return len(words) <= 20 and any(char.isdigit() for char in words) and _TIME.fullmatch(words.strip()) is not None


def moment(words: str | None) -> datetime | None:
    """The date in ``words`` as a time in UTC; None where there is none or it could be two different days.

    Midnight where no time is printed; a time without a zone, or with one that several places share, is taken for UTC.
    """
    if not words:
        return None
    found = _first(words)
    day = _day(found.groupdict()) if found else None
    if found is None or day is None:
        return None
    part = found.groupdict()
    if part["hour"] is None:
        # "14:30 2022-02-26"
        before = _TIME.search(_plain(words[: found.start()]))
        part = before.groupdict() if before else part
    return day + _time_of_day(part) - _ahead_of_utc(part)


@cache
def _shapes() -> tuple[re.Pattern[str], ...]:
    """The dates, each perhaps with a time. Compiled when a year is seen: that takes longer than to read fifty pages."""
    return tuple(
        re.compile(rf"(?<![\d./-]){shape}(?!\d)(?:{_BETWEEN}{_CLOCK}(?!\d){_ZONE}(?![a-z\d]))?", re.IGNORECASE)
        for shape in _DATES
    )


def _first(words: str) -> re.Match[str] | None:
    """The earliest date; among those that begin together the longest, which has the time."""
    plain = _plain(words[: 2 * LONGEST])
    if not _YEAR.search(plain):
        return None
    found = [one for shape in _shapes() if (one := shape.search(plain)) and _parts_fit(one)]
    return min(found, key=lambda one: (one.start(), -one.end()), default=None)


def _plain(words: str) -> str:
    """Full-width digits and marks as ASCII ones, character for character."""
    return words if words.isascii() else words.translate(_FULL_WIDTH)


def _says_nothing(rest: str) -> bool:
    rest = _TIME.sub("", _plain(rest), count=1)
    return not rest or _LABEL.fullmatch(rest) is not None or lone_date(rest) is not None


def _parts_fit(found: re.Match[str]) -> bool:
    part = found.groupdict()
    days = [int(part[key] or 0) for key in ("day", "first", "second") if part.get(key)]
    return all(1 <= day <= 31 for day in days) and (not part.get("month") or 1 <= int(part["month"]) <= 12)


def _day(part: dict[str, str | None]) -> datetime | None:
    if part.get("zh_year"):
        figures = "".join(
            str(_CHINESE.index(one)) for one in (part["zh_year"] or "").translate(str.maketrans("零○", "〇〇"))
        )
        year, month, day = int(figures), _chinese_number(part["zh_month"] or ""), _chinese_number(part["zh_day"] or "")
    elif part.get("first"):
        first, second = int(part["first"] or 0), int(part["second"] or 0)
        if first != second and max(first, second) <= 12:
            return None
        year, (day, month) = int(part["year"] or 0), (first, second) if first > 12 else (second, first)
    else:
        name = part.get("name")
        year, day = int(part["year"] or 0), int(part["day"] or 0)
        month = _MONTHS[name.lower()] if name else int(part["month"] or 0)
    try:
        return datetime(year, month, day, tzinfo=UTC)
    except ValueError:
        return None


def _chinese_number(words: str) -> int:
    """Up to 99: 五, 十, 十五, 二十, 二十五."""
    tens, ten, ones = words.rpartition("十")
    return (_CHINESE.find(tens) if tens else 1) * 10 * bool(ten) + (_CHINESE.find(ones) if ones else 0)


def _time_of_day(part: dict[str, str | None]) -> timedelta:
    hour, minute = int(part["hour"] or 0), int(part["minute"] or 0)
    if hour > 24 or minute > 59:
        return timedelta()
    half = (part["half"] or "").lower()
    if (half.startswith("p") or part["half_cjk"] in ("下午", "晚上", "오후")) and hour < 12:
        hour += 12
    elif hour == 12 and half.startswith("a"):
        hour = 0
    return timedelta(hours=hour, minutes=minute)


def _ahead_of_utc(part: dict[str, str | None]) -> timedelta:
    zone, offset = (part["zone"] or "").lower(), part["offset"]
    if not offset:
        return timedelta(hours=_ZONES.get(zone, 0))
    figures = offset[1:].replace(":", "")
    hours, minutes = (int(figures), 0) if len(figures) <= 2 else (int(figures[:-2]), int(figures[-2:]))
    ahead = timedelta(hours=hours, minutes=minutes)
    return -ahead if offset[0] == "-" else ahead
