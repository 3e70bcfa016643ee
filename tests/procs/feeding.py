"""A feed on a real journal, and the frames that Coinbase would send it."""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path

from bus.actor import Instant, Send
from bus.heartbeat import Health
from bus.journal import JournalWriter, path_of
from bus.journal_reader import JournalReader
from bus.log import Log
from bus.messages import (
    FeedStatus,
    JournalRecord,
    QuarantineBatch,
    Trade,
    TradeBatch,
    decode,
    decode_record,
)
from procs.feed.connection import Connection
from procs.feed.exchanges import Exchange as AnyExchange
from procs.feed.exchanges import Streamed
from procs.feed.exchanges.coinbase import Exchange
from procs.feed.failover import Failover
from procs.feed.feed import Feed

START = 1_723_161_255_000_000
"""2024-08-08T23:54:15Z, µs."""
SYMBOLS = ("BTC-USD", "ETH-USD")


def match(
    trade_id: int, *, symbol: str = "BTC-USD", price: str = "100.5", ts: int | None = None
) -> bytes:
    """Return the frame of a trade; without ``ts`` a second after the one before."""
    moment = START + trade_id * 1_000_000 if ts is None else ts
    stamp = datetime.fromtimestamp(moment // 1_000_000, UTC).strftime("%Y-%m-%dT%H:%M:%S")
    return (
        f'{{"type":"match","trade_id":{trade_id},"side":"sell","size":"0.5","price":"{price}",'
        f'"product_id":"{symbol}","sequence":1,"time":"{stamp}.{moment % 1_000_000:06d}Z"}}'
    ).encode()


class Standing(Connection):
    """A connection without a socket that is there, or not, as ``Feeding`` says."""

    def on_tick(self, now: Instant) -> None:
        """Stay as it is."""


class Feeding:
    """One life of a feed on a folder."""

    def __init__(
        self,
        folder: Path,
        *,
        cap_bytes: int = 1 << 30,
        keep_us: int = 0,
        other: AnyExchange | None = None,
        series: Mapping[tuple[str, str], int] | None = None,
        failover: Failover | None = None,
    ) -> None:
        self.folder = folder
        self.health = Health("feed-coinbase")
        self.journal = JournalWriter(
            path_of(folder, "coinbase"), cap_bytes=cap_bytes, reserve_bytes=1 << 20
        )
        self.bad_frames: list[str] = []
        self.exchange = Exchange(SYMBOLS)
        self.feed = Feed(
            other or self.exchange,
            SYMBOLS,
            self.journal,
            self.health,
            Log("feed-coinbase"),
            stale_after_us=15_000_000,
            keep_us=keep_us,
            keep_bad_frames=self._keep,
            series=series,
            failover=failover,
        )
        self.now = Instant(START, 1_000_000)

    def _keep(self, lines: Iterable[str]) -> None:
        self.bad_frames = list(lines)

    def pass_time(self, micros: int) -> Instant:
        """Move both clocks on."""
        self.now = Instant(self.now.wall + micros, self.now.mono + micros)
        return self.now

    def connect(self) -> None:
        """Let the connection be there anew; the exchange has told its time."""
        exchange = self.feed._exchange
        assert isinstance(exchange, Streamed)
        line = Standing(exchange, "", "", self.feed.on_frame, Log("feed"))
        line.state, line.since = "connected", self.now.wall
        line.clock_offset_us, line.clock_known = self.now.wall - self.now.mono, True
        self.feed.connection = line

    def take(self, *frames: bytes) -> list[Send]:
        """Hand over frames, then wake."""
        for frame in frames:
            self.feed.on_frame(frame, self.now)
        return list(self.feed.on_wake(self.now))

    def tick(self, micros: int = 100_000) -> list[Send]:
        """Let time pass, then tick."""
        return list(self.feed.on_tick(self.pass_time(micros)))

    def recorded(self) -> list[JournalRecord]:
        """Return what the journal holds, as a consumer reads it."""
        reader = JournalReader(self.journal.path)
        try:
            return [decode_record(record.body) for record in reader.read(0, 1_000_000)]
        finally:
            reader.close()

    def ids(self) -> list[int]:
        """Return the ids of the trades in the journal, in order."""
        return [trade.trade_id for trade in self.trades()]

    def trades(self) -> list[Trade]:
        """Return the trades in the journal, in order."""
        return [
            trade
            for record in self.recorded()
            if isinstance(record, TradeBatch)
            for trade in record.trades
        ]

    def quarantined(self) -> list[tuple[int | None, str]]:
        """Return id and reason of what was quarantined."""
        return [
            (item.trade_id, item.reason)
            for record in self.recorded()
            if isinstance(record, QuarantineBatch)
            for item in record.items
        ]

    def close(self) -> None:
        """End this life without a word."""
        self.journal.close()


def on(output: str, sends: Iterable[Send]) -> list[JournalRecord]:
    """Return the journal records that were sent on an output."""
    return [
        decode_record(send.payload)
        for send in sends
        if send.output == output and (not send.topic or send.topic.startswith(b"batch."))
    ]


def status(sends: Iterable[Send]) -> FeedStatus:
    """Return the status that was sent."""
    (found,) = [decode(send.payload) for send in sends if send.topic.startswith(b"status.")]
    assert isinstance(found, FeedStatus)
    return found
