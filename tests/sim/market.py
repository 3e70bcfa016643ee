"""A few hours of a simulated market: what was executed, and the frames that say so."""

from datetime import UTC, datetime
from random import Random
from typing import NamedTuple

from bus.messages import Trade
from procs.simulator.exchanges import exchanges
from procs.simulator.truth import Truth

START = 1_723_154_400_000_000
"""2024-08-08T22:00:00Z, two hours before a day ends, µs."""
FEEDS = {"coinbase": ("BTC-USD", "ETH-USD"), "binance": ("ETH-USDT",)}


class Execution(NamedTuple):
    """One trade of the simulated exchange."""

    exchange: str
    trade: Trade
    """As it is to be stored; ``ts_recv`` is 0."""
    frame: bytes


def executed(seed: int, count: int) -> list[Execution]:
    """Return what was executed in about four hours, in order of time."""
    chance = Random(seed)
    simulated = exchanges()
    truths = {
        (name, symbol): Truth(seed, simulated[name].listing(symbol))
        for name, symbols in FEEDS.items()
        for symbol in symbols
    }
    places = list(truths)
    ids = dict.fromkeys(places, 100)
    ts = START
    found = []
    for _ in range(count):
        # Bursts within a millisecond, and silences of minutes.
        ts += chance.choice((0, 3, 700, 1_000_000, 5_000_000, 25_000_000))
        place = chance.choice(places)
        ids[place] += 1
        truth = truths[place]
        listing = truth.listing
        when = ts // listing.time_unit_us * listing.time_unit_us
        draw = truth.draw(ids[place], ts)
        trade = Trade(
            *(place[1], ids[place], when, 0),
            *(listing.price_text(draw.price), listing.size_text(draw.size)),
            "buy" if draw.taker_buys else "sell",
        )
        found.append(Execution(place[0], trade, frame(place[0], trade)))
    return found


def frame(exchange: str, trade: Trade) -> bytes:
    """Return the frame that says a trade."""
    if exchange == "binance":
        native = trade.symbol.replace("-", "")
        maker = "true" if trade.side == "sell" else "false"
        return (
            f'{{"stream":"{native.lower()}@trade","data":{{"e":"trade","E":1,"s":"{native}",'
            f'"t":{trade.trade_id},"p":"{trade.price}","q":"{trade.size}",'
            f'"T":{trade.ts_event // 1000},"m":{maker},"M":true}}}}'
        ).encode()
    stamp = datetime.fromtimestamp(trade.ts_event // 1_000_000, UTC).strftime("%Y-%m-%dT%H:%M:%S")
    maker = "buy" if trade.side == "sell" else "sell"
    return (
        f'{{"type":"match","trade_id":{trade.trade_id},"side":"{maker}","size":"{trade.size}",'
        f'"price":"{trade.price}","product_id":"{trade.symbol}","sequence":1,'
        f'"time":"{stamp}.{trade.ts_event % 1_000_000:06d}Z"}}'
    ).encode()
