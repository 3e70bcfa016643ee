"""Whatever the bus does and whoever dies: at the end everything equals what was executed."""

from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from bus.follow import READ_MAX, Follower
from bus.journal import path_of
from bus.journal_reader import JournalReader
from bus.messages import Candle, JournalRecord, Trade, TradeBatch, decode_record
from market import candle
from market.candle import Key
from market.sequence import IdSet
from procs.aggregator.memory import Memory
from store import cursors, pool
from tests.sim.market import FEEDS, Execution, executed
from tests.sim.trouble import BEGINS
from tests.sim.world import World
from tests.store import folding

pytestmark = pytest.mark.usefixtures("exact_decimals")

TRADES = 2500
FIRST = 60
LAST = 30
"""Trades of the time when nothing goes wrong any more: they show what is missing before them."""
LOSES_EVERY = 10
"""By an aggregator that loses trades: some of the ``LAST`` are among them."""
INTERVALS = (60, 3600, 86400)
Candles = dict[tuple[str, str, int, int], Candle]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "journal").mkdir()
    return tmp_path / "journal"


@contextmanager
def run(
    seed: int, folder: Path, dsn: str, monkeypatch: pytest.MonkeyPatch
) -> Iterator[tuple[World, list[Execution]]]:
    """Run the whole simulation; give it at rest, then close it."""
    world = World(seed, folder, dsn)
    save = cursors.save

    def saved(connection: pool.Connection, *arguments: Any) -> None:
        world.crash()
        save(connection, *arguments)
        world.crash()

    monkeypatch.setattr(cursors, "save", saved)
    execution = executed(seed, TRADES)
    world.calm = True  # what comes before the first trade that was had, nobody can know
    world.step(execution[:FIRST])
    world.calm = False
    at = FIRST
    try:
        while at < len(execution) - LAST:
            count = world.chance.randrange(0, 25)
            world.step(execution[at : at + count])
            at += count
        world.come_to_rest(execution[at:])
        print(f"seed {seed}: crashes {world.crashes}, {world.bus.faults} faults of the bus")
        yield world, execution
    finally:
        world.close()


def recomputed(execution: list[Execution]) -> Candles:
    found: Candles = {}
    for exchange, symbols in FEEDS.items():
        for symbol in symbols:
            trades = [
                one.trade
                for one in execution
                if one.exchange == exchange and one.trade.symbol == symbol
            ]
            for interval_s in INTERVALS:
                for ts, made in folding.grouped(trades, folding.opening(interval_s)).items():
                    found[exchange, symbol, interval_s, ts] = made
    return found


def stored_trades(connection: pool.Connection) -> list[tuple[str, Trade]]:
    rows = connection.execute(
        "SELECT exchange, symbol, trade_id, (extract(epoch FROM ts_event) * 1000000)::bigint, 0,"
        " price::text, size::text, side FROM trade ORDER BY exchange, symbol, trade_id"
    )
    return [(row[0], Trade(*row[1:])) for row in rows]


def seen_ids(connection: pool.Connection) -> list[tuple[str, str, int]]:
    """Return every id that counts as seen; those of quarantined trades do."""
    rows = connection.execute(
        "SELECT exchange, symbol, generate_series(lower(part), upper(part) - 1) AS id"
        " FROM trade_seen, unnest(ids) AS part ORDER BY 1, 2, 3"
    )
    return [(exchange, symbol, number) for exchange, symbol, number in rows]


def stored_candles(connection: pool.Connection) -> Candles:
    rows = connection.execute(
        "SELECT exchange, symbol, interval_s, (extract(epoch FROM ts_open) * 1000000)::bigint,"
        " n, open, open_key, high, low, close, close_key, volume, sum_p, sum_pq FROM candle"
    )
    found: Candles = {}
    for row in rows:
        n, opened, open_key, high, low, close, close_key, *sums = row[4:]
        keys = (open_key[0], open_key[1]), (close_key[0], close_key[1])
        found[row[0], row[1], row[2], row[3]] = Candle(
            n, opened, keys[0], high, low, close, keys[1], *sums
        )
    return found


def shown_candles(world: World) -> Candles:
    return {
        (exchange, *key): made
        for exchange, memory in world.aggregator.actor._memories.items()
        for key, made in memory.candles.items()
    }


def executed_trades(execution: list[Execution]) -> list[tuple[str, Trade]]:
    return sorted(
        ((one.exchange, one.trade) for one in execution),
        key=lambda one: (one[0], one[1].symbol, one[1].trade_id),
    )


@pytest.mark.parametrize("seed", [1, 2, 5])
def test_everything_equals_what_was_executed(
    seed: int,
    folder: Path,
    database: str,
    connection: pool.Connection,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with run(seed, folder, database, monkeypatch) as (world, execution):
        assert min(world.crashes.values()) > 0
        assert world.bus.faults > 50
        assert stored_trades(connection) == executed_trades(execution)
        wanted = recomputed(execution)
        assert stored_candles(connection) == wanted
        assert shown_candles(world) == wanted
        assert journalled_twice(folder) == 0
        assert len(world.quarantined) > 10
        seen = set(seen_ids(connection))
        trades = {(one.exchange, one.trade.symbol, one.trade.trade_id) for one in execution}
        assert seen - set(world.quarantined) == trades  # one that a crash took does not come again
        assert world.lost > 300
        assert min(world.trouble.count[kind] for kind in BEGINS) > 0
        assert sum(one.not_stored for one in world.feeds.values()) > 0
        assert count_gaps(connection, "filled") > 20
        assert open_gaps(connection) == []
        hours = connection.execute(
            "SELECT exchange, pair, (extract(epoch FROM hour_start_utc) * 1000000)::bigint,"
            " avg_price, tick_count FROM hourly_averages"
        ).fetchall()
        assert {row[:3]: row[3:] for row in hours} == {
            (exchange, symbol.replace("-", ""), ts): (plain_average(made), made.n)
            for (exchange, symbol, interval_s, ts), made in wanted.items()
            if interval_s == 3600
        }
        # What was published last of each candle that this life of the aggregator touched.
        for key, update in world.aggregator.newest.items():
            assert candle.from_update(update) == wanted[key]
            assert update.revision == wanted[key].n
        assert world.aggregator.newest
        # A difference is mended from Postgres, so what is shown in the end may not tell of it.
        world.have_it_checked()
        counted = world.aggregator_counters()
        assert counted["self_check_differences"] == 0
        assert counted["self_check_candles"] > 100


def journalled_twice(folder: Path) -> int:
    """Return how many trades stand more than once in what the journals still hold."""
    found: Counter[tuple[str, str, int]] = Counter()
    for exchange in FEEDS:
        reader = JournalReader(path_of(folder, exchange))
        for record in reader.read(0, 1 << 20):
            batch = decode_record(record.body)
            if isinstance(batch, TradeBatch):
                found.update((exchange, one.symbol, one.trade_id) for one in batch.trades)
        reader.close()
    return sum(count > 1 for count in found.values())


def open_gaps(connection: pool.Connection) -> list[tuple[str, str, int]]:
    """Return each id that a gap which is still open says to be missing."""
    rows = connection.execute(
        "SELECT exchange, symbol, generate_series(first_id, last_id) FROM gap WHERE state = 'open'"
    )
    return [(exchange, symbol, number) for exchange, symbol, number in rows]


def count_gaps(connection: pool.Connection, state: str) -> int:
    row = connection.execute("SELECT count(*) FROM gap WHERE state = %s", [state]).fetchone()
    assert row is not None
    return int(row[0])


def plain_average(made: Candle) -> Decimal:
    """Return Σ price / n to twelve places, half up, by whole numbers alone."""
    scaled = int(made.sum_p.scaleb(18))
    whole = (2 * scaled + made.n * 10**6) // (2 * made.n * 10**6)
    return Decimal(whole).scaleb(-12)


def test_the_same_run_without_reading_the_journal_differs(
    folder: Path,
    database: str,
    connection: pool.Connection,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The negative control: this simulation can see a loss."""

    def not_read(self: Follower, limit: int = READ_MAX) -> list[JournalRecord]:
        position = self._reader.position()
        if position is not None:
            self.epoch, self.seq = position[0], position[2]
        self.behind = False
        return []

    monkeypatch.setattr(Follower, "read", not_read)
    with run(1, folder, database, monkeypatch) as (world, execution):
        found = stored_trades(connection)
        wanted = executed_trades(execution)
        assert len(found) == len({(name, one.symbol, one.trade_id) for name, one in found})
        assert 0 < len(found) < len(wanted)
        assert {(name, one.trade_id) for name, one in found} < {
            (name, one.trade_id) for name, one in wanted
        }
        assert stored_candles(connection) != recomputed(execution)
        assert shown_candles(world) != recomputed(execution)


def test_the_same_run_without_looking_for_doubles_differs(
    folder: Path, database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """These runs bring doubles. Further in they meet more nets, and are counted once even so."""
    add = IdSet.add

    def added_or_not(self: IdSet, number: int) -> bool:
        add(self, number)
        return True

    monkeypatch.setattr(IdSet, "add", added_or_not)
    with run(1, folder, database, monkeypatch):
        assert journalled_twice(folder) > 0


def test_the_same_run_without_the_backfiller_differs_and_says_what_is_missing(
    folder: Path,
    database: str,
    connection: pool.Connection,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(World, "_fetch", lambda self, payload: None)
    with run(1, folder, database, monkeypatch) as (world, execution):
        stored = {(name, one.symbol, one.trade_id) for name, one in stored_trades(connection)}
        wanted = {(name, one.symbol, one.trade_id) for name, one in executed_trades(execution)}
        missing = wanted - stored
        assert stored < wanted
        assert len(missing) >= world.lost
        assert missing <= set(open_gaps(connection))
        assert stored_candles(connection) != recomputed(execution)


def test_the_same_run_with_an_aggregator_that_loses_some_trades_is_found_out(
    folder: Path,
    database: str,
    connection: pool.Connection,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """It reads all anew when it finds itself wrong, so what it shows in the end may be right."""
    fold = Memory.fold

    def fold_most(
        self: Memory, trades: Sequence[Trade], mono: int, *, latest_only: bool = False
    ) -> set[Key]:
        kept = [one for one in trades if one.trade_id % LOSES_EVERY]
        return fold(self, kept, mono, latest_only=latest_only)

    monkeypatch.setattr(Memory, "fold", fold_most)
    with run(1, folder, database, monkeypatch) as (world, execution):
        assert stored_candles(connection) == recomputed(execution)
        world.have_it_checked()
        assert world.aggregator_counters()["self_check_differences"] > 0
