"""The persister keeps the quarantine within the bounds that it was given."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from bus import settings
from bus.messages import QuarantineBatch, Quarantined
from procs.persister.persister import PRUNE_EVERY_US
from store import pool, quarantine
from tests.procs.journalling import Journalling
from tests.procs.living import KEEP_ALL, Clock, Persisting

pytestmark = pytest.mark.usefixtures("exact_decimals")

ITEMS = 5


@contextmanager
def living(folder: Path, dsn: str, rows: int) -> Iterator[Persisting]:
    """A persister that keeps so many rows."""
    days = settings.load({}).quarantine_days
    one = Persisting(
        folder, dsn, Clock(), KEEP_ALL._replace(quarantine_rows=rows, quarantine_days=days)
    )
    try:
        one.live()
        yield one
    finally:
        one.die()


@pytest.mark.parametrize(("rows", "kept"), [(2, [3, 4]), (10_000, [0, 1, 2, 3, 4])])
def test_only_the_newest_trades_that_were_not_believed_are_kept(
    record: Journalling,
    tmp_path: Path,
    database: str,
    connection: pool.Connection,
    rows: int,
    kept: list[int],
) -> None:
    with living(tmp_path, database, rows) as one:
        received = connection.execute("SELECT extract(epoch FROM now())::bigint").fetchall()[0][0]
        items = [
            Quarantined("A-USD", number, received * 1_000_000, "why", "{}")
            for number in range(ITEMS)
        ]
        one.take(record.add(lambda e, seq: QuarantineBatch("binance", e, seq, items)))
        one.live()
        assert connection.execute("SELECT count(*) FROM quarantine").fetchall() == [(ITEMS,)]
        one.live(micros=PRUNE_EVERY_US)
        assert one.prunings[-1].done.wait(10)
        found = connection.execute("SELECT trade_id FROM quarantine ORDER BY id").fetchall()
        assert [number for (number,) in found] == kept


def test_the_bounds_are_settings() -> None:
    assert settings.load({}).quarantine_rows == quarantine.ROWS_MAX
    assert settings.load({}).quarantine_days == quarantine.DAYS_MAX
    found = settings.load({"QUARANTINE_ROWS": "7", "QUARANTINE_DAYS": "0"})
    assert (found.quarantine_rows, found.quarantine_days) == (7, 0)
