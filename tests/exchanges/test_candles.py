"""The candles of the past that exchanges publish, of every exchange that has them."""

import json
from itertools import pairwise
from urllib.parse import urlsplit

import pytest

from bus.errors import BadFrame
from bus.messages import History, HistoryCandle, decode, encode
from market.decimals import check
from procs.feed import exchanges
from procs.feed.exchanges import Historic
from tests.exchanges import garbage
from tests.exchanges.contract import REST_BASE, bad
from tests.exchanges.samples import Sample, names, sample

HISTORIC = [name for name in names() if isinstance(exchanges.load(name)(("X-Y",)), Historic)]
DAY = 86_400_000_000
pytestmark = pytest.mark.parametrize("name", HISTORIC)


def made(name: str) -> tuple[Historic, Sample]:
    known = sample(name)
    exchange = exchanges.load(name)(known.symbols)
    assert isinstance(exchange, Historic)
    return exchange, known


def test_candles_are_read_to_the_last_digit_and_rise(name: str) -> None:
    exchange, known = made(name)
    body, expected = known.candles
    assert exchange.parse_candles(known.symbols[0], 60, body) == expected
    assert len(expected) > 1
    assert all(before.ts_open < after.ts_open for before, after in pairwise(expected))
    message = History(name, known.symbols[0], 60, 0, DAY, expected)
    assert decode(encode(message)) == message


def test_each_symbol_interval_and_range_is_asked_for_where_it_was_configured(name: str) -> None:
    exchange, known = made(name)
    step = exchange.candles_per_page
    urls = [
        exchange.candles_url(
            REST_BASE, symbol, interval_s, begin, begin + step * interval_s * 10**6
        )
        for symbol in known.symbols
        for interval_s in (60, 3600, 86400)
        for begin in (0, 400 * DAY)
    ]
    assert len(set(urls)) == len(urls)
    assert all(url.startswith(REST_BASE + "/") for url in urls)
    assert {urlsplit(url)[:2] for url in urls} == {urlsplit(REST_BASE)[:2]}


def test_garbage_is_no_list_of_candles(name: str) -> None:
    exchange, known = made(name)
    for body in garbage.BYTES:
        assert body == b"[]" or bad(lambda: exchange.parse_candles("X-Y", 60, body)), body[:80]  # noqa: B023
    body, _ = known.candles
    for torn in garbage.truncated(body):
        assert bad(lambda: exchange.parse_candles("X-Y", 60, torn)), torn  # noqa: B023


def test_a_damaged_answer_is_bad_or_has_only_candles_that_may_be_true(name: str) -> None:
    exchange, known = made(name)
    body, _ = known.candles
    wrong = 0
    for damaged in (*garbage.damaged(body), *garbage.mistyped(body)):
        try:
            found = exchange.parse_candles("X-Y", 60, damaged)
        except BadFrame:
            wrong += 1
            continue
        assert all(map(believable, found)), damaged
    assert wrong


def believable(candle: HistoryCandle) -> bool:
    texts = (candle.open, candle.high, candle.low, candle.close)
    opened, high, low, close = (float(check(text)) for text in texts)
    sized = candle.volume == "0" or check(candle.volume) == candle.volume
    return candle.ts_open % 60_000_000 == 0 and low <= opened <= high and low <= close and sized


@pytest.mark.parametrize("number", ["0", "-1", "1e999", "1e-30", "1" * 5000, "1." + "1" * 30])
def test_a_candle_with_a_price_that_is_none_is_left_out(name: str, number: str) -> None:
    exchange, known = made(name)
    body, expected = known.candles
    price, quoted = expected[0].open.encode(), json.dumps(expected[0].open).encode()
    assert body.count(price) == 1, "the sample's first open stands there once"
    as_written = quoted if quoted in body else price
    wrong = json.dumps(number).encode() if as_written == quoted else number.encode()
    found = exchange.parse_candles("X-Y", 60, body.replace(as_written, wrong))
    assert found == expected[1:]
