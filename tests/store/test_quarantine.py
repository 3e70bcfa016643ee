import time

import pytest

from bus.messages import Gap, Quarantined
from store import gaps, quarantine
from store.pool import Connection


def item(number: int, ts: int) -> Quarantined:
    return Quarantined("A-USD", number, ts, "price is 0", "{}")


def test_whatever_an_exchange_sends_can_be_kept(connection: Connection) -> None:
    ts = 1_723_075_200_123_456
    quarantine.insert(
        connection,
        "binance",
        5,
        6,
        [
            Quarantined("A-USD", 7, ts, "price is NaN", '{"p":"NaN"}', 1),
            Quarantined("A\x00B", 1 << 63, ts, "\x00", 'a\x00b\t"\\\n\ud800'),
            Quarantined(None, None, ts, "no symbol", ""),
        ],
    )
    quarantine.insert(connection, "binance", 5, 7, [])
    rows = connection.execute(
        """SELECT exchange, epoch, seq, symbol, trade_id, series, reason, frame,
                  (extract(epoch FROM ts_recv) * 1000000)::bigint
           FROM quarantine ORDER BY id"""
    ).fetchall()
    assert rows == [
        ("binance", 5, 6, "A-USD", 7, 1, "price is NaN", '{"p":"NaN"}', ts),
        ("binance", 5, 6, "A\ufffdB", None, 0, "\ufffd", 'a\ufffdb\t"\\\n?', ts),
        ("binance", 5, 6, None, None, 0, "no symbol", "", ts),
    ]


@pytest.mark.parametrize(("rows", "kept"), [(100, [1, 2, 3]), (2, [2, 3]), (0, [])])
def test_quarantine_is_pruned_by_age_and_by_rows(
    connection: Connection, rows: int, kept: list[int]
) -> None:
    now = time.time_ns() // 1000
    day = 86_400_000_000
    quarantine.insert(connection, "binance", 1, 1, [item(0, now - 31 * day)])
    quarantine.insert(connection, "binance", 1, 2, [item(n, now - 29 * day) for n in (1, 2, 3)])
    assert quarantine.prune(connection, rows=rows) == 4 - len(kept)
    ids = connection.execute("SELECT trade_id FROM quarantine ORDER BY id").fetchall()
    assert [number for (number,) in ids] == kept


def test_gap_is_one_row_and_opens_again(connection: Connection) -> None:
    found = [Gap("A-USD", 5, 9), Gap("A-USD", 20, 20, 1)]
    state = "SELECT first_id, last_id, series, reason, state, closed_at FROM gap ORDER BY first_id"
    gaps.open(connection, "binance", found, "connection lost")
    gaps.open(connection, "binance", found, "seen again")
    opened = [
        (5, 9, 0, "connection lost", "open", None),
        (20, 20, 1, "connection lost", "open", None),
    ]
    assert connection.execute(state).fetchall() == opened
    connection.execute("UPDATE gap SET state = 'filled', closed_at = now() WHERE first_id = 5")
    gaps.open(connection, "binance", found, "lost again")
    assert connection.execute(state).fetchall() == [
        (5, 9, 0, "lost again", "open", None),
        opened[1],
    ]
