"""What an operator sees between the command and the page.

Comes in: supervisord's view, the tails of the programs' logs, the answer of ``/health/ready``.
Goes out: a line whenever something is new, at last ``Open http://…``. A program that its settings
keep from starting ends the launch with that program's own sentence.
"""

import http.client
import json
import re
import time
from pathlib import Path

from bus.errors import SettingError
from bus.settings import Settings
from procs.supervisor_rpc import Seen, Supervisor, Unanswered

ANSWER_S = 1.0
LATE_S = 5
"""How long a start may take before it says what it waits for."""
OPEN_ANYWAY_S = 20
"""After so long the address is said although something is still waited for."""
UNSETTLED_S = 15
"""How long one program that does not stay up may keep the page from being called ready."""
TAIL_BYTES = 4096
SENTENCE = re.compile(r"^tickwire: ([A-Za-z0-9_.-]+): (.+?); (.+)$", re.MULTILINE)


def say(line: str) -> None:
    """Print one line; nobody reading is no reason to end."""
    try:
        print(line, flush=True)
    except OSError:
        pass


def shown_url(settings: Settings) -> str:
    """Return the address to open in a browser on this machine."""
    return f"http://{_reached(settings)}:{settings.port}"


def _reached(settings: Settings) -> str:
    return "127.0.0.1" if settings.host == "0.0.0.0" else settings.host


class Progress:
    """The progress of one launch."""

    def __init__(self, settings: Settings, supervisor: Supervisor) -> None:
        self._settings = settings
        self._supervisor = supervisor
        self._started = time.monotonic()
        self._logs = settings.data_dir / "logs"
        self._sizes = {path: path.stat().st_size for path in self._logs.glob("*.log")}
        self._up: set[str] = set()
        self._said: dict[str, str] = {}
        self.ready = False
        self._opened = False

    def step(self) -> None:
        """Look once, say what is new; once ready, nothing more is looked at.

        Raises:
            SettingError: a program says that a setting is wrong.
        """
        if self.ready:
            return
        try:
            seen = self._supervisor.programs()
        except Unanswered:
            return
        for program in seen:
            self._look(program)
        settled = all(program.state == "RUNNING" for program in seen)
        if settled or time.monotonic() - self._started > UNSETTLED_S:
            self.ready = self._is_ready()

    def _look(self, program: Seen) -> None:
        if program.state == "RUNNING" and program.name not in self._up:
            self._up.add(program.name)
            say(f"  {program.name} is up")
        if program.state in ("BACKOFF", "FATAL"):
            path = self._logs / f"{program.name}.log"
            if found := SENTENCE.search(self._tail(path)):
                raise SettingError(found[1], found[2], found[3])
            self._news(program.name, f"does not stay up; see {path}")

    def _tail(self, path: Path) -> str:
        """Return the end of what this launch wrote to a log."""
        try:
            with path.open("rb") as file:
                size = file.seek(0, 2)
                before = self._sizes.get(path, 0)
                file.seek(max(size - TAIL_BYTES, before if before <= size else 0))
                return file.read().decode(errors="replace")
        except OSError:
            return ""

    def _is_ready(self) -> bool:
        connection = http.client.HTTPConnection(
            _reached(self._settings), self._settings.port, timeout=ANSWER_S
        )
        try:
            connection.request("GET", "/health/ready")
            answer = connection.getresponse()
            body = answer.read(TAIL_BYTES)
        except (OSError, http.client.HTTPException):
            return False
        finally:
            connection.close()
        elapsed = time.monotonic() - self._started
        if answer.status == 200:
            say(f"Ready after {elapsed:.1f} s")
            self._open()
            return True
        if elapsed > LATE_S and (reason := _reason(body)):
            self._news("waiting", reason)
            if elapsed > OPEN_ANYWAY_S:
                self._open()  # the page answers, and says itself what is missing
        return False

    def _open(self) -> None:
        if not self._opened:
            self._opened = True
            say(f"Open {shown_url(self._settings)}")

    def _news(self, subject: str, text: str) -> None:
        if self._said.get(subject) != text:
            self._said[subject] = text
            say(f"  {subject}: {text}")


def _reason(body: bytes) -> str:
    """Return what a 503 of ``/health/ready`` gives as its reasons."""
    try:
        found = json.loads(body)
        reasons = found.get("reasons") or found["error"]["message"]
    except (ValueError, KeyError, TypeError, AttributeError):
        return ""
    return ", ".join(map(str, reasons)) if isinstance(reasons, list) else str(reasons)
