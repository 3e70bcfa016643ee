"""The feed on exchanges whose ids are not consecutive: none at all, or the time of an update."""

from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
import pytest

from bus.errors import BadFrame
from bus.messages import Seen, SeenIds, Trade, TradeBatch, encode
from procs.feed.commits import CAP_GRACE_US
from procs.feed.exchanges import Event, Ids
from procs.feed.numbering import SERIES_FROM_S
from tests.fix_disk import Disk
from tests.procs.feeding import START, Feeding, on, status

BTC, ETH = "BTC-USD", "ETH-USD"
Make = Callable[..., Feeding]


class Plain:
    """An exchange whose messages are lists of (symbol, id, ts_event, price), nothing else."""

    name = "coinbase"
    rest_url = "https://api.plain.invalid"

    def __init__(self, ids: Ids) -> None:
        self.ids = ids

    def parse(self, frame: bytes, ts_recv: int) -> tuple[Event, ...]:
        try:
            rows = msgspec.json.decode(frame, type=list[tuple[str, int, int, str]])
        except msgspec.MsgspecError as error:
            raise BadFrame(str(error)) from None
        return tuple(
            Trade(symbol, number, ts, ts_recv, price, None, None)
            for symbol, number, ts, price in rows
        )


def frame(*rows: tuple[str, int, int, str]) -> bytes:
    return msgspec.json.encode(rows)


def trade(symbol: str = BTC, ts: int = START, price: str = "10") -> tuple[str, int, int, str]:
    return symbol, 0, ts, price


def update(ts: int, symbol: str = BTC, price: str = "10") -> tuple[str, int, int, str]:
    return symbol, START + ts, START + ts, price


@pytest.fixture
def feeding(tmp_path: Path) -> Iterator[Make]:
    made: list[Feeding] = []

    def make(ids: Ids, folder: Path = tmp_path, *, cap_bytes: int = 1 << 30) -> Feeding:
        made.append(Feeding(folder, cap_bytes=cap_bytes, other=Plain(ids)))
        return made[-1]

    yield make
    for one in made:
        one.close()


def trades(one: Feeding) -> list[Trade]:
    return [
        trade
        for record in one.recorded()
        if isinstance(record, TradeBatch)
        for trade in record.trades
    ]


def test_trades_without_ids_are_numbered_and_equal_ones_are_all_counted(feeding: Make) -> None:
    one = feeding("none")
    same = frame(trade(), trade(), trade(ETH), trade())
    sends = one.take(same, same)
    one.take(frame(trade()))
    series = one.journal.born_s - SERIES_FROM_S
    assert [found.trade_id for found in trades(one) if found.symbol == BTC] == [*range(1, 8)]
    assert {found.series for found in trades(one)} == {series}
    assert series > 0
    assert one.journal.seen() == {(BTC, series): [(1, 7)], (ETH, series): [(1, 2)]}
    assert "duplicates" not in one.health.counters
    (batch,) = on("out", sends)
    assert on("persister", sends) == [batch] == one.recorded()[:1]


def test_the_numbers_go_on_after_a_restart_and_with_other_ones_after_a_lost_journal(
    feeding: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = feeding("none")
    one.take(frame(trade(), trade()))
    born_s = one.journal.born_s
    one.close()
    monkeypatch.setattr("bus.journal.time.time", lambda: born_s + 60.5)
    again = feeding("none")
    again.take(frame(trade()))
    assert [found.trade_id for found in trades(again)] == [1, 2, 3]
    again.close()
    for path in tmp_path.glob("coinbase.*"):
        path.unlink()
    new = feeding("none")
    new.take(frame(trade()))
    (first,) = trades(new)
    assert (first.trade_id, first.series) == (1, born_s + 60 - SERIES_FROM_S)
    assert (again.journal.born_s, new.journal.born_s) == (born_s, born_s + 60)


def test_a_journal_that_was_born_before_2020_by_its_clock_numbers_too(
    feeding: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bus.journal.time.time", lambda: 0.0)
    one = feeding("none")
    one.take(frame(trade()))
    one.close()
    again = feeding("none")
    again.take(frame(trade()))
    assert [(found.series, found.trade_id) for found in trades(again)] == [(1, 1), (1, 2)]


def test_what_postgres_has_of_the_same_series_is_not_numbered_again(feeding: Make) -> None:
    one = feeding("none")
    series = one.journal.born_s - SERIES_FROM_S
    seen = Seen("coinbase", 99, 1, [SeenIds(BTC, series, [(1, 40)], START)])
    one.feed.on_message("stored", [b"ids.coinbase.", encode(seen)], one.now)
    one.take(frame(trade()))
    assert [found.trade_id for found in trades(one)] == [41]


def test_an_implausible_trade_without_id_is_quarantined_without_one(feeding: Make) -> None:
    one = feeding("none")
    year = 365 * 86_400_000_000
    one.take(frame(trade(ts=START + year), trade(ts=START + year), trade()))
    assert [trade_id for trade_id, _ in one.quarantined()] == [None, None]
    assert [found.trade_id for found in trades(one)] == [1]


@pytest.mark.parametrize("ids", ["none", "latest"])
def test_nothing_of_what_is_not_consecutive_is_ever_missing(feeding: Make, ids: Ids) -> None:
    one = feeding(ids)
    one.take(frame(update(0), update(5_000_000)))
    one.take(frame(update(900_000_000, ETH), update(900_000_000)))
    sends = one.tick(1_000_000) + one.tick(20_000_000)
    assert on("out", sends) == []
    assert [send for send in sends if send.output == "backfiller"] == []
    told = status(one.tick(2_000_000))
    assert not told.gapless
    assert {(found.gaps_open, found.missing) for found in told.symbols} == {(0, 0)}


def test_on_a_full_disk_trades_without_ids_go_out_without_a_number_and_none_is_left_out(
    disk: Disk, feeding: Make
) -> None:
    one = feeding("none", disk.path)
    one.take(frame(trade()))
    one.tick(2_000_000)
    disk.fill()
    loose: list[TradeBatch] = []
    for _ in range(100):
        sends = one.take(frame(*[trade()] * 500))
        loose += [found for found in on("out", sends) if isinstance(found, TradeBatch)]
        if loose[-1].seq is None:
            break
    assert {(found.trade_id, found.series) for found in loose[-1].trades} == {(0, 0)}
    assert len(loose[-1].trades) == one.health.counters["not_stored"] == 500
    assert not status(one.tick(2_000_000)).journal_ok
    disk.heal()
    one.take(frame(trade()))
    numbers = [found.trade_id for found in trades(one)]
    assert numbers == [*range(1, len(numbers) + 1)]
    assert list(one.journal.seen().values()) == [[(1, len(numbers))]]


@pytest.mark.parametrize("ids", ["none", "latest"])
def test_at_the_cap_what_cannot_be_had_again_is_counted_and_no_gap(feeding: Make, ids: Ids) -> None:
    one = feeding(ids, cap_bytes=200_000)
    moment = 0
    while not one.journal.over_cap():
        one.take(frame(*(update(moment + step) for step in range(20))))
        moment += 20
    one.tick()
    total = len(trades(one))
    sends = one.tick(CAP_GRACE_US)
    assert on("out", sends) == []
    dropped = one.health.counters["dropped_at_cap"]
    assert dropped == total - len(trades(one)) > 0
    assert len(next(iter(one.journal.seen().values()))) == 1
    last = trades(one)[-1] if trades(one) else None
    one.take(frame(update(moment)))
    assert last is None or trades(one)[-1].trade_id > last.trade_id


def test_of_updates_only_a_later_one_is_news_whatever_is_sent_again(feeding: Make) -> None:
    one = feeding("latest")
    sends = one.take(frame(update(10), update(10, ETH)), frame(update(10), update(5), update(20)))
    (batch,) = on("out", sends)
    assert isinstance(batch, TradeBatch)
    assert batch.latest_only
    assert [(found.symbol, found.trade_id - START) for found in trades(one)] == [
        *((BTC, 10), (ETH, 10), (BTC, 20)),
    ]
    assert one.take(frame(update(20), update(7))) == []
    assert one.journal.seen() == {(BTC, 0): [(0, START + 20)], (ETH, 0): [(0, START + 10)]}
    assert "duplicates" not in one.health.counters
    one.close()
    again = feeding("latest")
    assert again.take(frame(update(20), update(19))) == []
    again.take(frame(update(21)))
    assert again.journal.seen()[BTC, 0] == [(0, START + 21)]


def test_an_update_of_the_far_future_does_not_silence_those_that_follow(feeding: Make) -> None:
    one = feeding("latest")
    one.take(frame(update(365 * 86_400_000_000), update(10)))
    assert [trade_id for trade_id, _ in one.quarantined()] == [None]
    one.take(frame(update(11)))
    assert [found.trade_id - START for found in trades(one)] == [10, 11]


def test_after_a_lost_journal_postgres_says_how_far_the_updates_were(feeding: Make) -> None:
    one = feeding("latest")
    seen = Seen("coinbase", 99, 1, [SeenIds(BTC, 0, [(0, START + 50)], START + 50)])
    one.feed.on_message("stored", [b"ids.coinbase.", encode(seen)], one.now)
    assert one.take(frame(update(50), update(49))) == []
    one.take(frame(update(51)))
    assert one.journal.seen() == {(BTC, 0): [(0, START + 51)]}


@pytest.mark.parametrize("ids", ["none", "latest"])
def test_what_has_delivered_in_an_earlier_life_is_not_never_received(
    feeding: Make, ids: Ids
) -> None:
    one = feeding(ids)
    one.take(frame(trade() if ids == "none" else update(1)))
    one.close()
    again = feeding(ids)
    assert [found.state for found in again.feed.status(again.now).symbols] == [
        "stale",  # as it is not connected
        "never received",
    ]


def test_an_update_that_could_not_be_journalled_is_taken_when_it_is_told_again(
    disk: Disk, feeding: Make
) -> None:
    one = feeding("latest", disk.path)
    one.take(frame(update(1)))
    one.tick(2_000_000)
    disk.fill()
    moment = 1
    while "not_stored" not in one.health.counters:
        moment += 500
        one.take(frame(*(update(moment + step) for step in range(500))))
    disk.heal()
    again = update(moment + 499)
    assert trades(one)[-1].trade_id < again[1]
    one.take(frame(again))
    assert trades(one)[-1].trade_id == again[1]
    assert one.journal.seen() == {(BTC, 0): [(0, again[1])]}
