"""``/ws/quotes`` and ``/sse/quotes`` over real sockets."""

import http.client
import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from market.symbols import Directory
from tests.eventually import eventually
from tests.web.conftest import Start
from tests.web.messages import NOW, at, average, status, ticker
from tests.web.outbox import COUNTS, Outbox, sent
from tests.web.stack import Stack, receive
from web.codecs.quotes import QuotesCodec
from web.hub import Hub
from web.streams.quotes import Chosen

_epochs = iter(range(20_000, 30_000))


def now() -> int:
    return time.time_ns() // 1000


def test_quotes_begin_with_the_state_and_the_present_values(stack: Stack) -> None:
    epoch = next(_epochs)
    stack.publish(status(), ticker(epoch=epoch, price="11.50", ts_recv=now()))
    eventually(lambda: stack.json("/api/last?symbols=ETHUSDT")["ETHUSDT"]["price"] == 11.5)
    with stack.connect("/ws/quotes") as client:
        assert receive(client, "status") == {"status": "connected"}
        assert receive(client, "tick")["price"] == 11.5


def test_quotes_send_ticks_and_averages_of_all_pairs(stack: Stack) -> None:
    epoch = next(_epochs)
    with stack.connect("/ws/quotes") as client:
        receive(client, "status")
        stack.publish(ticker("ETH-BTC", epoch=epoch, price="0.0601", ts_recv=now()))
        while (tick := receive(client, "tick"))["pair"] != "ETHBTC":
            pass
        assert tick == {"pair": "ETHBTC", "price": 0.0601, "ts": 1759327260000}
        stack.publish(average("ETH-BTC", avg="0.06", count=9, seq=epoch))
        while (avg := receive(client, "avg"))["pair"] != "ETHBTC":
            pass
        assert avg == {
            "pair": "ETHBTC",
            "hourStartUtc": "2025-10-01T14:00:00.000Z",
            "avg": 0.06,
            "count": 9,
            "lastTs": 1759327260000,
        }


def test_the_query_filters_the_pairs_as_a_hello_does(stack: Stack) -> None:
    stack.publish(ticker(symbol="ETH-BTC"), ticker(symbol="ETH-USDT"))
    with stack.connect("/ws/quotes?pairs=ETHBTC,NOSUCH") as client:
        assert receive(client, "tick")["pair"] == "ETHBTC"
        client.send('{"type":"hello"}')
        while receive(client, "tick")["pair"] != "ETHUSDT":
            pass


def test_hello_filters_the_pairs_and_what_cannot_be_read_is_passed_over(stack: Stack) -> None:
    epoch = next(_epochs)
    with stack.connect("/ws/quotes") as client:
        client.send("no json")
        client.send('{"type":"hello","pairs":5}')
        client.send('{"type":"hello","pairs":["ETHBTC","NOSUCH"]}')
        # The answer to a hello begins with the status; the first was that of the connection.
        receive(client, "status")
        receive(client, "status")
        stack.publish(ticker("ETH-USDT", epoch=epoch, ts_recv=now()))
        stack.publish(ticker("ETH-BTC", epoch=epoch, seq=2, price="0.07", ts_recv=now()))
        while (tick := receive(client, "tick"))["price"] != 0.07:
            assert tick["pair"] == "ETHBTC"


def test_stale_prices_are_said_as_disconnected(start: Start) -> None:
    stack = start()
    old = now() - 60_000_000
    stack.publish(
        status(symbols={"ETH-USDT": "stale"}, last_recv=old), ticker(ts_recv=old, epoch=1)
    )
    eventually(lambda: stack.json("/api/last")["ETHUSDT"]["stale"])
    with stack.connect("/ws/quotes") as client:
        assert receive(client, "status") == {"status": "disconnected", "reason": "stale"}
        stack.publish(status(), ticker(ts_recv=now(), epoch=1, seq=2))
        assert receive(client, "status") == {"status": "connected"}


def test_a_price_that_merely_turns_stale_shows_in_the_status_and_is_no_tick() -> None:
    hub = Hub(stale_after_s=15)
    for message in (status(symbols={"ETH-USDT": "quiet"}), ticker()):
        hub.message(message, at(0))
    codec = QuotesCodec(as_event=False)
    chosen = Chosen(hub, Directory({"binance": ("ETH-USDT",)}), codec, Outbox(), COUNTS)
    chosen.choose(None, at(0))
    assert kinds(hub, chosen, 0) == ["status", "tick"]
    hub.message(status(symbols={"ETH-USDT": "stale"}), at(16_000_000))
    hub.tick(at(16_000_000))
    assert kinds(hub, chosen, 16_000_000) == ["status"]
    hub.message(status(symbols={"ETH-USDT": "quiet"}), at(17_000_000))
    hub.tick(at(17_000_000))
    assert kinds(hub, chosen, 17_000_000) == ["status"]
    hub.message(ticker(seq=2, ts_recv=NOW + 18_000_000), at(18_000_000))
    assert kinds(hub, chosen, 18_000_000) == ["tick"]


def kinds(hub: Hub, chosen: Chosen, microseconds: int) -> list[str]:
    """The types of the frames that may go now."""
    return [frame["type"] for frame in sent(hub, chosen.client, microseconds)]


class Events:
    """An open event stream."""

    def __init__(self, answer: http.client.HTTPResponse) -> None:
        self._answer = answer
        self.raw: list[str] = []

    def next(self) -> dict[str, Any]:
        """The fields of the next event; a comment is the field ""."""
        fields: dict[str, Any] = {}
        while line := self._answer.readline().decode().rstrip("\n"):
            self.raw.append(line)
            name, _, value = line.partition(":")
            fields[name] = value.strip()
        return fields

    def until(self, kind: str, pair: str | None = None) -> dict[str, Any]:
        """The next event of a kind, and its payload under ``payload``."""
        while True:
            event = self.next()
            if "data" in event:
                frame = json.loads(event["data"])
                if frame["type"] == kind and pair in (None, frame["payload"].get("pair")):
                    return {**event, "payload": frame["payload"]}


@contextmanager
def events(stack: Stack, path: str = "/sse/quotes", **headers: str) -> Iterator[Events]:
    connection = http.client.HTTPConnection("127.0.0.1", stack.port, timeout=5)
    connection.request("GET", path, headers=headers)
    answer = connection.getresponse()
    assert answer.status == 200
    assert answer.getheader("content-type", "").startswith("text/event-stream")
    yield Events(answer)
    connection.close()


def test_events_say_how_soon_to_return_and_carry_ids(stack: Stack) -> None:
    epoch = next(_epochs)
    with events(stack, "/sse/quotes?pairs=ETHUSDT") as stream:
        assert stream.next() == {"retry": "2000"}
        stream.until("status")
        stack.publish(ticker(epoch=epoch, seq=3, price="12", ts_recv=now()))
        while (tick := stream.until("tick"))["payload"]["price"] != 12:
            pass
        assert tick["id"] == f"{epoch}-3"
        assert tick["payload"] == {"pair": "ETHUSDT", "price": 12, "ts": 1759327260000}


def test_who_returns_with_the_last_id_is_sent_the_present_state(stack: Stack) -> None:
    epoch = next(_epochs)
    stack.publish(ticker("ETH-USDT", epoch=epoch, seq=4, price="4", ts_recv=now()))
    stack.publish(ticker("ETH-BTC", epoch=epoch, seq=5, price="5", ts_recv=now()))
    eventually(lambda: stack.json("/api/last?symbols=ETHBTC")["ETHBTC"]["price"] == 5)
    headers = {"Last-Event-ID": f"{epoch}-5"}
    with events(stack, "/sse/quotes?pairs=ETHUSDT,ETHBTC", **headers) as stream:
        stream.until("status")
        found = [stream.until("tick")["payload"] for _ in range(2)]
    assert {tick["pair"]: tick["price"] for tick in found} == {"ETHUSDT": 4, "ETHBTC": 5}


def test_a_quiet_stream_is_kept_alive_by_comments(start: Start) -> None:
    stack = start(sse_comment_every_s=0.1)
    with events(stack) as stream:
        assert stream.next() == {"retry": "2000"}
        stream.until("status")
        assert stream.next() == {"": "still here"}
        assert stream.next() == {"": "still here"}


def test_an_event_stream_ends_when_the_process_does(start: Start) -> None:
    stack = start()
    with events(stack) as stream:
        stream.until("status")
        assert stack.stop() == 0
        assert stream.next() == {}


def test_a_stream_of_an_unknown_pair_is_not_found(stack: Stack) -> None:
    code, _, body = stack.get("/sse/quotes?pairs=ETHUSDT,NOSUCH")
    assert code == 404
    assert json.loads(body)["error"]["field"] == "pairs"


def test_an_event_stream_has_no_head(stack: Stack) -> None:
    code, headers, _ = stack.get("/sse/quotes", "HEAD")
    assert (code, headers["allow"]) == (405, "GET")
