"""The newest journal records, for clients that resume."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bus.messages import Gap, GapOpened, TradeBatch, encode
from tests.web.messages import batch
from web.ring import Ring


def filled(*seqs: int | None) -> Ring:
    ring = Ring()
    for seq in seqs:
        ring.add(encode(batch(seq, [seq or 0])))
    return ring


def test_what_came_after_a_position_is_all_there() -> None:
    records = filled(1, 2, 3, 4).since(5, 2)
    assert records is not None
    assert [record.seq for record in records] == [3, 4]


def test_nothing_is_missing_at_the_newest_position() -> None:
    assert filled(1, 2, 3).since(5, 3) == []


@pytest.mark.parametrize(
    ("seqs", "epoch", "seq"),
    [
        ((), 5, 1),
        ((4, 5, 6), 5, 2),
        ((1, 2, 4), 5, 1),
        ((1, 2, 3), 6, 1),
        ((1, 2, 3), 5, 4),
        ((1, None, 2), 5, 0),
    ],
    ids=["empty", "older than the ring", "a hole", "another epoch", "the future", "not stored"],
)
def test_what_is_not_all_here_is_never_said_to_be(
    seqs: tuple[int | None, ...], epoch: int, seq: int
) -> None:
    assert filled(*seqs).since(epoch, seq) is None


@pytest.mark.parametrize("bad", [b"", b"no record", encode(batch(None, [9]))])
def test_a_record_that_nobody_can_resume_after_is_a_hole(bad: bytes) -> None:
    ring = filled(1, 2)
    ring.add(bad)
    assert ring.position() == (5, 2)
    assert ring.since(5, 2) is None
    for seq in (4, 5):
        ring.add(encode(batch(seq, [seq])))
    assert ring.position() == (5, 5)
    assert [ring.since(5, seq) is None for seq in (1, 2, 3, 4)] == [True, True, False, False]
    found = ring.recent({"ETH-USDT"}, 9, 10)
    here = [record.trades[index].trade_id for record, index in found]
    assert [each for each in here if each != 9] == [1, 2, 4, 5]


def test_how_many_are_missing_is_known_before_any_is_decoded() -> None:
    ring = filled(1, 2, 3, 4)
    assert [ring.missing(5, seq) for seq in (4, 1, 5)] == [0, 3, None]
    assert ring.missing(6, 1) is None


def test_a_position_far_behind_what_could_not_be_stored_is_none() -> None:
    assert filled(1, *[None] * 200).position() == (5, 1)
    assert filled(1, *[None] * 201).position() is None


def test_records_that_are_no_trades_count_too() -> None:
    ring = filled(1)
    ring.add(encode(GapOpened("binance", 5, 2, [Gap("ETH-USDT", 1, 2)], "a hole")))
    assert ring.position() == (5, 2)
    records = ring.since(5, 1)
    assert records is not None
    assert [record.seq for record in records] == [2]


def test_the_oldest_are_dropped_by_count_and_by_bytes() -> None:
    few = Ring(records_max=2)
    small = Ring(bytes_max=len(encode(batch(1, [1]))) * 2)
    for seq in (1, 2, 3):
        few.add(encode(batch(seq, [seq])))
        small.add(encode(batch(seq, [seq])))
    assert (len(few), len(small)) == (2, 2)
    assert few.since(5, 0) is None
    assert few.since(5, 1) is not None


def test_the_newest_trades_of_some_symbols_come_oldest_first() -> None:
    ring = Ring()
    ring.add(encode(batch(1, [1, 2, 3])))
    ring.add(encode(batch(2, [9], symbol="BTC-USDT")))
    ring.add(encode(batch(3, [4])))
    found = ring.recent({"ETH-USDT"}, 3, 10)
    assert [record.trades[index].trade_id for record, index in found] == [2, 3, 4]


@given(st.lists(st.booleans(), min_size=1, max_size=40), st.integers(0, 45), st.integers(1, 50))
def test_a_resume_is_whole_or_none(lost: list[bool], seq: int, records_max: int) -> None:
    ring = Ring(records_max=records_max)
    here = [i + 1 for i, gone in enumerate(lost) if not gone]
    for each in here:
        ring.add(encode(batch(each, [each])))
    kept = here[-records_max:]
    records = ring.since(5, seq)
    wanted = list(range(seq + 1, here[-1] + 1)) if here else []
    whole = bool(here) and seq <= here[-1] and set(wanted) <= set(kept)
    assert (records is not None) == whole
    if records is not None:
        assert [r.trades[0].trade_id for r in records if isinstance(r, TradeBatch)] == wanted
