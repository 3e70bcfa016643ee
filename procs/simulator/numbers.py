"""Numbers as exchanges write them in JSON: short, and the other way round. Pure, without floats."""

from decimal import Decimal
from typing import NamedTuple


class Style(NamedTuple):
    """From where on numbers are written with an exponent."""

    zeros: int
    """So many zeros after the point are the first that nobody writes."""
    exponent: str
    """How the exponent is written, ``%d`` or ``%02d``."""


GO = Style(6, "%d")
"""1e-7, from there downwards."""
RUBY = Style(4, "%02d")
"""1.2e-05, from there downwards."""


def short(text: str, style: Style) -> str:
    """Return a plain decimal without needless zeros, as a server of that style writes it."""
    whole, _, fraction = text.partition(".")
    fraction = fraction.rstrip("0")
    if not fraction:
        return whole
    if whole == "0" and fraction.startswith("0" * style.zeros):
        digits = fraction.lstrip("0")
        power = len(fraction) - len(digits) + 1
        mantissa = digits if len(digits) == 1 else f"{digits[0]}.{digits[1:]}"
        return f"{mantissa}e-{style.exponent % power}"
    return f"{whole}.{fraction}"


def plain(text: str) -> str:
    """Return a number of JSON without an exponent.

    Raises:
        ValueError: it is none, or out of all bounds.
    """
    if "e" not in text and "E" not in text:
        return text
    value = Decimal(text)
    if not -40 < value.adjusted() < 40:
        raise ValueError(f"{text[:40]} is out of all bounds")
    return format(value, "f")
