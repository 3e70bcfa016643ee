"""Real ZeroMQ sockets, with the options and the promises of the table of wires."""

from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
import zmq

from bus import sockets
from bus.errors import SettingError
from bus.sockets import Socket, Subscriber
from bus.wiring import BATCHES, OUT, STREAM, TAP, Wire
from tests.eventually import eventually


class Bench:
    """A folder for sockets, and a context whose sockets are all closed at the end."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.context: zmq.Context[Socket] = zmq.Context()
        self.made: list[Socket] = []

    def bind(self, wire: Wire, program: str) -> Socket:
        self.made.append(sockets.bind(self.context, wire, self.folder, program))
        return self.made[-1]

    def connect(self, wire: Wire, program: str) -> Socket:
        self.made.append(sockets.connect(self.context, wire, self.folder, program))
        return self.made[-1]

    def subscriber(self, programs: list[str], topics: list[bytes]) -> Subscriber:
        made = Subscriber(self.context, self.folder, programs, topics)
        self.made.append(made.socket)
        return made


@pytest.fixture
def bench() -> Iterator[Bench]:
    with TemporaryDirectory(prefix="tw") as folder:
        made = Bench(Path(folder))
        yield made
        for one in made.made:
            one.close()
        made.context.term()


def heard(publisher: Socket, subscriber: Subscriber, topic: bytes) -> bool:
    """Publish until the subscriber has it; subscribing takes a moment."""

    def once() -> bool:
        publisher.send_multipart((topic, b"hello"))
        return bool(subscriber.socket.poll(10))

    return eventually(once)


@pytest.mark.parametrize("wire", [OUT, STREAM, BATCHES])
def test_every_limit_is_said_before_the_socket_is_bound(bench: Bench, wire: Wire) -> None:
    for made in (bench.bind(wire, "one"), bench.connect(wire, "one")):
        assert made.getsockopt(zmq.SNDHWM) == wire.hwm
        assert made.getsockopt(zmq.RCVHWM) == wire.hwm
        assert made.getsockopt(zmq.LINGER) == 0
        assert made.getsockopt(zmq.MAXMSGSIZE) == wire.size_max


def sent_until_full(push: Socket, payload: bytes, most: int) -> int:
    for number in range(most):
        try:
            push.send(payload, zmq.DONTWAIT)
        except zmq.Again:
            return number
    return most


def test_nothing_waits_for_a_peer_that_is_away_and_the_sender_is_told(bench: Bench) -> None:
    push = bench.connect(BATCHES, "persister")
    assert sent_until_full(push, b"x", 10) == 0
    pull = bench.bind(BATCHES, "persister")
    assert eventually(lambda: sent_until_full(push, b"y", 1))
    assert pull.poll(2000)
    assert pull.recv() == b"y"


def test_the_high_water_mark_holds_for_a_peer_that_does_not_read(bench: Bench) -> None:
    small = Wire("pull", "PULL", "PUSH", 100, "not sent")
    pull, push = bench.bind(small, "persister"), bench.connect(small, "persister")
    payload = b"x" * 100_000
    assert eventually(lambda: sent_until_full(push, payload, 1))

    def full() -> bool:
        counts.append(sent_until_full(push, payload, 1000))
        return counts[-3:] == [0, 0, 0]

    counts: list[int] = []
    assert eventually(full)
    sent = 1 + sum(counts)
    assert 100 <= sent <= 300  # both queues, and what the kernel holds
    for _ in range(sent):
        assert pull.poll(2000)
        assert pull.recv() == payload


def test_a_slow_subscriber_loses_and_the_publisher_does_not_wait(bench: Bench) -> None:
    small = Wire("pub", "PUB", "SUB", 10, "dropped")
    publisher = bench.bind(small, "feed-x")
    subscriber = bench.subscriber(["feed-x"], [b"a."])
    assert heard(publisher, subscriber, b"a.")
    for _ in range(200_000):
        publisher.send_multipart((b"a.", b"x" * 50), zmq.DONTWAIT)
    taken = 0
    while subscriber.socket.poll(200):
        subscriber.socket.recv_multipart()
        taken += 1
    assert 0 < taken < 200_000


def test_a_subscriber_finds_publishers_that_match_now_and_later(bench: Bench) -> None:
    first = bench.bind(OUT, "feed-a")
    subscriber = bench.subscriber(["feed-*"], [b"batch."])
    assert heard(first, subscriber, b"batch.a.")
    other = bench.bind(OUT, "persister")
    later = bench.bind(OUT, "feed-b")
    (bench.folder / "feed-c.pull").touch()
    (bench.folder / "notes").touch()
    subscriber.refresh()
    subscriber.refresh()
    assert heard(later, subscriber, b"batch.b.")
    while subscriber.socket.poll(100):
        subscriber.socket.recv_multipart()
    other.send_multipart((b"batch.other.", b""))
    later.send_multipart((b"batch.b.", b"once"))
    assert subscriber.socket.poll(2000)
    assert subscriber.socket.recv_multipart() == [b"batch.b.", b"once"]
    assert not subscriber.socket.poll(100)


def test_a_publisher_that_begins_again_is_heard_again_without_a_new_connection(
    bench: Bench,
) -> None:
    first = bench.bind(OUT, "feed-a")
    subscriber = bench.subscriber(["feed-a"], [b"batch."])
    assert heard(first, subscriber, b"batch.a.")
    first.close()
    second = bench.bind(OUT, "feed-a")
    while subscriber.socket.poll(0):
        subscriber.socket.recv_multipart()
    assert heard(second, subscriber, b"batch.a.")


def test_only_what_is_subscribed_to_comes_and_one_may_leave(bench: Bench) -> None:
    publisher = bench.bind(OUT, "feed-a")
    subscriber = bench.subscriber(["feed-a"], [b"batch.binance."])
    assert heard(publisher, subscriber, b"batch.binance.")
    subscriber.subscribe(b"status.")
    assert heard(publisher, subscriber, b"status.binance.")
    subscriber.unsubscribe(b"batch.binance.")

    def left() -> bool:
        while subscriber.socket.poll(0):
            subscriber.socket.recv_multipart()
        publisher.send_multipart((b"batch.binance.", b"x"))
        publisher.send_multipart((b"status.binance.", b"last"))
        found = []
        while subscriber.socket.poll(50):
            found.append(subscriber.socket.recv_multipart()[0])
        return found == [b"status.binance."]

    assert eventually(left)


def test_an_xpub_sees_every_subscription_and_every_end_of_one(bench: Bench) -> None:
    stream = bench.bind(STREAM, "aggregator")
    frames = []

    def seen() -> list[bytes]:
        while stream.poll(20):
            frames.append(stream.recv())
        return frames

    first = bench.subscriber(["aggregator"], [b"ticker."])
    second = bench.subscriber(["aggregator"], [b"ticker."])
    assert eventually(lambda: seen() == [b"\x01ticker."] * 2)
    first.unsubscribe(b"ticker.")
    assert eventually(lambda: seen()[2:] == [b"\x00ticker."])
    second.socket.close()
    assert eventually(lambda: seen()[3:] == [b"\x00ticker."])


def test_a_message_that_is_too_large_is_not_taken_and_the_peer_goes_on(bench: Bench) -> None:
    small = Wire("pull", "PULL", "PUSH", 100, "not sent", size_max=1000)
    pull, push = bench.bind(small, "persister"), bench.connect(small, "persister")
    push.send(b"x" * 1001)
    push.send(b"y")

    def comes() -> bool:
        sent_until_full(push, b"z", 1)
        return bool(pull.poll(20))

    assert eventually(comes)
    assert pull.recv() in (b"y", b"z")


def test_an_address_in_use_is_a_wrong_setting(bench: Bench) -> None:
    first = bench.context.socket(zmq.XPUB)
    bench.made.append(first)
    port = first.bind_to_random_port("tcp://127.0.0.1")
    address = f"tcp://127.0.0.1:{port}"
    with pytest.raises(SettingError, match="TAP_ENDPOINT"):
        sockets.bind_tcp(bench.context, TAP, address, "TAP_ENDPOINT")
    assert not sockets.port_is_free("127.0.0.1", port)
    bench.made.pop().close()
    assert eventually(lambda: sockets.port_is_free("127.0.0.1", port))
    bench.made.append(sockets.bind_tcp(bench.context, TAP, address, "TAP_ENDPOINT"))
