"""When the aggregator says a consolidated price, and of what it makes it."""

import msgspec
import pytest

from bus.actor import Instant
from bus.messages import Consolidated, FeedStatus, Trade, decode
from procs.aggregator.consolidating import EVERY_US, SILENT_AFTER_US, Consolidating
from procs.aggregator.memory import Memory
from tests.procs.fix_aggregator import Start
from tests.procs.journalling import Journalling
from tests.procs.living import Persisting
from tests.store.folding import START
from tests.web.messages import status

pytestmark = pytest.mark.usefixtures("exact_decimals")

SECOND = 1_000_000


class Exchanges:
    """Some exchanges' memories, with clocks moved by hand."""

    def __init__(self) -> None:
        self.prices = Consolidating()
        self.memories: dict[str, Memory] = {}
        self.now = Instant(START, 10 * SECOND)
        self._ids = 0
        self.prices.on_tick(self.now)

    def trade(
        self, exchange: str, price: str, symbol: str = "BTC-USD", size: str | None = "1"
    ) -> None:
        """Three trades at a price."""
        memory = self.memories.setdefault(exchange, Memory(exchange, {}, {}, {}, {}, partial=False))
        for _ in range(3):
            self._ids += 1
            one = Trade(symbol, self._ids, self.now.wall, self.now.wall, price, size, "buy")
            memory.fold([one], self.now.mono)
            self.prices.traded(exchange, symbol)

    def say(self, exchange: str, state: str = "connected", symbol: str = "live") -> None:
        """A feed says its state and that of its symbol."""
        self.prices.heard(status(exchange, state=state, symbols={"BTC-USD": symbol}), self.now)

    def after(self, micros: int) -> list[Consolidated]:
        """Return what is said so much later."""
        self.now = Instant(self.now.wall + micros, self.now.mono + micros)
        self.prices.on_tick(self.now)
        return self.prices.due(self.memories, self.now)

    def price(self) -> str | None:
        """Return the one price that is said now."""
        (found,) = self.after(EVERY_US)
        return found.price


@pytest.fixture
def exchanges() -> Exchanges:
    made = Exchanges()
    for exchange, price in (("binance", "100"), ("coinbase", "101")):
        made.trade(exchange, price)
        made.say(exchange)
    assert made.price() == "100.5"
    return made


def why(found: Consolidated) -> dict[str, str | None]:
    return {one.exchange: one.excluded for one in found.sources}


def test_a_change_goes_at_once_and_then_at_most_every_200_ms(exchanges: Exchanges) -> None:
    exchanges.after(EVERY_US)
    exchanges.trade("binance", "101")
    (first,) = exchanges.after(1)
    assert first.price == "101"
    exchanges.trade("binance", "101.2")
    exchanges.trade("binance", "101.4")
    assert exchanges.after(EVERY_US - 1) == []
    (second,) = exchanges.after(1)
    assert second.price == "101.2"
    assert exchanges.after(SECOND) == []


def test_what_has_not_changed_is_not_said_again(exchanges: Exchanges) -> None:
    exchanges.say("binance")
    exchanges.prices.traded("binance", "BTC-USD")
    assert exchanges.after(EVERY_US) == []


def test_a_feed_that_is_not_connected_or_whose_symbol_is_stale_does_not_count(
    exchanges: Exchanges,
) -> None:
    exchanges.say("binance", state="reconnecting")
    (found,) = exchanges.after(EVERY_US)
    assert (found.price, why(found)) == ("101", {"binance": "disconnected", "coinbase": None})
    for state in ("stale", "standby"):
        exchanges.say("binance")
        assert exchanges.price() == "100.5"
        exchanges.say("binance", symbol=state)
        (found,) = exchanges.after(EVERY_US)
        assert (found.price, why(found)["binance"]) == ("101", "stale")


def test_a_feed_that_falls_silent_does_not_count_until_it_speaks_again(
    exchanges: Exchanges,
) -> None:
    said: list[Consolidated] = []
    for _ in range(6):
        exchanges.say("coinbase")
        said += exchanges.after(SECOND)
    assert [(one.price, why(one)["binance"]) for one in said] == [("101", "disconnected")]
    exchanges.say("binance")
    assert exchanges.price() == "100.5"


def test_nothing_is_said_until_each_feed_was_heard_or_could_have_been() -> None:
    early = Exchanges()
    early.trade("binance", "100")
    early.trade("coinbase", "101")
    early.say("binance")
    assert early.after(SECOND) == []
    early.say("binance")
    (found,) = early.after(SILENT_AFTER_US)
    assert why(found) == {"binance": None, "coinbase": "disconnected"}


def test_a_symbol_that_is_not_configured_any_more_is_no_source(exchanges: Exchanges) -> None:
    exchanges.trade("binance", "50", "BTC-FDUSD")
    exchanges.say("coinbase", state="idle")
    exchanges.prices.heard(
        msgspec.structs.replace(status("coinbase", state="idle"), symbols=[]), exchanges.now
    )
    (found,) = exchanges.after(EVERY_US)
    assert (found.price, why(found)) == ("100", {"binance": None})


def test_only_prices_in_dollars_are_put_together_and_each_asset_by_itself(
    exchanges: Exchanges,
) -> None:
    feed: FeedStatus = status("binance", symbols={"ETH-BTC": "live", "ETH-USDT": "live"})
    exchanges.trade("binance", "0.05", "ETH-BTC")
    exchanges.trade("binance", "5", "ETH-USDT")
    exchanges.prices.heard(feed, exchanges.now)
    found = {one.asset: one for one in exchanges.after(EVERY_US)}
    assert found["ETH"].price == "5"
    assert [one.symbol for one in found["ETH"].sources] == ["ETH-USDT"]


def test_a_source_without_sizes_is_secondary(exchanges: Exchanges) -> None:
    exchanges.trade("coingecko", "90", size=None)
    exchanges.say("coingecko")
    (found,) = exchanges.after(EVERY_US)
    assert (found.price, why(found)["coingecko"]) == ("100.5", "secondary")


def test_of_two_that_are_apart_the_one_with_more_turnover_counts(exchanges: Exchanges) -> None:
    exchanges.trade("coinbase", "120", size="50")
    (found,) = exchanges.after(EVERY_US)
    assert (found.price, why(found)["binance"]) == ("120", "outlier")


def trade(number: int) -> Trade:
    ts = START + number
    return Trade("ETH-USDT", number, ts, ts, str(10 + number), "1", "buy")


def test_the_consolidated_price_is_published_and_held_and_goes_on_after_a_restart(
    record: Journalling, start: Start, storing: Persisting
) -> None:
    record.append([trade(number) for number in range(1, 6)])
    storing.live()
    one = start().based()  # the last trades come from Postgres
    one.tell(status(symbols={"ETH-USDT": "live"}))
    (found,) = [each for each in one.live(3) if isinstance(each, Consolidated)]
    assert (found.asset, found.price, found.ts_event) == ("ETH", "13", START + 5)
    assert (found.epoch, found.seq) == one.health.positions["stream"]
    one.take(record.append([trade(6)]))
    (found,) = [each for each in one.live(3) if isinstance(each, Consolidated)]
    assert found.price == "14"
    sends = one.actor.on_message("out", [b"\x01consolidated."], one.clock.now)
    assert [(send.topic, decode(send.payload)) for send in sends] == [(b"consolidated.ETH.", found)]
