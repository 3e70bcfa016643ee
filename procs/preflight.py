"""What can be known to be wrong before anything is started.

Comes in: the settings. Goes out: nothing but warnings, or the first ``SettingError``: supervisord
turns a program that ends at its start into FATAL, minutes later and in a log file. A dependency
that is merely away is a warning, because every process waits for it. It leaves nothing behind.
"""

import errno
import re
import socket
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

import psycopg
from psycopg.conninfo import conninfo_to_dict

from bus import process
from bus.errors import SettingError
from bus.settings import Settings
from procs.programs import exchanges

SOCKET_PATH_BYTES_MAX = 107
LONGEST_SOCKET_NAME = 40
"""Bytes kept for the names below the run folder, Postgres' own included."""
DATABASE_ANSWER_S = 3
BAD_PARAMETER = re.compile(
    r'invalid integer value ".*" for connection option "(\w+)"|invalid (\w+) value: "'
)
"""libpq's words for a part of the address that waiting would not mend."""
PYTHON_FLOORS = {(3, 11): 15, (3, 12): 13, (3, 13): 12, (3, 14): 3}
"""The first patch release of each Python without known holes that concern us."""


def check(root: Path, settings: Settings) -> list[str]:
    """Return warnings, each a sentence.

    Raises:
        SettingError: something that waiting would not mend.
    """
    folders(settings)
    feeds(root, settings)
    ports(settings)
    return [*python(), *places(settings), *database(settings)]


def folders(settings: Settings) -> None:
    """Make the folders of an installation and prove that they can be written."""
    if len(str(settings.run_dir).encode()) + LONGEST_SOCKET_NAME > SOCKET_PATH_BYTES_MAX:
        raise SettingError(
            "TMPDIR", f"{settings.run_dir} is too long for Unix sockets", "give a shorter one"
        )
    process.run_folder(settings)
    for name in ("", "logs", "run"):
        folder = process.data_folder(settings, name)
        try:
            with tempfile.TemporaryFile(dir=folder) as probe:
                probe.write(b"x")
                probe.flush()
        except OSError as error:
            raise SettingError(
                "DATA_DIR",
                f"{folder} cannot be written ({error.strerror})",
                "give a folder that this user may write",
            ) from None


def feeds(root: Path, settings: Settings) -> None:
    """Refuse exchanges that there is no file for."""
    known = exchanges(root)
    for name in settings.feeds:
        if name not in known:
            raise SettingError("FEEDS", repr(name), f"give some of {', '.join(known)}")


def places(settings: Settings) -> list[str]:
    """Refuse stand-ins for what is not subscribed; return a warning for each such series.

    A series may be left from a symbol that comes back, and must be the same then.
    """

    def unknown(place: tuple[str, str]) -> bool:
        exchange, symbol = place
        return symbol not in settings.feeds.get(exchange, ())

    for primary in filter(unknown, settings.failover.values()):
        found = f"{':'.join(primary)} is not in FEEDS"
        raise SettingError("FAILOVER", found, "let each stand in for one that is")
    return [
        f"SERIES has {':'.join(place)}, which is not in FEEDS: it is for nothing"
        for place in filter(unknown, settings.series)
    ]


def ports(settings: Settings) -> None:
    """Refuse addresses that somebody else has, or that are not this machine's."""
    tap_host, _, tap_port = settings.tap_endpoint.removeprefix("tcp://").rpartition(":")
    wanted = [("PORT", settings.host, settings.port)]
    wanted.append(("TAP_ENDPOINT", tap_host.strip("[]"), int(tap_port)))
    if settings.simulated:
        wanted.append(("SIMULATOR_PORT", "127.0.0.1", settings.simulator_port))
    taken: dict[int, str] = {}
    for key, host, port in wanted:
        if port in taken:
            raise SettingError(key, f"{port} is {taken[port]} as well", "give each its own port")
        taken[port] = key
        _bindable(key, host, port)


def _bindable(key: str, host: str, port: int) -> None:
    name = "HOST" if key == "PORT" else key
    try:
        family, _, _, _, address = socket.getaddrinfo(
            host, port, socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_STREAM
        )[0]
    except (socket.gaierror, UnicodeError):
        raise SettingError(
            name, f"{host!r} is no known address", "give one, as in 127.0.0.1"
        ) from None
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(address)
            probe.listen(1)  # with SO_REUSEADDR only this sees every other listener
        except OSError as error:
            if error.errno == errno.EADDRINUSE:
                raise SettingError(key, f"{port} is in use", "give a free port") from None
            if error.errno == errno.EADDRNOTAVAIL:
                raise SettingError(
                    name, f"{host} is not this machine's", "give 127.0.0.1 or 0.0.0.0"
                ) from None
            raise SettingError(
                key, f"{host}:{port} cannot be bound ({error.strerror})", "give another port"
            ) from None


def database(settings: Settings) -> list[str]:
    """Refuse a database address that cannot be read; warn of one where nobody answers."""
    if settings.database_url is None:
        return []
    advice = "give postgresql://user:password@host:port/name"
    try:
        parts = conninfo_to_dict(settings.database_url)
    except psycopg.Error:  # its text may quote the password
        raise SettingError("DATABASE_URL", "an address that cannot be read", advice) from None
    for port in filter(None, str(parts.get("port") or "").split(",")):
        if not re.fullmatch(r"[0-9]{1,5}", port, re.ASCII) or not 1 <= int(port) <= 65535:
            raise SettingError("DATABASE_URL", f"the port {port!r}", advice)
    try:
        psycopg.connect(settings.database_url, connect_timeout=DATABASE_ANSWER_S).close()
    except psycopg.Error as error:
        if found := BAD_PARAMETER.search(str(error)):
            advice = "see the connection parameters of PostgreSQL"
            raise SettingError("DATABASE_URL", f"a bad {found[1] or found[2]}", advice) from None
        return [f"DATABASE_URL: {_where(parts)} does not let us in yet ({_first_line(error)})"]
    return []


def _where(parts: Mapping[str, object]) -> str:
    return f"{parts.get('host') or 'localhost'}:{parts.get('port') or 5432}"


def _first_line(error: psycopg.Error) -> str:
    lines = str(error).strip().splitlines()
    return lines[0][:200] if lines else type(error).__name__


def python() -> list[str]:
    """Warn of a Python with known holes."""
    found = sys.version_info[:3]
    floor = PYTHON_FLOORS.get(found[:2])
    if floor is None or found[2] >= floor:
        return []
    wanted = f"{found[0]}.{found[1]}.{floor}"
    return [f"Python {'.'.join(map(str, found))} has known holes; {wanted} has them mended"]
