"""The tap's format: what others are given of the messages of the bus.

Two frames: a topic that ends with a dot, and a MessagePack map with a ``type``. The maps are
generated from the array-like Structs of ``bus.messages``: the same fields under their names. Prices
and sizes are plain decimal text, times integer µs UTC. Trades come in batches of one symbol with
``epoch``, ``seq`` and that symbol's ``prev_seq``: a subscriber that has not seen ``prev_seq`` has
missed something. ``docs/tap.md`` documents every field.
"""

from typing import Any

import msgspec

from bus.held import State
from bus.messages import (
    Average,
    CandleUpdate,
    Consolidated,
    FeedStatus,
    PriceSource,
    SymbolStatus,
    Ticker,
    Trade,
)


def _map_of(struct: type[msgspec.Struct], tag: str | None) -> type[msgspec.Struct]:
    """Return the Struct with the same fields that is encoded as a map with a ``type``."""
    fields: list[Any] = []
    for field in msgspec.structs.fields(struct):
        if field.default is msgspec.NODEFAULT:
            fields.append((field.name, field.type))
        else:
            fields.append((field.name, field.type, field.default))
    return msgspec.defstruct(
        struct.__name__ + "Map", fields, tag=tag, tag_field="type" if tag else None
    )


TradeMap = _map_of(Trade, None)
SymbolStatusMap = _map_of(SymbolStatus, None)
PriceSourceMap = _map_of(PriceSource, None)
MAPS: dict[type[msgspec.Struct], type[msgspec.Struct]] = {
    struct: _map_of(struct, str(struct.__struct_config__.tag))
    for struct in (Ticker, CandleUpdate, Average, Consolidated, FeedStatus)
}


class TradesMap(msgspec.Struct, tag="trades", tag_field="type"):
    """The trades of one symbol in one batch."""

    exchange: str
    symbol: str
    epoch: int
    seq: int | None
    prev_seq: int | None
    trades: list[Any]


_encoder = msgspec.msgpack.Encoder()


def encode_map(message: State) -> bytes:
    """Return a message as a MessagePack map."""
    values = msgspec.structs.astuple(message)
    if isinstance(message, FeedStatus):
        listed = [SymbolStatusMap(*msgspec.structs.astuple(one)) for one in message.symbols]
        return _encoder.encode(MAPS[FeedStatus](*_with(message, "symbols", listed)))
    if isinstance(message, Consolidated):
        listed = [PriceSourceMap(*msgspec.structs.astuple(one)) for one in message.sources]
        return _encoder.encode(MAPS[Consolidated](*_with(message, "sources", listed)))
    return _encoder.encode(MAPS[type(message)](*values))


def _with(message: msgspec.Struct, name: str, value: object) -> list[object]:
    return [
        value if field == name else getattr(message, field) for field in message.__struct_fields__
    ]


def encode_trades(
    exchange: str,
    symbol: str,
    epoch: int,
    seq: int | None,
    prev_seq: int | None,
    trades: list[Trade],
) -> bytes:
    """Return trades of one symbol as a MessagePack map."""
    maps = [
        TradeMap(
            trade.symbol,
            trade.trade_id,
            trade.ts_event,
            trade.ts_recv,
            trade.price,
            trade.size,
            trade.side,
            trade.series,
        )
        for trade in trades
    ]
    return _encoder.encode(TradesMap(exchange, symbol, epoch, seq, prev_seq, maps))
