"""The half-open range of time that a query names, checked."""

from store.instants import LATEST
from web import times
from web.answers import Refused

DAY_US = 86_400_000_000


def moment(text: str | None, field: str) -> int | None:
    """Return the µs UTC of a query's moment, 0 to ``LATEST``; None for None.

    Raises:
        Refused: 400, it is none, or not in the years 1970 to 9999.
    """
    if text is None:
        return None
    try:
        ts = times.parse(text)
    except ValueError:
        sentence = f"{field} was {text[:64]!r}, must be ISO-8601 as in 2025-09-30T00:00Z"
        raise Refused(400, sentence, field=field) from None
    if not 0 <= ts <= LATEST:
        sentence = f"{field} was {text[:64]!r}, must be in the years 1970 to 9999 of UTC"
        raise Refused(400, sentence, field=field)
    return ts


def ordered(start: int, end: int) -> tuple[int, int]:
    """Return the range.

    Raises:
        Refused: 400, it ends before it begins.
    """
    if start >= end:
        raise Refused(400, "from must be before to", field="from")
    return start, end


def whole(start: str | None, end: str | None) -> tuple[int, int]:
    """Return the range ``from`` to ``to``, µs UTC; what is not given has no bound.

    Raises:
        Refused: 400, one is no moment, or it ends before it begins.
    """
    first, last = moment(start, "from"), moment(end, "to")
    return ordered(first or 0, LATEST + 1 if last is None else last)


def last_day(start: str | None, end: str | None, now: int) -> tuple[int, int]:
    """Return the range ``from`` to ``to``, µs UTC: 24 hours up to ``now`` if nothing is given.

    Raises:
        Refused: 400, one is no moment, or it ends before it begins.
    """
    last = moment(end, "to")
    last = now if last is None else last
    first = moment(start, "from")
    return ordered(max(0, last - DAY_US) if first is None else first, last)
