"""A web process of its own on a real database with trades and candles, and with live values."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlencode

from psycopg.conninfo import conninfo_to_dict

from store import pool, trades
from tests.eventually import eventually
from tests.store.asking import store
from tests.store.folding import random_trades
from tests.web.messages import average, candle, status, ticker
from tests.web.stack import Stack

TRADES = 5_000
DAYS = 3
MINUTE_US, HOUR_US = 60_000_000, 3_600_000_000


@contextmanager
def filled(folder: Path, database: str) -> Iterator[Stack]:
    """Fill the database, and serve it inside the block."""
    given = random_trades(7, TRADES, DAYS)
    with pool.connect(database, program="tests") as connection:
        trades.copy(connection, "binance", given)
        store(connection, given)
        connection.commit()
    address = f"postgresql://?{urlencode(conninfo_to_dict(database))}"
    stack = Stack(folder, {}, address, "https://friend.example", apart=True)
    ended = threading.Event()
    telling = threading.Thread(target=_tell, args=(stack, ended))
    try:
        stack.wait()
        telling.start()
        eventually(lambda: stack.get("/health/ready")[0] == 200, within=10)
        yield stack
    finally:
        ended.set()
        telling.join()
        stack.end()


def _tell(stack: Stack, ended: threading.Event) -> None:
    """Say live values of one symbol twice a second, as a feed and an aggregator would."""
    while not ended.wait(0.5):
        now = time.time_ns() // 1000
        stack.publish(
            status(last_recv=now),
            ticker(ts_recv=now, ts_event=now),
            average(hour_start=now - now % HOUR_US),
            candle(ts_open=now - now % MINUTE_US),
        )
