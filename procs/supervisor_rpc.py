"""supervisord's XML-RPC over its Unix socket, with a time-out on everything.

Comes in: the socket's path. Goes out: supervisord's own view of its programs, and what it is asked
to do with them. Never waits longer than ``TIMEOUT_S``: the watchdog calls this between heartbeats.
Protocol: http://supervisord.org/api.html
"""

import http.client
import socket
import xmlrpc.client
from dataclasses import dataclass
from pathlib import Path
from typing import Any

TIMEOUT_S = 1.0
ANSWER_BYTES_MAX = 4 << 20


class Unanswered(Exception):
    """supervisord is not there, does not answer in time, or refuses; the text says which."""


@dataclass(frozen=True)
class Seen:
    """One program as supervisord sees it."""

    name: str
    group: str
    state: str
    pid: int
    """0 while it does not run."""
    since: int
    """When it was started, or when it stopped, µs UTC."""
    error: str

    @property
    def full_name(self) -> str:
        """The name by which supervisord takes orders."""
        return f"{self.group}:{self.name}"


class _UnixConnection(http.client.HTTPConnection):
    def __init__(self, path: str) -> None:
        super().__init__("localhost", timeout=TIMEOUT_S)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self._path)


class Supervisor:
    """A running supervisord. Every method raises ``Unanswered``."""

    def __init__(self, path: Path | str) -> None:
        self._path = str(path)

    def programs(self) -> list[Seen]:
        """Return all programs."""
        return [_seen(info) for info in self._call("getAllProcessInfo")]

    def pid(self) -> int:
        """Return supervisord's process id."""
        return int(self._call("getPID"))

    def kill(self, full_name: str) -> None:
        """Send SIGKILL to a program; supervisord starts it again."""
        self._call("signalProcess", full_name, "KILL")

    def interrupt(self, full_name: str) -> None:
        """Send SIGINT to a program."""
        self._call("signalProcess", full_name, "INT")

    def start(self, full_name: str) -> None:
        """Start a program that was given up; does not wait for it."""
        self._call("startProcess", full_name, False)

    def _call(self, method: str, *arguments: Any) -> Any:
        body = xmlrpc.client.dumps(arguments, f"supervisor.{method}").encode()
        connection = _UnixConnection(self._path)
        try:
            connection.request("POST", "/RPC2", body, {"Content-Type": "text/xml"})
            answer = connection.getresponse()
            text = answer.read(ANSWER_BYTES_MAX)
            if answer.status != 200:
                raise Unanswered(f"{method}: status {answer.status}")
            values, _ = xmlrpc.client.loads(text.decode())
        except xmlrpc.client.Fault as fault:
            raise Unanswered(f"{method}: {fault.faultString}") from None
        except (OSError, http.client.HTTPException, ValueError, xmlrpc.client.Error) as error:
            raise Unanswered(f"{method}: {error!r}") from None
        finally:
            connection.close()
        return values[0]


def _seen(info: dict[str, Any]) -> Seen:
    pid = int(info["pid"])
    return Seen(
        name=str(info["name"]),
        group=str(info["group"]),
        state=str(info["statename"]),
        pid=pid,
        since=int(info["start"] if pid else info["stop"]) * 1_000_000,
        error=str(info["spawnerr"]),
    )
