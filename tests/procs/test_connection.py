"""The connection against a real server on loopback, good and bad."""

import json
import logging
import ssl
import subprocess
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from bus.heartbeat import Health
from bus.journal import JournalWriter, path_of
from bus.log import Log
from bus.messages import TradeBatch, decode_record
from procs.feed.attempt import RETRY_AFTER_S_MAX, retry_after_s
from procs.feed.connection import ATTEMPT_US_MAX, OVERLAP_US, Connection
from procs.feed.exchanges import Exchange, load
from procs.feed.feed import Feed
from tests.exchanges.samples import binance, coinbase
from tests.procs.driving import Driving
from tests.procs.exchange_server import CLOSE, PING, PONG, ExchangeServer, Peer, frame, http

COINBASE = load("coinbase")(coinbase.symbols)
BINANCE = load("binance")(binance.symbols)
Serve = Callable[..., ExchangeServer]
Drive = Callable[..., Driving]


@pytest.fixture
def serve() -> Iterator[Serve]:
    made: list[ExchangeServer] = []

    def start(context: ssl.SSLContext | None = None) -> ExchangeServer:
        made.append(ExchangeServer(context))
        return made[-1]

    yield start
    for server in made:
        server.close()


@pytest.fixture
def drive() -> Iterator[Drive]:
    made: list[Driving] = []

    def start(server: ExchangeServer, exchange: Exchange = COINBASE) -> Driving:
        one = Driving()
        one.connection = Connection(
            exchange, server.websocket_url, server.rest_url, one.take, Log("feed-test")
        )
        made.append(one)
        return one

    yield start
    for one in made:
        assert one.connection is not None
        one.connection.close()


@pytest.fixture(autouse=True)
def longest_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the jitter be the longest there is, so that a wait is known."""
    monkeypatch.setattr("procs.feed.connection.random.random", lambda: 0.9999)


def connected(driving: Driving, server: ExchangeServer, count: int = 1) -> Peer:
    """Drive until the server has seen so many connections and ours are open."""
    line = driving.connection
    assert line is not None
    driving.until(lambda: len(server.peers) == count and line.readers)
    return server.peers[-1]


def cut_off(peer: Peer) -> None:
    """Hang up in the middle of a frame."""
    peer.send_raw(frame(b"cut off")[:4])
    peer.close()


def line_of(driving: Driving) -> Connection:
    assert driving.connection is not None
    return driving.connection


def wait_s(driving: Driving) -> float:
    """Return the seconds until the next try."""
    next_try = line_of(driving).next_try
    assert next_try is not None
    return (next_try - driving.now().wall) / 1e6


def test_it_connects_subscribes_and_hands_over_each_message(serve: Serve, drive: Drive) -> None:
    server = serve()
    driving = drive(server)
    line = line_of(driving)
    assert (line.state, line.circuit) == ("connecting", "open")
    peer = connected(driving, server)
    assert (line.state, line.circuit) == ("connected", "half-open")
    driving.until(lambda: peer.texts())
    assert peer.texts() == COINBASE.subscribe()
    assert line.clock_known
    assert abs(line.clock_offset_us + driving.now().mono - 1723161255343000) < 10_000_000
    peer.send(b"noise")
    driving.until(lambda: driving.messages)
    assert not any(one.has_data for one in line.readers)
    peer.send(b"one", b"two")
    driving.until(lambda: len(driving.messages) == 3)
    assert driving.messages[1:] == [b"one", b"two"]
    driving.once()
    assert line.circuit == "closed"


def test_pings_are_answered_with_their_own_payload(serve: Serve, drive: Drive) -> None:
    server = serve()
    driving = drive(server)
    peer = connected(driving, server)
    peer.send_raw(frame(b"1723161255343", PING))
    driving.until(lambda: (PONG, b"1723161255343") in peer.received)


def test_after_every_kind_of_loss_it_comes_back_subscribes_and_has_one_socket(
    serve: Serve, drive: Drive
) -> None:
    server = serve()
    driving = drive(server)
    line = line_of(driving)
    losses: list[Callable[[Peer], None]] = [
        lambda peer: peer.close(),
        lambda peer: peer.send_raw(frame(b"\x03\xe9bye", CLOSE)),
        cut_off,
        lambda peer: peer.send_raw(b"\xff" * 20),
        lambda peer: peer.send_raw(b"\x81\x7f" + b"\x7f" * 8),
    ]
    for count, lose in enumerate(losses * 2, 1):
        peer = connected(driving, server, count)
        peer.send(b"data %d" % count)
        driving.until(lambda: line.circuit == "closed")
        lose(peer)
        driving.until(lambda: not line.readers)
        assert line.state == "reconnecting"
        assert line.reason
        assert line.circuit == "open"
        assert 0.0 < wait_s(driving) <= 0.5
        driving.push(0.5)
        driving.until(peer.closed.is_set)
    last = connected(driving, server, len(losses) * 2 + 1)
    driving.until(lambda: last.texts() == COINBASE.subscribe())
    assert line.reconnects == len(losses) * 2
    assert (server.most_live, driving.most_sockets) == (1, 1)
    assert server.asked == len(server.peers)


def test_accepting_and_hanging_up_backs_off_and_only_data_start_it_over(
    serve: Serve, drive: Drive
) -> None:
    server = serve()
    driving = drive(server)
    line = line_of(driving)
    waits = []
    for count in range(1, 9):
        connected(driving, server, count).close()
        driving.until(lambda: not line.readers)
        waits.append(round(wait_s(driving), 1))
        driving.push(waits[-1])
    assert waits == [0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 30.0, 30.0]
    assert line.attempt == 8
    peer = connected(driving, server, 9)
    assert line.attempt == 8
    peer.send(b"noise")
    driving.until(lambda: driving.messages)
    driving.once()
    assert line.attempt == 8
    peer.send(b"data")
    driving.until(lambda: line.attempt == 0)
    peer.close()
    driving.until(lambda: not line.readers)
    assert wait_s(driving) <= 0.5


def test_nobody_listening_is_waited_for_with_one_attempt_at_a_time(drive: Drive) -> None:
    gone = ExchangeServer()
    gone.close()
    driving = drive(gone)
    line = line_of(driving)
    for count in range(1, 6):
        driving.until(lambda: line.attempt == count)  # noqa: B023
        assert (line.state, line.circuit) == ("reconnecting", "open")
        driving.once()
        assert line.attempt == count
        driving.push(31)


def test_a_half_open_connection_is_found_within_ten_seconds(serve: Serve, drive: Drive) -> None:
    server = serve()
    driving = drive(server)
    line = line_of(driving)
    peer = connected(driving, server)
    peer.send(b"data")
    driving.until(lambda: line.circuit == "closed")
    silence = line.readers[0].silence
    for _ in range(4):  # as long as pings are answered, silence is no matter
        driving.push(5)
        before = driving.now().mono
        driving.until(lambda: silence._heard >= before)  # noqa: B023
    assert len([one for one in peer.received if one[0] == PING]) == 4
    assert len(server.peers) == 1
    peer.answers_pings = False
    driving.push(4.5)
    driving.once()
    assert line.readers
    driving.push(4.5)
    driving.once()
    assert not line.readers
    assert line.state == "reconnecting"


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


@pytest.mark.parametrize(("status", "after"), [("451 Unavailable", 120), ("429 Too Many", 77)])
def test_a_refusal_is_said_once_and_its_retry_after_is_honoured(
    serve: Serve, drive: Drive, caplog: pytest.LogCaptureFixture, status: str, after: int
) -> None:
    server = serve()
    server.answers.extend([http(status, f"Retry-After: {after}")] * 3)
    driving = drive(server)
    line = line_of(driving)
    for count in (1, 2, 3):
        driving.until(lambda: line.attempt == count)  # noqa: B023
        assert after - 1 < wait_s(driving) <= after
        driving.push(after - 1)
        for _ in range(5):
            driving.once()
        assert server.asked == count
        driving.push(1)
    assert status[:3] in (line.reason or "")
    warnings = [record for record in caplog.records if record.levelno == logging.WARNING]
    assert len(warnings) == 1
    connected(driving, server)
    assert (line.state, line.reason) == ("connected", None)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("30", 30.0),
        ("Fri, 09 Aug 2024 00:01:00 GMT", 60.0),
        ("Thu, 08 Aug 2024 00:00:00 GMT", 0.0),
        ("99999999999999999999", RETRY_AFTER_S_MAX),
        *((text, 0.0) for text in ("", "-5", "²", "soon", "1e9", "Fri, 99 Foo 2024", "\x00")),
    ],
)
def test_a_retry_after_is_seconds_or_a_date_and_nothing_else(text: str, seconds: float) -> None:
    assert retry_after_s(text, 1_723_161_600.0) == seconds


@pytest.mark.parametrize(
    "answer",
    [
        http("301 Moved", "Location: ws://127.0.0.1:1/"),
        http("302 Found", "Location: http://127.0.0.1:1/"),
        http("307 Temporary"),
        http("200 OK", body=b"<html>maintenance</html>"),
        b"HTTP/1.1\r\n\r\n",
        b"HTTP/1.1 101 Switching Protocols\r\n\r\n",
        b"\x00\x01\x02\r\n\r\n",
        b"\xff\xfe\r\n\r\n",
        b"",
        b"HTTP/1.1 503 X\r\nRetry-After: \xc2\xb2\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 503 X\r\nContent-Length: many\r\n\r\n",
    ],
)
def test_any_other_answer_is_a_failed_attempt_and_the_next_one_succeeds(
    serve: Serve, drive: Drive, answer: bytes
) -> None:
    server = serve()
    server.answers.append(answer)
    driving = drive(server)
    line = line_of(driving)
    driving.until(lambda: line.attempt == 1)
    assert (line.state, line.circuit) == ("reconnecting", "open")
    assert line.reason not in (None, "unknown")
    driving.push(1)
    connected(driving, server)
    assert line.state == "connected"


@pytest.mark.parametrize(
    "answer",
    [
        *(b"garbage\r\n\r\n", b"", http("500 Oops"), http("200 OK", body=b"[" * 60_000)),
        http("200 OK", body=b'{"serverTime":1}')[:-1],
        http("302 Found", "Location: file:///etc/passwd"),
    ],
)
def test_without_the_exchanges_clock_our_own_has_to_do(
    serve: Serve, drive: Drive, answer: bytes
) -> None:
    server = serve()
    server.clock = answer
    driving = drive(server)
    connected(driving, server)
    line = line_of(driving)
    assert not line.clock_known
    now = driving.now()
    assert abs(line.clock_offset_us - (now.wall - now.mono)) < 1_000_000


def test_an_attempt_that_never_ends_is_abandoned_and_brings_no_second_socket(
    serve: Serve, drive: Drive
) -> None:
    server = serve()
    server.answers.append(b"HTTP/1.1 101 Switching Protocols\r\nX: ...")
    driving = drive(server)
    line = line_of(driving)
    driving.until(lambda: server.asked == 1)
    driving.once()
    driving.push(ATTEMPT_US_MAX / 1e6 + 1)
    driving.until(lambda: line.attempt == 1)
    assert line.state == "reconnecting"
    driving.push(1)
    connected(driving, server)
    assert driving.most_sockets == 1


def test_a_frame_of_ten_mebibytes_is_skipped_and_the_connection_kept(
    serve: Serve, drive: Drive
) -> None:
    server = serve()
    driving = drive(server)
    line = line_of(driving)
    peer = connected(driving, server)
    peer.send(b"before")
    driving.until(lambda: driving.messages == [b"before"])
    sending = threading.Thread(target=peer.send, args=(bytes(10 << 20), b"after"))
    sending.start()
    driving.until(lambda: driving.messages == [b"before", b"after"])
    sending.join()
    assert (line.oversized, len(server.peers), line.state) == (1, 1, "connected")


def test_requests_go_out_on_the_open_socket_and_nowhere_without_one(
    serve: Serve, drive: Drive
) -> None:
    server = serve()
    driving = drive(server)
    line = line_of(driving)
    line.send(["lost"])
    peer = connected(driving, server)
    line.send(COINBASE.resubscribe("BTC-USD"))
    driving.until(lambda: len(peer.texts()) == 3)
    assert [json.loads(text)["type"] for text in peer.texts()] == [
        *("subscribe", "unsubscribe", "subscribe")
    ]


def test_closing_closes_the_sockets_and_what_an_attempt_still_brings(
    serve: Serve, drive: Drive
) -> None:
    server = serve()
    driving = drive(server)
    peer = connected(driving, server)
    line_of(driving).replace("test")
    line_of(driving).close()
    assert peer.closed.wait(5)
    second = drive(server)
    second.once()
    line_of(second).close()
    assert all(one.closed.wait(5) for one in server.peers)


@pytest.fixture
def certificate(tmp_path: Path) -> tuple[Path, ssl.SSLContext]:
    """A certificate for 127.0.0.1 that nobody has signed."""
    key, cert = tmp_path / "key.pem", tmp_path / "cert.pem"
    subprocess.run(
        [
            *("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"),
            *("-nodes", "-days", "2", "-subj", "/CN=127.0.0.1"),
            *("-addext", "subjectAltName=IP:127.0.0.1", "-keyout", str(key), "-out", str(cert)),
        ],
        check=True,
        capture_output=True,
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(cert, key)
    return cert, context


def test_tls_delivers_every_byte_although_its_descriptor_does_not_show_them(
    serve: Serve,
    drive: Drive,
    certificate: tuple[Path, ssl.SSLContext],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("WEBSOCKET_CLIENT_CA_BUNDLE", str(certificate[0]))
    server = serve(certificate[1])
    driving = drive(server)
    peer = connected(driving, server)
    messages = [b"%d " % number + b"x" * 3000 for number in range(500)]
    peer.send(*messages)
    driving.until(lambda: len(driving.messages) == 500)
    assert driving.messages == messages
    peer.close()
    driving.until(lambda: line_of(driving).state == "reconnecting")


def test_a_certificate_that_nobody_has_signed_is_refused(
    serve: Serve, drive: Drive, certificate: tuple[Path, ssl.SSLContext]
) -> None:
    server = serve(certificate[1])
    driving = drive(server)
    line = line_of(driving)
    driving.until(lambda: line.attempt == 1)
    assert "CERTIFICATE_VERIFY_FAILED" in (line.reason or "")
    assert server.peers == []
