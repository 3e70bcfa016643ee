"""What every process does first and last, whichever loop it runs.

settings → logs → limits → lock → *main* → exit code. Exit 0 drained, 1 crashed, 2 misconfigured, 75
another instance holds the lock. A process dies with its parent (so a killed supervisord leaves no
orphan), and there is never a second one of the same program on one DATA_DIR.
"""

import ctypes
import fcntl
import os
import resource
import signal
import stat
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

from bus import log
from bus import settings as settings_module
from bus.errors import AnotherInstance, SettingError
from bus.heartbeat import Health
from bus.settings import Settings

EXIT_DRAINED, EXIT_CRASHED, EXIT_MISCONFIGURED, EXIT_LOCKED = 0, 1, 2, 75
_PR_SET_PDEATHSIG = 1


class Process:
    """One running program: its name, settings, log and health. Made by ``run``."""

    def __init__(self, program: str, settings: Settings) -> None:
        self.program = program
        self.settings = settings
        self.log = log.Log(program)
        self.health = Health(program)
        self.parent = os.getppid()
        self.lock: Lock | None = None
        """The singleton's lock, for a program that becomes another one and must hold it on."""

    @property
    def orphaned(self) -> bool:
        """True once the parent has gone. The fallback where the kernel cannot tell us (macOS)."""
        return os.getppid() != self.parent


def run(
    program: str, main: Callable[[Process], int | None], *, lock_wait_s: float = 0.0
) -> NoReturn:
    """Run ``main`` as the singleton ``program`` and exit with what it returns (None is 0).

    ``lock_wait_s`` is for a program whose lock its children hold a moment longer than itself.
    """
    try:
        settings = settings_module.load()
        log.configure(settings.log_level, settings.log_format)
        die_with_parent()
        raise_file_limit()
        lock = take_lock(settings, program, lock_wait_s)
        stamp_folder(settings)
    except SettingError as error:
        print(f"tickwire: {error}", file=sys.stderr, flush=True)
        sys.exit(EXIT_MISCONFIGURED)
    except AnotherInstance as error:
        print(f"tickwire: {error}", file=sys.stderr, flush=True)
        sys.exit(EXIT_LOCKED)
    process = Process(program, settings)
    process.lock = lock
    try:
        process.log.info("process.start", pid=os.getpid(), environment=settings.environment)
        code = main(process) or EXIT_DRAINED
    except SettingError as error:
        print(f"tickwire: {error}", file=sys.stderr, flush=True)
        code = EXIT_MISCONFIGURED
    except Exception:
        process.log.exception("process.crash")
        code = EXIT_CRASHED
    process.log.info("process.exit", code=code)
    lock.close()
    sys.exit(code)


def die_with_parent(signum: int = signal.SIGTERM) -> None:
    """Ask the kernel for ``signum`` when this process's parent dies.

    Linux only; elsewhere the loops look at ``Process.orphaned``.
    """
    if sys.platform == "linux":
        parent = os.getppid()
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signum, 0, 0, 0)
        if os.getppid() != parent:  # it died between the two lines
            os.kill(os.getpid(), signum)


def raise_file_limit() -> None:
    """Allow as many open files as the system lets this user have."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = hard if hard != resource.RLIM_INFINITY else 1 << 20
    if soft < wanted:
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
        except (OSError, ValueError):
            pass  # macOS refuses more than kern.maxfilesperproc: what there is will do


def run_folder(settings: Settings) -> Path:
    """Make and return the short 0700 folder of this installation's sockets.

    Raises:
        SettingError: it belongs to someone else or is a link.
    """
    folder = settings.run_dir
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        found = folder.lstat()
    except OSError as error:
        raise SettingError(
            "TMPDIR", f"{folder} cannot be made ({error.strerror})", "give a writable folder"
        ) from None
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid():
        raise SettingError(
            "TMPDIR", f"{folder} is not a folder of this user", "remove it, or set another TMPDIR"
        )
    folder.chmod(0o700)
    return folder


def data_folder(settings: Settings, name: str = "") -> Path:
    """Make and return a folder below DATA_DIR.

    Raises:
        SettingError: DATA_DIR cannot be written.
    """
    folder = settings.data_dir / name
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if not os.access(folder, os.W_OK | os.X_OK):
            raise PermissionError(13, "Permission denied")
    except OSError as error:
        advice = "give a folder that this user may write"
        raise SettingError(
            "DATA_DIR", f"{folder} cannot be written ({error.strerror})", advice
        ) from None
    return folder


def stamp_folder(settings: Settings) -> None:
    """Write down, once, whether DATA_DIR is for simulated or for live data.

    Raises:
        SettingError: it is for the other kind: their journals must never meet.
    """
    kind = "simulated" if settings.simulated else "live"
    path = data_folder(settings) / "kind"
    try:
        with path.open("x", encoding="ascii") as file:
            file.write(kind + "\n")
            return
    except FileExistsError:
        pass  # who wrote it is right
    found = path.read_text(encoding="ascii").strip()
    if found and found != kind:
        raise SettingError(
            "DATA_DIR",
            f"{settings.data_dir} holds {found} data",
            f"give {kind} data a folder of their own",
        )


def take_lock(settings: Settings, program: str, wait_s: float = 0.0) -> "Lock":
    """Take the lock of a singleton, held until the process ends, however it ends.

    Raises:
        AnotherInstance: somebody holds it, and still does after ``wait_s``.
    """
    run_folder(settings)
    path = data_folder(settings, "run") / f"{program}.lock"
    until = time.monotonic() + wait_s
    while True:
        try:
            return Lock(path, program)
        except AnotherInstance:
            if time.monotonic() >= until:
                raise
            time.sleep(0.02)


def is_locked(path: Path) -> bool:
    """True while a process holds the lock on this file.

    Raises:
        OSError: there is no such file, or it cannot be read.
    """
    with path.open("rb") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False


class Lock:
    """An flock on a file. The kernel lets go of it when the process dies."""

    def __init__(self, path: Path, program: str) -> None:
        self._fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(self._fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(self._fd)
            raise AnotherInstance(program, str(path)) from None
        os.ftruncate(self._fd, 0)
        os.write(self._fd, f"{os.getpid()}\n".encode())

    def fileno(self) -> int:
        """Return the descriptor, for a child that shall hold the lock too."""
        return self._fd

    def keep_across_exec(self) -> None:
        """Let the program that this process becomes hold the lock on."""
        os.set_inheritable(self._fd, True)

    def close(self) -> None:
        """Let go."""
        os.close(self._fd)
