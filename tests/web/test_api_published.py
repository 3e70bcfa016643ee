"""Candles that the exchanges published, in every answer that is made of candles."""

import msgspec
import pytest

from bus.messages import History, HistoryCandle
from store import history
from store.pool import Connection
from tests.web.fix_api import HOUR, MINUTE, Api, iso, moments, store, trades, wall
from tests.web.messages import candle
from tests.web.test_api_markets import priced
from web.api.history import History as Sampled
from web.frames.native import CandleRow

DAY = 24 * HOUR
ETH = "ETH-USDT"


def publish(
    connection: Connection, interval_s: int, opens: dict[int, str], symbol: str = ETH
) -> None:
    """Store candles of binance by the time at which they open: close as given, open 10."""
    key = ("binance", symbol, interval_s)
    candles = [HistoryCandle(ts, "10", "999", "1", close, "0.5") for ts, close in opens.items()]
    until = max(opens) + interval_s * 1_000_000
    history.want(connection, {key: until})
    history.save(connection, History(*key, min(opens), until, candles))


def rows(api: Api, **query: str) -> list[dict[str, object]]:
    found: list[dict[str, object]] = api.get("/api/candles", {"symbol": ETH, **query}).json
    return found


def brief(api: Api, **query: str) -> list[tuple[object, ...]]:
    """Return the time, close, n and origin of each candle."""
    return [(row["t"], row["c"], row["n"], row["origin"]) for row in rows(api, **query)]


def test_a_candle_of_the_exchanges_is_marked_and_claims_no_more_than_it_knows(
    api: Api, records: Connection
) -> None:
    minute = wall() // MINUTE * MINUTE - 10 * MINUTE
    publish(records, 60, {minute: "12.50"})
    answer = api.get("/api/candles", {"symbol": ETH})
    assert answer.json == [
        {
            "t": iso(minute),
            "o": 10,
            "h": 999,
            "l": 1,
            "c": 12.5,
            "v": 0.5,
            "n": 0,
            "vwap": None,
            "closed": True,
            "revision": 0,
            "origin": "exchange",
            "partial": False,
        }
    ]
    typed = msgspec.json.decode(answer.body, type=list[CandleRow])
    assert msgspec.json.Encoder(decimal_format="number").encode(typed) == answer.body
    table = api.get("/api/candles", {"symbol": ETH, "format": "csv"}).body.decode()
    assert table.split("\r\n")[1] == f"{iso(minute)},10,999,1,12.50,0.5,0,,true,0,exchange,false"


def test_one_of_trades_wins_but_for_the_one_in_which_the_data_began(
    api: Api, records: Connection
) -> None:
    minute = wall() // MINUTE * MINUTE - 10 * MINUTE
    times = [minute + at * MINUTE for at in range(5)]
    store(records, trades(times[1], "1"), trades(times[2], "2"), trades(times[4], "4"))
    assert brief(api) == [
        (iso(times[1]), 1, 1, "trades"),
        (iso(times[2]), 2, 1, "trades"),
        (iso(times[4]), 4, 1, "trades"),
    ]
    publish(records, 60, dict.fromkeys(times[:4], "50"))
    assert brief(api) == [
        (iso(times[0]), 50, 0, "exchange"),
        (iso(times[1]), 50, 0, "exchange"),
        (iso(times[2]), 2, 1, "trades"),
        (iso(times[3]), 50, 0, "exchange"),
        (iso(times[4]), 4, 1, "trades"),
    ]


def test_the_live_candle_of_the_minute_in_which_the_data_began_yields_too(
    api: Api, records: Connection
) -> None:
    minute = wall() // MINUTE * MINUTE - 2 * MINUTE
    store(records, trades(minute, "1"))
    publish(records, 60, {minute: "50"})
    api.tell(candle(ts_open=minute, n=9, close="7"), candle(ts_open=minute + MINUTE, n=3))
    assert [one[1:] for one in brief(api)] == [(50, 0, "exchange"), (101, 3, "trades")]


@pytest.mark.parametrize("interval", ["1m", "5m"])
def test_what_the_exchange_has_is_not_asked_for_where_all_is_made_of_trades(
    api: Api, records: Connection, interval: str
) -> None:
    day = wall() // DAY * DAY - 2 * DAY
    times = [day + at * 5 * MINUTE for at in range(10)]
    publish(records, 60, dict.fromkeys(times[:5], "50"))
    store(records, *(trades(ts, "2") for ts in times[4:]))
    assert {origin for *_, origin in brief(api, limit="4", interval=interval)} == {"trades"}
    assert api.questions == 2
    assert len(brief(api, limit="9", interval=interval)) == 9
    assert api.questions > 2


def test_another_symbol_exchange_or_interval_lends_nothing(api: Api, records: Connection) -> None:
    minute = wall() // HOUR * HOUR - HOUR
    publish(records, 60, {minute: "50"}, symbol="BTC-USDT")
    publish(records, 3600, {minute: "50"})
    assert brief(api) == []
    assert brief(api, interval="1h") == [(iso(minute), 50, 0, "exchange")]
    assert brief(api, interval="1d") == []


@pytest.mark.parametrize(("interval", "base_s", "parts"), [("5m", 60, 5), ("4h", 3600, 4)])
def test_a_longer_candle_with_a_part_of_the_exchanges_says_so(
    api: Api, records: Connection, interval: str, base_s: int, parts: int
) -> None:
    base = base_s * 1_000_000
    day = wall() // DAY * DAY - 2 * DAY
    times = [day + at * base for at in range(3 * parts)]
    first, middle, last = times[:parts], times[parts : 2 * parts], times[2 * parts :]
    publish(records, base_s, {**dict.fromkeys(first, "50"), middle[0]: "60"})
    store(records, *(trades(ts, "5", "1000.5", "7") for ts in [*middle[1:], *last]))
    whole = rows(api, interval=interval)
    assert [(row["t"], row["n"], row["origin"]) for row in whole] == [
        (iso(first[0]), 0, "exchange"),
        (iso(middle[0]), 0, "exchange"),
        (iso(last[0]), 3 * parts, "trades"),
    ]
    mixed = whole[1]
    assert [mixed[name] for name in "ohlc"] == [10, 1000.5, 1, 7]
    assert mixed["v"] == 0.5 + 6 * (parts - 1)
    assert (mixed["vwap"], mixed["revision"], mixed["partial"]) == (None, 0, False)


def test_minutes_in_which_nothing_was_traded_leave_a_longer_candle_exact(
    api: Api, records: Connection
) -> None:
    day = wall() // DAY * DAY - 2 * DAY
    times = [day + at * MINUTE for at in range(15)]
    texts = ("7", "7", "7.0", "7", "0.00")
    empty = [HistoryCandle(ts, *texts) for ts in [*times[1:6], *times[11:15]]]
    key = ("binance", ETH, 60)
    history.want(records, {key: times[-1] + MINUTE})
    history.save(records, History(*key, times[0], times[-1] + MINUTE, empty))
    store(records, trades(day - MINUTE, "8"), trades(times[0], "5", "7"))
    store(records, trades(times[10], "7", "9"))
    publish(records, 60, {times[9]: "6"})
    whole = [(row["n"], row["origin"], row["o"], row["c"]) for row in rows(api, interval="5m")]
    assert whole[1:] == [(2, "trades", 5, 7), (0, "exchange", 10, 6), (2, "trades", 7, 9)]


@pytest.mark.parametrize("interval", ["1m", "5m"])
def test_pages_of_both_are_the_whole_range(api: Api, records: Connection, interval: str) -> None:
    day = wall() // DAY * DAY - 2 * DAY
    times = [day + at * MINUTE for at in range(40)]
    publish(records, 60, {ts: str(at + 1) for at, ts in enumerate(times) if at % 3 or at < 20})
    store(records, *(trades(ts, "500") for at, ts in enumerate(times) if at > 17 and at % 7))
    whole = rows(api, interval=interval)
    pages: list[list[dict[str, object]]] = []
    cursor = ""
    while not pages or cursor:
        query = {"symbol": ETH, "interval": interval, "limit": "3", "cursor": cursor}
        answer = api.get("/api/candles", query)
        pages.insert(0, answer.json)
        cursor = answer.headers.get("x-next-cursor", "")
    assert [row for page in pages for row in page] == whole
    assert len(whole) == (39 if interval == "1m" else 8)
    assert {row["origin"] for row in whole} == {"trades", "exchange"} or interval == "5m"
    part = {"from": iso(times[8]), "to": iso(times[31])}
    inside = [row for row in whole if iso(times[8]) <= str(row["t"]) < iso(times[31])]
    assert rows(api, interval=interval, **part) == inside


def test_the_line_of_a_market_has_the_exchanges_hours_where_we_have_none(
    api: Api, records: Connection
) -> None:
    hour, now = moments()
    publish(records, 3600, {hour - at * HOUR: str(at) for at in (30, 23, 2, 1)})
    store(records, trades(hour - HOUR, "77"))
    api.tell(priced("binance:ETH-USDT", ts_event=now, hour_start=hour))
    line = next(row for row in api.get("/api/markets").json if row["symbol"] == ETH)["sparkline"]
    assert line == [23, *[None] * 20, 2, 77, None]


def test_markets_are_ranked_by_volume_at_the_price_where_no_turnover_is_known(api: Api) -> None:
    digits = "9" * 30 + "." + "9" * 36
    api.tell(
        priced("binance:ETH-USDT", turnover_24h="50"),
        priced("coinbase:ETH-USD", turnover_24h=None, volume_24h="20", price="3"),
        priced("binance:BTC-USDT", turnover_24h=None, volume_24h="20", price="2"),
        priced("coinbase:BTC-USD", turnover_24h=None, volume_24h=digits, price="1." + "9" * 18),
    )
    found = [f"{row['exchange']}:{row['symbol']}" for row in api.get("/api/markets").json]
    assert found[:4] == [
        *("coinbase:BTC-USD", "coinbase:ETH-USD", "binance:ETH-USDT", "binance:BTC-USDT")
    ]


def test_a_price_history_reaches_back_as_far_as_any_candle_does(
    api: Api, records: Connection
) -> None:
    now = wall() // DAY * DAY
    minutes = {now - at * MINUTE: "60" for at in range(1, 1501)}
    publish(records, 60, minutes)
    publish(records, 3600, {now - at * HOUR: "3600" for at in range(1, 31 * 24 + 1)})
    publish(records, 86400, {now - at * DAY: "86400" for at in range(1, 366)})
    store(records, trades(now - 10 * MINUTE, "1"), trades(now - 9 * MINUTE, "2"))

    def ask(days: int) -> Sampled:
        query = {"from": iso(now - days * DAY), "to": iso(now)}
        body = api.get("/api/prices/ETH-USDT/history", query).body
        return msgspec.json.decode(body, type=Sampled)

    found = [ask(days) for days in (1, 30, 364)]
    assert [(one.step_s, len(one.points), str(one.points[0].price)) for one in found] == [
        *((300, 288, "60"), (7200, 360, "3600"), (86400, 364, "86400"))
    ]
    assert ask(3).step_s == 3600
