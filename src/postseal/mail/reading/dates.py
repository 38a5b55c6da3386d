"""Dates as mail has written them since RFC 822 (RFC 5322 3.3 and 4.3)."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, timezone

from postseal.mail.reading.comments import without_comments

__all__ = ["read_date"]

_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_TIME = r"(?P<hour>[0-9]{1,2})[:.](?P<minute>[0-9]{2})(?:[:.](?P<second>[0-9]{2})(?:[.,][0-9]+)?)?"
_MONTH = r"(?P<month>[A-Za-z]{3})[A-Za-z]*\.?"
_ZONE = r"(?P<zone>[+-][0-9]{1,2}:?[0-9]{2}|[A-Za-z]{1,5}(?:[+-][0-9]{4})?)?"
_DATE = re.compile(
    rf"(?:[A-Za-z]+\.?[ ,]*)?(?P<day>[0-9]{{1,2}})[ -]+{_MONTH}[ -]+(?P<year>[0-9]{{2,4}}),? +"
    rf"{_TIME} *{_ZONE}(?P<rest>.*)"
)
# What the C library writes, and some programs with it.
_ASCTIME = re.compile(
    rf"[A-Za-z]+,? +{_MONTH} +(?P<day>[0-9]{{1,2}}),? +{_TIME} *(?P<zone>[A-Za-z]{{1,5}})? +"
    r"(?P<year>[0-9]{4})(?P<rest>)"
)
_BLANKS = re.compile(r"\s+")
# RFC 5322 4.3: what these stand for; all other names say nothing.
_ZONES = {"edt": -4, "est": -5, "cdt": -5, "cst": -6, "mdt": -6, "mst": -7, "pdt": -7, "pst": -8}
_OFFSET = re.compile(r"([+-])([0-9]{1,2}):?([0-9]{2})\Z")
_MAX_LENGTH = 200


def read_date(text: str) -> tuple[datetime | None, bool]:
    """Read a date with its offset; None if it is none. Say whether it was written as it may be.

    A zone that is missing or has an unknown name is UTC (RFC 5322 4.3), as is `-0000`. Years of
    two digits are 1950 to 2049. A leap second is the second before it.
    """
    if len(text) > _MAX_LENGTH:
        return None, False
    plain = _BLANKS.sub(" ", without_comments(text)).strip()
    found = _DATE.match(plain) or _ASCTIME.match(plain)
    if found is None or found["month"].lower() not in _MONTHS:
        return None, False
    offset = _offset(found["zone"])
    try:
        date = datetime(
            _year(found["year"]),
            _MONTHS.index(found["month"].lower()) + 1,
            int(found["day"]),
            int(found["hour"]),
            int(found["minute"]),
            min(int(found["second"] or 0), 59),
            tzinfo=UTC if not offset else timezone(offset),
        )
        # Near the first and the last year, a date may have no moment in UTC.
        date.astimezone(UTC)
    except (OverflowError, ValueError):
        return None, False
    is_regular = found["zone"] is not None and not found["rest"].strip() and found.re is _DATE
    return date, is_regular


def _year(digits: str) -> int:
    year = int(digits)
    if len(digits) == 2:
        return year + (2000 if year < 50 else 1900)
    return year + 1900 if len(digits) == 3 else year


def _offset(zone: str | None) -> timedelta:
    if zone is None:
        return timedelta()
    if found := _OFFSET.search(zone):
        sign = -1 if found[1] == "-" else 1
        return sign * timedelta(hours=int(found[2]), minutes=int(found[3]))
    return timedelta(hours=_ZONES.get(zone.lower(), 0))
