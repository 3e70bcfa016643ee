"""The life of a process, on real ones: locks, exit codes, signals, a parent's death."""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from queue import Queue
from threading import Thread

import pytest
import zmq

from bus import sockets
from bus.errors import AnotherInstance, SettingError
from bus.messages import Heartbeat, decode
from bus.process import Lock, data_folder, is_locked, run_folder, stamp_folder, take_lock
from bus.settings import ROOT, Settings
from bus.wiring import BATCHES
from tests.eventually import eventually

LOOPS = ("", "a")
"""The poller loop and the asyncio loop, by the letter before a program's name."""


class Program:
    """One run of ``tests.bus.programs``."""

    def __init__(self, folder: Path, name: str, **environment: str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tests.bus.programs", name],
            cwd=ROOT,
            env={
                "PATH": os.environ["PATH"],
                "DATA_DIR": str(folder),
                "DATABASE_URL": "",
                **environment,
            },
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.lines: Queue[str] = Queue()
        self.seen: list[str] = []
        self._reader = Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.lines.put(line.strip())

    def until(self, word: str) -> str:
        """Return the first line that has ``word``."""
        while True:
            line = self.lines.get(timeout=20)
            self.seen.append(line)
            if word in line:
                return line

    def stop(self, number: int = signal.SIGTERM) -> float:
        """Signal it; return after how many seconds it ended."""
        began = time.monotonic()
        self.process.send_signal(number)
        self.process.wait(10)
        return time.monotonic() - began

    def ended(self) -> tuple[int, str]:
        """Wait for its end; return the exit code and what it wrote to standard error."""
        code = self.process.wait(20)
        assert self.process.stderr is not None
        return code, self.process.stderr.read()

    def remove(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait(10)
        self._reader.join(5)
        for stream in (self.process.stdout, self.process.stderr):
            if stream is not None:
                stream.close()


Start = Callable[..., Program]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    made: list[Program] = []

    def begin(name: str, **environment: str) -> Program:
        made.append(Program(tmp_path, name, **environment))
        return made[-1]

    yield begin
    for one in made:
        one.remove()
    shutil.rmtree(Settings(data_dir=tmp_path).run_dir, ignore_errors=True)


@pytest.mark.parametrize("loop", LOOPS)
def test_a_signal_while_idle_ends_it_at_once_drained_with_exit_0(start: Start, loop: str) -> None:
    took = []
    for number in (signal.SIGTERM, signal.SIGINT):
        one = start(loop + "idle")
        one.until("ready")
        one.until("5 ticks")  # it is asleep between ticks now
        began = time.monotonic()
        one.process.send_signal(number)
        one.until("drained")
        took.append(time.monotonic() - began)
        assert one.ended() == (0, "")
    assert min(took) < 0.1  # not at the next tick


@pytest.mark.parametrize("name", ["flooded", "busy", "aflooded"])
def test_a_busy_input_starves_neither_ticks_nor_signals(start: Start, name: str) -> None:
    one = start(name)
    one.until("ready")
    began = time.monotonic()
    line = one.until("20 ticks")
    assert time.monotonic() - began < 5
    taken = int(line.split(", ")[1].split()[0])
    assert (taken > 0) is (name != "busy")
    assert one.stop() < 2
    assert one.process.returncode == 0


@pytest.mark.parametrize("loop", LOOPS)
def test_what_the_drain_returns_is_still_sent(start: Start, tmp_path: Path, loop: str) -> None:
    context: zmq.Context[sockets.Socket] = zmq.Context()
    pull = sockets.bind(context, BATCHES, run_folder(Settings(data_dir=tmp_path)), "persister")
    one = start(loop + "idle")
    one.until("5 ticks")  # by then it has found the peer: nothing waits for one that is away
    one.stop()
    assert pull.poll(5000)
    assert pull.recv() == b"last words"
    pull.close()
    context.term()


@pytest.mark.parametrize("loop", LOOPS)
def test_the_first_heartbeat_says_ready_and_they_come_once_a_second(
    start: Start, tmp_path: Path, loop: str
) -> None:
    context: zmq.Context[sockets.Socket] = zmq.Context()
    one = start(loop + "idle")
    one.until("ready")
    subscriber = sockets.Subscriber(
        context, run_folder(Settings(data_dir=tmp_path)), ["program"], [b"heartbeat."]
    )
    beats = []
    for _ in range(2):
        assert subscriber.socket.poll(5000)
        topic, payload = subscriber.socket.recv_multipart()
        assert topic == b"heartbeat.program."
        beats.append(decode(payload))
    first, second = beats
    assert isinstance(first, Heartbeat)
    assert isinstance(second, Heartbeat)
    assert (first.state, first.pid) == ("ready", one.process.pid)
    assert 800_000 < second.ts - first.ts < 2_500_000
    assert first.rss_bytes > 1_000_000
    subscriber.socket.close()
    context.term()


@pytest.mark.parametrize("name", ["tick-fails", "message-fails", "atick-fails", "amessage-fails"])
def test_impossible_trouble_ends_the_process_with_exit_1(start: Start, name: str) -> None:
    code, _ = start(name).ended()
    assert code == 1


def test_f23_a_second_instance_is_refused_with_exit_75_and_one_line(start: Start) -> None:
    first = start("idle")
    first.until("ready")
    code, error = start("idle").ended()
    assert code == 75
    assert error.startswith("tickwire: another program holds ")
    assert error.count("\n") == 1
    first.process.kill()
    first.process.wait(10)
    start("idle").until("ready")  # the kernel let go of the lock


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("PORT", "eighty"),
        ("FEEDS", "binance"),
        ("DATA_DIR", "/proc/nowhere"),
        ("LOG_LEVEL", "LOUD\nline"),
    ],
)
def test_a_wrong_setting_is_one_line_and_exit_2(start: Start, key: str, value: str) -> None:
    code, error = start("idle", **{key: value}).ended()
    assert code == 2
    assert error.startswith(f"tickwire: {key}: ")
    assert error.count("\n") == 1
    assert "; " in error


def test_a_child_dies_with_its_killed_parent(start: Start) -> None:
    one = start("parent")
    child = int(one.until("child").split()[1])
    one.until("ready")  # the child's loop runs
    os.kill(one.process.pid, signal.SIGKILL)

    def gone() -> bool:
        try:
            state = Path(f"/proc/{child}/stat").read_text().rpartition(")")[2].split()[0]
        except (FileNotFoundError, ProcessLookupError):
            return True
        return state in "ZX"

    assert eventually(gone, within=10)


def test_a_lock_is_held_once_and_until_it_is_closed(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path)
    lock = take_lock(settings, "feed-binance")
    path = tmp_path / "run" / "feed-binance.lock"
    assert is_locked(path)
    assert path.read_text() == f"{os.getpid()}\n"
    with pytest.raises(AnotherInstance, match="feed-binance"):
        Lock(path, "feed-binance")
    take_lock(settings, "feed-coinbase").close()
    lock.close()
    assert not is_locked(path)
    Lock(path, "feed-binance").close()
    shutil.rmtree(settings.run_dir)


def test_the_folder_of_the_sockets_is_ours_alone_and_short(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path / ("long" * 20))
    folder = run_folder(settings)
    assert folder.stat().st_mode & 0o777 == 0o700
    assert len(str(folder / "aggregator-with-a-long-name.pull")) < 107
    folder.rmdir()
    folder.symlink_to(tmp_path)
    with pytest.raises(SettingError, match="TMPDIR"):
        run_folder(settings)
    folder.unlink()
    (tmp_path / "file").write_text("")
    with pytest.raises(SettingError, match="DATA_DIR"):
        data_folder(Settings(data_dir=tmp_path / "file"), "logs")
    assert tempfile.gettempdir() in str(folder)


def test_a_folder_of_live_data_takes_no_simulated_ones_and_the_other_way_round(
    tmp_path: Path,
) -> None:
    for first, second in ((True, False), (False, True)):
        folder = tmp_path / str(first)
        stamp_folder(Settings(data_dir=folder, simulated=first))
        stamp_folder(Settings(data_dir=folder, simulated=first))
        with pytest.raises(SettingError) as refused:
            stamp_folder(Settings(data_dir=folder, simulated=second))
        assert refused.value.key == "DATA_DIR"


def test_a_program_on_a_folder_of_the_other_kind_does_not_begin(start: Start) -> None:
    one = start("idle")
    one.until("ready")
    one.stop()
    code, error = start("idle", SIMULATED="1").ended()
    assert code == 2
    assert error.startswith("tickwire: DATA_DIR: ")
    assert "holds live data; give simulated data a folder of their own" in error
