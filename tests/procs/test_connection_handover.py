"""Replacing a connection by another one, without losing or doubling a trade."""

from pathlib import Path

import pytest

from bus.heartbeat import Health
from bus.journal import JournalWriter, path_of
from bus.log import Log
from bus.messages import TradeBatch, decode_record
from procs.feed.connection import OVERLAP_US, Connection
from procs.feed.exchanges.finnhub import Exchange as Finnhub
from procs.feed.feed import Feed
from tests.exchanges.samples import binance, finnhub
from tests.procs.driving import Driving
from tests.procs.exchange_server import http
from tests.procs.fix_connection import (
    BINANCE,
    Drive,
    Serve,
    connected,
    line_of,
)

FINNHUB = Finnhub(finnhub.symbols)
pytestmark = pytest.mark.usefixtures("longest_waits")


def test_a_connection_is_handed_over_before_its_lifetime_and_no_trade_is_lost(
    serve: Serve, drive: Drive
) -> None:
    server = serve()
    driving = drive(server, BINANCE)
    line = line_of(driving)
    old = connected(driving, server)
    old.send(b"1", b"2")
    driving.until(lambda: line.circuit == "closed")
    assert BINANCE.lifetime_s == 86400
    driving.push(86400 - 601)
    line.readers[0].silence.heard(driving.now().mono)
    driving.once()
    assert len(server.peers) == 1
    driving.push(2)
    driving.until(lambda: len(line.readers) == 2)
    assert line.handovers == 1
    new = server.peers[1]
    old.send(b"3")
    driving.until(lambda: b"3" in driving.messages)
    assert len(line.readers) == 2  # the new one has brought nothing yet
    new.send(b"noise")
    driving.until(lambda: b"noise" in driving.messages)
    driving.push(OVERLAP_US / 1e6 + 1)
    driving.once()
    assert len(line.readers) == 2
    new.send(b"5")
    driving.until(lambda: b"5" in driving.messages)
    old.send(b"4")  # from before the new one began, on a slower way
    driving.until(lambda: b"4" in driving.messages)
    old.send(b"5", b"5.5")
    driving.push(OVERLAP_US / 1e6)
    driving.until(lambda: line.readers and len(line.readers) == 1)
    driving.until(old.closed.is_set)
    assert {b"1", b"2", b"3", b"4", b"5", b"5.5"} <= set(driving.messages)
    assert (line.reconnects, line.state, line.circuit) == (0, "connected", "closed")
    assert (server.most_live, driving.most_sockets) == (2, 2)
    new.send(b"6")
    driving.until(lambda: b"6" in driving.messages)


def test_a_hand_over_that_fails_keeps_the_old_connection_and_is_tried_again(
    serve: Serve, drive: Drive
) -> None:
    server = serve()
    driving = drive(server, BINANCE)
    line = line_of(driving)
    old = connected(driving, server)
    old.send(b"1")
    driving.until(lambda: line.circuit == "closed")
    server.answers.append(http("503 Service Unavailable"))
    driving.push(86400 - 600)
    line.readers[0].silence.heard(driving.now().mono)
    driving.until(lambda: server.asked == 2)
    driving.until(lambda: line.handovers == 1)
    old.send(b"2")
    driving.until(lambda: b"2" in driving.messages)
    for _ in range(5):
        driving.once()
    assert (line.state, len(line.readers), server.asked) == ("connected", 1, 2)
    driving.push(61)
    line.readers[0].silence.heard(driving.now().mono)
    driving.until(lambda: len(line.readers) == 2)
    assert line.handovers == 2


def test_an_announced_shutdown_is_a_hand_over_that_doubles_no_trade(
    serve: Serve, tmp_path: Path
) -> None:
    server = serve()
    driving = Driving()
    journal = JournalWriter(path_of(tmp_path, "binance"), cap_bytes=1 << 30, reserve_bytes=1 << 20)
    feed = Feed(
        *(BINANCE, binance.symbols, journal, Health("feed-binance"), Log("feed-binance")),
        stale_after_us=15_000_000,
        keep_us=0,
        keep_bad_frames=lambda lines: None,
    )
    line = Connection(
        BINANCE, server.websocket_url, server.rest_url, feed.on_frame, Log("feed-binance")
    )
    feed.connection = driving.connection = line
    found: list[int] = []

    def ids() -> list[int]:
        for send in feed.on_wake(driving.now()):
            record = decode_record(send.payload)
            if send.output == "out" and isinstance(record, TradeBatch):
                found.extend(trade.trade_id for trade in record.trades)
        return found

    def trade(trade_id: int) -> bytes:
        return binance.trade('"1"', '"1"').replace(b'"t":77', b'"t":%d' % trade_id)

    old = connected(driving, server)
    assert old.path.endswith("/stream?streams=btcusdt@trade/ethusdt@trade")
    old.send(trade(1))
    driving.until(lambda: ids() == [1])
    old.send(b'{"e":"serverShutdown","E":1723161255343}', trade(2))
    driving.until(lambda: len(line.readers) == 2)
    new = server.peers[1]
    new.send(trade(2), trade(3))
    old.send(trade(3), trade(4))
    driving.until(lambda: len(ids()) == 4)
    driving.push(OVERLAP_US / 1e6)
    new.send(trade(5))
    driving.until(lambda: len(line.readers) == 1 and len(ids()) == 5)
    assert sorted(found) == [1, 2, 3, 4, 5]
    assert line.reconnects == 0
    feed.on_drain(driving.now())


def test_where_trades_have_no_ids_no_two_connections_bring_them_at_once(
    serve: Serve, drive: Drive
) -> None:
    server = serve()
    driving = drive(server, FINNHUB)
    line = line_of(driving)
    old = connected(driving, server)
    old.send(b"1")
    driving.until(lambda: driving.messages == [b"1"])
    line.replace("other symbols")
    assert line.readers == []
    new = connected(driving, server, 2)
    assert old.closed.wait(15)
    new.send(b"2")
    driving.until(lambda: driving.messages == [b"1", b"2"])
    assert (line.state, line.handovers, line.reconnects) == ("connected", 1, 0)
    assert driving.most_sockets == 1


def test_a_hand_over_that_has_begun_is_not_begun_again(serve: Serve, drive: Drive) -> None:
    server = serve()
    driving = drive(server, BINANCE)
    line = line_of(driving)
    line.replace("nothing to replace yet")
    old = connected(driving, server)
    for _ in range(3):
        line.replace("said three times")
    connected(driving, server, 2)
    line.replace("and once more")
    server.peers[1].send(b"1")
    driving.until(lambda: driving.messages == [b"1"])
    driving.push(OVERLAP_US / 1e6)
    driving.until(old.closed.is_set)
    assert (line.handovers, server.asked, driving.most_sockets) == (1, 2, 2)
