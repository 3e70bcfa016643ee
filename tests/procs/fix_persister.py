"""A journal, persisters on it, and the comparison of Postgres with a recomputation."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from bus.messages import Trade
from store import pool
from tests.procs.journalling import Journalling
from tests.procs.living import Clock, Persisting
from tests.store import folding


@pytest.fixture
def record(tmp_path: Path) -> Iterator[Journalling]:
    made = Journalling(tmp_path)
    yield made
    made.writer.close()


@pytest.fixture
def persisting(tmp_path: Path, database: str) -> Iterator[Callable[[], Persisting]]:
    made: list[Persisting] = []
    clock = Clock()

    def start() -> Persisting:
        made.append(Persisting(tmp_path, database, clock))
        return made[-1]

    yield start
    for one in made:
        one.die()


def same(connection: pool.Connection, trades: list[Trade]) -> None:
    """Compare everything in Postgres with these trades, recomputed."""
    rows = connection.execute(
        "SELECT symbol, trade_id, (extract(epoch FROM ts_event) * 1000000)::bigint,"
        " (extract(epoch FROM ts_recv) * 1000000)::bigint, price::text, size::text, side, series"
        " FROM trade ORDER BY trade_id"
    ).fetchall()
    assert [Trade(*row) for row in rows] == sorted(trades, key=lambda one: one.trade_id)
    found = {
        (row[0], row[1]): row[2:]
        for row in connection.execute(
            "SELECT interval_s, (extract(epoch FROM ts_open) * 1000000)::bigint, n, open, high,"
            " low, close, volume, sum_p, sum_pq, open_key, close_key FROM candle"
        )
    }
    wanted: dict[tuple[int, int], tuple[object, ...]] = {}
    for interval_s in (60, 3600, 86400):
        for ts_open, one in folding.grouped(trades, folding.opening(interval_s)).items():
            wanted[interval_s, ts_open] = (
                *(one.n, one.open, one.high, one.low, one.close, one.volume, one.sum_p),
                *(one.sum_pq, list(one.open_key), list(one.close_key)),
            )
    assert found == wanted


def chunks(trades: list[Trade], size: int) -> list[list[Trade]]:
    return [trades[at : at + size] for at in range(0, len(trades), size)]
