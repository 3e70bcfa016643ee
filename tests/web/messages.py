"""Bus messages for the tests, each with plausible values where the test does not care."""

from bus.actor import Instant
from bus.messages import (
    Average,
    CandleUpdate,
    FeedStatus,
    SymbolStatus,
    Ticker,
    Trade,
    TradeBatch,
)

HOUR = 1_759_327_200_000_000
"""2025-10-01T14:00:00Z, µs."""
NOW = HOUR + 60_000_000
FEEDS = {
    "coinbase": ("BTC-USD", "ETH-USD"),
    "binance": ("BTC-USDT", "ETH-USDT", "ETH-BTC"),
}


def at(microseconds: int) -> Instant:
    """The moment so many µs after NOW, on both clocks."""
    return Instant(NOW + microseconds, 10_000_000 + microseconds)


def ticker(
    symbol: str = "ETH-USDT",
    *,
    exchange: str = "binance",
    price: str = "2346.1",
    seq: int = 1,
    epoch: int = 7,
    ts_recv: int = NOW,
    ts_event: int = NOW,
) -> Ticker:
    return Ticker(
        exchange=exchange,
        symbol=symbol,
        price=price,
        size="0.5",
        ts_event=ts_event,
        ts_recv=ts_recv,
        change_24h="-1.20",
        change_24h_pct="-0.05",
        high_24h="2400.00",
        low_24h="2300",
        volume_24h=None,
        hour_start=HOUR,
        hour_avg="2345.123456789012",
        hour_count=3,
        epoch=epoch,
        seq=seq,
    )


def average(
    symbol: str = "ETH-USDT",
    *,
    exchange: str = "binance",
    hour_start: int = HOUR,
    avg: str = "2341.52",
    count: int = 1823,
    seq: int = 1,
    partial: bool = False,
) -> Average:
    return Average(
        exchange=exchange,
        symbol=symbol,
        hour_start=hour_start,
        avg=avg,
        count=count,
        last_ts=NOW,
        partial=partial,
        epoch=7,
        seq=seq,
    )


def candle(
    symbol: str = "ETH-USDT",
    *,
    ts_open: int = HOUR,
    interval_s: int = 60,
    n: int = 2,
    close: str = "101",
    closed: bool = False,
    seq: int = 1,
) -> CandleUpdate:
    """A candle of ``n`` trades of size 1, the first at 100, the others at ``close``."""
    first = ts_open // 1000
    total = 100 + int(close) * (n - 1)
    return CandleUpdate(
        exchange="binance",
        symbol=symbol,
        interval_s=interval_s,
        ts_open=ts_open,
        closed=closed,
        revision=n,
        open="100",
        open_key=(0, first),
        high=close,
        low="100",
        close=close,
        close_key=(0, first + n),
        volume=str(n),
        n=n,
        sum_p=str(total),
        sum_pq=str(total),
        vwap="100.5",
        partial=False,
        epoch=7,
        seq=seq,
    )


def batch(
    seq: int | None,
    ids: list[int],
    *,
    symbol: str = "ETH-USDT",
    exchange: str = "binance",
    epoch: int = 5,
    ts_recv: int = NOW,
) -> TradeBatch:
    trades = [
        Trade(symbol, trade_id, NOW, ts_recv, f"{1000 + trade_id}.50", "0.01", "buy")
        for trade_id in ids
    ]
    before = None if seq is None or seq < 2 else seq - 1
    return TradeBatch(exchange, epoch, seq, trades, {symbol: before})


def status(
    exchange: str = "binance",
    *,
    state: str = "connected",
    symbols: dict[str, str] | None = None,
    last_recv: int | None = NOW,
) -> FeedStatus:
    states = symbols if symbols is not None else dict.fromkeys(FEEDS[exchange], "live")
    return FeedStatus(
        exchange=exchange,
        state=state,  # type: ignore[arg-type]
        circuit="closed",
        since=HOUR,
        attempt=0,
        next_try=None,
        reason=None,
        gapless=True,
        symbols=[
            SymbolStatus(symbol, now, last_recv, 3)  # type: ignore[arg-type]
            for symbol, now in states.items()
        ],
        ts=NOW,
    )
