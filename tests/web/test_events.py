"""``/sse``: the native frames as server-sent events, over real sockets."""

import http.client
import itertools
import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from tests.eventually import eventually
from tests.web.messages import batch, ticker
from tests.web.stack import Stack
from web.codecs.events import PLACES_MAX, places

_epochs = itertools.count(40_000)
Event = tuple[str | None, dict[str, Any]]
"""Its id and its frame."""


@contextmanager
def opened(stack: Stack, query: str, last_id: str | None = None) -> Iterator[Iterator[Event]]:
    """The events of ``/sse`` as a browser takes them."""
    connection = http.client.HTTPConnection("127.0.0.1", stack.port, timeout=5)
    headers = {"Last-Event-ID": last_id} if last_id is not None else {}
    connection.request("GET", f"/sse?{query}", headers=headers)
    answer = connection.getresponse()
    assert answer.status == 200, answer.read()
    try:
        yield _events(answer)
    finally:
        connection.close()


def _events(answer: http.client.HTTPResponse) -> Iterator[Event]:
    fields: dict[str, str] = {}
    while line := answer.readline().decode():
        name, _, value = line.rstrip("\n").partition(":")
        if name:
            fields[name] = value.removeprefix(" ")
        elif "data" in fields:
            yield fields.get("id"), json.loads(fields["data"])
            fields = {}


def until(events: Iterator[Event], kind: str) -> Event:
    """The next event of a kind."""
    return next(event for event in events if event[1]["type"] == kind)


def test_a_stream_begins_as_a_connection_of_ws_does(stack: Stack) -> None:
    epoch = next(_epochs)
    stack.publish(ticker(epoch=epoch, price="3.50", ts_recv=time.time_ns() // 1000))
    eventually(lambda: stack.json("/api/last?symbols=ETHUSDT")["ETHUSDT"]["price"] == 3.5)
    with opened(stack, "symbols=ethusdt&channels=ticker,candle:1h&rate_ms=250") as events:
        frames = [next(events)[1] for _ in range(5)]
    kinds = ["connection_status", "subscribed", "snapshot", "subscribed", "snapshot"]
    assert [frame["type"] for frame in frames] == kinds
    assert frames[1]["payload"]["symbols"] == ["binance:ETH-USDT"]
    assert frames[1]["payload"]["rate_ms"] == 250
    assert frames[2]["payload"]["updates"][0]["price"] == 3.5
    assert frames[3]["payload"]["interval"] == "1h"


def test_who_returns_with_the_last_id_is_sent_every_trade_that_it_missed(stack: Stack) -> None:
    epoch = next(_epochs)
    query = "symbols=ethusdt&channels=trade,ticker"
    with opened(stack, query) as events:
        until(events, "snapshot")
        stack.publish(batch(1, [1, 2], epoch=epoch), batch(2, [3, 4], epoch=epoch))
        ids = {}
        while 4 not in ids:
            at, frame = until(events, "trade_update")
            ids[frame["payload"]["trade_id"]] = at
    stack.publish(batch(3, [5], epoch=epoch))
    for last, missed in ((1, [2, 3, 4, 5]), (2, [3, 4, 5]), (4, [5])):
        with opened(stack, query, ids[last]) as events:
            eventually(lambda: until(events, "subscribed")[1]["payload"]["recovered"] is True)
            found = [until(events, "trade_update")[1]["payload"]["trade_id"] for _ in missed]
        assert found == missed


def test_a_channel_that_is_asked_for_twice_is_subscribed_to_once(stack: Stack) -> None:
    with opened(stack, "symbols=ethusdt&channels=trade,candle,trade,candle:1m,status") as events:
        answers = [until(events, "subscribed")[1]["payload"]["channel"] for _ in range(3)]
    assert answers == ["trade", "candle", "status"]


def test_an_id_that_is_too_old_is_said_to_be(stack: Stack) -> None:
    epoch = next(_epochs)
    with opened(stack, "channels=trade") as events:
        until(events, "snapshot")
        stack.publish(batch(9, [9], epoch=epoch))
        until(events, "trade_update")
    with opened(stack, "symbols=ethusdt&channels=trade", f"binance={epoch}-1") as events:
        assert until(events, "subscribed")[1]["payload"]["recovered"] is False
        assert until(events, "snapshot")[1]["payload"]["updates"][-1]["trade_id"] == 9


def test_an_id_names_where_each_stream_is() -> None:
    assert places("aggregator=3-77,binance=5-120-4") == {
        "aggregator": [3, 77],
        "binance": [5, 120, 4],
    }


@pytest.mark.parametrize(
    "text",
    [None, "", "3-77", "binance=5", "binance=5-x", "binance=-5-1", "BINANCE=5-1", "a=1-1,",
     "binance=٥-١", "a=" + "9" * 19 + "-1", ",".join(["a=1-1"] * (PLACES_MAX + 1))],
)  # fmt: skip
def test_what_is_no_id_of_ours_is_none(text: str | None) -> None:
    assert places(text) is None


@pytest.mark.parametrize(
    "query",
    ["channels=nonesuch", "channels=,", "channels=candle:7m", "channels=alert", "rate_ms=1",
     "channels=" + ",".join(["ticker"] * 9), "symbols=" + "x" * 65],
)  # fmt: skip
def test_what_cannot_be_subscribed_to_is_refused(stack: Stack, query: str) -> None:
    code, _, body = stack.get(f"/sse?{query}")
    assert code == 400
    assert json.loads(body)["error"]["field"] in ("channels", "rate_ms")
