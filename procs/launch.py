"""One launch in the foreground: preflight, supervisord as a child, and nothing left behind.

Comes in: an environment and what is asked for (live or demo). Goes out: progress on standard
output, one sentence on standard error when something is wrong, an exit code. Everything that is
started here has ended when ``run`` returns, however it came to return; should this process itself
be killed, the kernel tells supervisord, which drains its programs.
"""

import ctypes
import os
import re
import select
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import IO, Literal

from bus import log, process, settings, strange_settings
from bus.actor import StopSignal
from bus.errors import AnotherInstance
from bus.settings import ROOT, Settings
from procs import preflight, render, simulator_options
from procs.programs import programs
from procs.progress import Progress, say
from procs.supervisor_rpc import Supervisor

Kind = Literal["live", "demo"]
DRAINED_WITHIN_S = 90
"""How long supervisord may take to stop everything: each program in turn, Postgres 20 s."""
ORPHANS_WITHIN_S = 10
LOOK_EVERY_S = 0.25
_PR_SET_CHILD_SUBREAPER = 36
LOCK = "launch"


def environment(kind: Kind, environ: Mapping[str, str], below: Mapping[str, str]) -> dict[str, str]:
    """Return the environment of everything that is launched; ``below`` is what ``.env`` says.

    A demo never meets what belongs to the real thing: its folder, its database, its exchanges'
    addresses. An empty value hides the one in ``.env``.
    """
    out = dict(environ)
    if kind == "demo":
        out["SIMULATED"] = "1"
        out["DATA_DIR"] = environ.get("DATA_DIR", "").strip() or "data/demo"
        given = environ.get("DEMO_DATABASE_URL", "").strip() or below.get("DEMO_DATABASE_URL", "")
        out["DATABASE_URL"] = given
        out["TIMESCALE_HOST"] = ""
        for key in {*environ, *below}:
            if re.fullmatch(r"[A-Z][A-Z0-9]*_(WS|REST)_URL", key):
                out[key] = ""
    return out


def adopt(kind: Kind) -> Settings:
    """Make this process's environment that of the launch; return the settings.

    Raises:
        SettingError: one is wrong.
    """
    os.environ.update(environment(kind, os.environ, settings.read_env_file(ROOT / ".env")))
    return settings.load()


def run(kind: Kind) -> int:
    """Run everything until SIGINT or SIGTERM; return the exit code."""
    chosen = adopt(kind)
    log.configure(chosen.log_level, chosen.log_format)
    strange_settings.warn(
        {**settings.read_env_file(ROOT / ".env"), **os.environ}, log.Log("settings")
    )
    process.run_folder(chosen)
    process.data_folder(chosen)
    lock = _take_lock(chosen)
    if lock is None:
        print(f"tickwire: already running, pid {running_pid(chosen)}", file=sys.stderr, flush=True)
        return process.EXIT_LOCKED
    try:
        environ = {**settings.read_env_file(ROOT / ".env"), **os.environ}
        options = simulator_options.arguments(environ, chosen, ROOT) if chosen.simulated else ()
        warnings = preflight.check(ROOT, chosen)
        if chosen.simulated and (again := simulator_options.check_source(environ, chosen, ROOT)):
            warnings.append(again)
        for warning in warnings:
            say(f"warning: {warning}")
        process.stamp_folder(chosen)
        path = write_configuration(chosen, options)
        code = _Launch(chosen, path).run()
        shutil.rmtree(chosen.run_dir, ignore_errors=True)  # nobody is left who uses it
        return code
    finally:
        lock.close()


def _take_lock(chosen: Settings) -> process.Lock | None:
    for _ in range(20):
        try:
            return process.take_lock(chosen, LOCK)
        except AnotherInstance:
            if running_pid(chosen) is not None:
                return None
            select.select([], [], [], 0.05)  # somebody who only looked had it in hand
    return None


def write_configuration(chosen: Settings, options: tuple[str, ...] = ()) -> Path:
    """Render this installation's supervisord.conf; return where it stands."""
    place = render.launched(chosen, ROOT, sys.executable)
    text = render.render(chosen, programs(ROOT, chosen, options), place)
    path = configuration(chosen)
    path.write_text(text, encoding="utf-8")
    return path


def configuration(chosen: Settings) -> Path:
    """Return where the supervisord.conf of a launch stands."""
    return chosen.data_dir / "run" / "supervisord.conf"


def running_pid(chosen: Settings) -> int | None:
    """Return the pid of the launch that runs on this DATA_DIR, or None."""
    path = chosen.data_dir / "run" / f"{LOCK}.lock"
    try:
        if not process.is_locked(path):
            return None
        return int(path.read_text().strip())
    except (OSError, ValueError):
        return None


class _Launch:
    def __init__(self, chosen: Settings, path: Path) -> None:
        self._settings = chosen
        self._path = path
        socket = render.socket_path(chosen)
        socket.unlink(missing_ok=True)  # we hold the lock: it is a dead one's
        self._progress = Progress(chosen, Supervisor(socket))

    def run(self) -> int:
        stop = StopSignal()
        if signal.getsignal(signal.SIGHUP) != signal.SIG_IGN:  # not under nohup
            signal.signal(signal.SIGHUP, signal.getsignal(signal.SIGTERM))
        _adopt_orphans()
        say(
            f"Starting, with {'simulated' if self._settings.simulated else 'live'} exchanges; "
            f"data and logs in {self._settings.data_dir}"
        )
        supervisord = subprocess.Popen(
            [sys.executable, "-m", "procs.supervisord", "-n", "-c", str(self._path)],
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            start_new_session=True,  # Ctrl-C is ours to pass on
            preexec_fn=process.die_with_parent,
        )
        assert supervisord.stderr is not None
        threading.Thread(target=pass_on, args=(supervisord.stderr,), daemon=True).start()
        code = 0
        try:
            while not stop.stopped and supervisord.poll() is None:
                self._progress.step()
                select.select([stop.fileno()], [], [], LOOK_EVERY_S)
            if not stop.stopped:
                logs = self._settings.data_dir / "logs" / "supervisord.log"
                print(
                    f"tickwire: supervisord ended ({supervisord.returncode}); see {logs}",
                    file=sys.stderr,
                    flush=True,
                )
                code = process.EXIT_CRASHED
            else:
                say("Stopping")
        finally:
            _end(supervisord)
        if stop.stopped:
            say("Stopped")
        return code


def pass_on(complaints: IO[bytes]) -> None:
    """Pass on what supervisord says on standard error, until its end.

    On a full disk it complains there of its log files, and where the complaint cannot be written
    either it ends. So it says it to us, and we leave out what nobody takes.
    """
    for line in complaints:
        try:
            os.write(2, line)  # unbuffered: nothing is left to fail at our own end
        except OSError:
            pass


def _end(supervisord: "subprocess.Popen[bytes]") -> None:
    """Let supervisord drain its programs, then end whatever may still be there."""
    if supervisord.poll() is None:
        supervisord.terminate()
        try:
            supervisord.wait(DRAINED_WITHIN_S)
        except subprocess.TimeoutExpired:
            supervisord.kill()
            supervisord.wait()
    give_up_at = time.monotonic() + ORPHANS_WITHIN_S
    while _reap():
        if time.monotonic() > give_up_at:
            for pid in _children():
                os.kill(pid, signal.SIGKILL)
        select.select([], [], [], 0.05)


def _adopt_orphans() -> None:
    """Become the parent of programs whose supervisord was killed (Linux)."""
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def _reap() -> bool:
    """Take note of children that have ended; True while there are others."""
    try:
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass
    except ChildProcessError:
        return False
    return True


def _children() -> list[int]:
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if int(fields[1]) == os.getpid() and fields[0] != "Z":
            found.append(int(stat.parent.name))
    return found
