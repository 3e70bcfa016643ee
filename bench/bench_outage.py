"""The database away for minutes while trades go on: what is felt of it, and how soon it is over.

``python -m bench.bench_outage [--rate 1000] [--minutes 10] [--feeds coinbase:BTC-USD]``. Starts a
demo of its own, ends its Postgres for that long and starts it again. One client watches prices all
the time. What a trade takes in the journals says how long an outage one journal of the default cap
outlasts that has all the trades. Afterwards the rows are compared with what the simulated exchanges
executed.
"""

import argparse
import sqlite3
import tempfile
import time
from pathlib import Path

import msgspec
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

from bench.bench_pipeline import heard, missing
from bench.figures import figure
from bus.journal import path_of
from bus.messages import TradeBatch
from tests.beside import Beside
from tests.e2e.stack import Stack
from tests.heartbeats import Heartbeats

WARM_UP_S = 10.0


class Watcher(Beside):
    """A client that is sent every price; remembers the longest time without one."""

    def __init__(self, url: str) -> None:
        super().__init__(self._watch)
        self.silent_s_max = 0.0
        self.closed = 0
        self._url = url

    def _watch(self) -> None:
        while not self.ended.is_set():
            try:
                self._once()
            except ConnectionClosed:
                self.closed += 1

    def _once(self) -> None:
        with connect(self._url) as live:
            live.send('{"type": "subscribe", "symbols": "*"}')
            last = time.monotonic()
            while not self.ended.is_set():
                try:
                    frame = msgspec.json.decode(live.recv(timeout=0.5))
                except TimeoutError:
                    continue
                if frame["type"] in ("price_update", "batch_update"):
                    now = time.monotonic()
                    self.silent_s_max = max(self.silent_s_max, now - last)
                    last = now


def journal_bytes(stack: Stack) -> int:
    """Return the size of all journals."""
    return sum(path.stat().st_size for path in stack.settings.journal_dir.glob("*.db*"))


def journalled(stack: Stack) -> tuple[int, int, int]:
    """Return (bytes that count towards the cap, records, trades) of all journals."""
    used = records = trades = 0
    for exchange in stack.settings.feeds:
        with sqlite3.connect(
            f"file:{path_of(stack.settings.journal_dir, exchange)}?mode=ro", uri=True
        ) as journal:
            pages, free, size = (
                journal.execute(f"PRAGMA {name}").fetchone()[0]
                for name in ("page_count", "freelist_count", "page_size")
            )
            records += journal.execute("SELECT count(*) FROM record").fetchone()[0]
        used += (pages - free) * size
        trades += sum(
            len(one.trades) for one in stack.journal(exchange) if isinstance(one, TradeBatch)
        )
    return used, records, trades


def reached(heartbeats: Heartbeats, wanted: dict[str, tuple[int, int]]) -> bool:
    """Return whether the persister has stored the journals up to these positions."""
    beat = heartbeats.take().get("persister")
    if beat is None:
        return False
    return all(beat.positions.get(name, (0, 0))[1] >= seq for name, (_, seq) in wanted.items())


def measure(rate: int, minutes: float, feeds: str) -> None:
    """Run, and print the figures."""
    parameters = {"rate": rate, "minutes": minutes}
    chosen = {"FEEDS": feeds} if feeds else {}

    def show(metric: str, value: float, unit: str) -> None:
        figure("outage", "tickwire", metric, value, unit, **parameters)

    with tempfile.TemporaryDirectory() as folder:
        stack = Stack(Path(folder), RATE=str(rate), SEED="1", **chosen).start()
        try:
            with Heartbeats(stack.settings.run_dir) as heartbeats, Watcher(stack.ws_url) as client:
                before = heard(heartbeats, WARM_UP_S)
                stack.switch_off("postgres")
                heard(heartbeats, minutes * 60)
                show("journals", journal_bytes(stack) / 1e6, "MB")
                used, records, trades = journalled(stack)
                show("trades_per_record", trades / records, "1")
                show("journal_trade", used / trades, "B")
                cap = stack.settings.journal_cap_mib << 20
                show("one_journal_lasts", cap / (used / trades) / rate / 3600, "h")
                stack.switch_on("postgres")
                begun = time.monotonic()
                while not stack.database_answers():
                    time.sleep(0.02)
                back = time.monotonic()
                last = heartbeats.take()
                wanted = {
                    name.removeprefix("feed-"): position
                    for name, beat in last.items()
                    if name.startswith("feed-")
                    for position in beat.positions.values()
                }
                while not reached(heartbeats, wanted):
                    time.sleep(0.02)
                show("database_back_after", back - begun, "s")
                show("backlog_gone_after", time.monotonic() - back, "s")
                after = heard(heartbeats, 2.0)
                show("longest_without_a_price", client.silent_s_max, "s")
                show("client_closed", client.closed, "1")
                restarted = [name for name, beat in before.items() if after[name].pid != beat.pid]
                show("restarted", len(restarted), "1")
            with stack.at_rest(within=120.0) as executed:
                show("rows", stack.stored(), "1")
                show("rows_missing", missing(stack, executed), "1")
            stack.stop()
        finally:
            stack.remove()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rate", type=int, default=1000)
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--feeds", default="")
    chosen = parser.parse_args()
    measure(chosen.rate, chosen.minutes, chosen.feeds)
