"""Finnhub's protocol over real sockets, held against the truth and against recorded messages."""

import json
import urllib.error
import urllib.request
from collections import Counter
from decimal import Decimal
from typing import Any

import pytest
import websocket

from procs.feed.exchanges import Catalogued, load
from procs.simulator.exchanges.finnhub import TRADES_PER_FRAME, Exchange
from procs.simulator.faults import GARBAGE, Faults
from procs.simulator.numbers import GO, RUBY, plain, short
from procs.simulator.wire import framed, unframed
from tests.eventually import eventually
from tests.fix_recordings import real_lines
from tests.procs.simulator.conftest import Made, Played, Seeded, Simulation

SYMBOLS = ("finnhub:ETH-USDT", "coinbase:BTC-USD", "finnhub:ETH-BTC", "finnhub:SHIB-BTC")
SOCKET = "/finnhub/ws?token=any"
ETH = {"type": "subscribe", "symbol": "BINANCE:ETHUSDT"}
ETH_BTC = {"type": "subscribe", "symbol": "BINANCE:ETHBTC"}
RECORDED = (
    '{"data":[{"c":["1","24","12"],"p":171.465,"s":"AAPL","t":1696250801554,"v":1},'
    '{"c":null,"p":1731.1,"s":"BINANCE:ETHUSDT","t":1696250801782,"v":0.014},'
    '{"c":null,"p":1731.09,"s":"BINANCE:BTCUSDT","t":1696250802070,"v":1e-06}],"type":"trade"}'
)
Traded = tuple[int, Decimal, Decimal]
"""(ts_event, price, size): all that tells one trade from another, and not always."""


def told(simulation: Simulation, symbol: str, since: int) -> Counter[Traded]:
    """Return the trades that the truth has since a moment (µs UTC), each as often as it was."""
    lines = simulation.truth("finnhub", symbol)
    return Counter(
        (one["ts_event"], Decimal(one["price"]), Decimal(one["size"]))
        for one in lines
        if one["ts_event"] >= since
    )


def trades_of(text: str) -> list[dict[str, Any]]:
    """Return the trades of a message, its numbers exact."""
    message = json.loads(text, parse_float=Decimal, parse_int=Decimal)
    found: list[dict[str, Any]] = message["data"] if message["type"] == "trade" else []
    return found


def rest(client: Any) -> dict[str, Counter[Traded]]:
    """Return the trades by symbol that come until no more do."""
    client.settimeout(0.5)
    texts: list[str] = []
    with pytest.raises(websocket.WebSocketTimeoutException):
        texts.extend(iter(client.recv, None))
    got: dict[str, Counter[Traded]] = {}
    for one in (one for text in texts for one in trades_of(text)):
        got.setdefault(one["s"], Counter())[int(one["t"]) * 1000, one["p"], one["v"]] += 1
    return got


def newest(simulation: Simulation, symbol: str) -> int:
    """Return the time of the last trade, µs UTC."""
    ts: int = simulation.truth("finnhub", symbol)[-1]["ts_event"]
    return ts


@pytest.mark.parametrize("faults", [Faults(), Faults(reorder=30)])
def test_every_trade_since_the_first_comes_exactly_once(seeded: Seeded, faults: Faults) -> None:
    simulation = seeded(300, symbols=SYMBOLS, faults=faults)
    client = simulation.connect(SOCKET, ETH, ETH_BTC)
    first = {one["s"]: int(one["t"]) * 1000 for one in trades_of(client.recv())}
    since = max(first.values()) + 500_000  # what was under way is over
    eventually(lambda: newest(simulation, "ETH-BTC") > since + 300_000)
    assert simulation.post("/pause")["sent"]
    got = rest(client)
    natives = {"BINANCE:ETHUSDT": "ETH-USDT", "BINANCE:ETHBTC": "ETH-BTC"}
    assert got.keys() == natives.keys()
    for native, symbol in natives.items():
        expected = told(simulation, symbol, since)
        assert expected.total() > 20
        assert Counter({one: n for one, n in got[native].items() if one[0] >= since}) == expected


def test_messages_hold_several_trades_in_the_form_of_the_real_ones(seeded: Seeded) -> None:
    client = seeded(300, symbols=SYMBOLS).connect(SOCKET, ETH, ETH_BTC)
    texts = [client.recv() for _ in range(6)]
    counts = [len(trades_of(text)) for text in texts]
    assert max(counts) == TRADES_PER_FRAME
    assert {one["s"] for text in texts for one in trades_of(text)} == {
        "BINANCE:ETHUSDT",
        "BINANCE:ETHBTC",
    }
    (model,) = [json.loads(RECORDED)["data"][1]]
    for text in texts:
        assert list(json.loads(text)) == ["data", "type"]
        assert " " not in text
        for one in json.loads(text)["data"]:
            assert list(one) == list(model)
            assert one["c"] is None
            assert isinstance(one["t"], int)


def test_dropped_trades_are_missing_and_doubled_ones_come_again(seeded: Seeded) -> None:
    simulation = seeded(300, symbols=SYMBOLS, faults=Faults(drop=0.2, dup=0.2))
    client = simulation.connect(SOCKET, ETH)
    got = Counter(
        (int(one["t"]) * 1000, one["p"], one["v"])
        for _ in range(15)
        for one in trades_of(client.recv())
    )
    times = sorted(ts for ts, _, _ in got)
    expected = told(simulation, "ETH-USDT", 0)
    between = {one for one in expected if times[0] <= one[0] <= times[-1]}
    assert got.keys() < between, "some are missing, none is invented"
    assert any(count > expected[one] for one, count in got.items())


def test_garbage_does_not_spoil_the_trades_beside_it(seeded: Seeded) -> None:
    simulation = seeded(300, symbols=SYMBOLS, faults=Faults(garbage=0.2, badprice=0.2))
    client = simulation.connect(SOCKET, ETH)
    texts = [client.recv() for _ in range(35)]
    messages = [trades_of(text) for text in texts if text not in GARBAGE]
    assert 8 < len(messages) < 33
    assert any(len(trades) > 1 for trades in messages)
    got = {(int(one["t"]) * 1000, one["p"], one["v"]) for trades in messages for one in trades}
    genuine = got & told(simulation, "ETH-USDT", 0).keys()
    assert 0.6 < len(genuine) / len(got) < 0.95


@pytest.mark.parametrize("path", ["/finnhub/ws", "/finnhub/ws?token="])
def test_without_a_token_the_handshake_is_refused(seeded: Seeded, path: str) -> None:
    with pytest.raises(websocket.WebSocketBadStatusException) as refused:
        seeded(symbols=SYMBOLS).connect(path)
    assert refused.value.status_code == 401


def test_another_address_is_refused(seeded: Seeded) -> None:
    with pytest.raises(websocket.WebSocketBadStatusException) as refused:
        seeded(symbols=SYMBOLS).connect("/finnhub/no/such?token=x")
    assert refused.value.status_code == 403


def test_a_wrong_message_is_answered_with_an_error(seeded: Seeded) -> None:
    client = seeded(symbols=SYMBOLS).connect(SOCKET)
    for message, said in (
        ("{", "Invalid message"),
        ("[]", "Invalid message"),
        ('{"type":"subscribe"}', "Invalid message"),
        ('{"type":"hello","symbol":"BINANCE:ETHUSDT"}', "Invalid message"),
        ('{"type":"subscribe","symbol":"BINANCE:NOSUCH"}', "Invalid symbol BINANCE:NOSUCH"),
    ):
        client.send(message)
        assert json.loads(client.recv()) == {"msg": said, "type": "error"}


def test_more_symbols_than_are_free_are_refused(
    seeded: Seeded, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("procs.simulator.exchanges.finnhub.SYMBOLS_MAX", 1)
    client = seeded(symbols=SYMBOLS).connect(SOCKET, ETH, ETH_BTC)
    said = json.loads(client.recv())
    while said["type"] == "trade":
        said = json.loads(client.recv())
    assert said == {"msg": "Subscribing to too many symbols", "type": "error"}


def test_after_unsubscribing_there_is_silence_but_for_the_ping(
    seeded: Seeded, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("procs.simulator.exchanges.finnhub.PING_EVERY_S", 1)
    client = seeded(symbols=SYMBOLS).connect(SOCKET, ETH)
    client.recv()
    client.send(json.dumps({**ETH, "type": "unsubscribe"}))
    pings = 0
    while pings < 2:
        message = json.loads(client.recv())
        pings = pings + 1 if message == {"type": "ping"} else 0


def test_its_list_of_symbols_needs_the_token_in_the_header_or_the_query(seeded: Seeded) -> None:
    simulation = seeded(symbols=SYMBOLS)
    path = "/finnhub/rest/api/v1/crypto/symbol?exchange=binance"
    rows = simulation.get(f"{path}&token=x")
    assert rows[0] == {
        "description": "Binance ETH/USDT",
        "displaySymbol": "ETH/USDT",
        "symbol": "BINANCE:ETHUSDT",
    }
    assert len(rows) == 3
    request = urllib.request.Request(f"http://{simulation.address}{path}")
    request.add_header("X-Finnhub-Token", "x")
    with urllib.request.urlopen(request, timeout=20) as answer:
        assert json.loads(answer.read()) == rows
    assert simulation.get("/finnhub/rest/api/v1/crypto/symbol?exchange=kraken&token=x") == []
    assert simulation.get("/finnhub/rest/api/v1/crypto/exchange?token=x") == ["BINANCE"]
    with pytest.raises(urllib.error.HTTPError) as refused:
        simulation.open(path)
    with refused.value as wrong:
        assert (wrong.code, json.loads(wrong.read())) == (
            401,
            {"error": "Please use an API key."},
        )


def test_a_feed_reads_its_catalogue(seeded: Seeded) -> None:
    simulation = seeded(symbols=SYMBOLS)
    reading = load("finnhub")(("ETH-USDT",))
    assert isinstance(reading, Catalogued)
    body, _ = simulation.open(f"{reading.catalogue_url('/finnhub/rest')}&token=x")
    assert reading.parse_catalogue(body) == ["ETH-USDT", "ETH-BTC", "SHIB-BTC"]


def test_recorded_messages_are_understood_and_can_be_changed() -> None:
    exchange = Exchange()
    assert exchange.recorded_trades(RECORDED) == [
        ("AAPL", (0, 1696250801554000, "171.465", "1", None)),
        ("BINANCE:ETHUSDT", (0, 1696250801782000, "1731.1", "0.014", None)),
        ("BINANCE:BTCUSDT", (0, 1696250802070000, "1731.09", "0.000001", None)),
    ]
    assert exchange.recorded_streams(RECORDED) == {"AAPL", "BINANCE:ETHUSDT", "BINANCE:BTCUSDT"}
    assert exchange.recorded_streams('{"type":"ping"}') == set()
    assert exchange.recorded_trades('{"msg":"x","type":"error"}') == []
    moved = exchange.recorded_trades(exchange.shifted(RECORDED, 5_000))
    assert [trade.ts_event % 1_000_000 for _, trade in moved] == [559_000, 787_000, 75_000]
    assert exchange.recorded_trades(exchange.repriced(RECORDED, "0.5"))[1][1].price == "0.5"
    for price in ("NaN", "Infinity", "-1", "1e999"):
        assert len(json.loads(exchange.repriced(RECORDED, price))["data"]) == 3
    assert [exchange.symbol_of(one) for one in ("BINANCE:ETHBTC", "AAPL", "BINANCE:X")] == [
        "ETH-BTC",
        None,
        None,
    ]


def test_real_messages_are_understood() -> None:
    exchange = Exchange()
    counts = [
        len(exchange.recorded_trades(one)) for one in real_lines("finnhub/ws_single_frames.jsonl")
    ]
    assert counts == [10, 10, 5, 4, 2, 0, 0]


def test_a_message_of_several_symbols_is_sent_without_those_not_subscribed_to(
    played: Played, made: Made
) -> None:
    eth = '{"c":null,"p":1731.10,"s":"BINANCE:ETHUSDT","t":1696250801782,"v":0.014}'
    btc = '{"c":null,"p":2.5e-05,"s":"BINANCE:BTCUSDT","t":1696250801997,"v":1}'
    whole = f'{{"data":[{eth},{btc},{eth}],"type":"trade"}}'
    alone = f'{{"data":[{btc}],"type":"trade"}}'
    simulation = played(made("finnhub", ['{"type":"ping"}', whole, alone, whole]))
    both = simulation.connect("/finnhub/ws?token=x")
    one = simulation.connect("/finnhub/ws?token=x")
    for symbol in ("BINANCE:BTCUSDT", "BINANCE:ETHUSDT"):
        both.send(json.dumps({"type": "subscribe", "symbol": symbol}))
    one.send(json.dumps({"type": "subscribe", "symbol": "BINANCE:ETHUSDT"}))
    assert [both.recv() for _ in range(3)] == [whole, alone, whole]
    assert [one.recv() for _ in range(2)] == [f'{{"data":[{eth},{eth}],"type":"trade"}}'] * 2
    truth = simulation.truth("finnhub", "ETH-USDT")
    assert [line["trade_id"] for line in truth] == [1, 2, 3, 4]
    keys = ("ts_event", "price", "size", "side")
    assert {tuple(line[key] for key in keys) for line in truth} == {
        (1696250801782000, "1731.10", "0.014", None)
    }
    (small,) = {line["price"] for line in simulation.truth("finnhub", "BTC-USDT")}
    assert small == "0.000025"


def test_trades_due_together_are_gathered_around_what_is_none() -> None:
    exchange = Exchange()
    singles = [
        framed(f'{{"data":[{{"c":null,"p":{n},"s":"X","t":1,"v":2}}],"type":"trade"}}')
        for n in range(13)
    ]
    garbage = framed("not json at all")
    made = exchange.gathered([*singles[:2], garbage, *singles[2:]])
    found = [unframed(one) for one in made]
    assert found[1] == "not json at all"
    assert [[int(t["p"]) for t in trades_of(one)] for one in found if "data" in one] == [
        [0, 1],
        [*range(2, 12)],
        [12],
    ]
    assert exchange.gathered([]) == []


def test_numbers_are_short_and_small_ones_have_an_exponent() -> None:
    texts = ["20461.10000000", "1.00", "0.05", "0.0001", "0.00001", "0.00001234", "0.0000001"]
    assert [short(one, GO) for one in texts] == [
        "20461.1", "1", "0.05", "0.0001", "0.00001", "0.00001234", "1e-7",
    ]  # fmt: skip
    assert [short(one, RUBY) for one in texts[3:]] == ["0.0001", "1e-05", "1.234e-05", "1e-07"]
    assert [plain(short(one, RUBY)) for one in texts[3:]] == texts[3:]
    with pytest.raises(ValueError, match="bounds"):
        plain("1e999999999")
