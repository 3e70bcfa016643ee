"""The tap's format: what others are given of the messages of the bus.

Two frames: a topic that ends with a dot, and a MessagePack map with a ``type``. The maps are
generated from the array-like Structs of ``bus.messages``: the same fields under their names. Prices
and sizes are plain decimal text, times integer µs UTC. Trades come in batches of one symbol with
``epoch``, ``seq`` and that symbol's ``prev_seq``: a subscriber that has not seen ``prev_seq`` has
missed something. ``docs/tap.md`` documents every field.
"""

import functools
import operator
import types
import typing
from typing import Any

import msgspec

from bus.held import State
from bus.messages import (
    Average,
    CandleUpdate,
    Consolidated,
    Day,
    FeedStatus,
    PriceSource,
    SymbolStatus,
    Ticker,
    Trade,
)


def _map_of(struct: type[msgspec.Struct], tag: str | None = None) -> type[msgspec.Struct]:
    """Return the Struct with the same fields that is encoded as a map with a ``type``."""
    fields: list[Any] = []
    for field in msgspec.structs.fields(struct):
        kind = _with_maps(field.type)
        if field.default is msgspec.NODEFAULT:
            fields.append((field.name, kind))
        else:
            fields.append((field.name, kind, field.default))
    return msgspec.defstruct(
        struct.__name__ + "Map", fields, tag=tag, tag_field="type" if tag else None
    )


def _with_maps(kind: Any) -> Any:
    """Return a field's type with maps in the place of what is a map inside it."""
    if typing.get_origin(kind) is list:
        return list[_with_maps(typing.get_args(kind)[0])]  # type: ignore[misc]
    if isinstance(kind, types.UnionType):
        return functools.reduce(operator.or_, map(_with_maps, typing.get_args(kind)))
    return PARTS.get(kind, kind)


PARTS: dict[Any, type[msgspec.Struct]] = {}
"""What stands inside the messages, and the map that it is made into."""
for _part in (Trade, PriceSource, Day, SymbolStatus):  # a part of a part comes before it
    PARTS[_part] = _map_of(_part)
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
    trades: list[PARTS[Trade]]  # type: ignore[valid-type]


_encoder = msgspec.msgpack.Encoder()


def encode_map(message: State) -> bytes:
    """Return a message as a MessagePack map."""
    made = MAPS[type(message)]
    if isinstance(message, FeedStatus | Consolidated):
        return _encoder.encode(made(*_parts(message)))
    return _encoder.encode(made(*msgspec.structs.astuple(message)))


def _parts(message: msgspec.Struct) -> list[Any]:
    """Return the values of a message, with maps in the place of what is a map inside it."""
    return [_part_of(getattr(message, name)) for name in message.__struct_fields__]


def _part_of(value: Any) -> Any:
    if isinstance(value, list):
        return [_part_of(each) for each in value]
    made = PARTS.get(type(value))
    return value if made is None else made(*_parts(value))


def encode_trades(
    exchange: str,
    symbol: str,
    epoch: int,
    seq: int | None,
    prev_seq: int | None,
    trades: list[Trade],
) -> bytes:
    """Return trades of one symbol as a MessagePack map."""
    made = PARTS[Trade]
    maps = [
        made(
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
