"""What the exchanges list, and what other people's queries find in Postgres."""

from decimal import Decimal
from typing import Any

import pytest

from market.symbols import ASSETS, DOLLARS, coin_id, quote
from procs.feed.exchanges import Listed, load
from tests.e2e.fix_stack import Stacks
from tests.e2e.stack import Stack
from tests.eventually import eventually
from tests.fix_recordings import own
from tests.heartbeats import Heartbeats
from tests.surroundings import ask

pytestmark = pytest.mark.e2e

KNOWN_WITHIN_S = 30


def configured(stack: Stack) -> list[tuple[str, str]]:
    feeds = stack.settings.feeds
    return [(exchange, symbol) for exchange in feeds for symbol in feeds[exchange]]


def simulated(stack: Stack, exchange: str, symbol: str) -> dict[str, Any]:
    """Return the simulated exchange's own words on a symbol."""
    asked = load(exchange)((symbol,))
    assert isinstance(asked, Listed)
    path = asked.listing_url(f"/{exchange}/rest", symbol)
    status, body = ask(stack.settings.simulator_port, "GET", path)
    assert status == 200
    found: dict[str, Any] = body
    return found


def steps(exchange: str, words: dict[str, Any]) -> tuple[Decimal, Decimal]:
    """Return tick size and size step out of an exchange's own words."""
    if exchange == "coinbase":
        return Decimal(words["quote_increment"]), Decimal(words["base_increment"])
    rules = {rule["filterType"]: rule for rule in words["symbols"][0]["filters"]}
    return Decimal(rules["PRICE_FILTER"]["tickSize"]), Decimal(rules["LOT_SIZE"]["stepSize"])


def test_the_table_of_symbols_says_what_the_exchanges_list(demo: Stack) -> None:
    wanted = {
        (exchange, symbol): (*steps(exchange, simulated(demo, exchange, symbol)), True)
        for exchange, symbol in configured(demo)
    }

    def known() -> bool:
        rows = demo.rows("SELECT exchange, symbol, tick_size, size_step, listed FROM symbol")
        return {(row[0], row[1]): row[2:] for row in rows} == wanted

    eventually(known, within=KNOWN_WITHIN_S)
    assert len(wanted) == 9
    with Heartbeats(demo.settings.run_dir) as heard:
        beat = eventually(lambda: heard.take().get("feed-binance"))
        assert beat is not None
        assert beat.last_error is None


def test_every_price_is_a_multiple_of_its_tick_size(demo: Stack) -> None:
    demo.mark()
    eventually(lambda: demo.rows("SELECT count(*) FROM symbol") == [(9,)], within=KNOWN_WITHIN_S)
    off = "mod(price, tick_size) <> 0 OR mod(size, size_step) <> 0 OR scale(price) > 8"
    joined = "trade JOIN symbol USING (exchange, symbol)"
    assert demo.rows(f"SELECT count(*) FROM {joined}")[0][0] > 0
    assert demo.rows(f"SELECT count(*) FROM {joined} WHERE {off}") == [(0,)]
    rows = demo.rows("SELECT tick_size, decimals FROM symbol")
    assert rows == [(tick_size, -tick_size.as_tuple().exponent) for tick_size, _ in rows]


def test_the_views_show_prices_in_dollars_by_coin_and_by_code(demo: Stack) -> None:
    demo.mark()
    in_dollars = [symbol for _, symbol in configured(demo) if quote(symbol) in DOLLARS]
    assert len(in_dollars) == 8
    with demo.at_rest():
        counts = dict(demo.rows("SELECT coin_id, count(*) FROM prices GROUP BY 1"))
        assert set(counts) == {coin_id(symbol) for symbol in in_dollars}
        wanted = demo.rows("SELECT count(*), max(ts_event) FROM trade WHERE symbol <> 'ETH-BTC'")
        assert demo.rows("SELECT count(*), max(timestamp) FROM prices") == wanted
        assert demo.rows("SELECT count(*), max(timestamp) FROM ticks") == wanted
        lowest = demo.rows("SELECT min(price) FROM prices WHERE coin_id = 'ethereum'")[0][0]
        assert lowest > 100  # in bitcoin it would be a fraction of one
        (last,) = demo.rows(
            "SELECT symbol, price, timestamp FROM ticks WHERE symbol = 'DOGE'"
            " ORDER BY timestamp DESC LIMIT 1"
        )
        assert (
            last
            == demo.rows(
                "SELECT 'DOGE', price, ts_event FROM trade WHERE symbol = 'DOGE-USD'"
                " ORDER BY ts_event DESC, trade_id DESC LIMIT 1"
            )[0]
        )


def test_the_table_of_assets_is_that_of_the_code(demo: Stack) -> None:
    assert demo.rows("SELECT code, coin_id, name FROM asset ORDER BY code") == sorted(ASSETS)


def test_a_symbol_that_is_not_listed_is_named_and_the_others_go_on(stacks: Stacks) -> None:
    (recording,) = own("coinbase")
    listed = recording.symbols
    stack = stacks(
        FEEDS=f"coinbase:{','.join([*listed, 'BTC-UDS'])}",
        RECORDING=str(recording.path),
        SPEED="max",
    ).start()

    def known() -> bool:
        rows = stack.rows("SELECT symbol, listed, tick_size IS NOT NULL FROM symbol")
        return {row[0]: row[1:] for row in rows} == {
            **dict.fromkeys(listed, (True, True)),
            "BTC-UDS": (False, False),
        }

    eventually(known, within=KNOWN_WITHIN_S)
    wanted = sorted((symbol,) for symbol in listed)
    traded = "SELECT DISTINCT symbol FROM trade ORDER BY 1"
    eventually(lambda: stack.rows(traded) == wanted, within=KNOWN_WITHIN_S)
    with Heartbeats(stack.settings.run_dir) as heard:

        def said() -> bool:
            beat = heard.take().get("feed-coinbase")
            return (
                beat is not None and beat.last_error == "not listed by coinbase: BTC-UDS (BTC-USD?)"
            )

        eventually(said, within=10)
    _, answer = stack.get("/api/status")
    (feed,) = [one for one in answer["feeds"] if one["exchange"] == "coinbase"]
    states = {one["symbol"]: one["state"] for one in feed["symbols"]}
    assert states.pop("BTC-UDS") == "never received"
    assert "never received" not in states.values()
