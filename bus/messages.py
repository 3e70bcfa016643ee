"""Every message that crosses a process boundary, defined once.

What comes in and goes out of a process is one of these Structs as MessagePack arrays: frozen,
tagged, new fields last and with a default, never renamed. Times are integer microseconds UTC; ids,
epochs and seqs are integers.

Decimals travel as *plain text* (``"61837.63000000"``, never ``"1.2E-7"``): the exchange's own
digits, checked once by ``market.decimals.check`` where they enter. What only passes a trade on
never builds a ``Decimal``; what calculates builds it where it calculates (docs/decisions/0002).
"""

from decimal import Decimal
from typing import Literal

import msgspec

Side = Literal["buy", "sell"]


class Trade(msgspec.Struct, frozen=True, array_like=True):
    """One execution. Its identity is (exchange of the batch, symbol, series, trade_id)."""

    symbol: str
    trade_id: int
    ts_event: int
    """When it happened at the exchange, µs UTC."""
    ts_recv: int
    """When the feed read it, µs UTC of this machine's clock; may be earlier than ``ts_event``."""
    price: str
    """Plain decimal text, in units of the symbol's quote, > 0."""
    size: str | None
    """Plain decimal text, in units of the symbol's base, > 0; ``None`` where there is no size."""
    side: Side | None
    """The taker's side; ``None`` where the source does not say."""
    series: int = 0
    """Raised by the operator when an exchange restarts its ids."""


class TradeBatch(msgspec.Struct, frozen=True, array_like=True, tag="trades"):
    """The trades of one commit, in the order of arrival. The body of a journal record."""

    exchange: str
    epoch: int
    seq: int | None
    """Position in the journal; ``None`` while it cannot be written: these are not stored."""
    trades: list[Trade]
    prev_seq: dict[str, int | None]
    """For each symbol in the batch, the ``seq`` of the batch before that had the symbol."""
    latest_only: bool = False
    """The ids are times of update: whoever has one has no use for any below it."""


class Quarantined(msgspec.Struct, frozen=True, array_like=True):
    """One trade that was not believed, with the reason and the raw frame (cut to 4 KiB)."""

    symbol: str | None
    trade_id: int | None
    ts_recv: int
    reason: str
    frame: str
    series: int = 0


class QuarantineBatch(msgspec.Struct, frozen=True, array_like=True, tag="quarantine"):
    """Quarantined trades of one commit. The body of a journal record. Their ids count as seen."""

    exchange: str
    epoch: int
    seq: int | None
    items: list[Quarantined]


class Gap(msgspec.Struct, frozen=True, array_like=True):
    """Missing ids ``first_id`` to ``last_id``, both included."""

    symbol: str
    first_id: int
    last_id: int
    series: int = 0


class GapOpened(msgspec.Struct, frozen=True, array_like=True, tag="gap_opened"):
    """Trades known to be missing, and why. The body of a journal record."""

    exchange: str
    epoch: int
    seq: int | None
    gaps: list[Gap]
    reason: str


class GapUnfillable(msgspec.Struct, frozen=True, array_like=True, tag="gap_unfillable"):
    """Missing ids of which the exchange says that it has no trade. The body of a journal record.

    They do not count as seen: a trade that comes after all is taken.
    """

    exchange: str
    epoch: int
    seq: int | None
    gaps: list[Gap]


JournalRecord = TradeBatch | QuarantineBatch | GapOpened | GapUnfillable


class Wanted(msgspec.Struct, frozen=True, array_like=True):
    """Missing ids ``first_id`` to ``last_id``, both included, to be had from the exchange."""

    symbol: str
    first_id: int
    last_id: int
    series: int = 0
    since: int | None = None
    """``ts_event`` of the newest trade known before them, µs UTC; None where it is not known."""
    until: int | None = None
    """Set where nobody knows how many there are: those from this time on, µs UTC, the newest first.

    ``first_id`` is then only where the ids may begin, and the calls are counted.
    """
    ahead: bool = False
    """They are after the newest that is known: there may be none. One answer settles them."""


class GapsWanted(msgspec.Struct, frozen=True, array_like=True, tag="gaps_wanted"):
    """A feed asks the backfiller for missing trades; again by timer while they are missing."""

    exchange: str
    wanted: list[Wanted]


class Recovered(msgspec.Struct, frozen=True, array_like=True, tag="recovered"):
    """What one REST answer brought for a wanted range: the backfiller to the feed."""

    exchange: str
    symbol: str
    series: int
    trades: list[Trade]
    quarantined: list[Quarantined]
    absent: list[tuple[int, int]]
    """Ranges of ids, both ends included, of which the exchange said that it has no trade."""


class SeenIds(msgspec.Struct, frozen=True, array_like=True):
    """The ids of one (symbol, series) that Postgres has."""

    symbol: str
    series: int
    intervals: list[tuple[int, int]]
    """In rising order, both ends included."""
    newest: int | None
    """``ts_event`` of the symbol's newest trade, µs UTC."""
    oldest: int | None = None
    """Begin of the oldest minute that has trades of the symbol, µs UTC."""


class Seen(msgspec.Struct, frozen=True, array_like=True, tag="seen"):
    """What Postgres has of an exchange, by the persister, for a feed whose journal may have less.

    ``epoch`` and ``seq`` say up to where that exchange's journal is in it.
    """

    exchange: str
    epoch: int
    seq: int
    ids: list[SeenIds]
    gaps: list[Gap] = []
    """The gaps that are open in Postgres: the oldest ones, where there are very many."""


class HistoryWanted(msgspec.Struct, frozen=True, array_like=True, tag="history_wanted"):
    """The persister asks the backfiller for an exchange's own candles; again until it has them."""

    exchange: str
    symbol: str
    interval_s: int
    start: int
    """Candles that open in [start, end), µs UTC."""
    end: int


class HistoryCandle(msgspec.Struct, frozen=True, array_like=True):
    """A candle as an exchange has published it. Plain decimal text, as in a trade."""

    ts_open: int
    open: str
    high: str
    low: str
    close: str
    volume: str
    """May be 0."""


class History(msgspec.Struct, frozen=True, array_like=True, tag="history"):
    """An exchange's own candles: the backfiller to the persister, and by it to all once stored."""

    exchange: str
    symbol: str
    interval_s: int
    start: int
    end: int
    """All that the exchange has in [start, end), µs UTC, is in it."""
    candles: list[HistoryCandle]


class Candle(msgspec.Struct, frozen=True, array_like=True):
    """OHLCV of some trades, as a commutative monoid (``market/candle.py``). Stays inside a process.

    A key is the exchange's own order of the trade, ``(series, trade_id)``; ``sum_p`` is Σ price and
    ``sum_pq`` Σ price × size. The identity has ``n == 0`` and zeros; with ``n == 0`` prices and
    keys mean nothing.
    """

    n: int
    open: Decimal
    open_key: tuple[int, int]
    high: Decimal
    low: Decimal
    close: Decimal
    close_key: tuple[int, int]
    volume: Decimal
    sum_p: Decimal
    sum_pq: Decimal


class CandleUpdate(msgspec.Struct, frozen=True, array_like=True, tag="candle"):
    """A candle as published. ``revision`` is its trade count: rising, the same everywhere."""

    exchange: str
    symbol: str
    interval_s: int
    ts_open: int
    closed: bool
    revision: int
    open: str
    open_key: tuple[int, int]
    high: str
    low: str
    close: str
    close_key: tuple[int, int]
    volume: str
    n: int
    sum_p: str
    sum_pq: str
    vwap: str | None
    partial: bool
    """True when trades are known to be missing here.

    The interval began before the data did, or a gap that reaches into it is not filled.
    """
    epoch: int = 0
    seq: int = 0


class Average(msgspec.Struct, frozen=True, array_like=True, tag="average"):
    """The average trade price of one hour so far: Σ price / n, quantized to 1e-12."""

    exchange: str
    symbol: str
    hour_start: int
    avg: str
    count: int
    last_ts: int
    partial: bool = False
    epoch: int = 0
    seq: int = 0


class Ticker(msgspec.Struct, frozen=True, array_like=True, tag="ticker"):
    """The latest state of one symbol."""

    exchange: str
    symbol: str
    price: str
    size: str | None
    ts_event: int
    ts_recv: int
    change_24h: str | None
    change_24h_pct: str | None
    high_24h: str | None
    low_24h: str | None
    volume_24h: str | None
    hour_start: int
    hour_avg: str | None
    hour_count: int
    partial: bool = False
    epoch: int = 0
    seq: int = 0
    turnover_24h: str | None = None
    """Σ price × size of the trades in ``volume_24h``, in units of the quote.

    None where a part of those is known by the exchange's own candles alone.
    """


Exclusion = Literal["stale", "disconnected", "outlier", "secondary"]
"""Why a symbol's price has no part in a consolidated one.

``stale``: it is old, and there should be a newer one, or there is one elsewhere. ``secondary``: it
is no market of its own, and there are markets.
"""


class PriceSource(msgspec.Struct, frozen=True, array_like=True):
    """One symbol's part in a consolidated price."""

    exchange: str
    symbol: str
    price: str
    """The median of its last few trades: no single one moves it."""
    ts_event: int
    excluded: Exclusion | None = None


class Consolidated(msgspec.Struct, frozen=True, array_like=True, tag="consolidated"):
    """The price of an asset in US dollars over all exchanges, and what it was made of."""

    asset: str
    """Its code, ``BTC``."""
    price: str | None
    """The median of the sources that are not excluded; None where all of them are."""
    ts_event: int
    """Of the newest source that is not excluded; of the newest of all where none is left."""
    sources: list[PriceSource]
    epoch: int = 0
    seq: int = 0


class Day(msgspec.Struct, frozen=True, array_like=True):
    """What an exchange itself says of a symbol's last 24 hours. None: it does not say."""

    change: str | None
    change_pct: str | None
    high: str | None
    low: str | None
    turnover: str | None
    """In units of the quote."""


class SymbolStatus(msgspec.Struct, frozen=True, array_like=True):
    """What the feed knows of one of its symbols."""

    symbol: str
    state: Literal["never received", "live", "quiet", "stale", "standby"]
    """``quiet``: no trade for long, and none is to be expected; ``stale``: one is.

    ``standby``: it is not asked for as long as the symbol that it stands in for is well.
    """
    last_recv: int | None
    trades: int
    listed: bool | None = None
    """Whether the exchange lists it; ``None`` while that is not known."""
    tick_size: str | None = None
    """The smallest step of the price as plain decimal text, ``"0.01"``; ``None``: not known."""
    size_step: str | None = None
    """The smallest step of the size, likewise."""
    duplicates: int = 0
    """Trades that came more than once, since the feed started."""
    quarantined: int = 0
    """Trades that were not believed, since the feed started."""
    gaps_open: int = 0
    """Ranges of ids that are missing now."""
    missing: int = 0
    """Trade ids that are missing now, in all of them."""
    gaps_filled: int = 0
    """Ranges that were had after all, since the feed started."""
    gaps_unfillable: int = 0
    """Ranges of which the exchange has no more trades, since the feed started."""
    lag_p50_us: int | None = None
    """Median of ``ts_recv`` − ``ts_event`` of the last trades; may be negative."""
    lag_p99_us: int | None = None
    """99th percentile of the same."""
    nearest: str | None = None
    """Of one that is not listed: the symbol of the exchange that is spelled most alike."""
    day: Day | None = None
    """Where the exchange tells it with the price."""
    stands_in_for: str | None = None
    """``binance:ETH-USDT``: the symbol in whose place this one is asked for when that fails."""


class FeedStatus(msgspec.Struct, frozen=True, array_like=True, tag="status"):
    """The state of one exchange's connection.

    ``circuit`` is a label of that state, not a second mechanism.
    """

    exchange: str
    state: Literal["idle", "connecting", "connected", "reconnecting", "disconnected"]
    circuit: Literal["closed", "open", "half-open"]
    since: int
    attempt: int
    next_try: int | None
    reason: str | None
    gapless: bool
    symbols: list[SymbolStatus]
    journal_ok: bool = True
    ts: int = 0


class Stored(msgspec.Struct, frozen=True, array_like=True, tag="stored"):
    """The persister's position: that journal up to ``seq`` is committed in Postgres."""

    exchange: str
    epoch: int
    seq: int


class ProgramState(msgspec.Struct, frozen=True, array_like=True):
    """One of supervisord's programs as supervisord sees it."""

    name: str
    state: str
    pid: int
    since: int
    restarts: int
    error: str


class ProgramTable(msgspec.Struct, frozen=True, array_like=True, tag="programs"):
    """All of supervisord's programs, by the watchdog, every second."""

    ts: int
    programs: list[ProgramState]


class Heartbeat(msgspec.Struct, frozen=True, array_like=True, tag="heartbeat"):
    """One process's sign of life, every second, with its counters since it started."""

    program: str
    pid: int
    ts: int
    started: int
    state: str
    """``starting``, ``ready``, ``waiting: …`` (for what), ``idle: …`` (why) or ``draining``."""
    counters: dict[str, int | float]
    rss_bytes: int
    cpu_us: int
    positions: dict[str, tuple[int, int]]
    """(epoch, last seq) of each journal or stream that is written or applied here, by name."""
    lag_us: int | None = None
    queue: int = 0
    last_error: str | None = None
    histograms: dict[str, list[float]] = {}
    """Of each: how many durations in each bucket of ``bus.heartbeat.BOUNDS_S``, then their sum."""


Message = (
    TradeBatch
    | QuarantineBatch
    | GapOpened
    | GapUnfillable
    | GapsWanted
    | Recovered
    | Seen
    | HistoryWanted
    | History
    | CandleUpdate
    | Average
    | Ticker
    | Consolidated
    | FeedStatus
    | Stored
    | ProgramTable
    | Heartbeat
)

_encoder = msgspec.msgpack.Encoder()
_decoder: msgspec.msgpack.Decoder[Message] = msgspec.msgpack.Decoder(Message)
_record_decoder: msgspec.msgpack.Decoder[JournalRecord] = msgspec.msgpack.Decoder(JournalRecord)


def encode(message: Message) -> bytes:
    """Return the message as MessagePack."""
    return _encoder.encode(message)


def decode(payload: bytes) -> Message:
    """Return the message in ``payload``.

    Raises:
        msgspec.DecodeError: not MessagePack, or not one of the messages.
    """
    return _decoder.decode(payload)


def decode_record(payload: bytes) -> JournalRecord:
    """Return the journal record in ``payload`` (a subset of ``decode``)."""
    return _record_decoder.decode(payload)
