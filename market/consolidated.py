"""One price of an asset out of many markets, that no single print and no single exchange can move.

Pure. In come the markets in which an asset is traded for dollars, each with its last trades and
what is known of its connection; out comes the median of those that can be believed, and for each of
the others why not. Two rules stand behind it. A market's price is the median of its last trades:
one bad print never shows. The price of all is the median over markets: one bad market shows only
where there is nothing to compare it with. docs/decisions/0007 has the reasons.
"""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import NamedTuple

from bus.messages import Consolidated, Exclusion, PriceSource
from market.decimals import plain, quotient

TRADES_MAX = 5
TRADES_MIN = 3
"""A market counts from its third trade on: the median of two is moved by either."""
BEHIND_US = 60_000_000
"""A market whose last trade is so much older than another one's does not count."""
OUTLIER_SHARE = Decimal("0.01")
OUTLIER_DEVIATIONS = 5
"""Of three or more a market does not count that is further from the median than both allow."""
APART_SHARE = Decimal("0.02")
"""Of two that differ by more, only one counts."""
_HALF = Decimal("0.5")


class Market(NamedTuple):
    """One symbol of one exchange whose quote counts as US dollars."""

    exchange: str
    symbol: str
    prices: tuple[Decimal, ...]
    """Of its last trades, the newest last; more than ``TRADES_MAX`` of them are not looked at."""
    ts_event: int
    """Of the newest trade, µs UTC."""
    turnover: Decimal
    """Σ price × size of the last 24 hours as far as it is known here, in dollars."""
    connected: bool
    stale: bool
    """Its feed says that there should be a newer price."""
    secondary: bool
    """It is no market of its own but says what others have traded at."""


def consolidate(asset: str, markets: Sequence[Market]) -> Consolidated | None:
    """Return the price of an asset; None where no market has had enough trades.

    The order of the markets does not matter. Where an even number of them counts, the price is the
    mean of the middle two, rounded half up to 1e-12.
    """
    known = sorted(one for one in markets if len(one.prices) >= TRADES_MIN)
    if not known:
        return None
    prices = {one: typical(one.prices) for one in known}
    excluded = _excluded(known, prices)
    counting = [one for one in known if excluded[one] is None]
    return Consolidated(
        asset=asset,
        price=_middle([prices[one] for one in counting]) if counting else None,
        ts_event=max(one.ts_event for one in counting or known),
        sources=[
            PriceSource(one.exchange, one.symbol, plain(prices[one]), one.ts_event, excluded[one])
            for one in known
        ],
    )


def typical(prices: Sequence[Decimal]) -> Decimal:
    """Return the median of the last five prices, or of the last three if there are not five.

    One of them alone, whatever it is, leaves it between the others.
    """
    count = TRADES_MAX if len(prices) >= TRADES_MAX else TRADES_MIN
    return sorted(prices[-count:])[count // 2]


def _excluded(
    markets: Sequence[Market], prices: Mapping[Market, Decimal]
) -> dict[Market, Exclusion | None]:
    """Return why each market does not count; None where it does."""
    why: dict[Market, Exclusion | None] = dict.fromkeys(markets)
    for one in markets:
        if not one.connected:
            why[one] = "disconnected"
        elif one.stale:
            why[one] = "stale"
    left = [one for one in markets if why[one] is None]
    if not all(one.secondary for one in left):
        why |= {one: "secondary" for one in left if one.secondary}
        left = [one for one in left if not one.secondary]
    newest = max((one.ts_event for one in left), default=0)
    why |= {one: "stale" for one in left if newest - one.ts_event > BEHIND_US}
    left = [one for one in left if why[one] is None]
    if len(left) == 2:
        why |= dict.fromkeys(_weaker(left[0], left[1], prices), "outlier")
    elif left:
        middle = _median([prices[one] for one in left])
        away = {one: abs(prices[one] - middle) for one in left}
        allowed = max(middle * OUTLIER_SHARE, _median(list(away.values())) * OUTLIER_DEVIATIONS)
        why |= {one: "outlier" for one in left if away[one] > allowed}
    return why


def _weaker(one: Market, other: Market, prices: Mapping[Market, Decimal]) -> list[Market]:
    """Return the one of two that does not count, none where they agree.

    The market in which less is traded is the one that a single order moves.
    """
    low, high = sorted((prices[one], prices[other]))
    if high - low <= low * APART_SHARE:
        return []
    return [min(one, other, key=lambda each: (each.turnover, each.ts_event, each))]


def _median(values: Sequence[Decimal]) -> Decimal:
    """Return the exact median: half a sum of decimals has an end."""
    ordered = sorted(values)
    middle = len(ordered) // 2
    if len(ordered) % 2:
        return ordered[middle]
    return (ordered[middle - 1] + ordered[middle]) * _HALF


def _middle(prices: Sequence[Decimal]) -> str:
    """Return the median as text, a mean without needless zeros."""
    ordered = sorted(prices)
    middle = len(ordered) // 2
    if len(ordered) % 2:
        return plain(ordered[middle])
    return plain(quotient(ordered[middle - 1] + ordered[middle], 2).normalize())
