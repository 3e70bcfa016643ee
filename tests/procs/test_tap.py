"""The tap: what the bus has, as maps, trades split by symbol."""

from decimal import Decimal

import msgspec
import pytest

from bus.actor import Instant, Send
from bus.heartbeat import Health
from bus.messages import (
    Consolidated,
    Day,
    FeedStatus,
    GapOpened,
    Heartbeat,
    PriceSource,
    QuarantineBatch,
    SymbolStatus,
    Ticker,
    Trade,
    TradeBatch,
    encode,
)
from market import candle
from procs.tap.tap import REPEAT_US, Tap
from tests.store.folding import START, random_trades

pytestmark = pytest.mark.usefixtures("exact_decimals")

NOW = Instant(START, 1)


def bus(tap: Tap, topic: bytes, message: object) -> list[tuple[bytes, dict[str, object]]]:
    sends = tap.on_message("feeds", [topic, encode(message)], NOW)  # type: ignore[arg-type]
    return decoded(sends)


def decoded(sends: "list[Send] | object") -> list[tuple[bytes, dict[str, object]]]:
    assert isinstance(sends, list | tuple)
    assert all(send.output == "tap" for send in sends)
    return [(send.topic, msgspec.msgpack.decode(send.payload)) for send in sends]


def later(us: int) -> Instant:
    return Instant(NOW.wall + us, NOW.mono + us)


def subscription(
    tap: Tap, frame: bytes, now: Instant = NOW
) -> list[tuple[bytes, dict[str, object]]]:
    return decoded(tap.on_subscription(frame, now))


def ticker(symbol: str, price: str = "1.50") -> Ticker:
    return Ticker(
        *("binance", symbol, price, "2", START, START + 1, None, "-0.5", None, None, None),
        *(START, "1.5", 3, True, 9, 4),
    )


def trade(symbol: str, trade_id: int) -> Trade:
    return Trade(symbol, trade_id, START, START + 1, "1.50", None, "buy", 2)


BATCH = TradeBatch(
    "binance",
    7,
    12,
    [trade("A-USD", 1), trade("B-USD", 1), trade("A-USD", 2)],
    {"A-USD": 11, "B-USD": None},
)


def test_a_batch_is_split_by_symbol_with_each_symbols_chain() -> None:
    tap = Tap(Health("tap"))
    subscription(tap, b"\x01trade.")
    assert bus(tap, b"batch.binance.", BATCH) == [
        (
            b"trade.binance.A-USD.",
            {
                "type": "trades",
                "exchange": "binance",
                "symbol": "A-USD",
                "epoch": 7,
                "seq": 12,
                "prev_seq": 11,
                "trades": [
                    {
                        "symbol": "A-USD",
                        "trade_id": number,
                        "ts_event": START,
                        "ts_recv": START + 1,
                        "price": "1.50",
                        "size": None,
                        "side": "buy",
                        "series": 2,
                    }
                    for number in (1, 2)
                ],
            },
        ),
        (
            b"trade.binance.B-USD.",
            {
                "type": "trades",
                "exchange": "binance",
                "symbol": "B-USD",
                "epoch": 7,
                "seq": 12,
                "prev_seq": None,
                "trades": [
                    {
                        "symbol": "B-USD",
                        "trade_id": 1,
                        "ts_event": START,
                        "ts_recv": START + 1,
                        "price": "1.50",
                        "size": None,
                        "side": "buy",
                        "series": 2,
                    }
                ],
            },
        ),
    ]


@pytest.mark.parametrize(
    ("prefix", "wanted"),
    [
        *((b"", True), (b"t", True), (b"trade.", True), (b"trade.binance.", True)),
        *((b"ticker.", False), (b"trades", False), (b"candle.1m.", False)),
    ],
)
def test_trades_are_decoded_only_when_somebody_wants_them(prefix: bytes, wanted: bool) -> None:
    tap = Tap(Health("tap"))
    assert bus(tap, b"batch.binance.", BATCH) == []
    subscription(tap, b"\x01" + prefix)
    assert bool(bus(tap, b"batch.binance.", BATCH)) is wanted
    subscription(tap, b"\x01" + prefix)
    subscription(tap, b"\x00" + prefix)
    assert bool(bus(tap, b"batch.binance.", BATCH)) is wanted
    subscription(tap, b"\x00" + prefix)
    assert bus(tap, b"batch.binance.", BATCH) == []


def test_a_ticker_is_a_map_of_the_same_fields() -> None:
    tap = Tap(Health("tap"))
    message = ticker("A-USD")
    (found,) = bus(tap, b"ticker.binance.A-USD.", message)
    assert found == (
        b"ticker.binance.A-USD.",
        {"type": "ticker"} | msgspec.structs.asdict(message),
    )


def test_candles_averages_prices_and_the_feeds_state_are_maps_too() -> None:
    tap = Tap(Health("tap"))
    made = candle.of(random_trades(1, 5, 1))
    update = candle.update("binance", ("ETH-USDT", 60, START), made, closed=True)
    (found,) = bus(tap, b"candle.1m.binance.ETH-USDT.", update)
    assert found[1]["type"] == "candle"
    assert Decimal(str(found[1]["sum_pq"])) == made.sum_pq
    assert found[1]["open_key"] == [0, 1000]
    average = candle.hour_average("binance", "ETH-USDT", START, made, 1, partial=False)
    (found,) = bus(tap, b"average.binance.ETH-USDT.", average)
    assert (found[1]["type"], found[1]["count"]) == ("average", 5)
    source = PriceSource("binance", "BTC-USDT", "1.5", START, "outlier")
    price = Consolidated("BTC", None, START, [source], 9, 4)
    (found,) = bus(tap, b"consolidated.BTC.", price)
    assert found[1] == {
        "type": "consolidated",
        "asset": "BTC",
        "price": None,
        "ts_event": START,
        "sources": [
            {
                "exchange": "binance",
                "symbol": "BTC-USDT",
                "price": "1.5",
                "ts_event": START,
                "excluded": "outlier",
            }
        ],
        "epoch": 9,
        "seq": 4,
    }
    day = Day(None, None, None, None, "7")
    symbol = SymbolStatus("A-USD", "live", START, 3, True, "0.01", "0.5", day=day)
    status = FeedStatus(
        *("binance", "connected", "closed", START, 0, None, None, True),
        [symbol],
    )
    (found,) = bus(tap, b"status.binance.", status)
    assert found[1]["type"] == "status"
    assert found[1]["symbols"] == [
        {
            "symbol": "A-USD",
            "state": "live",
            "last_recv": START,
            "trades": 3,
            "listed": True,
            "tick_size": "0.01",
            "size_step": "0.5",
            **dict.fromkeys(("duplicates", "quarantined"), 0),
            **dict.fromkeys(("gaps_open", "missing", "gaps_filled", "gaps_unfillable"), 0),
            **dict.fromkeys(("lag_p50_us", "lag_p99_us", "nearest", "stands_in_for")),
            "day": dict.fromkeys(("change", "change_pct", "high", "low")) | {"turnover": "7"},
        }
    ]


@pytest.mark.parametrize(("prefix", "given"), [(b"ticker.binance.BTC-USD.", 1), (b"ticker.", 2)])
def test_who_subscribes_first_gets_what_stands_there_and_only_that(
    prefix: bytes, given: int
) -> None:
    tap = Tap(Health("tap"))
    for symbol in ("BTC-USD", "BTCUP-USD"):
        bus(tap, b"ticker.binance.%s." % symbol.encode(), ticker(symbol, "1"))
        bus(tap, b"ticker.binance.%s." % symbol.encode(), ticker(symbol, "2"))
    found = subscription(tap, b"\x01" + prefix)
    assert len(found) == given
    assert (found[0][0], found[0][1]["price"]) == (b"ticker.binance.BTC-USD.", "2")
    assert subscription(tap, b"\x01trade.") == []
    assert subscription(tap, b"\x00ticker.") == []


def test_each_who_subscribes_is_given_the_state_but_many_at_once_get_it_together() -> None:
    tap = Tap(Health("tap"))
    topic = b"ticker.binance.A-USD."
    bus(tap, topic, ticker("A-USD", "1"))
    assert len(subscription(tap, b"\x01ticker.")) == 1
    for number in range(1000):
        assert subscription(tap, b"\x01" + topic[: number % 20], later(number)) == []
    bus(tap, topic, ticker("A-USD", "2"))
    assert decoded(tap.on_tick(later(REPEAT_US - 1))) == []
    (found,) = decoded(tap.on_tick(later(REPEAT_US)))
    assert (found[0], found[1]["price"]) == (topic, "2")
    assert decoded(tap.on_tick(later(2 * REPEAT_US))) == []
    assert len(subscription(tap, b"\x01" + topic, later(2 * REPEAT_US))) == 1


def test_what_is_not_public_does_not_go_out() -> None:
    tap = Tap(Health("tap"))
    subscription(tap, b"\x01")
    heartbeat = Health("feed-binance").beat(START)
    assert isinstance(heartbeat, Heartbeat)
    assert bus(tap, b"heartbeat.feed-binance.", heartbeat) == []
    assert bus(tap, b"batch.binance.", GapOpened("binance", 1, 1, [], "x")) == []
    assert bus(tap, b"batch.binance.", QuarantineBatch("binance", 1, 1, [])) == []
    assert bus(tap, b"ticker.", BATCH) == []


def test_the_end_of_another_subscription_leaves_the_trades_flowing() -> None:
    tap = Tap(Health("tap"))
    subscription(tap, b"\x01trade.")
    subscription(tap, b"\x01ticker.")
    subscription(tap, b"\x00ticker.")
    assert bus(tap, b"batch.binance.", BATCH) != []
    subscription(tap, b"\x00trade.")
    assert bus(tap, b"batch.binance.", BATCH) == []
