"""The life of a whole installation: stopped, killed at the root, started again, started twice."""

import signal
import subprocess
import sys

import pytest

from bus import process, settings
from tests.e2e.exactness import assert_exact
from tests.e2e.fix_stack import Stacks
from tests.e2e.remains import held_locks, processes_of, signal_all
from tests.e2e.stack import Stack
from tests.faults import times

pytestmark = pytest.mark.e2e

LAUNCHED_S = 30


@pytest.fixture(scope="module")
def own(stacks: Stacks) -> Stack:
    """An installation that may be stopped and killed."""
    return stacks(RATE="300", FEEDS="coinbase:ETH-USD;binance:ETH-USDT,BTC-USDT", SEED="7")


def running(stack: Stack) -> Stack:
    """Return it running, whatever a test before has done to it."""
    return stack if stack.launcher is not None else stack.start()


@pytest.mark.parametrize(
    ("whom", "signum", "code"),
    [
        ("supervisord", signal.SIGKILL, process.EXIT_CRASHED),
        ("launcher", signal.SIGKILL, -signal.SIGKILL),
        ("all", signal.SIGKILL, -signal.SIGKILL),
    ],
    ids=["supervisord killed", "launcher killed", "all killed at once"],
)
def test_f6_however_it_ends_nothing_is_left_and_the_next_start_has_everything(
    own: Stack, whom: str, signum: signal.Signals, code: int
) -> None:
    since = running(own).mark()
    for _ in range(times(1, 20)):
        stored = own.stored()
        if whom == "all":
            signal_all(own.settings.data_dir, signum)
        else:
            own.kill(whom, signum)
        assert own.wait_ended() == code
        if code >= 0:  # it has waited for all of them
            assert processes_of(own.settings.data_dir) == []
        own.wait_gone()
        own.start()
        own.mark()
        assert all(assert_exact(own, since).values())  # of what came meanwhile, too
        assert own.stored() > stored


def test_every_process_and_lock_of_a_running_installation_is_seen(own: Stack) -> None:
    """The control of the tests that find nothing left."""
    running(own).mark()
    expected = {*own.pids().values(), own.pid("launcher"), own.pid("supervisord")}
    workers = own.rows("SELECT pid FROM pg_stat_activity WHERE backend_type = 'checkpointer'")
    expected |= {pid for (pid,) in workers}
    assert len(expected) == len(own.pids()) + 3
    assert expected <= {pid for pid, _ in processes_of(own.settings.data_dir)}
    assert held_locks(own.settings.data_dir) == sorted(
        f"{name}.lock" for name in [*own.pids(), "launch"]
    )


def test_f6_a_second_start_says_whose_the_first_is_and_leaves_it_alone(own: Stack) -> None:
    running(own)
    pids = own.pids()
    second = launch(own, "procs", "demo")
    assert second.returncode == process.EXIT_LOCKED
    assert second.stderr == f"tickwire: already running, pid {own.pid('launcher')}\n"
    assert own.pids() == pids


@pytest.mark.parametrize("program", ["persister", "tap"])
def test_f6_f23_a_second_process_of_a_singleton_is_refused_and_the_first_lives_on(
    own: Stack, program: str
) -> None:
    running(own)
    pids = own.pids()
    second = launch(own, f"procs.{program}")
    assert second.returncode == process.EXIT_LOCKED
    assert second.stderr.startswith("tickwire: ")
    assert second.stderr.count("\n") == 1
    since = own.mark()
    assert own.pids() == pids
    assert all(assert_exact(own, since).values())


def test_two_installations_side_by_side_do_not_meet(own: Stack, demo: Stack) -> None:
    running(own)
    marks = [(stack, stack.mark()) for stack in (own, demo)]
    assert not set(own.pids().values()) & set(demo.pids().values())
    for stack, since in marks:
        symbols = stack.get("/api/status")[1]["symbols"]
        assert len(symbols) == sum(map(len, stack.settings.feeds.values()))
        assert all(assert_exact(stack, since).values())
    ours = own.truth("binance", "ETH-USDT")[0]
    theirs = demo.truth("binance", "ETH-USDT")[0]
    assert ours.trade_id == theirs.trade_id == 1
    assert ours != theirs


def test_stop_and_status_of_the_background_find_a_foreground_launch(own: Stack) -> None:
    running(own)
    pid = own.pid("launcher")
    status = launch(own, "procs", "status")
    assert (status.returncode, status.stderr) == (0, "")
    assert status.stdout.startswith(f"running, pid {pid}, ")
    assert len(status.stdout.splitlines()) == 1 + len(own.pids())
    stopped = launch(own, "procs", "stop")
    assert (stopped.returncode, stopped.stderr) == (0, "")
    assert own.wait_ended() == 0
    own.wait_gone()
    assert launch(own, "procs", "status").returncode == 3


def launch(stack: Stack, module: str, *arguments: str) -> "subprocess.CompletedProcess[str]":
    """Run one more command on an installation's folder to its end."""
    return subprocess.run(
        [sys.executable, "-m", module, *arguments],
        cwd=settings.ROOT,
        env={**stack.environment, "SIMULATED": "1"},
        capture_output=True,
        text=True,
        timeout=LAUNCHED_S,
        check=False,
    )
