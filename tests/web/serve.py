"""Runs a real web process with limits of its own: in a thread of the tests', or as a process.

``python -m tests.web.serve 1 '{"slow_after_s": 1}'`` is the process, slot 1.
"""

import asyncio
import json
import logging
import socket
import subprocess
import sys
import threading

import uvloop

from bus.process import Process, run
from bus.settings import ROOT, Settings
from market import decimals
from tests.fix_postgres import environment_on
from web.__main__ import live, serve
from web.limits import Limits


class _Kept(logging.Handler):
    """Keeps what a person would have to act on."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(self.format(record))


class Inside:
    """The web process in a thread: its loop, its sockets and its server are the real ones."""

    def __init__(
        self, settings: Settings, limits: dict[str, float], listening: socket.socket
    ) -> None:
        self._process = Process("web-1", settings)
        self._limits = Limits(**limits)  # type: ignore[arg-type]
        self._listening = listening
        listening.setblocking(False)
        listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._kept = _Kept()
        self._logger = logging.getLogger("web-1")
        self._logger.addHandler(self._kept)
        self._began = threading.Event()
        self._code: int | None = None
        self._thread = threading.Thread(target=self._run, name="web", daemon=True)
        self._thread.start()
        assert self._began.wait(10)

    def _run(self) -> None:
        decimals.install()
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            self._code = runner.run(self._live())

    async def _live(self) -> int:
        self._loop = asyncio.get_running_loop()
        self._stopping = asyncio.Event()
        self._began.set()
        return await live(self._process, self._limits, self._listening, self._stopping)

    def ask_to_stop(self) -> None:
        """Say that it shall end, as a signal would."""
        self._loop.call_soon_threadsafe(self._stopping.set)

    def wait(self) -> int:
        """Wait for its end; return its exit code."""
        self._thread.join(10)
        assert self._code is not None, "it did not end"
        return self._code

    def end(self) -> None:
        """End it if it runs."""
        if self._thread.is_alive():
            self.ask_to_stop()
            self.wait()
        self._logger.removeHandler(self._kept)
        self._listening.close()

    def errors(self) -> list[str]:
        """Return the lines at ERROR that it has logged."""
        return self._kept.lines


class Apart:
    """The web process as a process. It inherits the socket, which stays the caller's to close."""

    def __init__(
        self,
        settings: Settings,
        limits: dict[str, float],
        listening: socket.socket,
        slot: int = 1,
    ) -> None:
        self._log = settings.data_dir / f"web-{slot}.log"
        with self._log.open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "tests.web.serve", str(slot), json.dumps(limits)],
                cwd=ROOT,
                env={
                    **environment_on(settings.data_dir),
                    "DATABASE_URL": str(settings.database_url),
                    "FEEDS": ";".join(f"{n}:{','.join(s)}" for n, s in settings.feeds.items()),
                    "CORS_ORIGIN": ",".join(settings.cors_origin),
                    "TRUSTED_PROXIES": ",".join(map(str, settings.trusted_proxies)),
                    "WEB_PROCESSES": str(settings.web_processes),
                    "RATE_LIMIT_GENERAL": str(settings.rate_limit_general),
                    "RATE_LIMIT_MARKET": str(settings.rate_limit_market),
                },
                stdin=listening.fileno(),
                stdout=log,
                stderr=log,
            )

    def ask_to_stop(self) -> None:
        """Stop it as supervisord does."""
        self.process.terminate()

    def wait(self) -> int:
        """Wait for its end; return its exit code."""
        return self.process.wait(10)

    def end(self) -> None:
        """End it if it runs."""
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait(10)

    def rss_bytes(self) -> int:
        """Return its memory."""
        told = subprocess.run(
            ["ps", "-o", "rss=", "-p", str(self.process.pid)], capture_output=True, check=True
        )
        return int(told.stdout) * 1024

    def errors(self) -> list[str]:
        """Return the lines at ERROR that it has logged."""
        return [line for line in self._log.read_text().splitlines() if " ERROR " in line]


if __name__ == "__main__":
    decimals.install()
    limits = Limits(**json.loads(sys.argv[2]))
    run(f"web-{sys.argv[1]}", lambda process: serve(process, limits))
