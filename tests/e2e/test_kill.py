"""Signals to supervisord's programs: each comes back, the rest serve on, and nothing is lost."""

import os
import re
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPException
from pathlib import Path
from typing import Self

import msgspec
import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect

from bus import settings
from procs.programs import programs
from tests.beside import Beside
from tests.e2e.exactness import assert_exact, journalled
from tests.e2e.stack import Stack
from tests.e2e.viewer import Viewer
from tests.eventually import eventually
from tests.faults import times

pytestmark = [pytest.mark.e2e, pytest.mark.alone]

BACK_WITHIN_S = 5.0
FLOWS_WITHIN_S = 20.0
ASK_EVERY_S = 0.1
LAG_US_MAX = 50_000
WINDOWS = 5
DRAINED_WITHIN_S = 5.0
ALL_BACK_WITHIN_S = 20.0
"""All of them begin within seconds, on few cores."""


def names() -> list[str]:
    """Return the names of all programs of a demo."""
    found = []
    for program in programs(settings.ROOT, settings.load({"SIMULATED": "1"})):
        slots = range(program.copies)
        found += [f"{program.name}-{slot}" for slot in slots] if slots else [program.name]
    return found


class Witness(Beside):
    """A visitor who asks all the time and keeps a live connection, in a thread of its own."""

    def __init__(self, stack: Stack) -> None:
        super().__init__(self._ask, self._watch)
        self.answered = 0
        self.failed: list[str] = []
        self.closed: list[int | None] = []
        """The codes with which live connections ended; None: without a word."""
        self.updated = 0.0
        """When the last price came, by the monotonic clock."""
        self._stack = stack

    def __enter__(self) -> Self:
        super().__enter__()
        eventually(lambda: self.answered and self.updated, within=20)
        return self

    def _ask(self) -> None:
        while not self.ended.wait(ASK_EVERY_S):
            try:
                status, body = self._stack.get("/health/live")
            except (OSError, HTTPException) as error:
                self.failed.append(repr(error))
                continue
            if (status, body) == (200, {"status": "ok"}):
                self.answered += 1
            else:
                self.failed.append(f"{status} {body}")

    def _watch(self) -> None:
        while not self.ended.wait(ASK_EVERY_S):
            try:
                with connect(self._stack.ws_url) as live:
                    self._listen(live)
            except ConnectionClosed as closed:
                self.closed.append(closed.rcvd.code if closed.rcvd else None)
            except OSError:
                continue  # nobody is there yet

    def _listen(self, live: ClientConnection) -> None:
        live.send('{"type": "subscribe", "symbols": "*"}')
        while not self.ended.is_set():
            try:
                frame = msgspec.json.decode(live.recv(timeout=0.1))
            except TimeoutError:
                continue
            if frame["type"] in ("price_update", "batch_update"):
                self.updated = time.monotonic()


def test_f1_f2_f3_f4_f8_whoever_is_killed_comes_back_the_rest_serve_and_nothing_is_lost(
    demo: Stack,
) -> None:
    since = demo.mark()
    with Witness(demo) as witness:
        for program in names() * times(1, 300):
            before, closed, failed = demo.pids(), len(witness.closed), len(witness.failed)
            serves = program.startswith("web-")
            demo.kill(program)
            demo.wait_back(program, before[program], within=BACK_WITHIN_S)
            back = time.monotonic()
            stored = demo.stored()
            eventually(lambda: demo.stored() > stored, within=FLOWS_WITHIN_S)  # noqa: B023
            eventually(lambda: witness.updated > back, within=FLOWS_WITHIN_S)  # noqa: B023
            if not serves:
                assert len(witness.closed) == closed, program
            # A request may have been in the very hands that were killed, none after it.
            assert len(witness.failed) - failed <= (1 if serves else 0), witness.failed
            changed = {name for name, pid in demo.pids().items() if pid != before[name]}
            assert changed == {program}
    assert all(assert_exact(demo, since).values())


def test_f4_clients_of_a_killed_web_process_resume_at_another_and_miss_nothing(
    demo: Stack,
) -> None:
    demo.mark()
    closely = {exchange: symbols[0] for exchange, symbols in demo.settings.feeds.items()}
    kills = times(1, 100)
    with Viewer(demo.ws_url, closely) as viewer:
        eventually(lambda: viewer.forget() == len(closely), within=FLOWS_WITHIN_S)
        since = demo.executed()
        for _ in range(kills):
            serves, connections = viewer.process, viewer.connections
            before = demo.pid(serves)
            demo.kill(serves)
            eventually(lambda: viewer.connections > connections, within=BACK_WITHIN_S)  # noqa: B023
            demo.wait_back(serves, before, within=FLOWS_WITHIN_S)
            trades = viewer.trades
            eventually(lambda: viewer.trades > trades, within=FLOWS_WITHIN_S)  # noqa: B023
        # All that it missed was at the other process, which had been there for long.
        assert (viewer.recovered >= kills, viewer.not_recovered) == (True, 0)
        executed = demo.pause()
        try:
            eventually(lambda: viewer.lacks(executed, since) == [], within=FLOWS_WITHIN_S)
        finally:
            demo.resume()
        assert (viewer.holes, viewer.wrong) == (0, [])
        assert viewer.forget() == len(closely)


def test_web_processes_restarted_one_by_one_refuse_nobody(demo: Stack) -> None:
    with Witness(demo) as witness:
        for _ in range(times(1, 20)):
            for slot in (1, 2):
                demo.restart(f"web:web-{slot}")
        answered = witness.answered
        eventually(lambda: witness.answered > answered)
        assert witness.failed == []
        assert set(witness.closed) <= {1012}
    assert witness.closed  # whichever process held it was restarted


def test_f7_while_all_others_stand_still_the_feeds_read_on(demo: Stack) -> None:
    """Alive they need nobody: not the database, not who reads them, not the watchdog.

    In each window half of all trades are read in time, however busy the machine is: a feed that
    waits for somebody who stands still reads none. That 99 of 100 are is asked of one window: of a
    few hundred trades that is the third worst, and a machine that is busy with something else makes
    some of them wait for a processor, in other windows than those in which it lets us wait.
    """
    since = demo.mark()
    feeds = {"feed-coinbase", "feed-binance"}
    pids = demo.pids()
    others = [pid for name, pid in pids.items() if name not in {*feeds, "simulator"}]
    try:
        for pid in others:
            os.kill(pid, signal.SIGSTOP)
        window_s = 2.0 if times(1, 2) == 1 else 30.0
        in_time = []
        for _ in range(WINDOWS):
            ends = journal_ends(demo)
            waited_us = scheduled_p99_us(window_s)
            lags = lags_us(demo, ends)
            assert percentile(lags, 0.5) <= LAG_US_MAX
            in_time.append(percentile(lags, 0.99) <= max(LAG_US_MAX, 3 * waited_us))
        assert any(in_time)
    finally:
        for pid in others:
            os.kill(pid, signal.SIGCONT)
    ends = journal_ends(demo)
    with stopped(pids["feed-coinbase"]):  # the control: such a stop would be seen
        threading.Event().wait(0.3)
    assert percentile(lags_us(demo, ends), 0.99) > 200_000
    assert demo.pids() == pids
    assert all(assert_exact(demo, since).values())


def test_f27_whoever_is_asked_to_end_drains_within_five_seconds_and_exits_0(demo: Stack) -> None:
    log = demo.settings.data_dir / "logs" / "supervisord.log"
    for _ in range(times(1, 100)):
        since = demo.mark()
        before = demo.pids()
        with Witness(demo) as witness:
            told = log.stat().st_size
            for pid in before.values():  # the database, too, whose clients would stay
                os.kill(pid, signal.SIGTERM)
                eventually(lambda: not lives(pid), within=DRAINED_WITHIN_S)  # noqa: B023
            for name, pid in before.items():
                demo.wait_back(name, pid, within=ALL_BACK_WITHIN_S)
        text = log.read_bytes()[told:].decode()
        # Supervisord alone has seen how they ended.
        codes = dict(re.findall(r"exited: (\S+) \((.+?)[;)]", text))
        assert codes == dict.fromkeys(before, "exit status 0")
        assert set(witness.closed) == {1012}
        assert all(assert_exact(demo, since).values())


def lives(pid: int) -> bool:
    """True until a process has ended, whether or not its parent has taken note of it."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


@contextmanager
def stopped(pid: int) -> Iterator[None]:
    """Let a process stand still."""
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


def scheduled_p99_us(seconds: float) -> int:
    """Return how much longer than asked this machine lets a process sleep just now, µs."""
    late, never, until = [], threading.Event(), time.monotonic() + seconds
    while (began := time.monotonic()) < until:
        never.wait(0.005)
        late.append(int((time.monotonic() - began - 0.005) * 1e6))
    return percentile(late, 0.99)


def percentile(values: list[int], part: float) -> int:
    """Return the smallest value that ``part`` of them do not pass."""
    return sorted(values)[int(len(values) * part)]


def journal_ends(stack: Stack) -> dict[str, int]:
    """Return how many trades each exchange's journal has."""
    return {name: len(journalled(stack, name)) for name in stack.settings.feeds}


def lags_us(stack: Stack, ends: dict[str, int]) -> list[int]:
    """Return how long after they happened the trades after ``ends`` were read, µs."""
    eventually(lambda: all(now > ends[name] for name, now in journal_ends(stack).items()))
    return [
        one.ts_recv - one.ts_event
        for name, end in ends.items()
        for one in journalled(stack, name)[end:]
    ]
