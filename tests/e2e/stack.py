"""A whole installation for a test: the real launcher, real processes, folders and ports of its own.

Comes in: a folder and the variables of `make demo`. Goes out: its addresses, its simulator's truth,
its journals, its database, and ways to hurt it. ``stop`` proves that nothing of it is left. Several
run side by side. It must never touch a process that is not of this installation.
"""

import http.client
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec
import psycopg

from bus import settings
from bus.journal import path_of
from bus.journal_reader import JournalReader
from bus.messages import JournalRecord, decode_record
from procs import launch, render
from procs.supervisor_rpc import Seen, Supervisor, Unanswered
from tests.e2e.remains import RELEASED_WITHIN_S, held_locks, processes_of, signal_all
from tests.eventually import eventually
from tests.heartbeats import Heartbeats
from tests.surroundings import ANSWER_S, ask, bare_environment, free_ports, with_us

READY_WITHIN_S = 90
STOPPED_WITHIN_S = 60
ANSWERS_WITHIN_S = 20
Mark = dict[tuple[str, str], int]
"""For each (exchange, symbol) an id from which on nothing may be missing."""


class Execution(msgspec.Struct, frozen=True):
    """One line of the simulator's ``/truth``. ``ts_event`` in µs UTC, ``side`` the taker's."""

    symbol: str
    trade_id: int
    ts_event: int
    price: str
    size: str
    side: str


class Stack:
    """One installation on ``folder`` with simulated exchanges.

    Args:
        folder: its DATA_DIR.
        variables: what stands before `make demo`: ``RATE="200"``, ``FEEDS=…``, ``RECORDING=…``.
    """

    def __init__(self, folder: Path, **variables: str) -> None:
        port, tap, simulator = free_ports(3)
        self.environment = bare_environment(
            DATA_DIR=str(folder),
            PORT=str(port),
            TAP_ENDPOINT=f"tcp://127.0.0.1:{tap}",
            SIMULATOR_PORT=str(simulator),
            **{
                "FEEDS": settings.DEFAULT_FEEDS,
                # Tests ask more often than one address may.
                "RATE_LIMIT_GENERAL": "1000000",
                "RATE_LIMIT_MARKET": "1000000",
                **variables,
            },
        )
        self._kind: launch.Kind = "demo"
        self.settings = settings.load(launch.environment(self._kind, self.environment, {}))
        self.url = f"http://127.0.0.1:{port}"
        self.ws_url = f"ws://127.0.0.1:{port}/ws"
        self.tap = self.settings.tap_endpoint
        self.complete = True
        """False where missing trades cannot be fetched: it rests although some are missing."""
        self.launcher: subprocess.Popen[bytes] | None = None
        self._asked: subprocess.Popen[bytes] | None = None
        self._supervisor = Supervisor(render.socket_path(self.settings))
        self._out = folder / "launch.out"
        self._err = folder / "launch.err"

    def lead_through(self, proxies: Mapping[str, int]) -> None:
        """Let feeds and backfiller reach each exchange by a proxy's port, from the next start on.

        A demo takes no addresses of exchanges; otherwise this is the same launch.
        """
        self._kind = "live"
        self.environment["SIMULATED"] = "1"
        for exchange, port in proxies.items():
            base, name = f"127.0.0.1:{port}/{exchange}", exchange.upper()
            self.environment[f"{name}_WS_URL"] = f"ws://{base}/ws"
            self.environment[f"{name}_REST_URL"] = f"http://{base}/rest"
        self.settings = settings.load(launch.environment(self._kind, self.environment, {}))

    # ---- life

    def start(self, *, wait: bool = True) -> "Stack":
        """Start it by what `make demo` calls; with ``wait``, return once it is open."""
        command = "demo" if self._kind == "demo" else "run"
        self.settings.data_dir.mkdir(parents=True, exist_ok=True)
        with self._out.open("wb") as out, self._err.open("wb") as err:
            self.launcher = subprocess.Popen(
                [*with_us(), sys.executable, "-m", "procs", command],
                cwd=settings.ROOT,
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=err,
                start_new_session=True,
            )
        if wait:
            self.wait_open()
        return self

    def wait_open(self) -> None:
        """Wait until it says where to open it."""

        def open_said() -> bool:
            assert self._running().poll() is None, self.said()
            return "\nReady after " in self.said() and "\nOpen http://" in self.said()

        eventually(open_said, within=READY_WITHIN_S)

    def said(self) -> str:
        """Return what the launcher has printed, its one sentence of failure included."""
        return self._out.read_text() + self._err.read_text()

    def complaint(self) -> str:
        """Return what the launcher has printed on standard error."""
        return self._err.read_text()

    def _running(self) -> "subprocess.Popen[bytes]":
        assert self.launcher is not None, "not started"
        return self.launcher

    def wait_ended(self) -> int:
        """Wait until the launcher has ended; return its exit code."""
        code = self._running().wait(STOPPED_WITHIN_S)
        self.launcher = None
        return code

    def wait_gone(self) -> None:
        """Wait until no process is left; fail when one stays, or holds a lock."""
        eventually(lambda: processes_of(self.settings.data_dir) == [], within=STOPPED_WITHIN_S)
        eventually(lambda: held_locks(self.settings.data_dir) == [], within=RELEASED_WITHIN_S)

    def ask_to_stop(self) -> None:
        """Press Ctrl-C, once: a second one might meet an interpreter that is about to end."""
        if self.launcher is not None and self._asked is not self.launcher:
            self._asked = self.launcher
            self.launcher.send_signal(signal.SIGINT)

    def stop(self) -> None:
        """Press Ctrl-C; fail unless that is clean and leaves nothing."""
        if self.launcher is None:
            return
        self.ask_to_stop()
        code = self.wait_ended()
        assert (code, self.complaint()) == (0, ""), self.said()
        left = processes_of(self.settings.data_dir)
        assert left == [], f"left behind: {left}"
        self.wait_gone()

    def remove(self) -> None:
        """End whatever a failed test has left of it, and remove its sockets."""
        if self.launcher is not None:
            self.launcher.terminate()
            try:
                self.wait_ended()
            except subprocess.TimeoutExpired:
                self.launcher.kill()
        signal_all(self.settings.data_dir, signal.SIGKILL)
        shutil.rmtree(self.settings.run_dir, ignore_errors=True)

    # ---- its processes

    def programs(self) -> dict[str, Seen]:
        """Return supervisord's view of its programs; nothing while it does not answer."""
        try:
            return {seen.name: seen for seen in self._supervisor.programs()}
        except Unanswered:
            return {}

    def pids(self) -> dict[str, int]:
        """Return the pid of each program, as soon as supervisord answers."""
        programs = eventually(self.programs, within=ANSWERS_WITHIN_S)
        return {name: seen.pid for name, seen in programs.items()}

    def pid(self, program: str) -> int:
        """Return the pid of a program; ``supervisord`` and ``launcher`` are programs too."""
        if program == "launcher":
            return self._running().pid
        if program == "supervisord":
            return self._supervisor.pid()
        found = self.pids()[program]
        assert found > 0, f"{program} does not run"
        return found

    def kill(self, program: str, signum: int = signal.SIGKILL) -> None:
        """Send a signal to a program."""
        os.kill(self.pid(program), signum)

    def switch_off(self, program: str) -> None:
        """End a program for good, as an operator does."""
        self._control("stop", program)

    def switch_on(self, program: str) -> None:
        """Start a program that was switched off."""
        self._control("start", program)

    def restart(self, program: str) -> None:
        """Restart a program, as an operator does; return once supervisord calls it RUNNING."""
        self._control("restart", program)

    def _control(self, *words: str) -> None:
        configuration = str(launch.configuration(self.settings))
        command = [sys.executable, "-m", "supervisor.supervisorctl", "-c", configuration]
        subprocess.run([*command, *words], check=True, timeout=30, capture_output=True)

    def wait_running(self, program: str, *, within: float = 10.0) -> None:
        """Wait until supervisord calls a program RUNNING."""

        def running() -> bool:
            seen = self.programs().get(program)
            return seen is not None and seen.state == "RUNNING"

        eventually(running, within=within)

    def wait_back(self, program: str, old_pid: int, *, within: float) -> None:
        """Wait until a program works again as another process: it beats and waits for nothing."""
        with Heartbeats(self.settings.run_dir) as heard:

            def back() -> bool:
                seen = self.programs().get(program)
                pid = 0 if seen is None else seen.pid
                if pid in (0, old_pid):
                    return False
                if program == "postgres":
                    return self.database_answers()
                beat = heard.take().get(program)
                ready = beat is not None and beat.state.startswith(("ready", "idle"))
                return ready and beat is not None and beat.pid == pid

            eventually(back, within=within)

    # ---- what it says

    def get(self, path: str) -> tuple[int, Any]:
        """Return status and decoded JSON of a GET to the web processes."""
        return ask(self.settings.port, "GET", path)

    # ---- the simulator

    def pause(self) -> Mark:
        """Stop trading and wait until all has been sent; return the last id of each symbol."""
        status, body = ask(self.settings.simulator_port, "POST", "/pause")
        assert (status, body["sent"]) == (200, True)
        return _by_symbol(body["executed"])

    def resume(self) -> None:
        """Go on trading."""
        status, _ = ask(self.settings.simulator_port, "POST", "/resume")
        assert status == 200

    def executed(self) -> Mark:
        """Return the last id of each symbol so far."""
        return _by_symbol(ask(self.settings.simulator_port, "GET", "/health")[1]["executed"])

    def truth(self, exchange: str, symbol: str) -> list[Execution]:
        """Return every trade that the simulator has executed, by rising id."""
        connection = http.client.HTTPConnection("127.0.0.1", self.settings.simulator_port)
        try:
            connection.request("GET", f"/truth?exchange={exchange}&symbol={symbol}")
            answer = connection.getresponse()
            assert answer.status == 200
            return msgspec.json.Decoder(Execution).decode_lines(answer.read())
        finally:
            connection.close()

    # ---- what it has stored

    def database_answers(self) -> bool:
        """True when the database takes connections."""
        try:
            psycopg.connect(self.settings.dsn, connect_timeout=2).close()
        except psycopg.OperationalError:
            return False
        return True

    def rows(self, query: str, *parameters: object) -> list[tuple[Any, ...]]:
        """Return the rows of a query."""
        with psycopg.connect(self.settings.dsn, connect_timeout=ANSWER_S) as connection:
            return connection.execute(query.encode(), parameters).fetchall()

    def change(self, statement: str) -> None:
        """Damage what is stored."""
        with psycopg.connect(self.settings.dsn, connect_timeout=ANSWER_S) as connection:
            connection.execute(statement.encode())

    def stored(self) -> int:
        """Return the number of trades in Postgres."""
        return int(self.rows("SELECT count(*) FROM trade")[0][0])

    def journal(self, exchange: str) -> list[JournalRecord]:
        """Return all records of an exchange's journal."""
        reader = JournalReader(path_of(self.settings.journal_dir, exchange))
        found: list[JournalRecord] = []
        seq = 0
        while page := reader.read(seq):
            found += [decode_record(record.body) for record in page]
            seq = page[-1].seq
        reader.close()
        return found

    def mark(self) -> Mark:
        """Wait until every symbol flows; return ids from which on nothing may be missing."""
        since = self.executed()

        def arrived() -> Mark | None:
            rows = self.rows("SELECT exchange, symbol, max(trade_id) FROM trade GROUP BY 1, 2")
            newest = {(exchange, symbol): int(last) for exchange, symbol, last in rows}
            return newest if all(newest.get(key, 0) > since[key] for key in since) else None

        found = eventually(arrived, within=30)
        assert found is not None
        return found

    @contextmanager
    def at_rest(self, *, within: float = 30.0) -> Iterator[Mark]:
        """Pause trading, wait until everything has come to rest; afterwards trade again.

        Yields the last id of each symbol.
        """
        executed = self.pause()
        try:
            with Heartbeats(self.settings.run_dir) as heard:
                eventually(lambda: self._rests(heard), within=within)
            yield executed
        finally:
            self.resume()

    def _rests(self, heard: Heartbeats) -> bool:
        """True when no feed has moved between two heartbeats and Postgres has it all, gaps too."""
        heard.take()
        rows = self.rows("SELECT exchange, epoch, seq FROM cursor WHERE consumer = 'persister'")
        cursors = {exchange: (epoch, seq) for exchange, epoch, seq in rows}
        for exchange in self.settings.feeds:
            last, before = heard.last_two(f"feed-{exchange}")
            if last is None or before is None or last.pid != before.pid:
                return False
            if last.positions != before.positions:
                return False
            if last.positions.get(exchange) != cursors.get(exchange):
                return False
        return not self.complete or self.rows("SELECT FROM gap WHERE state = 'open'") == []


def _by_symbol(executed: Mapping[str, int]) -> Mark:
    found = {}
    for name, last in executed.items():
        exchange, _, symbol = name.partition(":")
        found[exchange, symbol] = last
    return found
