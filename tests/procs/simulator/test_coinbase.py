"""Coinbase's protocol over real sockets, held against the truth."""

import json
import urllib.error
from typing import Any

import pytest

from procs.simulator.exchanges import exchanges
from procs.simulator.times import iso, parse_iso
from tests.eventually import eventually
from tests.procs.simulator.conftest import Seeded, Simulation, until_cut

MAKER = {"buy": "sell", "sell": "buy"}


def subscribe(*channels: str, products: tuple[str, ...] = ("BTC-USD",)) -> dict[str, Any]:
    return {"type": "subscribe", "product_ids": list(products), "channels": list(channels)}


def frames_until(client: Any, product: str, trade_id: int) -> list[dict[str, Any]]:
    """Return all frames up to the match with that id."""
    found = []
    while True:
        frame = json.loads(client.recv())
        found.append(frame)
        if frame.get("trade_id") == trade_id and frame["product_id"] == product:
            return found


def test_a_subscription_is_answered_then_the_last_match_then_every_match(seeded: Seeded) -> None:
    simulation = seeded(1000)
    client = simulation.connect(
        "/coinbase/ws", subscribe("matches", products=("BTC-USD", "ETH-USD"))
    )
    answer = json.loads(client.recv())
    assert answer == {
        "type": "subscriptions",
        "channels": [
            {"name": "matches", "product_ids": ["BTC-USD", "ETH-USD"], "account_ids": None}
        ],
    }
    firsts = [json.loads(client.recv()) for _ in range(2)]
    assert [(frame["type"], frame["product_id"]) for frame in firsts] == [
        ("last_match", "BTC-USD"),
        ("last_match", "ETH-USD"),
    ]
    eventually(lambda: simulation.get("/health")["executed"]["coinbase:ETH-USD"] > 150)
    executed = simulation.post("/pause")["executed"]
    frames = firsts + frames_until(client, "ETH-USD", executed["coinbase:ETH-USD"])
    for product in ("BTC-USD", "ETH-USD"):
        got = [frame for frame in frames if frame["product_id"] == product]
        first = got[0]["trade_id"]
        truth = simulation.truth("coinbase", product, f"&from_id={first}")
        assert [said(frame) for frame in got] == truth[: len(got)]
        assert len(truth) - len(got) <= (product == "BTC-USD")
        assert {frame["type"] for frame in got[1:]} == {"match"}
        sequences = [frame["sequence"] for frame in got]
        assert sequences == sorted(set(sequences))
        assert sequences != list(range(sequences[0], sequences[0] + len(sequences)))


def said(frame: dict[str, Any]) -> dict[str, Any]:
    """Return what a match says, as a line of the truth: its side is the maker's."""
    return {
        "symbol": frame["product_id"],
        "trade_id": frame["trade_id"],
        "ts_event": parse_iso(frame["time"]),
        "price": frame["price"],
        "size": frame["size"],
        "side": MAKER[frame["side"]],
    }


def test_a_heartbeat_names_the_last_match_that_was_sent(seeded: Seeded) -> None:
    client = seeded(300).connect("/coinbase/ws", subscribe("heartbeat", "matches"))
    last: dict[str, Any] = {}
    for _ in range(1000):
        frame = json.loads(client.recv())
        if frame["type"] == "heartbeat":
            break
        last = frame
    assert set(frame) == {"type", "last_trade_id", "product_id", "sequence", "time"}
    assert frame["last_trade_id"] == last["trade_id"]
    assert frame["sequence"] >= last["sequence"]


def test_a_ticker_says_the_taker_side_of_the_same_trade(seeded: Seeded) -> None:
    client = seeded(300).connect("/coinbase/ws", subscribe("ticker", "matches"))
    frames = [json.loads(client.recv()) for _ in range(60)]
    matches = {frame["trade_id"]: frame for frame in frames if frame["type"] == "match"}
    tickers = {frame["trade_id"]: frame for frame in frames if frame["type"] == "ticker"}
    both = sorted(matches.keys() & tickers.keys())
    assert len(both) > 10
    for trade_id in both:
        match, ticker = matches[trade_id], tickers[trade_id]
        assert (ticker["price"], ticker["last_size"]) == (match["price"], match["size"])
        assert ticker["side"] == MAKER[match["side"]]


@pytest.mark.parametrize(
    ("message", "reason"),
    [
        (subscribe("matches", products=("BTC-USD", "NO-SUCH")), "NO-SUCH is not a valid product"),
        (
            {"type": "subscribe", "product_ids": [["x"]], "channels": ["matches"]},
            "['x'] is not a valid product",
        ),
        (
            {"type": "subscribe", "channels": [{"name": "matches", "product_ids": 7}]},
            "7 is not a valid product",
        ),
        (subscribe("nonsense"), "nonsense is not a valid channel"),
        (subscribe(), "No channels provided"),
        (subscribe("level2"), "level2, level3, and full channels now require authentication."),
    ],
)
def test_a_request_with_anything_unknown_changes_nothing(
    seeded: Seeded, message: dict[str, Any], reason: str
) -> None:
    simulation = seeded()
    client = simulation.connect("/coinbase/ws", message, subscribe("heartbeat"))
    refused = json.loads(client.recv())
    assert refused == {"type": "error", "message": "Failed to subscribe", "reason": reason}
    assert [entry["name"] for entry in json.loads(client.recv())["channels"]] == ["heartbeat"]


def test_what_is_unsubscribed_stops_and_the_rest_goes_on(seeded: Seeded) -> None:
    client = seeded().connect(
        "/coinbase/ws",
        subscribe("matches", products=("BTC-USD", "ETH-USD")),
        {"type": "unsubscribe", "product_ids": ["BTC-USD"], "channels": ["matches"]},
    )
    frame = json.loads(client.recv())
    while frame["type"] != "subscriptions" or len(frame["channels"][0]["product_ids"]) == 2:
        frame = json.loads(client.recv())
    assert {json.loads(client.recv())["product_id"] for _ in range(50)} == {"ETH-USD"}


def test_who_does_not_subscribe_in_time_is_cut(seeded: Seeded) -> None:
    known = exchanges()
    assert known["coinbase"].subscribe_within_s == 5.0
    known["coinbase"].subscribe_within_s = 0.1
    simulation = seeded(known=known)
    quiet = simulation.connect("/coinbase/ws")
    assert until_cut(quiet) == []


def test_time_and_products_are_those_of_the_market(seeded: Seeded) -> None:
    simulation = seeded()
    moment = simulation.get("/coinbase/rest/time")
    assert abs(parse_iso(moment["iso"]) / 1e6 - moment["epoch"]) < 1e-3
    products = simulation.get("/coinbase/rest/products")
    assert [product["id"] for product in products] == ["BTC-USD", "ETH-USD"]
    assert products[0]["quote_increment"] == "0.01"
    assert products[0]["base_increment"] == "0.00000001"
    assert simulation.get("/coinbase/rest/products/BTC-USD") == products[0]


def test_rest_trades_page_back_to_the_first_and_equal_the_truth(seeded: Seeded) -> None:
    simulation = seeded(1000)
    executed = simulation.post("/pause")["executed"]["coinbase:BTC-USD"]
    assert executed > 20
    rows: list[dict[str, Any]] = []
    after = ""
    while True:
        path = f"/coinbase/rest/products/BTC-USD/trades?limit=7{after}"
        body, headers = simulation.open(path)
        page = json.loads(body)
        if not page:
            break
        rows += page
        assert headers["cb-before"] == str(page[0]["trade_id"])
        after = f"&after={headers['cb-after']}"
    truth = simulation.truth("coinbase", "BTC-USD")
    assert [
        {
            "symbol": "BTC-USD",
            "trade_id": row["trade_id"],
            "ts_event": parse_iso(row["time"]),
            "price": row["price"],
            "size": row["size"],
            "side": MAKER[row["side"]],
        }
        for row in reversed(rows)
    ] == truth
    newer = simulation.get("/coinbase/rest/products/BTC-USD/trades?before=5")
    assert [row["trade_id"] for row in newer] == list(range(executed, 5, -1))


def test_candles_come_newest_first_and_reach_as_far_back_as_promised(seeded: Seeded) -> None:
    simulation = seeded()
    now = simulation.get("/coinbase/rest/time")["epoch"]
    for granularity, days in ((60, 31), (3600, 31), (86_400, 400)):
        start, end = now - (days - 0.2) * 86_400, now - (days - 0.2) * 86_400 + 290 * granularity
        span = f"&start={iso(int(start * 1e6))}&end={int(end)}"
        path = f"/coinbase/rest/products/BTC-USD/candles?granularity={granularity}"
        rows = simulation.get(path + span)
        times = [row[0] for row in rows]
        assert times == sorted(times, reverse=True)
        assert 289 <= len(rows) <= 291
        assert all(
            low < open_ < high and low < close < high for _, low, high, open_, close, _ in rows
        )
        newest = simulation.get(path)[0][0]
        assert newest <= now < newest + granularity + 5


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("products/NO-SUCH", 404),
        ("products/NO-SUCH/trades", 404),
        ("products/BTC-USD/trades?after=x", 400),
        ("products/BTC-USD/candles?granularity=61", 400),
        ("products/BTC-USD/candles?granularity=60&start=0&end=2000000000", 400),
        ("products/BTC-USD/candles?start=yesterday", 400),
    ],
)
def test_a_wrong_rest_request_is_refused_in_words(seeded: Seeded, path: str, status: int) -> None:
    found = refusal(seeded(), f"/coinbase/rest/{path}")
    assert found[0] == status
    assert set(found[1]) == {"message"}


def refusal(simulation: Simulation, path: str) -> tuple[int, dict[str, Any]]:
    """Return status and body of an answer that is an error."""
    with pytest.raises(urllib.error.HTTPError) as refused:
        simulation.open(path)
    with refused.value as answer:
        return answer.code, json.loads(answer.read())
