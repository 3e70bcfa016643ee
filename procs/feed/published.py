"""Candles as exchanges publish them: rows of numbers in, checked ``HistoryCandle``s out. Pure.

The numbers are plain text or what a JSON number says, digit by digit; never floats. A candle that
cannot be true is left out: one that is missing is seen, one that is wrong is believed.
"""

from collections.abc import Iterable
from decimal import Decimal

from bus.errors import BadDecimal
from bus.messages import HistoryCandle
from market.decimals import FRACTION_DIGITS_MAX, WHOLE_DIGITS_MAX, check, plain

Number = Decimal | str
Row = tuple[int, Number, Number, Number, Number, Number]
"""(ts_open in µs UTC, open, high, low, close, volume)."""
TS_MAX = 1 << 62


def published(rows: Iterable[Row], interval_s: int) -> list[HistoryCandle]:
    """Return the candles of these rows in rising order, each time once.

    Left out are those with a price that is none, a high below the low, or a time at which no
    interval begins. The volume may be 0.
    """
    step = interval_s * 1_000_000
    found: dict[int, HistoryCandle] = {}
    for ts_open, *numbers in rows:
        try:
            texts = [_text(number) for number in numbers]
        except BadDecimal:
            continue
        opened, high, low, close, _ = map(Decimal, texts)
        true = 0 < low <= min(opened, close) and max(opened, close) <= high
        if true and 0 <= ts_open <= TS_MAX and ts_open % step == 0:
            found[ts_open] = HistoryCandle(ts_open, *texts)
    return [found[ts_open] for ts_open in sorted(found)]


def _text(number: Number) -> str:
    """Return a price or a volume as plain decimal text.

    Raises:
        BadDecimal: it is none, or out of bounds.
    """
    if isinstance(number, Decimal):
        if not number.is_finite():
            raise BadDecimal("not a number")
        if number.is_zero():
            return "0"
        # Before it is written out: a number of a thousand million zeros takes a few bytes.
        if not -FRACTION_DIGITS_MAX <= number.adjusted() < WHOLE_DIGITS_MAX:
            raise BadDecimal("out of bounds")
        return check(plain(number))
    return "0" if number and not number.replace(".", "", 1).strip("0") else check(number)
