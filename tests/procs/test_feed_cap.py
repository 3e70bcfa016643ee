"""What is given up at the journal's cap, by what the oldest records say."""

from bus.journal_reader import Record
from bus.messages import Gap, GapOpened, Trade, TradeBatch, encode
from procs.feed.cap import given_up


def batch(seq: int, *ids: int) -> Record:
    trades = [Trade("A-USD", number, 1, 1, "1", "1", "buy") for number in ids]
    return Record(seq, 1, encode(TradeBatch("binance", 1, seq, trades, {})))


def test_what_is_stored_or_of_another_tickwire_says_nothing() -> None:
    gap = GapOpened("binance", 1, 5, [Gap("A-USD", 9, 12)], "missing")
    unknown = Record(3, 1, b"\x93\xa5later\x01\x02")
    oldest = [batch(1, 4, 5), batch(2, 6), unknown, batch(4, 7, 8), Record(5, 1, encode(gap))]
    trades, gaps = given_up(oldest, stored_seq=1)
    key = ("A-USD", 0)
    assert {key: ids.intervals() for key, ids in trades.items()} == {key: [(6, 8)]}
    assert {key: ids.intervals() for key, ids in gaps.items()} == {key: [(9, 12)]}
