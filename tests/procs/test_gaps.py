"""Missing trades: said, asked for, had, or given up; the actor alone, with a real journal."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from bus.actor import Send
from bus.log import Log
from bus.messages import (
    Gap,
    GapOpened,
    GapsWanted,
    GapUnfillable,
    Recovered,
    Seen,
    SeenIds,
    Trade,
    decode,
    encode,
)
from procs.feed.connection import Connection
from procs.feed.gaps import DOUBT_US, LOOK_EVERY_US
from procs.feed.holes import ABSENT_TIMES, ASK_AGAIN_US, GRACE_US
from tests.procs.feeding import START, Feeding, match, on, status

SYMBOL = "BTC-USD"


@pytest.fixture
def one(tmp_path: Path) -> Iterator[Feeding]:
    made = Feeding(tmp_path)
    yield made
    made.close()


def wanted(sends: list[Send]) -> list[tuple[str, int, int]]:
    """Return (symbol, first, last) of what is asked for as missing."""
    asked = [decode(send.payload) for send in sends if send.output == "backfiller"]
    assert all(isinstance(one, GapsWanted) and one.exchange == "coinbase" for one in asked)
    return [
        (each.symbol, each.first_id, each.last_id)
        for one in asked
        if isinstance(one, GapsWanted)
        for each in one.wanted
        if each.until is None
    ]


def trade(trade_id: int) -> Trade:
    ts = START + trade_id * 1_000_000
    return Trade(SYMBOL, trade_id, ts, START, "100.5", "0.5", "buy")


def bring(one: Feeding, *ids: int, absent: tuple[tuple[int, int], ...] = ()) -> list[Send]:
    """Hand over what the backfiller has had."""
    answer = Recovered("coinbase", SYMBOL, 0, [trade(n) for n in ids], [], list(absent))
    return list(one.feed.on_message("recovered", [encode(answer)], one.now))


def test_a_missing_id_is_journalled_as_a_gap_told_to_both_and_asked_for(one: Feeding) -> None:
    one.take(match(1), match(4))
    assert on("out", one.tick(GRACE_US - 1)) == []
    sends = one.tick(LOOK_EVERY_US)
    gap = GapOpened("coinbase", one.journal.epoch, 2, [Gap(SYMBOL, 2, 3)], "ids are missing")
    assert on("out", sends) == on("persister", sends) == [gap]
    assert one.recorded()[1] == gap
    assert wanted(sends) == [(SYMBOL, 2, 3)]
    assert one.health.counters["gaps_opened"] == 1
    assert wanted(one.tick(ASK_AGAIN_US - 1)) == []
    assert wanted(one.tick(LOOK_EVERY_US)) == [(SYMBOL, 2, 3)]


def test_an_id_that_comes_a_little_later_is_no_gap(one: Feeding) -> None:
    one.take(match(1), match(3))
    one.tick(GRACE_US // 2)
    one.take(match(2))
    assert on("out", one.tick(GRACE_US)) == []
    assert one.health.counters["gaps_opened"] == 0


def test_what_was_fetched_is_committed_like_what_came_and_fills_the_gap(one: Feeding) -> None:
    one.take(match(1), match(4))
    one.tick(GRACE_US)
    one.take(match(3))
    sends = bring(one, 2, 3)
    (record,) = on("out", sends)
    assert on("persister", sends) == [record]
    assert one.ids() == [1, 4, 3, 2]
    assert one.health.counters["duplicates"] == 0  # it was asked for twice by ourselves
    sends = one.tick(ASK_AGAIN_US)
    assert wanted(sends) == []
    assert one.health.counters["gaps_filled"] == 1
    (found, _) = status(sends).symbols
    assert (found.gaps_open, found.missing, found.gaps_filled) == (0, 0, 1)


def test_what_the_exchange_has_not_is_said_and_still_taken_if_it_comes(one: Feeding) -> None:
    one.take(match(1), match(4))
    one.tick(GRACE_US)
    for times in range(ABSENT_TIMES):
        assert on("out", one.tick(ASK_AGAIN_US * 4**times)) == []
        bring(one, 2, absent=((3, 3),))
    (record,) = on("persister", one.tick(LOOK_EVERY_US))
    assert record == GapUnfillable("coinbase", one.journal.epoch, 4, [Gap(SYMBOL, 3, 3)])
    assert wanted(one.tick(ASK_AGAIN_US)) == []
    one.take(match(3))
    assert one.ids() == [1, 4, 2, 3]


def test_after_a_restart_every_hole_is_asked_for_again(one: Feeding, tmp_path: Path) -> None:
    one.take(match(1), match(4), match(8))
    one.close()
    again = Feeding(tmp_path)
    again.tick()
    assert sorted(wanted(again.tick(GRACE_US))) == [(SYMBOL, 2, 7)]
    again.take(match(12))
    assert wanted(again.tick(GRACE_US)) == [(SYMBOL, 9, 11)]
    again.close()


def test_after_a_lost_journal_the_hole_up_to_what_postgres_has_is_reopened(one: Feeding) -> None:
    one.take(match(50))
    seen = Seen("coinbase", 1, 1, [SeenIds(SYMBOL, 0, [(1, 30), (33, 40)], START)])
    one.feed.on_message("stored", [b"ids.coinbase.", encode(seen)], one.now)
    assert wanted(one.tick(GRACE_US)) == [(SYMBOL, 31, 49)]
    one.take(match(20))
    assert one.health.counters["duplicates"] == 1  # Postgres has it
    other = Seen("binance", 1, 1, [SeenIds(SYMBOL, 0, [(60, 70)], START)])
    one.feed.on_message("stored", [b"ids.binance.", encode(other)], one.now)
    assert wanted(one.tick(GRACE_US)) == []


def test_the_exchanges_own_word_that_there_is_a_newer_trade_is_a_gap(one: Feeding) -> None:
    beat = b'{"type":"heartbeat","last_trade_id":%d,"product_id":"BTC-USD"}'
    one.take(match(5))
    one.take(beat % 5)
    assert wanted(one.tick(GRACE_US)) == []
    one.take(beat % 7)
    one.take(beat % 7)
    assert wanted(one.tick(GRACE_US)) == [(SYMBOL, 6, 7)]


def test_one_id_a_billion_ahead_is_a_visible_gap_that_is_not_asked_for(one: Feeding) -> None:
    one.take(match(5))
    one.take(match(1_000_000_005, ts=START + 6_000_000))
    one.take(match(6), match(8))
    assert wanted(one.tick(GRACE_US)) == [(SYMBOL, 7, 7)]
    sends = one.tick(DOUBT_US)
    (record,) = on("persister", sends)
    assert isinstance(record, GapOpened)
    assert record.gaps == [Gap(SYMBOL, 9, 1_000_000_004)]
    bring(one, 7)
    one.take(match(10))
    assert wanted(one.tick(ASK_AGAIN_US)) == [(SYMBOL, 9, 9)]  # it hides no other gap
    bring(one, 9)
    assert wanted(one.tick(ASK_AGAIN_US)) == []
    assert [found.gaps_open for found in one.feed.status(one.now).symbols] == [1, 0]


def test_a_jump_that_is_confirmed_late_is_asked_for(one: Feeding) -> None:
    one.take(match(5))
    one.take(match(50_005, ts=START + 6_000_000))
    one.tick(GRACE_US)
    one.tick(DOUBT_US)
    one.take(match(50_006, ts=START + 7_000_000))
    assert wanted(one.tick(GRACE_US)) == [(SYMBOL, 6, 50_004)]


def test_a_beat_far_ahead_is_not_followed(one: Feeding) -> None:
    one.take(match(5))
    for number in (1_000_000_005, 10**30):
        one.take(b'{"type":"heartbeat","last_trade_id":%d,"product_id":"BTC-USD"}' % number)
        assert wanted(one.tick(GRACE_US)) == []


@pytest.mark.parametrize(
    ("trade_id", "later_s", "anew"),
    [(5, 0, True), (999_900, 9, True), (999_950, 9, False), (999_999, 0, False)],
)
def test_ids_that_begin_anew_are_quarantined_and_leave_the_old_ones_alone(
    one: Feeding, trade_id: int, later_s: int, anew: bool
) -> None:
    at = START + 60_000_000
    one.take(match(999_900, ts=at), match(1_000_000, ts=at))
    one.take(match(trade_id, ts=at + later_s * 1_000_000))
    assert one.ids() == [999_900, 1_000_000, *([] if anew else [trade_id])]
    assert [number for number, _ in one.quarantined()] == ([None] if anew else [])
    one.close()


def test_a_fetched_trade_of_an_unbelievable_time_is_quarantined(one: Feeding) -> None:
    one.take(match(1), match(5))
    one.tick(GRACE_US)
    far = [
        Trade(SYMBOL, 2, 10**18, START, "1", "1", "buy"),
        Trade(SYMBOL, 3, 0, START, "1", "1", "buy"),
    ]
    answer = Recovered("coinbase", SYMBOL, 0, [*far, trade(4)], [], [])
    one.feed.on_message("recovered", [encode(answer)], one.now)
    assert one.ids() == [1, 5, 4]
    assert [number for number, _ in one.quarantined()] == [2, 3]


def test_what_is_fetched_before_the_exchanges_clock_is_known_is_asked_for_again(
    one: Feeding,
) -> None:
    """As after a kill -9: the backfiller lives on and answers before there is a connection."""
    one.take(match(1), match(4))
    address = "127.0.0.1:9"
    one.feed.connection = Connection(
        *(one.exchange, f"ws://{address}", f"http://{address}", one.feed.on_frame, Log("feed"))
    )
    assert bring(one, 2, 3) == []
    assert (one.ids(), one.quarantined()) == ([1, 4], [])
    one.feed.connection.clock_offset_us = START - one.now.mono
    assert bring(one, 2, 3) != []
    assert (one.ids(), one.quarantined()) == ([1, 4, 2, 3], [])
