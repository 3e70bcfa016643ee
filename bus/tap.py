"""The tap's format, and a subscriber that prints it: ``python -m bus.tap 'trade.binance.'``.

Two frames: a topic that ends with a dot, and a MessagePack map with a ``type``. The maps are
generated from the array-like Structs of ``bus.messages``: the same fields under their names. Prices
and sizes are plain decimal text, times integer µs UTC. Trades come in batches of one symbol with
``epoch``, ``seq`` and that symbol's ``prev_seq``: a subscriber that has not seen ``prev_seq`` has
missed something.
"""

import argparse
import re
import sys
import threading
from collections.abc import Iterator
from typing import Any

import msgspec
import zmq

from bus import settings as settings_module
from bus.errors import SettingError
from bus.messages import Average, CandleUpdate, FeedStatus, SymbolStatus, Ticker, Trade
from bus.sockets import Socket
from bus.wiring import TAP

SILENT_S = 3.0
"""So long nothing may come before a word is said about it."""


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
MAPS: dict[type[msgspec.Struct], type[msgspec.Struct]] = {
    struct: _map_of(struct, str(struct.__struct_config__.tag))
    for struct in (Ticker, CandleUpdate, Average, FeedStatus)
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


def encode_map(message: Ticker | CandleUpdate | Average | FeedStatus) -> bytes:
    """Return a message as a MessagePack map."""
    values = msgspec.structs.astuple(message)
    if isinstance(message, FeedStatus):
        listed = [SymbolStatusMap(*msgspec.structs.astuple(one)) for one in message.symbols]
        return _encoder.encode(MAPS[FeedStatus](*_with(message, "symbols", listed)))
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


def subscribe(endpoint: str, prefixes: list[str]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield (topic, message) of everything under the prefixes, until the caller stops.

    Args:
        endpoint: the tap's address, ``tcp://127.0.0.1:5556``.
        prefixes: topics or their beginnings, ``trade.binance.``; an empty one is everything.
    """
    context: zmq.Context[Socket] = zmq.Context()
    tap = context.socket(zmq.SUB)
    try:
        tap.setsockopt(zmq.RCVHWM, TAP.hwm)
        tap.setsockopt(zmq.LINGER, 0)
        for prefix in prefixes:
            tap.setsockopt(zmq.SUBSCRIBE, prefix.encode())
        tap.connect(endpoint)
        while True:
            topic, payload = tap.recv_multipart()
            yield topic.decode(), msgspec.msgpack.decode(payload)
    finally:
        tap.close()
        context.term()


def _print(message: dict[str, Any], topic: str, *, as_json: bool) -> int:
    """Print one message, a line for each trade in it; return the number of lines."""
    rows = [message]
    if message["type"] == "trades":
        shared = {key: value for key, value in message.items() if key != "trades"}
        rows = [{**shared, "type": "trade", **trade} for trade in message["trades"]]
    for row in rows:
        if as_json:
            print(msgspec.json.encode(row).decode())
        else:
            print(topic, " ".join(f"{key}={value}" for key, value in row.items() if key != "type"))
    return len(rows)


def _say_silent(endpoint: str) -> None:
    print(f"nothing yet under that topic from {endpoint}; still listening", file=sys.stderr)


def main() -> int:
    """Print the feed until interrupted, or until ``--count`` lines."""
    parser = argparse.ArgumentParser(
        prog="python -m bus.tap", description="Print what tickwire's ZeroMQ feed says, as it comes."
    )
    parser.add_argument(
        "prefix",
        nargs="*",
        default=[""],
        help="topics or their beginnings: trade.binance. ticker. candle.1m. (all)",
    )
    parser.add_argument("--json", action="store_true", help="one JSON object a line")
    parser.add_argument("--count", type=int, default=0, help="stop after so many lines")
    parser.add_argument("--endpoint", help="the tap's address (TAP_ENDPOINT)")
    chosen = parser.parse_args()
    try:
        endpoint = chosen.endpoint or settings_module.load().tap_endpoint
    except SettingError as error:
        print(f"tickwire: {error}", file=sys.stderr)
        return 2
    if not re.fullmatch(r"tcp://[^:/]+:[0-9]{1,5}|ipc://.+", endpoint):
        print(f"tickwire: --endpoint: {endpoint!r}; give tcp://ADDRESS:PORT", file=sys.stderr)
        return 2
    lines = 0
    silent = threading.Timer(SILENT_S, _say_silent, [endpoint])
    silent.daemon = True
    silent.start()
    try:
        for topic, message in subscribe(endpoint, chosen.prefix):
            silent.cancel()
            lines += _print(message, topic, as_json=chosen.json)
            sys.stdout.flush()
            if 0 < chosen.count <= lines:
                break
    except (KeyboardInterrupt, BrokenPipeError):
        pass  # the reader has had enough
    return 0


if __name__ == "__main__":
    sys.exit(main())
