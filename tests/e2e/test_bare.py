"""A bare ``supervisord -c supervisord.conf`` in a clone, with nothing in the environment."""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from bus import settings, sockets
from bus.settings import Settings
from procs.programs import exchanges, programs
from procs.supervisor_rpc import Supervisor, Unanswered
from tests import needed
from tests.e2e.remains import RELEASED_WITHIN_S, held_locks, processes_of
from tests.eventually import eventually
from tests.surroundings import ask, free_ports, git_environment

pytestmark = [pytest.mark.e2e, pytest.mark.alone]

DEFAULTS = Settings()
STARTED_WITHIN_S = 60
STOPPED_WITHIN_S = 60
BIN = Path(sys.executable).parent


@pytest.fixture
def clone() -> Iterator[Path]:
    """A clone of the last commit whose exchanges cannot be reached, and which is ended in the end.

    The environment is empty; what stands in its ``.env`` keeps the test from calling strangers.
    """
    for port in (DEFAULTS.port, int(DEFAULTS.tap_endpoint.rpartition(":")[2])):
        if not sockets.port_is_free("127.0.0.1", port):
            pytest.skip(f"port {port} is in use: the defaults were NOT tried")
    if not (settings.ROOT / ".git").exists():
        pytest.skip("no git repository: a clone was NOT tried")
    with tempfile.TemporaryDirectory(prefix="tickwire-clone-") as folder:
        root = Path(folder) / "tickwire"
        git = (needed.program("git", "a clone was"), "clone", "--quiet")
        subprocess.run([*git, settings.ROOT, root], env=git_environment(), check=True)
        (nobody,) = free_ports(1)
        lines = [f"{name.upper()}_WS_URL=ws://127.0.0.1:{nobody}" for name in exchanges(root)]
        lines += [f"{name.upper()}_REST_URL=http://127.0.0.1:{nobody}" for name in exchanges(root)]
        (root / ".env").write_text("\n".join(lines) + "\n")
        try:
            yield root
        finally:
            if processes_of(root):
                bare(root, "supervisorctl", "shutdown")
                eventually(lambda: processes_of(root) == [], within=STOPPED_WITHIN_S)
            shutil.rmtree(Settings(data_dir=root / "data").run_dir, ignore_errors=True)


def bare(root: Path, program: str, *arguments: str) -> "subprocess.CompletedProcess[str]":
    """Run one of supervisor's programs as a user with the venv active and nothing else does."""
    return subprocess.run(
        [str(BIN / program), "-c", "supervisord.conf", *arguments],
        cwd=root,
        env={"PATH": f"{BIN}:/usr/bin:/bin"},
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )


def start(root: Path) -> Supervisor:
    """Start it and wait until all of its programs run."""
    started = bare(root, "supervisord")
    assert started.returncode == 0, started.stderr
    supervisor = Supervisor(root / "data" / "run" / "supervisor.sock")
    expected = {one.name for one in programs(root, settings.load({}))}

    def up() -> bool:
        try:
            seen = supervisor.programs()
        except Unanswered:
            return False
        running = all(one.state == "RUNNING" for one in seen)
        return running and {one.group for one in seen} == expected

    eventually(up, within=STARTED_WITHIN_S)
    return supervisor


def all_wait_for_the_exchanges() -> bool:
    """True when everything is ready but the exchanges, which are tried again and again."""
    status, body = ask(DEFAULTS.port, "GET", "/api/status")
    if status == 429:  # the defaults are a limit for who asks a hundred times a second
        return False
    feeds = {feed["exchange"]: feed for feed in body["feeds"]}
    states = {one["name"]: one["state"] for one in body["processes"]}
    return (
        status == 200
        and body["simulated"] is False
        and set(feeds) == set(settings.load({}).feeds)
        and all(feed["state"] == "reconnecting" for feed in feeds.values())
        and all(feed["attempt"] >= 1 for feed in feeds.values())
        and states.get("persister") == states.get("aggregator") == "ready"
    )


def assert_gone(root: Path) -> None:
    """Wait until no process is left; fail when one stays, or a lock or the port is held."""
    eventually(lambda: processes_of(root) == [], within=STOPPED_WITHIN_S)
    eventually(lambda: held_locks(root / "data") == [], within=RELEASED_WITHIN_S)
    eventually(lambda: sockets.port_is_free("127.0.0.1", DEFAULTS.port), within=RELEASED_WITHIN_S)


def test_a_bare_supervisord_comes_up_with_the_defaults_and_leaves_nothing(clone: Path) -> None:
    supervisor = start(clone)
    pids = [one.pid for one in supervisor.programs()]
    eventually(lambda: all_wait_for_the_exchanges(), within=STARTED_WITHIN_S)
    assert ask(DEFAULTS.port, "GET", "/health/live")[0] == 200
    status, body = ask(DEFAULTS.port, "GET", "/health/ready")
    assert (status, body["error"]["message"]) == (503, "no feed has data")
    assert [one.pid for one in supervisor.programs()] == pids
    os.kill(supervisor.pid(), signal.SIGKILL)
    assert_gone(clone)
    start(clone)
    eventually(lambda: all_wait_for_the_exchanges(), within=STARTED_WITHIN_S)
    stopped = bare(clone, "supervisorctl", "shutdown")
    assert stopped.returncode == 0, stopped.stdout + stopped.stderr
    assert_gone(clone)
