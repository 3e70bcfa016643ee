"""What a real trade takes in the journal at most, and how long an outage one journal outlasts so.

``python -m bench.bench_journal [--rate 200]``: trades that were recorded, each written by the
feed's own writer as the one trade of its record. Where several come at once they share a record and
take less.
"""

import argparse
import sys
import tempfile
from pathlib import Path

from bench.figures import figure
from bus.errors import BadFrame
from bus.journal import JournalWriter
from bus.messages import Trade, TradeBatch, encode
from bus.settings import load
from market import decimals
from procs.feed import exchanges
from procs.simulator.recording import lines

RECORDINGS = {"binance/spot_btcusdt_20240808.txt.zst": "BTC-USDT"}
SEQ = 10_000_000
"""Positions as in a journal that has been written for a day."""


def trades_of(path: Path, symbol: str) -> list[Trade]:
    """Return the trades of a recording; its folder is the exchange."""
    exchange = exchanges.make(path.parent.name, (symbol,), {})
    found: list[Trade] = []
    for ts_recv, frame in lines(path):
        try:
            events = exchange.parse(frame.encode(), ts_recv)
        except BadFrame:
            continue
        found += [event for event in events if isinstance(event, Trade)]
    return found


def bytes_each(exchange: str, trades: list[Trade]) -> float:
    """Return the bytes of a journal's file for each of the trades, each in a record of its own."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"{exchange}.db"
        journal = JournalWriter(path, cap_bytes=1 << 40, reserve_bytes=0)
        for seq, trade in enumerate(trades, SEQ):
            batch = TradeBatch(exchange, journal.epoch, seq, [trade], {trade.symbol: seq - 1})
            journal.append([encode(batch)], trade.ts_recv, None, {trade.symbol: seq})
        journal.close()
        return path.stat().st_size / len(trades)


def measure(rate: int) -> None:
    """Measure and print."""
    decimals.install()
    settings = load({})
    for name, symbol in RECORDINGS.items():
        path = settings.recordings_dir / name
        if not path.exists():
            print(f"bench_journal: skipped, there is no {path}", file=sys.stderr)
            continue
        trades = trades_of(path, symbol)
        each = bytes_each(path.parent.name, trades)
        hours = (settings.journal_cap_mib << 20) / each / rate / 3600
        parameters = {"recording": name, "trades": len(trades)}
        figure("journal", "tickwire", "trade_alone_in_a_record", each, "B", **parameters)
        figure("journal", "tickwire", "one_journal_lasts", hours, "h", rate=rate, **parameters)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rate", type=int, default=200)
    measure(parser.parse_args().rate)
