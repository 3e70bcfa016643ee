"""Trades that hypothesis makes up."""

from hypothesis import strategies as st

from bus.messages import Trade
from tests.store.folding import START

HOURS = 30


@st.composite
def numbers(draw: st.DrawFn) -> str:
    """Return the plain text of a number that may be a price or a size."""
    whole = draw(st.integers(0, 10**12 - 1))
    fraction = draw(st.text("0123456789", max_size=18))
    if whole == 0 and not fraction.strip("0"):
        whole = 1
    return f"{whole}.{fraction}" if fraction else str(whole)


@st.composite
def trades(draw: st.DrawFn, max_size: int = 25) -> list[Trade]:
    """Return trades of two symbols, each id once, in any order; many share one microsecond."""
    keys = draw(
        st.lists(
            st.tuples(st.sampled_from(["A-USD", "B-USD"]), st.integers(0, 1), st.integers(0, 40)),
            unique=True,
            max_size=max_size,
        )
    )
    moment = st.sampled_from([0, 1, 59_999_999, 60_000_000, 3_599_999_999, 3_600_000_000]) | (
        st.integers(0, HOURS * 3_600_000_000)
    )
    return [
        Trade(
            symbol,
            trade_id,
            START + draw(moment),
            START,
            draw(numbers()),
            draw(st.none() | numbers()),
            "buy",
            series,
        )
        for symbol, series, trade_id in keys
    ]
