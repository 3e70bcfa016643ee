"""The program itself: its command line, kill -9, SIGTERM, heartbeats."""

import json
import os
import signal
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import zmq

from bus import settings, sockets
from bus.messages import Heartbeat, decode
from bus.settings import ROOT
from tests.eventually import eventually

pytestmark = pytest.mark.e2e


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


class Program:
    """The simulator as a process of its own."""

    def __init__(self, data_dir: Path, *arguments: str) -> None:
        self.port = free_port()
        self.settings = settings.load({"DATA_DIR": str(data_dir)})
        environ = {
            **{key: value for key, value in os.environ.items() if key in ("PATH", "TMPDIR")},
            "DATA_DIR": str(data_dir),
            "SIMULATOR_PORT": str(self.port),
            "FEEDS": "binance:BTC-USDT,AAPL-USD;coinbase:BTC-USD",
        }
        self.process = subprocess.Popen(
            [sys.executable, "-m", "procs.simulator", *arguments],
            cwd=ROOT,
            env=environ,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def __enter__(self) -> "Program":
        eventually(self.up, within=20)
        return self

    def __exit__(self, *error: object) -> None:
        self.end(signal.SIGKILL)

    def end(self, number: int) -> tuple[int, str]:
        """Send a signal; return the exit code and what stood on stderr."""
        self.process.send_signal(number)
        _, err = self.process.communicate(timeout=20)
        return self.process.returncode, err

    def refused(self) -> tuple[int, str]:
        """Return the exit code and stderr of a program that must not start."""
        _, err = self.process.communicate(timeout=20)
        return self.process.returncode, err

    def up(self) -> bool:
        assert self.process.poll() is None, "ended"
        try:
            return bool(self.open("/health"))
        except OSError:
            return False

    def open(self, path: str, method: str = "GET") -> bytes:
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}{path}", method=method)
        with urllib.request.urlopen(request, timeout=20) as answer:
            body: bytes = answer.read()
            return body

    def truth(self, symbol: str = "BTC-USDT") -> list[dict[str, Any]]:
        body = self.open(f"/truth?exchange=binance&symbol={symbol}")
        return [json.loads(line) for line in body.splitlines()]


Start = Callable[..., Program]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Return a function that starts the program on one folder."""
    started: list[Program] = []

    def begin(*arguments: str) -> Program:
        started.append(Program(tmp_path, *arguments))
        return started[-1]

    yield begin
    for program in started:
        if program.process.poll() is None:
            program.end(signal.SIGKILL)


def test_after_kill_9_it_tells_the_same_trades_and_those_of_the_time_between(start: Start) -> None:
    with start("--seed", "5", "--rate", "900") as program:
        eventually(lambda: len(program.truth()) > 100)
        before = program.truth()
        program.end(signal.SIGKILL)
    with start() as program:
        after = program.truth()
        assert after[: len(before)] == before
        assert len(after) > len(before) + 30, "trades happened while it was down"
        gaps = {b["ts_event"] - a["ts_event"] for a, b in pairwise(after)}
        assert max(gaps) <= 4000, "every 3.3 ms, written in milliseconds"


def test_a_pause_survives_kill_9(start: Start) -> None:
    with start("--rate", "900") as program:
        executed = json.loads(program.open("/pause", "POST"))["executed"]
        program.end(signal.SIGKILL)
    with start() as program:
        assert json.loads(program.open("/health"))["executed"] == executed
        program.open("/resume", "POST")
        eventually(lambda: len(program.truth()) > executed["binance:BTC-USDT"] + 20)


def test_another_seed_or_rate_on_the_folder_exits_2_in_one_line(start: Start) -> None:
    with start("--seed", "5", "--rate", "900") as program:
        assert program.end(signal.SIGTERM) == (0, "")
    for arguments in (("--seed", "6"), ("--rate", "901")):
        code, err = start(*arguments).refused()
        assert code == 2
        assert err.startswith(f"tickwire: {arguments[0]}: {arguments[1]}, but")
        assert err.count("\n") == 1


@pytest.mark.parametrize(
    "arguments",
    [
        ("--rate", "0"),
        ("--rate", "x"),
        ("--speed", "-1"),
        ("--faults", "drop=7"),
        ("--recording", "no/such"),
        ("--symbols", "binance:BTCUSDT"),
        ("--symbols", "nowhere:BTC-USD"),
        ("--nonsense",),
    ],
)
def test_a_wrong_command_line_exits_2_in_one_line(start: Start, arguments: tuple[str, ...]) -> None:
    code, err = start(*arguments).refused()
    assert code == 2
    assert err.startswith("tickwire: ")
    assert err.count("\n") == 1


def test_a_port_in_use_exits_2_in_one_line(start: Start) -> None:
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        holder.listen()
        port = holder.getsockname()[1]
        code, err = start("--port", str(port)).refused()
    assert code == 2
    assert err.startswith(f"tickwire: SIMULATOR_PORT: {port} ")
    assert err.count("\n") == 1


def test_other_symbols_take_over_where_the_old_ones_stand_still(start: Start) -> None:
    with start("--rate", "900") as program:
        eventually(lambda: len(program.truth()) > 20)
        program.end(signal.SIGTERM)
    with start("--symbols", "binance:BTC-USDT") as program:
        eventually(lambda: len(program.truth()) > 100)
        ids = [line["trade_id"] for line in program.truth()]
        assert ids == list(range(1, len(ids) + 1))
        assert list(json.loads(program.open("/health"))["executed"]) == ["binance:BTC-USDT"]


def test_it_beats_and_listens_on_loopback_only(start: Start) -> None:
    with start() as program:
        context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
        beats = sockets.Subscriber(
            context, program.settings.run_dir, ["simulator"], [b"heartbeat."]
        )
        assert beats.socket.poll(5000)
        beat = decode(beats.socket.recv_multipart()[1])
        beats.socket.close()
        context.term()
        assert isinstance(beat, Heartbeat)
        assert (beat.program, beat.state) == ("simulator", "ready")
        assert beat.counters == {"frames": 0, "clients": 0, "played": 0}
        assert program.truth("AAPL-USD")
        with socket.socket() as probe:
            probe.settimeout(2)
            outside = socket.gethostbyname(socket.gethostname())
            if not outside.startswith("127."):
                assert probe.connect_ex((outside, program.port)) != 0
        assert program.end(signal.SIGTERM) == (0, "")
