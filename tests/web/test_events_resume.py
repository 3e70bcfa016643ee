"""What a browser of ``/sse`` has after it was cut anywhere: by ids, without a socket."""

import json
from typing import Any, NamedTuple

import msgspec
import pytest

from bus.messages import encode
from market.symbols import Directory
from tests.web.messages import FEEDS, at, batch, ticker
from tests.web.outbox import COUNTS, Outbox
from web.codecs.events import NativeEvents, places
from web.cohort import TAKE_BYTES
from web.hub import Hub
from web.limits import Limits
from web.subscribe import Conversation, convert

ETHER = {"binance": "ETH-USDT", "coinbase": "ETH-USD"}


class Event(NamedTuple):
    """One event: its id, where it has one, and its frame."""

    id: str | None
    frame: dict[str, Any]


class Events(Outbox):
    """An outlet that keeps events."""

    def __init__(self) -> None:
        super().__init__()
        self.events: list[Event] = []

    def write(self, frames: bytes) -> bool:
        """Take the events, unless it is full."""
        if self.full:
            return False
        for text in frames.decode().split("\n\n")[:-1]:
            fields = dict(line.split(": ", 1) for line in text.split("\n"))
            self.events.append(Event(fields.get("id"), json.loads(fields["data"])))
        return True


class Page:
    """A page that asks for the trades and tickers of two exchanges, and comes back by its id."""

    def __init__(self, hub: Hub, last_id: str | None = None, channels: str = "trade") -> None:
        self.hub = hub
        self.last_id = last_id
        self.outlet = Events()
        resume = places(last_id)
        conversation = Conversation(
            hub,
            Directory(FEEDS),
            Limits(),
            NativeEvents(hub),
            self.outlet,
            COUNTS,
            resume,
        )
        self.client = conversation.client
        for channel in channels.split(","):
            fields = {"channel": channel, "symbols": list(ETHER.values()), "resume": resume}
            conversation.subscribe(convert(fields), at(0))

    def read(self, count: int | None = None) -> list[Event]:
        """Let the hub send; return the first events that the page has taken by then."""
        self.hub.flush(at(0))
        taken = self.outlet.events[:count]
        del self.outlet.events[: len(taken)]
        for event in taken:
            self.last_id = event.id or self.last_id
        return taken

    def cut(self, channels: str = "trade") -> "Page":
        """Lose the connection, with what is not read; return the page that comes back."""
        self.hub.leave(self.client)
        return Page(self.hub, self.last_id, channels)


def trades(events: list[Event]) -> list[tuple[str, int]]:
    """The exchange and the trade's id of each event of a trade."""
    payloads = [each.frame["payload"] for each in events if each.frame["type"] == "trade_update"]
    return [(each["exchange"], each["trade_id"]) for each in payloads]


def recovered(events: list[Event]) -> list[bool | None]:
    """What each answer says of it."""
    return [e.frame["payload"]["recovered"] for e in events if e.frame["type"] == "subscribed"]


def trade(hub: Hub, exchange: str, seq: int, *ids: int) -> list[tuple[str, int]]:
    """Let a batch come in; return its trades."""
    record = batch(seq, list(ids), symbol=ETHER[exchange], exchange=exchange)
    hub.record(exchange, encode(record), at(0))
    return [(exchange, each) for each in ids]


@pytest.mark.parametrize("channels", ["trade", "trade,ticker", "ticker,trade"])
def test_cut_anywhere_in_the_replay_of_two_exchanges_nothing_is_lost_or_sent_twice(
    channels: str,
) -> None:
    def missed() -> tuple[Page, list[tuple[str, int]]]:
        hub = Hub(15)
        trade(hub, "coinbase", 1, 1)
        trade(hub, "binance", 1, 1)
        page = Page(hub, channels=channels)
        hub.message(ticker(), at(0))
        page.read()
        wanted = trade(hub, "coinbase", 2, 101, 102)
        wanted += trade(hub, "binance", 2, 201)
        assert trades(page.read()) == wanted
        wanted = trade(hub, "binance", 3, 202, 203)
        wanted += trade(hub, "coinbase", 3, 103)
        wanted += trade(hub, "coinbase", 4, 104, 105)
        return page, wanted

    page, wanted = missed()
    count = len(page.cut(channels).read())
    assert count > len(wanted)
    for taken in range(count + 1):
        page, wanted = missed()
        page = page.cut(channels)
        found = trades(page.read(taken))
        for each in range(2):  # and cut again before anything is read
            wanted += trade(page.hub, "binance", 4 + each, 300 + each)
            page = page.cut(channels)
        rest = page.read()
        assert set(recovered(rest)) == {True}
        assert sorted(found + trades(rest)) == sorted(wanted)
        assert trade(page.hub, "coinbase", 5, 106) == trades(page.read())


def test_a_ticker_beside_trades_that_still_wait_does_not_say_that_they_were_sent() -> None:
    hub = Hub(15)
    trade(hub, "binance", 1, 1)
    page = Page(hub, channels="trade,ticker")
    page.read()
    wanted = trade(hub, "binance", 2, *range(1_000))
    hub.message(ticker(), at(0))
    found = page.read()
    assert found[-1].frame["type"] == "price_update"
    assert 0 < len(found) < len(wanted)  # or there is no backlog
    assert sum(len(json.dumps(each.frame)) for each in found) > TAKE_BYTES / 2
    page = page.cut("trade,ticker")
    rest = page.read()
    assert recovered(rest) == [True, True]
    assert trades(found) + trades(rest) == wanted


def test_a_ticker_for_one_that_has_room_again_does_not_say_that_later_trades_were_sent() -> None:
    hub = Hub(15)
    trade(hub, "binance", 1, 1)
    page = Page(hub, channels="trade,ticker")
    page.read()
    page.outlet.full = True
    wanted = trade(hub, "binance", 2, 2)
    hub.message(ticker(), at(0))
    page.read()
    page.outlet.full = False
    wanted += trade(hub, "binance", 3, 3)
    hub.drained(page.client, at(0))
    found = list(page.outlet.events)
    assert [each.frame["type"] for each in found] == ["trade_update", "price_update"]
    page.last_id = next(each.id for each in reversed(found) if each.id)
    rest = page.cut("trade,ticker").read()
    assert trades(found) + trades(rest) == wanted


def test_the_id_of_a_trade_says_where_an_exchange_is_that_nobody_watched_until_now() -> None:
    hub = Hub(15)
    first = Page(hub)
    first.read()
    trade(hub, "coinbase", 1, 1)
    hub.leave(first.client)
    trade(hub, "coinbase", 2, 2)
    page = Page(hub)
    assert trades(page.read()) == []
    trade(hub, "binance", 1, 1)
    (event,) = page.read()
    assert places(event.id) == {"coinbase": [5, 2], "binance": [5, 1, 0]}
    assert trades(page.cut().read()) == []


def test_who_is_cut_after_the_snapshot_is_sent_what_came_since() -> None:
    hub = Hub(15)
    trade(hub, "binance", 1, 1)
    hub.message(ticker(), at(0))
    page = Page(hub, channels="trade,ticker")
    page.read()
    assert places(page.last_id) == {"binance": [5, 1], "aggregator": [7, 1]}
    wanted = trade(hub, "binance", 2, 2)
    page = page.cut("trade,ticker")
    rest = page.read()
    assert (recovered(rest), trades(rest)) == ([True, True], wanted)


def test_a_record_that_cannot_be_read_is_a_hole_for_who_comes_later() -> None:
    hub = Hub(15)
    trade(hub, "binance", 1, 1)
    page = Page(hub)
    page.read()
    with pytest.raises(msgspec.MsgspecError):
        hub.record("binance", b"no record", at(0))
    trade(hub, "binance", 3, 3)
    events = page.cut().read()
    assert recovered(events) == [False]
    shown = events[-1].frame["payload"]["updates"]
    assert [each["trade_id"] for each in shown] == [1, 3]
