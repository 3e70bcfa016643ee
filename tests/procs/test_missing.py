"""The open gaps in Postgres, and what closes them."""

from bus.messages import Gap
from market.sequence import IdSet
from procs.persister.missing import Closed, Missing

KEY = ("BTC-USD", 0)
WHOLE, PART = Gap("BTC-USD", 5, 8), Gap("BTC-USD", 20, 29)


def test_a_gap_is_filled_once_every_id_has_been_stored() -> None:
    missing = Missing([WHOLE])
    missing.open([PART, WHOLE])
    assert missing.closed({}, [KEY]) == Closed([], [])
    assert missing.closed({KEY: IdSet([(5, 7), (20, 28)])}, [KEY]) == Closed([], [])
    assert missing.closed({KEY: IdSet([(1, 8), (20, 28)])}, [KEY]) == Closed([WHOLE], [])
    assert missing.closed({KEY: IdSet([(1, 30)])}, [KEY]) == Closed([PART], [])
    assert missing.closed({KEY: IdSet([(1, 30)])}, [KEY]) == Closed([], [])


def test_a_gap_is_unfillable_when_what_is_still_missing_cannot_be_had() -> None:
    missing = Missing([PART])
    missing.absent([Gap("BTC-USD", 20, 24), Gap("ETH-USD", 25, 29)])
    assert missing.closed({KEY: IdSet([(26, 29)])}, [KEY]) == Closed([], [])
    assert missing.closed({KEY: IdSet([(25, 29)])}, [KEY]) == Closed([], [PART])


def test_another_symbols_or_series_trades_close_nothing() -> None:
    missing = Missing([WHOLE])
    seen = {("ETH-USD", 0): IdSet([(1, 9)]), ("BTC-USD", 1): IdSet([(1, 9)])}
    assert missing.closed(seen, [KEY]) == Closed([], [])
