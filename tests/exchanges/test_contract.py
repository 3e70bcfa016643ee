"""Every exchange that there is a file for, held to the contract on its own recordings."""

from collections import Counter
from pathlib import Path

import pytest
from msgspec.structs import replace

from bus.actor import Instant
from bus.heartbeat import Health
from bus.journal import JournalWriter, path_of
from bus.journal_reader import JournalReader
from bus.log import Log
from bus.messages import JournalRecord, Trade, TradeBatch, decode_record
from procs.feed import exchanges
from procs.feed.feed import Feed
from tests.exchanges.contract import CHECKS, Check, read, trades_of
from tests.fix_recordings import Recording, own

FRAMES_PER_WAKE = 10
TRADES = {
    "binance/BTC-USDT_ETH-USDT_ETH-BTC": (1081, 1081),
    "coinbase/BTC-USD_ETH-USD_DOGE-USD": (1083, 1083),
    "coingecko/BTC-USD_ETH-USD_SHIB-USD": (160, 98),
    "finnhub/ETH-USDT_ETH-USDC_ETH-BTC": (1067, 1067),
    "kraken/BTC-USD_ETH-USD_DOGE-USD": (869, 869),
}
"""How many trades each recording tells of, and how many of them count."""


@pytest.mark.parametrize("name", exchanges.names())
def test_every_exchange_has_a_recording(name: str) -> None:
    assert own(name), f"record one: tests/recordings/{name}/<symbols>.txt.zst"


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: str(check.__name__))
@pytest.mark.parametrize("recording", own(), ids=str)
def test_every_exchange_keeps_its_promises(recording: Recording, check: Check) -> None:
    check(exchanges.load(recording.exchange), read(recording))


def journalled(recording: Recording, folder: Path) -> list[JournalRecord]:
    """Return what a feed writes down of a recording, but for its journal's own epoch and series."""
    kind, recorded = exchanges.load(recording.exchange), read(recording)
    journal = JournalWriter(path_of(folder, "it"), cap_bytes=1 << 30, reserve_bytes=1 << 20)
    feed = Feed(
        kind(recorded.symbols),
        recorded.symbols,
        journal,
        Health("feed"),
        Log("feed"),
        stale_after_us=15_000_000,
        keep_us=0,
        keep_bad_frames=lambda lines: None,
    )
    for number, (ts, frame) in enumerate(recorded.frames, 1):
        now = Instant(ts, ts)
        feed.on_frame(frame, now)
        if number % FRAMES_PER_WAKE == 0 or number == len(recorded.frames):
            feed.on_wake(now)
    reader = JournalReader(journal.path)
    records = [decode_record(record.body) for record in reader.read(0, 1_000_000)]
    reader.close()
    journal.close()
    records = [
        replace(record, trades=[replace(one, series=min(one.series, 1)) for one in record.trades])
        if isinstance(record, TradeBatch)
        else record
        for record in records
    ]
    return [replace(record, epoch=0) for record in records]


@pytest.mark.parametrize("recording", own(), ids=str)
def test_replaying_a_recording_twice_gives_identical_records(
    recording: Recording, tmp_path: Path
) -> None:
    lives = []
    for name in ("first", "second"):
        (tmp_path / name).mkdir()
        lives.append(journalled(recording, tmp_path / name))
    records = lives[0]
    assert records == lives[1]
    assert [
        trade for record in records if isinstance(record, TradeBatch) for trade in record.trades
    ] == wanted(recording)


@pytest.mark.parametrize("name", TRADES)
def test_a_recording_holds_exactly_its_trades(name: str) -> None:
    (recording,) = (one for one in own() if str(one) == name)
    told = trades_of(exchanges.load(recording.exchange), read(recording))
    assert (len(told), len(wanted(recording))) == TRADES[name]


def wanted(recording: Recording) -> list[Trade]:
    """Return the trades that count, in order: by their ids, or by their places without."""
    kind = exchanges.load(recording.exchange)
    counted: dict[tuple[str, int], Trade] = {}
    newest = Counter[str]()
    for trade in trades_of(kind, read(recording)):
        last = newest[trade.symbol]
        if kind.ids == "none":
            trade = replace(trade, trade_id=last + 1, series=1)
        if kind.ids != "latest" or trade.trade_id > last:
            counted.setdefault((trade.symbol, trade.trade_id), trade)
        newest[trade.symbol] = max(last, trade.trade_id)
    return list(counted.values())
