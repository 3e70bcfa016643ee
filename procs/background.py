"""A launch that outlives the shell: start it, stop it, look at it, and clear a demo away.

Comes in: a command. Goes out: lines for the operator, an exit code. There is one launch for each
DATA_DIR, and its lock says whose. Where none of the live installation runs, ``stop``, ``status``
and ``logs`` mean the demo's.
"""

import os
import select
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

from psycopg.conninfo import conninfo_to_dict

from bus import process, settings
from bus.settings import ROOT, Settings
from procs import launch
from procs.launch import Kind, running_pid
from procs.postgres import cluster
from procs.progress import say, shown_url

STARTED_WITHIN_S = 180
STOPPED_WITHIN_S = launch.DRAINED_WITHIN_S + launch.ORPHANS_WITHIN_S + 10
NOT_RUNNING = 3


def start(kind: Kind) -> int:
    """Start a launch in a session of its own; return once it is ready or has failed."""
    chosen = launch.adopt(kind)
    process.run_folder(chosen)
    folder = process.data_folder(chosen, "logs")
    process.data_folder(chosen, "run")
    if pid := running_pid(chosen):
        say(f"already running, pid {pid}")
        return 0
    path = folder / "launch.log"
    with path.open("wb") as file:
        started = subprocess.Popen(
            [sys.executable, "-m", "procs", "demo" if kind == "demo" else "run"],
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    return _follow(started, path)


def _follow(started: "subprocess.Popen[bytes]", path: Path) -> int:
    """Repeat what the launch says until it is ready or has ended."""
    give_up_at = time.monotonic() + STARTED_WITHIN_S
    with path.open(encoding="utf-8", errors="replace") as file:
        while time.monotonic() < give_up_at:
            code = started.poll()
            for line in file:
                to = sys.stderr if line.startswith("tickwire: ") else sys.stdout
                print(line, end="", file=to, flush=True)
                if line.startswith("Open "):
                    say(f"Running in the background, pid {started.pid}; `make stop` ends it")
                    return 0
            if code is not None:
                return code
            select.select([], [], [], 0.1)
    say(f"Not ready yet; it goes on in the background, pid {started.pid}: see `make logs`")
    return 0


def stop() -> int:
    """End the launch; return when all of it is gone."""
    chosen = _found()
    pid = running_pid(chosen)
    if pid is None:
        say(f"not running, as far as {chosen.data_dir} tells")
        return 0
    os.kill(pid, signal.SIGTERM)
    say(f"Stopping, pid {pid}")
    give_up_at = time.monotonic() + STOPPED_WITHIN_S
    while running_pid(chosen) == pid:
        if time.monotonic() > give_up_at:
            print(f"tickwire: pid {pid} has not ended", file=sys.stderr, flush=True)
            return 1
        select.select([], [], [], 0.05)
    say("Stopped")
    return 0


def status() -> int:
    """Print supervisord's table."""
    chosen = _found()
    pid = running_pid(chosen)
    if pid is None:
        say(f"not running, as far as {chosen.data_dir} tells")
        return NOT_RUNNING
    say(f"running, pid {pid}, at {shown_url(chosen)}, data in {chosen.data_dir}")
    path = str(launch.configuration(chosen))
    command = [sys.executable, "-m", "supervisor.supervisorctl", "-c", path, "status"]
    subprocess.run(command, cwd=ROOT, check=False)
    return 0


def logs() -> int:
    """Follow all logs, until Ctrl-C."""
    found = sorted(str(path) for path in (_found().data_dir / "logs").glob("*.log"))
    if not found:
        say("no logs yet")
        return NOT_RUNNING
    try:
        return subprocess.run(["tail", "-n", "5", "-F", *found], check=False).returncode
    except KeyboardInterrupt:  # that is how one leaves it
        return 0


def psql() -> int:
    """Become a psql on the database of what runs; return only where there is none."""
    chosen = _found()
    program = shutil.which("psql") or str(cluster.binaries() / "psql")
    names = {"host": "PGHOST", "port": "PGPORT", "user": "PGUSER", "dbname": "PGDATABASE"}
    names |= {"password": "PGPASSWORD", "sslmode": "PGSSLMODE"}
    given = conninfo_to_dict(chosen.dsn)
    environ = {names[key]: str(value) for key, value in given.items() if key in names}
    try:
        # By the environment: what stands on a command line everybody can read.
        os.execve(program, [program], {**os.environ, **environ})  # noqa: S606
    except OSError as error:
        print(f"tickwire: psql cannot be started ({error.strerror})", file=sys.stderr, flush=True)
        return 1


def clean_demo() -> int:
    """Delete the demo's folder."""
    chosen = _settings("demo")
    if pid := running_pid(chosen):
        print(
            f"tickwire: the demo is running, pid {pid}: stop it first", file=sys.stderr, flush=True
        )
        return 1
    if not (chosen.data_dir / "run").is_dir():
        say("nothing to delete")
        return 0
    shutil.rmtree(chosen.data_dir)
    shutil.rmtree(chosen.run_dir, ignore_errors=True)
    say(f"Deleted {chosen.data_dir}")
    return 0


def _settings(kind: Kind) -> Settings:
    below = settings.read_env_file(ROOT / ".env")
    return settings.load({**below, **launch.environment(kind, os.environ, below)})


def _found() -> Settings:
    """Return the settings of the installation that is meant: the live one, else a running demo."""
    live = _settings("live")
    if running_pid(live) is None:
        demo = _settings("demo")
        if running_pid(demo) is not None:
            return demo
    return live
