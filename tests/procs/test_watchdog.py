"""The watchdog: whom it judges hung, and what a real supervisord does when it says so."""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from bus import settings, topics
from bus.actor import Instant
from bus.messages import Heartbeat, ProgramTable, decode, encode
from bus.process import Process
from procs.render import START_RETRIES, START_S
from procs.supervisor_rpc import Seen, Supervisor, Unanswered
from procs.watchdog.__main__ import STATE_ALONE, STATE_WAITING, Watchdog
from procs.watchdog.judge import (
    HUNG_AFTER_S,
    HURRY_AGAIN_S,
    START_AFTER_S,
    Hurry,
    Judge,
    Kill,
    Order,
    Start,
)
from tests.eventually import eventually

SECOND = 1_000_000
FEED = Seen("feed-x", "feed-x", "RUNNING", 100, 0, "")


def _watch(judge: Judge, seen: Seen, begin_s: int, end_s: int) -> list[tuple[int, Order]]:
    """Look once a second; return what was ordered, and when."""
    return [
        (second, order)
        for second in range(begin_s, end_s)
        for order in judge.look([seen], second * SECOND)
    ]


def test_a_program_that_beats_is_left_alone() -> None:
    judge = Judge()
    for second in range(100):
        judge.heard("feed-x", 100, second * SECOND)
        assert judge.look([FEED], second * SECOND) == []


def test_a_program_that_falls_silent_is_killed_after_the_limit_and_not_before() -> None:
    judge = Judge()
    judge.heard("feed-x", 100, 0)
    killed = Kill("feed-x:feed-x", "feed-x", 100, HUNG_AFTER_S)
    assert _watch(judge, FEED, 0, HUNG_AFTER_S + 2) == [(HUNG_AFTER_S, killed)]


def test_a_program_that_survives_its_kill_is_killed_again() -> None:
    judge = Judge()
    judge.heard("feed-x", 100, 0)
    found = _watch(judge, FEED, 0, 2 * HUNG_AFTER_S + 1)
    assert [second for second, _ in found] == [HUNG_AFTER_S, 2 * HUNG_AFTER_S]


def test_a_program_that_was_never_heard_is_not_judged() -> None:
    assert _watch(Judge(), FEED, 0, 200) == []


def test_a_program_that_has_not_beaten_since_its_restart_is_not_judged() -> None:
    judge = Judge()
    judge.heard("feed-x", 99, 0)
    assert _watch(judge, FEED, 0, 200) == []


@pytest.mark.parametrize("state", ["STARTING", "STOPPING", "BACKOFF", "STOPPED", "EXITED"])
def test_a_program_that_is_not_running_is_not_judged(state: str) -> None:
    judge = Judge()
    judge.heard("feed-x", 100, 0)
    assert _watch(judge, replace(FEED, state=state), 0, 200) == []


def test_a_watchdog_that_stood_still_blames_nobody() -> None:
    judge = Judge()
    judge.heard("feed-x", 100, 0)
    judge.look([FEED], 0)
    assert judge.look([FEED], 300 * SECOND) == []
    (first, *_) = _watch(judge, FEED, 301, 400)
    assert first[0] == 300 + HUNG_AFTER_S


def test_a_program_given_up_is_started_again_and_again() -> None:
    fatal = replace(FEED, state="FATAL", pid=0)
    found = _watch(Judge(), fatal, 0, 1500)
    assert [second for second, _ in found] == list(range(START_AFTER_S, 1500, START_AFTER_S))
    assert [order.attempt for _, order in found if isinstance(order, Start)][:3] == [1, 2, 3]
    assert found[0][1] == Start("feed-x:feed-x", "feed-x", 1)


def back_after(cause_s: int, *, watched: bool = True) -> int | None:
    """Return how long after its cause is gone a program that ends at once runs; None: never.

    Supervisord as its documentation has it: tries 1, 2, 3 … s apart, then FATAL for ever.
    (http://supervisord.org/subprocess.html#process-states)
    """
    judge, tries, next_try = Judge(), 0, 0
    for second in range(cause_s + 600):
        state = "FATAL" if tries > START_RETRIES else "BACKOFF"
        orders = judge.look([replace(FEED, state=state, pid=0)], second * SECOND)
        if orders and watched:
            tries, next_try = 0, second
        if second >= next_try and tries <= START_RETRIES:
            if second >= cause_s:
                return second + START_S - cause_s
            tries += 1
            next_try = second + tries
    return None


def test_f21_after_a_storm_of_restarts_it_runs_within_70_s_of_the_end_of_its_cause() -> None:
    found = [back_after(cause_s) for cause_s in range(1, 2000, 17)]
    assert all(one is not None and one <= 70 for one in found)


def test_f21_nobody_would_start_it_again_without_a_watchdog() -> None:
    assert back_after(60, watched=False) is not None  # supervisord itself tries for minutes
    assert back_after(300, watched=False) is None


def test_tries_of_supervisord_between_do_not_shorten_the_wait_but_success_does() -> None:
    judge = Judge()
    fatal, trying = (replace(FEED, state=state, pid=0) for state in ("FATAL", "BACKOFF"))
    assert [at for at, _ in _watch(judge, fatal, 0, 61)] == [60]
    assert _watch(judge, trying, 61, 271) == []
    assert [at for at, _ in _watch(judge, fatal, 271, 271 + 61)] == [271 + 60]
    assert _watch(judge, FEED, 400, 410) == []
    assert [at for at, _ in _watch(judge, fatal, 410, 410 + 61)] == [410 + 60]


def test_a_program_stopped_by_hand_stays_stopped() -> None:
    assert _watch(Judge(), replace(FEED, state="STOPPED", pid=0), 0, 1000) == []


def test_only_a_server_that_was_asked_to_stop_by_somebody_else_is_hurried() -> None:
    server, judge = Seen("postgres", "postgres", "RUNNING", 200, 0, ""), Judge()
    hurried = Hurry("postgres:postgres", "postgres", 200)
    assert judge.look([FEED, server], 0, stopping=200) == [hurried]
    assert judge.look([FEED, server], (HURRY_AGAIN_S - 1) * SECOND, stopping=200) == []
    assert judge.look([FEED, server], HURRY_AGAIN_S * SECOND, stopping=200) == [hurried]
    late = 100 * SECOND
    assert judge.look([FEED, server], late, stopping=0) == []
    assert judge.look([FEED, server], late, stopping=199) == []  # what another one has left
    assert judge.look([FEED, server], late, stopping=FEED.pid) == []  # which had this number
    stopped = replace(server, state="STOPPING")
    assert judge.look([FEED, stopped], late, stopping=200) == []  # supervisord did it


def test_restarts_are_counted_by_the_change_of_pid() -> None:
    judge = Judge()
    for pid in (100, 100, 0, 0, 101, 101, 102):
        judge.look([replace(FEED, pid=pid, state="RUNNING" if pid else "BACKOFF")], 0)
    assert judge.restarts == {"feed-x": 2}


# ---- with a real supervisord ----

CONFIGURATION = """\
[unix_http_server]
file={folder}/s.sock
chmod=0700
[rpcinterface:supervisor]
supervisor.rpcinterface_factory=supervisor.rpcinterface:make_main_rpcinterface
[supervisord]
logfile={folder}/supervisord.log
pidfile={folder}/supervisord.pid
[program:still]
command={python} -c "import signal; signal.pause()"
startsecs=0
autorestart=true
[program:broken]
command={python} -c "open('{folder}/tries', 'a').write('x'); raise SystemExit(2)"
startretries=0
autorestart=true
"""


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder whose path is short enough for a Unix socket."""
    made = Path(tempfile.mkdtemp(prefix="tw", dir="/tmp"))
    yield made
    shutil.rmtree(made)


@pytest.fixture
def supervisord(folder: Path) -> Iterator["subprocess.Popen[bytes]"]:
    """A real supervisord with a program that hangs and one that does not start."""
    path = folder / "supervisord.conf"
    path.write_text(CONFIGURATION.format(folder=folder, python=sys.executable), encoding="utf-8")
    with subprocess.Popen(
        [sys.executable, "-m", "supervisor.supervisord", "-n", "-c", str(path)],
        stdout=subprocess.DEVNULL,
    ) as running:
        yield running
        running.send_signal(signal.SIGCONT)
        running.terminate()
        running.wait(20)


def _program(supervisor: Supervisor, name: str) -> Seen | None:
    try:
        return next(seen for seen in supervisor.programs() if seen.name == name)
    except Unanswered:
        return None


def _running(supervisor: Supervisor, other_than: int = 0) -> Seen:
    def found() -> Seen | None:
        seen = _program(supervisor, "still")
        return seen if seen and seen.state == "RUNNING" and seen.pid != other_than else None

    return eventually(found, within=15) or pytest.fail("never ran")


def _watchdog(supervisor: Supervisor | None) -> tuple[Watchdog, Process]:
    process = Process("watchdog", settings.load({}))
    return Watchdog(process, supervisor), process


def _at(second: int) -> Instant:
    return Instant(1_700_000_000 * SECOND + second * SECOND, second * SECOND)


def _beat(name: str, pid: int) -> list[bytes]:
    beat = Heartbeat(name, pid, 0, 0, "ready", {}, 0, 0, {})
    return [topics.heartbeat(name), encode(beat)]


def _table(watchdog: Watchdog, second: int) -> ProgramTable | None:
    for output, topic, payload in watchdog.on_tick(_at(second)):
        assert (output, topic) == ("out", topics.PROGRAMS)
        table = decode(payload)
        assert isinstance(table, ProgramTable)
        return table
    return None


@pytest.mark.usefixtures("supervisord")
def test_a_silent_process_is_killed_and_supervisord_starts_it_again(folder: Path) -> None:
    supervisor = Supervisor(folder / "s.sock")
    before = _running(supervisor)
    watchdog, process = _watchdog(supervisor)
    watchdog.on_message("beats", _beat("still", before.pid), _at(0))
    os.kill(before.pid, signal.SIGSTOP)
    for second in range(HUNG_AFTER_S):
        _table(watchdog, second)
    assert _running(supervisor).pid == before.pid
    _table(watchdog, HUNG_AFTER_S)
    after = _running(supervisor, other_than=before.pid)
    assert after.pid != before.pid
    assert process.health.counters["killed"] == 1
    table = _table(watchdog, HUNG_AFTER_S + 1)
    assert table is not None
    (told,) = [program for program in table.programs if program.name == "still"]
    assert (told.pid, told.restarts, told.state) == (after.pid, 1, "RUNNING")


@pytest.mark.usefixtures("supervisord")
def test_f21_a_program_that_supervisord_gave_up_is_told_and_started_again(folder: Path) -> None:
    supervisor = Supervisor(folder / "s.sock")

    def given_up() -> Seen | None:
        seen = _program(supervisor, "broken")
        return seen if seen and seen.state == "FATAL" else None

    eventually(given_up, within=15)
    tries = folder / "tries"
    assert tries.read_text() == "x"
    watchdog, process = _watchdog(supervisor)
    for second in range(START_AFTER_S):
        _table(watchdog, second)
    assert tries.read_text() == "x"
    assert "broken" in (process.health.last_error or "")
    _table(watchdog, START_AFTER_S)
    assert process.health.counters["started"] == 1
    eventually(lambda: tries.read_text() == "xx", within=15)


def test_a_supervisord_that_is_away_or_stops_is_waited_for(
    folder: Path, supervisord: "subprocess.Popen[bytes]"
) -> None:
    supervisor = Supervisor(folder / "s.sock")
    _running(supervisor)
    watchdog, process = _watchdog(supervisor)
    assert _table(watchdog, 0) is not None
    os.kill(supervisord.pid, signal.SIGSTOP)
    assert _table(watchdog, 1) is None
    assert process.health.state == STATE_WAITING
    os.kill(supervisord.pid, signal.SIGCONT)
    assert eventually(lambda: _program(supervisor, "still"), within=10) is not None
    assert _table(watchdog, 7) is not None
    assert process.health.state == "ready"


def test_no_socket_at_all_is_waited_for(folder: Path) -> None:
    watchdog, process = _watchdog(Supervisor(folder / "none.sock"))
    assert _table(watchdog, 0) is None
    assert process.health.state == STATE_WAITING


def test_without_supervisord_it_only_listens() -> None:
    watchdog, process = _watchdog(None)
    watchdog.on_message("beats", _beat("feed-x", 1), _at(0))
    assert _table(watchdog, 100) is None
    assert process.health.state == STATE_ALONE
