"""Candles as exchanges publish them: rows of numbers in, checked ``HistoryCandle``s out. Pure.

The numbers are plain text or what a JSON number says, digit by digit; never floats. A candle that
cannot be true is left out: one that is missing is seen, one that is wrong is believed.
"""

import re
from collections.abc import Iterable
from decimal import Decimal

from bus.errors import BadDecimal
from bus.messages import HistoryCandle
from market.decimals import FRACTION_DIGITS_MAX, check, plain

Number = Decimal | str
Row = tuple[int, Number, Number, Number, Number, Number]
"""(ts_open in µs UTC, open, high, low, close, volume)."""
TS_MAX = 1 << 62
VOLUME_DIGITS_MAX = 24
"""A day of a coin that costs a hundred-thousandth of a dollar has more than 1e12 of them."""
_is_volume = re.compile(
    rf"(?:0|[1-9][0-9]{{0,{VOLUME_DIGITS_MAX - 1}}})(?:\.[0-9]{{1,{FRACTION_DIGITS_MAX}}})?"
).fullmatch


def published(rows: Iterable[Row], interval_s: int) -> list[HistoryCandle]:
    """Return the candles of these rows in rising order, each time once.

    Left out are those with a price that is none or not between low and high, or a time at which no
    interval begins. The volume may be 0.
    """
    step = interval_s * 1_000_000
    found: dict[int, HistoryCandle] = {}
    for ts_open, *prices, amount in rows:
        try:
            opened, high, low, close = texts = [check(_text(price)) for price in prices]
            volume = _volume(_text(amount))
        except BadDecimal:
            continue
        bottom, top = Decimal(low), Decimal(high)
        true = all(bottom <= Decimal(price) <= top for price in texts)
        if true and 0 <= ts_open <= TS_MAX and ts_open % step == 0:
            found[ts_open] = HistoryCandle(ts_open, opened, high, low, close, volume)
    return [found[ts_open] for ts_open in sorted(found)]


def _text(number: Number) -> str:
    """Return a number as text, which may still be none that is believed.

    Raises:
        BadDecimal: it is out of all bounds.
    """
    if isinstance(number, str):
        return number
    # Before it is written out: a thousand million zeros take a few bytes to say.
    if not number.is_finite() or (
        number and not -FRACTION_DIGITS_MAX <= number.adjusted() < VOLUME_DIGITS_MAX
    ):
        raise BadDecimal("out of bounds")
    return plain(number) if number else "0"


def _volume(text: str) -> str:
    if not _is_volume(text):
        raise BadDecimal("not a volume")
    return text if text.strip("0.") else "0"
