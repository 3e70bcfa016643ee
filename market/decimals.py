"""Decimal arithmetic that is exact or raises, and the strict reader of prices and sizes.

The exchange's own text is checked, never passed through a float. The context has 96 digits and
traps ``Inexact``: a sum or a product that would lose a digit is an error, and so the order of
additions can never show. Only quotients (averages, VWAP, percentages) are rounded, in a context of
their own, the way Postgres' ``round`` does.
"""

import decimal
import re
from decimal import Decimal

from bus.errors import BadDecimal

PRECISION = 96
WHOLE_DIGITS_MAX = 12
"""A price or size is less than 1e12."""
FRACTION_DIGITS_MAX = 18
QUANTUM = Decimal("1E-12")
"""What quotients are rounded to."""

_is_plain = re.compile(
    rf"(?:0|[1-9][0-9]{{0,{WHOLE_DIGITS_MAX - 1}}})(?:\.[0-9]{{1,{FRACTION_DIGITS_MAX}}})?"
).fullmatch

_TRAPS = [decimal.Inexact, decimal.InvalidOperation, decimal.DivisionByZero, decimal.Overflow]
_EXACT = decimal.Context(prec=PRECISION, traps=_TRAPS)
_ROUNDING = decimal.Context(
    prec=PRECISION,
    rounding=decimal.ROUND_HALF_UP,
    traps=[decimal.InvalidOperation, decimal.DivisionByZero, decimal.Overflow],
)


def install() -> None:
    """Make the exact context that of this thread and of every thread that starts later.

    To be called before anything else in every process that calculates.
    """
    decimal.DefaultContext.prec = PRECISION
    for signal in _TRAPS:
        decimal.DefaultContext.traps[signal] = True
    decimal.setcontext(_EXACT.copy())


def check(text: str) -> str:
    """Return ``text`` if it is a plain decimal > 0 and < 1e12 with at most 18 fraction digits.

    Plain means digits and at most one dot inside them: no sign, exponent, underscore, blank,
    leading zero or letter of another script, so that it is a JSON number as it stands.

    Raises:
        BadDecimal: with the rule that was broken.
    """
    if _is_plain(text) and text.strip("0."):
        return text
    raise BadDecimal(_reason(text))


def _reason(text: str) -> str:
    shown = repr(text[:48])
    if text.startswith("-"):
        return f"negative: {shown}"
    if not text.isascii() or not text.replace(".", "", 1).isdigit():
        return f"not a plain decimal: {shown}"
    whole, _, fraction = text.partition(".")
    if not text.strip("0."):
        return f"zero: {shown}"
    if len(fraction) > FRACTION_DIGITS_MAX:
        return f"more than {FRACTION_DIGITS_MAX} fraction digits: {shown}"
    if len(whole) > WHOLE_DIGITS_MAX:
        return f"not less than 1e{WHOLE_DIGITS_MAX}: {shown}"
    return f"not a plain decimal: {shown}"


def trimmed(text: str) -> str:
    """Return a plain decimal without zeros at the end of its fraction: ``1.5`` for ``1.500``."""
    return text.rstrip("0").rstrip(".") if "." in text else text


def plain(value: Decimal) -> str:
    """Return ``value`` in plain notation: ``0.00000012``, where ``str`` writes ``1.2E-7``."""
    return format(value, "f")


def quotient(numerator: Decimal, denominator: Decimal | int) -> Decimal:
    """Return the quotient rounded half up to 1e-12, as Postgres' ``round(a / b, 12)``.

    Raises:
        decimal.DivisionByZero: the denominator is 0.
    """
    exact = _ROUNDING.divide(numerator, Decimal(denominator))
    return _ROUNDING.quantize(exact, QUANTUM)
