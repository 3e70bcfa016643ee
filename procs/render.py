"""``supervisord.conf`` and the Procfile, written from the list of programs.

Comes in: settings, programs and where things rest. Goes out: text, and only text. The committed
files are this with all defaults; a launch renders one of its own below DATA_DIR. No ``%(ENV_…)s``
may ever stand in it: supervisord refuses the file when such a name is not set.
"""

import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from bus.errors import SettingError
from bus.settings import Settings
from procs.programs import Program

LOG_BYTES, LOG_BACKUPS = "10MB", 5
START_S = 2
START_RETRIES = 20
"""Tries, 1, 2, 3 … s apart, before supervisord gives a program up (the watchdog does not)."""


@dataclass(frozen=True)
class Place:
    """Where things rest, spelled as supervisord reads it (a percent sign is doubled)."""

    root: str
    python: str
    logs: str
    program_logs: str
    """The same folder, for programs: of their log files supervisord expands the name twice."""
    run: str
    socket: str


COMMITTED = Place(
    root="%(here)s",
    python="python",
    logs="%(here)s/data/logs",
    program_logs="%(here)s/data/logs",
    run="%(here)s/data/run",
    socket="%(here)s/data/run/supervisor.sock",
)
"""The place of the committed file: the folder it stands in, and the ``python`` of PATH."""


def socket_path(settings: Settings) -> Path:
    """Return the Unix socket on which a launched supervisord answers."""
    return settings.run_dir / "supervisor.sock"


def launched(settings: Settings, root: Path, python: str) -> Place:
    """Return the place of a launched installation: whole paths, a short one for the socket.

    Raises:
        SettingError: a path has what no supervisord.conf can carry.
    """
    for key, path in (("DATA_DIR", settings.data_dir), ("TMPDIR", settings.run_dir)):
        if any(mark in str(path) for mark in (" ;", " #", "\n", "\r")):
            raise SettingError(key, repr(str(path)), "give a path without ' ;', ' #', line breaks")
    return Place(
        root=escape(str(root)),
        python=escape(shlex.quote(python)),
        logs=escape(str(settings.data_dir / "logs")),
        program_logs=escape(escape(str(settings.data_dir / "logs"))),
        run=escape(str(settings.data_dir / "run")),
        socket=escape(str(socket_path(settings))),
    )


def escape(text: str) -> str:
    """Return ``text`` so that supervisord reads it as it is."""
    return text.replace("%", "%%")


def render(settings: Settings, programs: Sequence[Program], place: Place) -> str:
    """Return the whole supervisord.conf."""
    head = f"""\
; Generated from the folders of procs/ by `make fix`. Not to be edited.
[unix_http_server]
file={place.socket}
chmod=0700

[rpcinterface:supervisor]
supervisor.rpcinterface_factory=supervisor.rpcinterface:make_main_rpcinterface

[supervisorctl]
serverurl=unix://{place.socket}

[supervisord]
logfile={place.logs}/supervisord.log
logfile_maxbytes={LOG_BYTES}
logfile_backups={LOG_BACKUPS}
pidfile={place.run}/supervisord.pid
directory={place.root}
"""
    return head + "".join(_section(settings, program, place) for program in programs)


def _section(settings: Settings, program: Program, place: Place) -> str:
    arguments = escape(shlex.join(program.arguments))
    stop_as_group = "true" if program.stop_as_group else "false"
    if program.copies:
        kind, log = "fcgi-program", "%(program_name)s-%(process_num)d"
        arguments += " --slot %(process_num)d"
        shared = (
            f"socket=tcp://{settings.host}:{settings.port}\n"
            "process_name=%(program_name)s-%(process_num)d\n"
            f"numprocs={program.copies}\n"
        )
    else:
        kind, log, shared = "program", "%(program_name)s", ""
    return f"""
[{kind}:{program.name}]
command={place.python} {arguments}
directory={place.root}
{shared}priority={program.rank}
autorestart=true
startsecs={START_S}
startretries={START_RETRIES}
stopsignal={program.stop_signal}
stopwaitsecs={program.stop_wait_s}
stopasgroup={stop_as_group}
redirect_stderr=true
stdout_logfile={place.program_logs}/{log}.log
stdout_logfile_maxbytes={LOG_BYTES}
stdout_logfile_backups={LOG_BACKUPS}
"""


def procfile(programs: Sequence[Program]) -> str:
    """Return the Procfile: one line for each program, and one web without a shared socket.

    A Procfile runner gives each line a PORT of its own invention; the web must not take it.
    """
    lines = []
    for program in programs:
        command = f"python {shlex.join(program.arguments)}"
        if program.copies:
            command = f"env -u PORT {command}"
        lines.append(f"{program.name}: {command}\n")
    return "".join(lines)
