"""The feed's actor and its ``commits``, on a real journal.

Each trade once, and nothing is published before it is recorded.
"""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from bus.actor import Instant
from bus.journal_reader import JournalReader
from bus.log import Log
from bus.messages import (
    GapOpened,
    GapsWanted,
    JournalRecord,
    QuarantineBatch,
    Stored,
    TradeBatch,
    decode,
    encode,
)
from procs.feed.commits import CAP_GRACE_US
from procs.feed.connection import Connection
from procs.feed.exchanges import ID_MAX
from tests.exchanges import garbage
from tests.fix_disk import Disk
from tests.procs.feeding import START, Feeding, match, on, status

Make = Callable[..., Feeding]
DAY_US = 86_400_000_000


@pytest.fixture
def feeding(tmp_path: Path) -> Iterator[Make]:
    made: list[Feeding] = []

    def make(folder: Path = tmp_path, **options: Any) -> Feeding:
        made.append(Feeding(folder, **options))
        return made[-1]

    yield make
    for one in made:
        one.close()


def stored(one: Feeding, seq: int, epoch: int | None = None) -> None:
    message = Stored("coinbase", epoch or one.journal.epoch, seq)
    one.feed.on_message("stored", [b"stored.coinbase.", encode(message)], one.now)


def test_what_came_in_one_wake_is_one_batch_on_both_outputs_and_in_the_journal(
    feeding: Make,
) -> None:
    one = feeding()
    sends = one.take(match(1), match(2), match(1, symbol="ETH-USD"))
    (batch,) = on("out", sends)
    assert isinstance(batch, TradeBatch)
    assert on("persister", sends) == [batch] == one.recorded()
    assert (batch.epoch, batch.seq) == (one.journal.epoch, 1)
    assert [(trade.symbol, trade.trade_id) for trade in batch.trades] == [
        *(("BTC-USD", 1), ("BTC-USD", 2), ("ETH-USD", 1)),
    ]
    assert batch.trades[0].ts_recv == one.now.wall
    assert one.take() == []
    assert one.health.positions["coinbase"] == (one.journal.epoch, 1)


def test_nothing_is_published_before_it_is_in_the_journal(
    feeding: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = feeding()

    def power_cut(*_: object) -> int:
        raise OSError("power cut")

    monkeypatch.setattr(one.journal, "append", power_cut)
    one.feed.on_frame(match(1), one.now)
    with pytest.raises(OSError, match="power cut"):
        one.feed.on_wake(one.now)
    monkeypatch.undo()
    assert one.recorded() == []


def test_a_duplicate_is_dropped_at_once_later_and_after_a_restart(feeding: Make) -> None:
    one = feeding()
    one.take(match(1), match(1))
    assert one.take(match(1)) == []
    assert one.health.counters["duplicates"] == 2
    one.close()
    again = feeding()
    assert again.take(match(1)) == []
    again.take(match(2), match(1))
    assert again.ids() == [1, 2]


def test_a_late_trade_is_no_duplicate(feeding: Make) -> None:
    one = feeding()
    one.take(match(5), match(9))
    one.take(match(7), match(5), match(6))
    assert one.ids() == [5, 9, 7, 6]


def test_a_restart_goes_on_in_epoch_seq_and_each_symbols_chain(feeding: Make) -> None:
    one = feeding()
    one.take(match(1))
    one.take(match(1, symbol="ETH-USD"))
    one.close()
    again = feeding()
    again.take(match(2))
    again.take(match(3), match(2, symbol="ETH-USD"))
    batches = [record for record in again.recorded() if isinstance(record, TradeBatch)]
    assert [(batch.seq, batch.prev_seq) for batch in batches] == [
        (1, {"BTC-USD": None}),
        (2, {"ETH-USD": None}),
        (3, {"BTC-USD": 1}),
        (4, {"BTC-USD": 3, "ETH-USD": 2}),
    ]
    assert len({batch.epoch for batch in batches}) == 1


def test_a_quarantined_trade_is_recorded_with_its_frame_and_its_id_counts_as_seen(
    feeding: Make,
) -> None:
    one = feeding()
    sends = one.take(match(1), match(2, price="NaN"), match(3))
    assert [type(record) for record in on("out", sends)] == [TradeBatch, QuarantineBatch]
    assert one.ids() == [1, 3]
    assert [trade_id for trade_id, _ in one.quarantined()] == [2]
    assert one.journal.seen() == {("BTC-USD", 0): [(1, 3)]}
    one.close()
    again = feeding()
    assert again.take(match(2, price="NaN")) == []
    assert again.take(match(2)) == []


@pytest.mark.parametrize(
    ("ts", "believed"),
    [
        (START, True),
        (START - DAY_US, True),
        (START + DAY_US, True),
        (START - DAY_US - 1, False),
        (START + DAY_US + 1, False),
        (0, False),
        (START + 365 * DAY_US, False),
        (START - 365 * DAY_US, False),
    ],
)
def test_a_time_is_judged_by_the_exchanges_clock_not_by_ours(
    feeding: Make, ts: int, believed: bool
) -> None:
    one = feeding()
    url = "127.0.0.1:9"
    one.feed.connection = Connection(
        one.exchange, f"ws://{url}", f"http://{url}", one.feed.on_frame, Log("feed")
    )
    ours = START + 40 * 365 * DAY_US
    one.now = Instant(ours, 5_000_000)
    one.feed.connection.clock_offset_us = START - one.now.mono
    one.take(match(1, ts=ts))
    assert (one.ids() == [1]) is believed
    assert bool(one.quarantined()) is not believed


def test_f19_our_clock_may_jump_without_anything_being_doubted(feeding: Make) -> None:
    one = feeding()
    url = "127.0.0.1:9"
    one.feed.connection = Connection(
        one.exchange, f"ws://{url}", f"http://{url}", one.feed.on_frame, Log("feed")
    )
    one.feed.connection.clock_offset_us = START - one.now.mono
    for trade_id, jump in enumerate((0, 3_600_000_000, -3_600_000_000, 2 * DAY_US, -9 * DAY_US)):
        one.now = Instant(START + jump, one.now.mono + 1000)
        one.take(match(trade_id))
    assert one.ids() == [0, 1, 2, 3, 4]


def test_bad_frames_are_counted_and_the_last_ones_kept_for_the_operator(feeding: Make) -> None:
    one = feeding()
    for number in range(50):
        assert not one.feed.on_frame(b"garbage %d" % number, one.now)
    one.tick()
    assert one.health.counters["bad_frames"] == 50
    assert len(one.bad_frames) == 20
    assert "garbage 49" in one.bad_frames[-1]
    assert one.recorded() == []
    one.take(match(1))
    assert one.ids() == [1]


def test_f14_no_frame_of_any_kind_ends_the_feed_or_spoils_the_journal(feeding: Make) -> None:
    one = feeding()
    frames = [*garbage.BYTES, *garbage.truncated(match(1)), *garbage.mistyped(match(1))]
    for frame in frames:
        one.take(frame)
    one.tick()
    assert {trade_id for trade_id, _ in one.quarantined()} | set(one.ids()) >= {0, 1, 5}
    assert one.take(match(77))


def test_an_id_that_no_bigint_holds_is_a_bad_frame(feeding: Make) -> None:
    one = feeding()
    one.take(match(1).replace(b'"trade_id":1', b'"trade_id":%d' % (ID_MAX + 1)))
    one.take(match(1).replace(b'"trade_id":1', b'"trade_id":-1'))
    one.take(match(1, price="0").replace(b'"trade_id":1', b'"trade_id":%d' % (1 << 70)))
    assert (one.health.counters["bad_frames"], one.recorded()) == (3, [])
    one.take(match(1).replace(b'"trade_id":1', b'"trade_id":%d' % ID_MAX))
    assert one.ids() == [ID_MAX]


def test_only_what_is_stored_in_this_epoch_is_trimmed_and_only_when_old(feeding: Make) -> None:
    one = feeding(keep_us=10_000_000)
    for trade_id in range(5):
        one.take(match(trade_id))
    stored(one, 3, epoch=one.journal.epoch + 1)
    one.tick(60_000_000)
    assert len(one.recorded()) == 5
    stored(one, 3)
    one.tick()
    assert [record.seq for record in one.recorded()] == [4, 5]
    one.take(match(9))
    stored(one, 6)
    one.tick()
    assert [record.seq for record in one.recorded()] == [6]


def test_at_the_cap_the_oldest_go_as_a_gap_and_their_ids_can_come_again(feeding: Make) -> None:
    one = feeding(cap_bytes=200_000)
    while not one.journal.over_cap():
        last = one.journal.last_seq * 20
        one.take(*[match(last + step) for step in range(20)])
    total = len(one.ids())
    stored(one, 1)  # the first 20 are safe in Postgres
    assert on("out", one.tick()) == []  # it has only just started
    sends = one.tick(CAP_GRACE_US)
    (gap,) = on("out", sends)
    assert isinstance(gap, GapOpened)
    assert on("persister", sends) == [gap]
    kept = one.ids()
    (lost,) = gap.gaps
    assert (lost.first_id, lost.last_id) == (20, kept[0] - 1 if kept else total - 1)
    assert one.recorded()[-1] == gap
    assert one.health.counters["dropped_at_cap"] == lost.last_id - 19
    one.take(match(20), match(19))
    assert one.ids()[-1] == 20
    assert one.journal.seen()[("BTC-USD", 0)][0] == (0, 20)
    one.close()
    again = feeding(cap_bytes=200_000)
    assert again.take(match(21))


def test_what_was_given_up_at_the_cap_is_fetched_once_postgres_has_stored_the_rest(
    feeding: Make,
) -> None:
    one = feeding(cap_bytes=200_000)
    while not one.journal.over_cap():
        last = one.journal.last_seq * 20
        one.take(*[match(last + step) for step in range(20)])
    one.tick()
    (said,) = on("out", one.tick(CAP_GRACE_US))
    assert isinstance(said, GapOpened)
    (lost,) = said.gaps
    assert fetched(one) == []
    stored(one, one.journal.last_seq - 1)
    assert fetched(one) == []
    stored(one, one.journal.last_seq)
    assert (lost.first_id, lost.last_id) in fetched(one)


def test_a_restart_does_not_fetch_into_a_journal_that_is_full_of_what_is_not_stored(
    feeding: Make,
) -> None:
    one = feeding()
    one.take(match(0), match(2))
    for step in range(3, 4003, 20):
        one.take(*[match(step + more) for more in range(20)])
    assert one.journal.over_cap(200_000 / (1 << 30))
    one.close()
    full = feeding(cap_bytes=250_000)
    assert not full.journal.over_cap()
    assert fetched(full) == []
    full.close()
    roomy = feeding()
    assert (1, 1) in fetched(roomy)
    roomy.close()
    full = feeding(cap_bytes=250_000)
    stored(full, full.journal.last_seq)
    assert (1, 1) in fetched(full)


def fetched(one: Feeding) -> list[tuple[int, int]]:
    """Return what is asked for in the next while, first and last id."""
    sends = one.tick() + one.tick(CAP_GRACE_US) + one.tick(CAP_GRACE_US)
    wanted = [decode(send.payload) for send in sends if send.output == "backfiller"]
    return [
        (part.first_id, part.last_id)
        for each in wanted
        if isinstance(each, GapsWanted)
        for part in each.wanted
    ]


def test_what_was_stored_before_a_restart_at_the_cap_is_no_gap(feeding: Make) -> None:
    one = feeding(cap_bytes=200_000, keep_us=1 << 60)
    while not one.journal.over_cap():
        last = one.journal.last_seq * 20
        one.take(*[match(last + step) for step in range(20)])
    stored(one, one.journal.last_seq)
    one.tick()
    one.close()
    again = feeding(cap_bytes=200_000, keep_us=1 << 60)
    assert again.journal.over_cap()
    again.tick()
    assert on("out", again.tick(CAP_GRACE_US)) == []
    assert not again.journal.over_cap()
    assert "dropped_at_cap" not in again.health.counters


def test_a_gap_that_is_dropped_at_the_cap_is_said_again_but_for_what_has_come_since(
    feeding: Make,
) -> None:
    one = feeding(cap_bytes=100_000)
    said: set[int] = set()
    trade_id = 0
    for _ in range(6):
        while not one.journal.over_cap():
            one.take(*[match(trade_id + step) for step in range(20)])
            trade_id += 20
        while one.journal.over_cap():
            one.tick()
        one.take(match(3))  # the exchange has sent this one again
    for record in one.recorded():
        if isinstance(record, GapOpened):
            for gap in record.gaps:
                said.update(range(gap.first_id, gap.last_id + 1))
    assert one.health.counters["dropped_at_cap"] > 1000
    assert said | set(one.ids()) == set(range(trade_id))


def test_on_a_full_disk_trades_go_out_unstored_and_can_be_had_again(
    disk: Disk, feeding: Make
) -> None:
    one = feeding(disk.path)
    one.take(match(1), match(2, price="NaN"))
    one.tick(2_000_000)
    disk.fill()
    trade_id = 10
    loose: list[JournalRecord] = []
    while not loose:
        trade_id += 1
        sends = one.take(*[match(trade_id * 1000 + step) for step in range(500)])
        loose = [one for one in on("out", sends) if one.seq is None]
    (batch,) = loose
    assert isinstance(batch, TradeBatch)
    assert len(batch.trades) == 500
    assert on("persister", sends) == []
    assert not status(one.tick(2_000_000)).journal_ok
    before = one.ids()
    assert not set(before) & {trade.trade_id for trade in batch.trades}
    doubtful = [match(50_000_000 + step, price="NaN") for step in range(500)]
    assert one.take(*doubtful) == []
    symbols = {symbol.symbol: symbol for symbol in status(one.tick(1_000_000)).symbols}
    assert symbols["BTC-USD"].state == "live"
    disk.heal()
    (stored_now,) = on("out", one.take(*[match(trade_id * 1000 + step) for step in range(500)]))
    assert stored_now.seq == one.journal.last_seq
    assert one.ids() == before + [trade.trade_id for trade in batch.trades]
    assert status(one.tick(2_000_000)).journal_ok
    one.take(*doubtful)
    assert len(one.quarantined()) == 501
    seen = {n for a, b in one.journal.seen()[("BTC-USD", 0)] for n in range(a, b + 1)}
    assert seen == {*one.ids(), 2, *range(50_000_000, 50_000_500)}


def test_a_reader_is_never_shown_what_the_full_disk_refused(disk: Disk, feeding: Make) -> None:
    one = feeding(disk.path)
    reader = JournalReader(one.journal.path)
    disk.fill()
    for trade_id in range(40):
        frames = [match(trade_id * 1000 + step) for step in range(500)]
        sends = one.take(*frames)
        for record in on("out", sends):
            position = reader.position()
            assert position is not None
            assert (record.seq is None) or (record.seq <= position[2])
    reader.close()
    assert one.health.counters["not_stored"] > 0


def test_what_had_arrived_is_recorded_when_the_process_ends(feeding: Make) -> None:
    one = feeding()
    one.feed.on_frame(match(1), one.now)
    assert len(one.feed.on_drain(one.now)) == 2
    again = feeding()
    assert again.ids() == [1]
