"""Both loops in this very process: what comes in reaches the actor, what it returns goes out."""

import asyncio
import os
import shutil
import signal
import socket
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest
import zmq

from bus import actor, aloop, sockets, topics
from bus.actor import Idle, Instant, Reader, Send
from bus.messages import Heartbeat, decode
from bus.process import Process, run_folder
from bus.settings import Settings
from bus.sockets import Socket, Subscriber
from bus.wiring import BATCHES, OUT
from tests.eventually import eventually

Run = Callable[[actor.Actor, dict[str, Socket | Subscriber], dict[str, Socket]], int]
TICKS_MAX = 400
"""Of a twentieth of a second or so: an actor that waits for longer has waited in vain."""


@pytest.fixture
def process(tmp_path: Path) -> Iterator[Process]:
    """A program on a folder of its own; signals are again what they were when the test ends."""
    handlers = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    made = Process("program", Settings(data_dir=tmp_path))
    yield made
    signal.set_wakeup_fd(-1)
    for number, handler in handlers.items():
        signal.signal(number, handler)
    shutil.rmtree(made.settings.run_dir, ignore_errors=True)


class Opened:
    """Opens the sockets of a test and keeps them, so that they are closed even when it fails."""

    def __init__(self) -> None:
        self.context: zmq.Context[Socket] = zmq.Context()
        self.all: list[Socket] = []

    def socket(self, kind: int) -> Socket:
        return self.keep(self.context.socket(kind))

    def keep(self, made: Socket) -> Socket:
        self.all.append(made)
        return made

    def pair(self, name: str) -> tuple[Socket, Socket]:
        """Return a bound PULL and the PUSH that is connected to it."""
        pull, push = self.socket(zmq.PULL), self.socket(zmq.PUSH)
        pull.bind(f"inproc://{name}")
        push.connect(f"inproc://{name}")
        return pull, push


@pytest.fixture
def opened() -> Iterator[Opened]:
    made = Opened()
    yield made
    for each in made.all:
        each.close(0)
    made.context.term()


@pytest.fixture(params=["poller", "asyncio"])
def run(request: pytest.FixtureRequest, process: Process) -> Run:
    """Runs an actor until it ends itself by SIGTERM."""

    def begin(
        made: actor.Actor,
        inputs: dict[str, Socket | Subscriber],
        outputs: dict[str, Socket],
    ) -> int:
        if request.param == "poller":
            return actor.run(process, made, inputs, outputs)

        async def serve(stopping: asyncio.Event) -> None:
            await stopping.wait()

        return asyncio.run(aloop.run(process, made, inputs, outputs, serve))

    return begin


class Until(Idle):
    """Ends the process once ``done`` says so, or much too late."""

    def __init__(self, done: Callable[["Until"], bool] = lambda made: True) -> None:
        self.done = done
        self.ticks = 0
        self.taken: list[tuple[str, list[bytes]]] = []
        self.replies: Sequence[Send] = ()
        self.drained = False

    def on_message(self, source: str, frames: list[bytes], now: Instant) -> Sequence[Send]:
        self.taken.append((source, frames))
        return self.replies

    def on_tick(self, now: Instant) -> Sequence[Send]:
        self.ticks += 1
        if self.done(self) or self.ticks > TICKS_MAX:
            signal.raise_signal(signal.SIGTERM)
        return ()

    def on_drain(self, now: Instant) -> Sequence[Send]:
        self.drained = True
        return ()


def test_messages_reach_the_actor_in_order_under_the_name_of_their_input(
    run: Run, process: Process, opened: Opened
) -> None:
    first, to_first = opened.pair("first")
    second, to_second = opened.pair("second")
    for number in range(600):  # more than are taken in one wake
        to_first.send(b"%d" % number)
    to_second.send_multipart([b"topic.", b"payload"])
    made = Until(lambda made: len(made.taken) == 601)
    assert run(made, {"first": first, "second": second}, {}) == 0
    assert [f for source, f in made.taken if source == "first"] == [
        [b"%d" % number] for number in range(600)
    ]
    assert [f for source, f in made.taken if source == "second"] == [[b"topic.", b"payload"]]
    assert made.drained
    assert process.health.state == "draining"
    assert first.closed
    assert second.closed


def test_what_the_actor_returns_goes_out_by_name_and_what_a_full_push_refuses_is_counted(
    run: Run, process: Process, opened: Opened
) -> None:
    run_dir = run_folder(process.settings)
    source, to_source = opened.pair("source")
    heard = opened.socket(zmq.PULL)
    heard.bind("inproc://heard")
    out = opened.socket(zmq.PUSH)
    out.connect("inproc://heard")
    nobody = opened.keep(sockets.connect(opened.context, BATCHES, run_dir, "persister"))
    made = Until(lambda made: len(made.taken) == 1)
    made.replies = (
        Send("told", b"", b"alone"),
        Send("told", b"topic.", b"payload"),
        Send("persister", b"", b"lost"),
    )
    to_source.send(b"go")
    assert run(made, {"source": source}, {"told": out, "persister": nobody}) == 0
    assert heard.recv_multipart() == [b"alone"]
    assert heard.recv_multipart() == [b"topic.", b"payload"]
    assert process.health.counters["unsent.persister"] == 1
    assert out.closed
    assert nobody.closed


def test_a_publisher_that_comes_later_is_found_and_the_last_beat_says_draining(
    run: Run, process: Process, opened: Opened
) -> None:
    run_dir = run_folder(process.settings)
    others = Subscriber(opened.context, run_dir, ["other"], [b"heartbeat."])
    opened.keep(others.socket)
    later: list[Socket] = []

    def done(made: Until) -> bool:
        if made.ticks == 2:
            later.append(opened.keep(sockets.bind(opened.context, OUT, run_dir, "other")))
        if later:
            later[0].send_multipart((b"heartbeat.other.", b"beat"), zmq.DONTWAIT)
        return bool(made.taken)

    made = Until(done)
    listener = Subscriber(opened.context, run_dir, ["program"], [topics.heartbeat("program")])
    opened.keep(listener.socket)
    out = opened.keep(sockets.bind(opened.context, OUT, run_dir, process.program))
    listener.refresh()
    assert run(made, {"others": others}, {"out": out}) == 0
    assert made.taken[0] == ("others", [b"heartbeat.other.", b"beat"])
    states: list[str] = []

    def told_of_the_end() -> bool:
        while listener.socket.poll(0):
            beat = decode(listener.socket.recv_multipart()[1])
            assert isinstance(beat, Heartbeat)
            states.append(beat.state)
        return states[-1:] == ["draining"]

    eventually(told_of_the_end, within=10)


def test_an_error_of_the_actor_is_not_swallowed(run: Run, opened: Opened) -> None:
    class Failing(Until):
        def on_message(self, source: str, frames: list[bytes], now: Instant) -> Sequence[Send]:
            raise RuntimeError("impossible")

    source, to_source = opened.pair("source")
    to_source.send(b"go")
    with pytest.raises(RuntimeError, match="impossible"):
        run(Failing(lambda made: False), {"source": source}, {})


def test_a_process_whose_parent_has_gone_ends(run: Run, process: Process) -> None:
    process.parent = os.getppid() + 1
    made = Until(lambda made: False)
    assert run(made, {}, {}) == 0
    assert made.drained
    assert made.ticks < TICKS_MAX


class Ear:
    """One end of a socket pair, as the exchange's connection is to the loop."""

    def __init__(self, made: socket.socket) -> None:
        self.made = made
        self.heard: list[bytes] = []
        self.left = False

    def fileno(self) -> int:
        return self.made.fileno()

    def pending(self) -> bool:
        return self.left

    def on_readable(self, now: Instant) -> Sequence[Send]:
        if self.left:
            self.left = False  # what TLS had read already
            self.heard.append(b"rest")
        else:
            self.heard.append(self.made.recv(16))
            self.left = True
        return ()


def test_descriptors_are_read_while_they_are_wanted_and_when_they_say_nothing_but_hold_something(
    process: Process,
) -> None:
    near, far = socket.socketpair()
    ear = Ear(near)

    class Listening(Until):
        wanted = True

        def readers(self) -> Sequence[Reader]:
            return [ear] if self.wanted else []

        def on_tick(self, now: Instant) -> Sequence[Send]:
            if self.ticks == 1:
                far.send(b"one")
            if len(ear.heard) == 2:
                self.wanted = False
                far.send(b"two")
            return super().on_tick(now)

    made = Listening(lambda made: made.ticks > 20 and not made.wanted)  # type: ignore[attr-defined]
    assert actor.run(process, made, {}, {}) == 0
    assert ear.heard == [b"one", b"rest"]
    near.close()
    far.close()


def test_an_actor_that_has_work_to_go_on_with_is_not_made_to_wait(process: Process) -> None:
    class Working(Until):
        steps = 0

        def busy(self) -> bool:
            return self.steps < 5000

        def on_wake(self, now: Instant) -> Sequence[Send]:
            self.steps += 1
            return ()

    made = Working(lambda made: made.steps >= 5000)  # type: ignore[attr-defined]
    assert actor.run(process, made, {}, {}) == 0
    assert made.ticks < TICKS_MAX
