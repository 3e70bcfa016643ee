"""The exchange's own figures of 24 hours: in the ticker where our trades do not reach."""

import msgspec
import pytest

from bus.messages import Day, Ticker, Trade
from procs.aggregator.day import completed
from procs.aggregator.memory import DAY_US, Memory
from tests.procs.fix_aggregator import Start
from tests.procs.journalling import Journalling
from tests.store.folding import START
from tests.web.messages import status

pytestmark = pytest.mark.usefixtures("exact_decimals")

TOLD = Day("-0.5", "-4.1", "12.5", None, "123456")


def price(ts: int, text: str, size: str | None = None) -> Trade:
    return Trade("ETH-USDT", START + ts, START + ts, START + ts, text, size, None)


def ticker(memory: Memory) -> Ticker:
    return memory.ticker("ETH-USDT", 1)


def test_what_a_ticker_lacks_the_exchange_says() -> None:
    memory = Memory("coingecko", {}, {}, {}, {}, partial=False)
    memory.fold([price(0, "10")], 1, latest_only=True)
    bare = ticker(memory)
    assert (bare.change_24h, bare.high_24h, bare.volume_24h) == (None, None, None)
    full = completed(bare, TOLD)
    assert (full.change_24h, full.change_24h_pct) == ("-0.5", "-4.1")
    assert (full.high_24h, full.low_24h, full.turnover_24h) == ("12.5", None, "123456")
    assert full.volume_24h is None
    assert completed(bare, None) == bare


def test_what_our_own_prices_say_of_the_day_counts_more() -> None:
    memory = Memory("coingecko", {}, {}, {}, {}, partial=False)
    memory.fold([price(-DAY_US - 90_000_000, "8"), price(0, "10")], 1, latest_only=True)
    own = ticker(memory)
    assert (own.change_24h, own.high_24h) == ("2", "10")
    assert (own.volume_24h, own.turnover_24h) == ("0", None)
    full = completed(own, TOLD)
    assert full == msgspec.structs.replace(own, turnover_24h="123456")


def test_figures_that_come_after_the_price_are_published_once_and_outlive_a_new_base(
    record: Journalling, start: Start
) -> None:
    one = start().based()
    one.live()
    one.take(record.append([price(0, "10", "1")]))
    one.live()
    told = status(symbols={"ETH-USDT": "live"})
    symbols = [msgspec.structs.replace(each, day=TOLD) for each in told.symbols]
    with_day = msgspec.structs.replace(told, exchange="binance", symbols=symbols)
    one.tell(with_day)
    (found,) = [each for each in one.live() if isinstance(each, Ticker)]
    assert (found.change_24h, found.turnover_24h) == ("-0.5", "123456")
    one.tell(with_day)
    assert [each for each in one.live() if isinstance(each, Ticker)] == []
    one.take(record.append([price(1_000_000, "11", "1")]))
    (found,) = [each for each in one.live() if isinstance(each, Ticker)]
    assert (found.price, found.change_24h) == ("11", "-0.5")
