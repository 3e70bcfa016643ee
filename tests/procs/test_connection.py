"""The connection against a real server on loopback, good and bad."""

import ssl
import threading
from collections.abc import Callable
from itertools import cycle, islice
from pathlib import Path

import pytest

from procs.feed.connection import WAIT_S_MIN
from tests.faults import times
from tests.procs.exchange_server import CLOSE, PING, PONG, ExchangeServer, Peer, frame
from tests.procs.fix_connection import (
    COINBASE,
    Drive,
    Serve,
    connected,
    line_of,
    wait_s,
)

pytestmark = pytest.mark.usefixtures("longest_waits")


def cut_off(peer: Peer) -> None:
    """Hang up in the middle of a frame."""
    peer.send_raw(frame(b"cut off")[:4])
    peer.close()


def test_it_connects_subscribes_and_hands_over_each_message(serve: Serve, drive: Drive) -> None:
    server = serve()
    driving = drive(server)
    line = line_of(driving)
    assert (line.state, line.circuit) == ("connecting", "open")
    peer = connected(driving, server)
    assert (line.state, line.circuit) == ("connected", "half-open")
    driving.until(lambda: peer.texts() == COINBASE.subscribe())
    assert line.clock_known
    assert line.clock_offset_us is not None
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


def test_f12_after_every_kind_of_loss_it_comes_back_subscribes_and_has_one_socket(
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
    total = times(10, 500)
    for count, lose in enumerate(islice(cycle(losses), total), 1):
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
    last = connected(driving, server, total + 1)
    driving.until(lambda: last.texts() == COINBASE.subscribe())
    assert line.reconnects == total
    assert (server.most_live, driving.most_sockets) == (1, 1)
    assert server.asked == len(server.peers)


def test_f12_however_the_jitter_falls_it_comes_eight_times_a_second_at_most(
    serve: Serve, drive: Drive, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("random.random", lambda: 0.0)
    server = serve()
    driving = drive(server)
    for count in range(1, 9):
        peer = connected(driving, server, count)
        peer.send(b"data")
        driving.until(lambda: line_of(driving).circuit == "closed")
        cut_off(peer)
        driving.until(lambda: not line_of(driving).readers)
        assert wait_s(driving) > 0.1  # and the loop has taken a moment of it
        assert WAIT_S_MIN >= 1 / 8
        driving.push(WAIT_S_MIN)


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


def test_f13_a_half_open_connection_is_found_within_ten_seconds(serve: Serve, drive: Drive) -> None:
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


def test_f14_a_frame_of_ten_mebibytes_is_skipped_and_the_connection_kept(
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
    line.resubscribe("ETH-USD")
    peer = connected(driving, server)
    asked = COINBASE.resubscribe("BTC-USD")
    line.resubscribe("BTC-USD")
    driving.until(lambda: peer.texts() == COINBASE.subscribe() + asked)


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
