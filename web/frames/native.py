"""The frames of ``/ws``: ``{"type", "payload", "timestamp"}``, both ways.

A client's fields may also stand beside ``type``, and its type names may be in any case; what the
server sends is spelled exactly so.
"""

from decimal import Decimal
from typing import Annotated, Literal

from msgspec import UNSET, Meta, Struct, UnsetType

from web.frames.fields import (
    Code,
    Epoch,
    EpochMs,
    Exchange,
    Moment,
    Partial,
    Percent,
    Price,
    Sentence,
    Seq,
    Side,
    Size,
    Symbol,
    SymbolName,
)
from web.update import Channel

RATE_MS_MAX = 60_000
Interval = Literal["1m", "1h", "1d"]
_Unsigned = Annotated[int, Meta(ge=0, le=(1 << 63) - 1)]
_SymbolText = Annotated[str, Meta(min_length=1, max_length=64)]
_RATE = "At most one frame in so many ms, newest value wins; not for trades"


class TickerPayload(Struct):
    """The latest state of one symbol; a value that is not known is null."""

    symbol: Symbol
    exchange: Exchange
    price: Price
    ts: Annotated[EpochMs, Meta(description="When the last trade happened: epoch ms, UTC")]
    change_24h: Price | None
    change_24h_pct: Percent | None
    high_24h: Price | None
    low_24h: Price | None
    volume_24h: Size | None
    hour_start: Annotated[Moment, Meta(description="Begin of the hour of hour_avg")]
    hour_avg: Annotated[Decimal | None, Meta(description="Average trade price of this hour so far")]
    hour_count: Annotated[int, Meta(description="Trades in hour_avg")]
    partial: Partial
    epoch: Epoch
    seq: Seq
    age_ms: Annotated[int, Meta(description="How long ago the price came, when this was sent")]
    stale: Annotated[bool, Meta(description="It is old, and there should be a newer one")]


class CandleRow(Struct):
    """One candle. ``revision`` is ``n``, rising with each trade; ``vwap`` is null without sizes.

    Of one that the exchange has published neither is known: 0, 0 and null.
    """

    t: Annotated[Moment, Meta(description="Its begin; it ends one interval later, excluded")]
    o: Price
    h: Price
    l: Price  # noqa: E741 - the published name
    c: Price
    v: Size
    n: Annotated[int, Meta(description="Trades in it")]
    vwap: Annotated[Decimal | None, Meta(description="Price weighted by size")]
    closed: Annotated[bool, Meta(description="Its end has passed; a late trade still changes it")]
    revision: int
    origin: Annotated[
        Literal["trades", "exchange"],
        Meta(description="trades: made of each stored trade; exchange: its own history"),
    ] = "trades"
    partial: Partial = False


class CandlePayload(CandleRow, kw_only=True):
    """A row of ``/api/candles``, and whose it is."""

    symbol: Symbol
    exchange: Exchange
    interval: Interval
    epoch: Epoch
    seq: Seq


class AveragePayload(Struct):
    """The average trade price of one hour so far."""

    symbol: Symbol
    exchange: Exchange
    hour_start: Moment
    avg: Price
    count: Annotated[int, Meta(description="Trades in it")]
    last_ts: Annotated[EpochMs, Meta(description="Its last trade: epoch ms, UTC")]
    partial: Partial
    epoch: Epoch
    seq: Seq


class TradePayload(Struct):
    """One trade, once. ``{exchange: [epoch, seq, index]}`` resumes after it."""

    exchange: Exchange
    symbol: Symbol
    trade_id: Annotated[int, Meta(description="The exchange's own")]
    ts: Annotated[EpochMs, Meta(description="When it happened there: epoch ms, UTC")]
    price: Price
    size: Size | None
    side: Annotated[Side | None, Meta(description="The taker's")]
    epoch: Epoch
    seq: Annotated[int | None, Meta(description="Its batch's; null while it cannot be stored")]
    index: Annotated[int, Meta(description="Its place in the batch, from 0")]
    prev_seq: Annotated[
        int | None, Meta(description="seq of the batch before that has this symbol")
    ]


class FeedSymbol(Struct):
    """What a feed knows of one of its symbols."""

    symbol: Symbol
    state: Annotated[
        Literal["never received", "live", "quiet", "stale", "standby"],
        Meta(description="quiet: no trade for long, none is due; stale: one is; standby: unasked"),
    ]
    last_recv: Annotated[EpochMs | None, Meta(description="Its last trade came: epoch ms, UTC")]
    trades: Annotated[int, Meta(description="Since the feed started")]
    listed: Annotated[bool | None, Meta(description="Whether the exchange lists it; null: unknown")]
    nearest: Annotated[
        Symbol | None, Meta(description="Where it is not listed: the one spelled most alike")
    ]
    stands_in_for: Annotated[
        SymbolName | None,
        Meta(
            description="It is only asked for while this one fails", examples=["binance:ETH-USDT"]
        ),
    ]


class Feed(Struct):
    """The state of one exchange's connection; ``status`` frames and ``/api/status`` have it."""

    exchange: Exchange
    state: Literal["idle", "connecting", "connected", "reconnecting", "disconnected"]
    circuit: Literal["closed", "open", "half-open"]
    since: Annotated[EpochMs, Meta(description="When this state began: epoch ms, UTC")]
    attempt: Annotated[int, Meta(description="Of connecting, since it last delivered")]
    next_try: EpochMs | None
    reason: str | None
    gapless: Annotated[bool, Meta(description="Its trades have ids by which a gap is seen")]
    journal_ok: Annotated[bool, Meta(description="False: what comes in cannot be stored")]
    silent: Annotated[bool, Meta(description="Its process gives no sign of life")]
    symbols: list[FeedSymbol]


# ---- what the server sends


class ConnectionStatus(Struct):
    """Which process answers, and its version."""

    status: Literal["connected"]
    process: str
    version: str


class ConnectionStatusFrame(Struct, tag="connection_status", tag_field="type"):
    """The greeting of each connection."""

    payload: ConnectionStatus
    timestamp: Moment


class Rejected(Struct):
    """A name that was not subscribed to, and why."""

    symbol: str
    reason: Sentence


class Subscribed(Struct):
    """What is watched from now on."""

    channel: Channel
    symbols: list[SymbolName]
    rejected: list[Rejected]
    rate_ms: Annotated[int | None, Meta(description=_RATE)]
    resume: Annotated[
        dict[str, tuple[int, int]],
        Meta(description="[epoch, seq] now, of each exchange or of the aggregator's stream"),
    ]
    recovered: Annotated[
        bool | None, Meta(description="Whether all that was missed follows; null: not asked")
    ]
    interval: Interval | UnsetType = UNSET


class SubscribedFrame(Struct, tag="subscribed", tag_field="type"):
    """The answer to ``subscribe``; a snapshot follows, or the trades that were missed."""

    payload: Subscribed
    timestamp: Moment


class Unsubscribed(Struct):
    """What is not watched any more; of the channel ``status`` these are exchanges."""

    channel: Channel
    symbols: list[str]


class UnsubscribedFrame(Struct, tag="unsubscribed", tag_field="type"):
    """The answer to ``unsubscribe``."""

    payload: Unsubscribed
    timestamp: Moment


class TickerSnapshot(Struct, tag="ticker", tag_field="channel"):
    """The present tickers."""

    updates: list[TickerPayload]


class CandleSnapshot(Struct, tag="candle", tag_field="channel"):
    """The newest candles."""

    updates: list[CandlePayload]


class AverageSnapshot(Struct, tag="average", tag_field="channel"):
    """The present hours' averages."""

    updates: list[AveragePayload]


class TradeSnapshot(Struct, tag="trade", tag_field="channel"):
    """The newest trades, oldest first."""

    updates: list[TradePayload]


class StatusSnapshot(Struct, tag="status", tag_field="channel"):
    """The present states of the feeds."""

    updates: list[Feed]


class SnapshotFrame(Struct, tag="snapshot", tag_field="type"):
    """The present state of what was just subscribed to."""

    payload: TickerSnapshot | CandleSnapshot | AverageSnapshot | TradeSnapshot | StatusSnapshot
    timestamp: Moment


class PriceUpdateFrame(Struct, tag="price_update", tag_field="type"):
    """One ticker has changed."""

    payload: TickerPayload
    timestamp: Moment


class Batch(Struct):
    """Tickers, one of each symbol."""

    updates: list[TickerPayload]


class BatchUpdateFrame(Struct, tag="batch_update", tag_field="type"):
    """Several tickers have changed."""

    payload: Batch
    timestamp: Moment


class CandleUpdateFrame(Struct, tag="candle_update", tag_field="type"):
    """A candle has changed: the same ``t`` with a higher ``revision`` replaces what was sent."""

    payload: CandlePayload
    timestamp: Moment


class AverageUpdateFrame(Struct, tag="average_update", tag_field="type"):
    """An hour's average has changed."""

    payload: AveragePayload
    timestamp: Moment


class TradeUpdateFrame(Struct, tag="trade_update", tag_field="type"):
    """A trade has happened; each is sent."""

    payload: TradePayload
    timestamp: Moment


class StatusFrame(Struct, tag="status", tag_field="type"):
    """The state of a feed, every second and when it changes."""

    payload: Feed
    timestamp: Moment


class Nothing(Struct):
    """An empty object."""


class PongFrame(Struct, tag="pong", tag_field="type"):
    """The answer to ``ping``."""

    payload: Nothing
    timestamp: Moment


class Complaint(Struct):
    """Why something that a client said was not done."""

    code: Code
    message: Sentence


class ErrorFrame(Struct, tag="error", tag_field="type"):
    """What was said cannot be done; the socket stays open."""

    payload: Complaint
    timestamp: Moment


SENDS: tuple[type[Struct], ...] = (
    ConnectionStatusFrame,
    SubscribedFrame,
    UnsubscribedFrame,
    SnapshotFrame,
    PriceUpdateFrame,
    BatchUpdateFrame,
    CandleUpdateFrame,
    AverageUpdateFrame,
    TradeUpdateFrame,
    StatusFrame,
    PongFrame,
    ErrorFrame,
)


# ---- what a client says


class Subscription(Struct):
    """What is meant, and how it is to be sent."""

    symbols: Annotated[
        Annotated[list[_SymbolText], Meta(max_length=1000)] | str,
        Meta(description='Names in any spelling, or "*" for all that is configured'),
    ] = "*"
    channel: Channel = "ticker"
    interval: Annotated[Interval, Meta(description="Of candles")] = "1m"
    rate_ms: Annotated[int, Meta(ge=50, le=RATE_MS_MAX, description=_RATE)] = 100
    resume: Annotated[
        dict[str, Annotated[list[_Unsigned], Meta(min_length=2, max_length=3)]] | None,
        Meta(description="[epoch, seq] or [epoch, seq, index] that came last, by exchange"),
    ] = None


class SubscribeFrame(Struct, tag="subscribe", tag_field="type"):
    """Be sent a channel's changes of some symbols from now on."""

    payload: Subscription


class UnsubscribeFrame(Struct, tag="unsubscribe", tag_field="type"):
    """Be sent them no more; only ``symbols`` and ``channel`` count."""

    payload: Subscription


class PingFrame(Struct, tag="ping", tag_field="type"):
    """Be answered ``pong``."""


class Token(Struct):
    """Who is talking."""

    token: str


class AuthFrame(Struct, tag="auth", tag_field="type"):
    """Say who is talking; private channels need it. There are none: the answer is an error."""

    payload: Token


HEARS: tuple[type[Struct], ...] = (SubscribeFrame, UnsubscribeFrame, PingFrame, AuthFrame)
