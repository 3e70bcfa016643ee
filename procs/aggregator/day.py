"""An exchange's own figures of the last 24 hours, where our trades do not reach. Pure.

A ticker and what the exchange says go in; the ticker comes out with what it lacked. What our own
trades say always counts more.
"""

from msgspec.structs import replace

from bus.messages import Day, Ticker


def completed(ticker: Ticker, day: Day | None) -> Ticker:
    """Return the ticker with the exchange's own figures in place of those that it has not."""
    if day is None:
        return ticker
    if ticker.change_24h is None:
        ticker = replace(ticker, change_24h=day.change, change_24h_pct=day.change_pct)
    if ticker.high_24h is None:
        ticker = replace(ticker, high_24h=day.high, low_24h=day.low)
    if ticker.turnover_24h is None:
        ticker = replace(ticker, turnover_24h=day.turnover)
    return ticker
