"""The frames of ``/ws``: ``{"type", "payload", "timestamp"}``.

Prices and sizes are JSON numbers with the exchange's own digits: the decimal text of the bus is
checked where it enters and is a JSON number as it stands. Times: ``ts``, ``last_ts`` and what a
status says are integer epoch ms; ``t``, ``hour_start`` and ``timestamp`` are ISO-8601 with ``Z``.
A missing value is null. Nothing here needs escaping but what comes from outside, which goes
through ``msgspec.json``.
"""

from collections.abc import Callable, Collection, Hashable, Iterable, Mapping, Sequence
from typing import TypeVar

import msgspec

from bus.actor import Instant
from bus.messages import Average, CandleUpdate, FeedStatus, Ticker, Trade, TradeBatch
from bus.topics import INTERVAL_NAMES
from web.fanout import Framed, text_frame
from web.frames.native import Feed, FeedSymbol
from web.times import iso, iso_seconds
from web.update import Channel, Update

NAME = "native"
Payload = TypeVar("Payload")
_encode = msgspec.json.Encoder(decimal_format="number").encode


def frame(kind: str, payload: str, now: int) -> str:
    """Return a frame with a payload that is JSON already; ``now`` in µs UTC."""
    return f'{{"type":"{kind}","payload":{payload},"timestamp":"{iso(now)}"}}'


def message(kind: Callable[[Payload, str], msgspec.Struct], payload: Payload, now: int) -> str:
    """Return a frame of a type of ``web.frames.native``; ``now`` in µs UTC."""
    return _encode(kind(payload, iso(now))).decode()


def payload(update: Update, now: int) -> str:
    """Return the update as JSON; a ticker's age is that of the moment ``now``."""
    value = update.message
    text = update.texts.get(NAME)
    if text is None:
        if isinstance(value, Ticker):
            text = _ticker_head(value)
        elif isinstance(value, CandleUpdate):
            text = candle(value)
        elif isinstance(value, Average):
            text = average(value)
        else:
            assert isinstance(value, FeedStatus)
            text = status(value, silent=update.flag)
        update.texts[NAME] = text
    if isinstance(value, Ticker):
        age_ms = max(0, (now - value.ts_recv) // 1000)
        text = f'{text},"age_ms":{age_ms},"stale":{_true(update.flag)}}}'
    update.told, update.told_at = text, now
    return text


def frames(updates: Sequence[Update], now: int) -> list[str]:
    """Return the frames of updates of one channel: several tickers share a ``batch_update``."""
    channel = updates[0].channel
    if channel != "ticker":
        kind = "status" if channel == "status" else f"{channel}_update"
        return [frame(kind, payload(update, now), now) for update in updates]
    if len(updates) == 1:
        return [frame("price_update", payload(updates[0], now), now)]
    inner = ",".join(
        [update.told if update.told_at == now else payload(update, now) for update in updates]
    )
    return [frame("batch_update", f'{{"updates":[{inner}]}}', now)]


def snapshot(channel: str, payloads: Iterable[str], now: int) -> str:
    """Return the frame with the present state of what was just subscribed to."""
    return frame("snapshot", f'{{"channel":"{channel}","updates":[{",".join(payloads)}]}}', now)


def trade(batch: TradeBatch, index: int) -> str:
    """Return the payload of a ``trade_update``.

    ``index`` is the trade's place in its batch: with it, ``[epoch, seq, index]`` resumes exactly
    even after a batch of which only a part arrived.
    """
    one: Trade = batch.trades[index]
    side = f'"{one.side}"' if one.side else "null"
    return (
        f'{{"exchange":"{batch.exchange}","symbol":"{one.symbol}","trade_id":{one.trade_id},'
        f'"ts":{one.ts_event // 1000},"price":{one.price},"size":{number(one.size)},'
        f'"side":{side},"epoch":{batch.epoch},"seq":{number(batch.seq)},"index":{index},'
        f'"prev_seq":{number(batch.prev_seq.get(one.symbol))}}}'
    )


def _ticker_head(value: Ticker) -> str:
    """Return a ticker but for its age and the closing brace."""
    return (
        f'{{"symbol":"{value.symbol}","exchange":"{value.exchange}","price":{value.price},'
        f'"ts":{value.ts_event // 1000},"change_24h":{number(value.change_24h)},'
        f'"change_24h_pct":{number(value.change_24h_pct)},"high_24h":{number(value.high_24h)},'
        f'"low_24h":{number(value.low_24h)},"volume_24h":{number(value.volume_24h)},'
        f'"hour_start":"{iso_seconds(value.hour_start)}","hour_avg":{number(value.hour_avg)},'
        f'"hour_count":{value.hour_count},"partial":{_true(value.partial)},'
        f'"epoch":{value.epoch},"seq":{value.seq}'
    )


def candle(value: CandleUpdate) -> str:
    """Return the payload of a ``candle_update``: the row of ``/api/candles`` and whose it is."""
    return (
        f'{{"symbol":"{value.symbol}","exchange":"{value.exchange}",'
        f'"interval":"{INTERVAL_NAMES[value.interval_s]}","t":"{iso_seconds(value.ts_open)}",'
        f'"o":{value.open},"h":{value.high},"l":{value.low},"c":{value.close},'
        f'"v":{value.volume},"n":{value.n},"vwap":{number(value.vwap)},'
        f'"closed":{_true(value.closed)},"revision":{value.revision},"origin":"trades",'
        f'"partial":{_true(value.partial)},"epoch":{value.epoch},"seq":{value.seq}}}'
    )


def average(value: Average) -> str:
    """Return the payload of an ``average_update``."""
    return (
        f'{{"symbol":"{value.symbol}","exchange":"{value.exchange}",'
        f'"hour_start":"{iso_seconds(value.hour_start)}","avg":{value.avg},'
        f'"count":{value.count},"last_ts":{value.last_ts // 1000},'
        f'"partial":{_true(value.partial)},"epoch":{value.epoch},"seq":{value.seq}}}'
    )


def status(value: FeedStatus, *, silent: bool) -> str:
    """Return the payload of a ``status``, which is also an entry of ``/api/status``'s ``feeds``."""
    return _encode(feed(value, silent=silent)).decode()


def feed(value: FeedStatus, *, silent: bool) -> Feed:
    """Return what is known of a feed. ``silent``: its process gives no sign of life."""
    return Feed(
        exchange=value.exchange,
        state=value.state,
        circuit=value.circuit,
        since=value.since // 1000,
        attempt=value.attempt,
        next_try=_ms(value.next_try),
        reason=value.reason,
        gapless=value.gapless,
        journal_ok=value.journal_ok,
        silent=silent,
        symbols=[
            FeedSymbol(
                each.symbol,
                each.state,
                _ms(each.last_recv),
                each.trades,
                each.listed,
                each.nearest,
                each.stands_in_for,
            )
            for each in value.symbols
        ],
    )


class NativeCodec:
    """How the updates of ``/ws`` become frames.

    Args:
        say: makes a text a frame.
        plain: the same without compression, where that is another one.
    """

    without_flags: Collection[Channel] = ()

    def __init__(self, say: Framed = text_frame, plain: "NativeCodec | None" = None) -> None:
        self.say = say
        self._plain = plain
        self.kind: Hashable = (NAME, say)

    @property
    def plain(self) -> "NativeCodec":
        """One that compresses nothing, for the same clients."""
        return self._plain or self

    def updates(self, updates: list[Update], now: Instant) -> list[bytes]:
        """Return their frames."""
        return [self.say(text) for text in frames(updates, now.wall)]

    def trade(self, batch: TradeBatch, index: int, now: Instant) -> bytes:
        """Return the frame of one trade."""
        return self.say(frame("trade_update", trade(batch, index), now.wall))

    def placed(self, text: str, places: Mapping[str, Sequence[int]]) -> bytes:
        """Return the frame of a text, which says by itself where in the streams it is."""
        return self.say(text)

    def present(self, channel: Channel, updates: Sequence[Update], now: Instant) -> str:
        """Return the snapshot of a channel where the newest value wins."""
        return snapshot(channel, [payload(update, now.wall) for update in updates], now.wall)


def _ms(ts: int | None) -> int | None:
    return None if ts is None else ts // 1000


def number(value: object) -> str:
    """Return the decimal text or integer as JSON, null for None."""
    return "null" if value is None else str(value)


def _true(value: bool) -> str:
    return "true" if value else "false"
