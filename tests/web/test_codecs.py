"""The bytes of every frame: published contracts, which never change by accident."""

from decimal import Decimal

import pytest

from tests.web.golden import GOLDEN, QUOTES, squeezed
from tests.web.messages import at, average, status, ticker
from tests.web.strict import plain
from web.answers import answer
from web.api.averages import Averages, Point
from web.api.last import Last
from web.codecs import native, quotes
from web.codecs.quotes import Link, QuotesCodec, Status
from web.times import parse
from web.update import Update


@pytest.mark.parametrize("name", GOLDEN)
def test_a_frame_is_exactly_as_published(name: str) -> None:
    assert GOLDEN[name].text == GOLDEN[name].make()


def test_a_server_sent_event_is_the_frame_with_its_place_in_the_aggregators_stream() -> None:
    codec = QuotesCodec(as_event=True)
    tick = ticker(ts_event=1_699_999_999_456_789, seq=12, epoch=9)
    avg = average(hour_start=parse("2025-10-01T15:00Z"), seq=13)
    assert codec.updates([Update("ticker", tick), Update("average", avg)], at(0)) == [
        f"id: 9-12\ndata: {QUOTES['tick'].text}\n\n".encode(),
        f"id: 7-13\ndata: {QUOTES['avg'].text}\n\n".encode(),
    ]


def test_the_state_of_several_exchanges_is_that_of_the_best() -> None:
    down = Link(status("coinbase", state="disconnected"), silent=False, stale=False)
    up = Link(status(), silent=False, stale=False)
    stale = Link(status(), silent=False, stale=True)
    silent = Link(status(), silent=True, stale=True)
    idle = Link(status("coinbase", state="idle"), silent=False, stale=False)
    retrying = Link(status(state="reconnecting"), silent=False, stale=False)
    assert quotes.status_of([]) == Status("connecting")
    assert quotes.status_of([idle]) == Status("connecting")
    assert quotes.status_of([down, up]) == Status("connected")
    assert quotes.status_of([idle, stale]) == Status("disconnected", "stale")
    assert quotes.status_of([retrying]).status == "connecting"
    assert quotes.status_of([silent]).status == "error"


def test_the_age_is_that_of_the_moment_of_sending_while_the_rest_is_made_once() -> None:
    update = Update("ticker", ticker())
    first = plain(native.payload(update, at(1_000_000).wall))
    made = update.texts[native.NAME]
    second = plain(native.payload(update, at(2_000_000).wall))
    assert (first["age_ms"], second["age_ms"]) == (1000, 2000)
    assert update.texts[native.NAME] is made


def test_the_published_averages_are_answered_exactly_so() -> None:
    published = """{
      "pair": "ETHUSDT",
      "points": [ { "t": "2025-10-01T14:00:00Z", "avg": 2341.52, "n": 1823 } ]
    }"""
    point = Point("2025-10-01T14:00:00Z", Decimal("2341.52"), 1823)
    assert squeezed(published).encode() == answer(Averages("ETHUSDT", [point])).body


def test_the_published_last_prices_are_answered_exactly_so_and_with_their_age() -> None:
    published = """{
      "ETHUSDT": { "price": 2346.1, "ts": 1699999999456, "age_ms": 12, "stale": false },
      "ETHBTC":  { "price": 0.0601,  "ts": 1699999999678, "age_ms": 12, "stale": false }
    }"""
    prices = {"ETHUSDT": ("2346.1", 1699999999456), "ETHBTC": ("0.0601", 1699999999678)}
    found = {
        pair: Last(Decimal(price), ts, 12, stale=False) for pair, (price, ts) in prices.items()
    }
    assert squeezed(published).encode() == answer(found).body
