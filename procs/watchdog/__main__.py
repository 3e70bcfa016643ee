"""The watchdog: takes heartbeats and supervisord's view, restarts what is hung or given up.

Comes in: every program's heartbeats, and once a second the table of supervisord's programs. Goes
out: SIGKILL to a hung program, SIGINT to a database server that waits for its clients to let it
stop, a start for one in FATAL, and that table for everyone on ``programs.``. supervisord away, or
never there, is waited for: it then only listens.
"""

import os
from collections.abc import Sequence

import zmq

from bus import actor, process, settings, strange_settings, topics, wiring
from bus.actor import Idle, Instant, Send
from bus.messages import Heartbeat, ProgramState, ProgramTable, decode, encode
from bus.process import Process
from bus.sockets import Socket, Subscriber, bind
from procs.postgres import cluster
from procs.supervisor_rpc import Seen, Supervisor, Unanswered
from procs.watchdog.judge import Hurry, Judge, Kill, Order

NAME = "watchdog"
LOOK_EVERY_S = 1
LOOK_AGAIN_S = 5
"""How long it leaves a supervisord alone that did not answer."""
STATE_ALONE = "idle: not under supervisord"
STATE_WAITING = "waiting: supervisord does not answer"


class Watchdog(Idle):
    """The actor. ``supervisor`` is None where no supervisord started us."""

    def __init__(self, running: Process, supervisor: Supervisor | None) -> None:
        self._log = running.log
        self._health = running.health
        self._settings = running.settings
        self._supervisor = supervisor
        self._judge = Judge()
        self._fatal: set[str] = set()
        self._next_look = 0
        if supervisor is None:
            self._health.state = STATE_ALONE

    def on_message(self, source: str, frames: list[bytes], now: Instant) -> Sequence[Send]:
        """Take one heartbeat; our own says nothing that we do not know."""
        message = decode(frames[1])
        if isinstance(message, Heartbeat) and message.program != NAME:
            self._judge.heard(message.program, message.pid, now.mono)
        return ()

    def on_tick(self, now: Instant) -> Sequence[Send]:
        """Look at supervisord's programs, act, and tell."""
        if self._supervisor is None or now.mono < self._next_look:
            return ()
        self._next_look = now.mono + LOOK_EVERY_S * 1_000_000
        try:
            programs = self._supervisor.programs()
        except Unanswered as error:
            self._next_look = now.mono + LOOK_AGAIN_S * 1_000_000
            if self._health.state != STATE_WAITING:
                self._log.warning("watchdog.unanswered", reason=error)
            self._health.state = STATE_WAITING
            return ()
        self._health.state = "ready"
        self._tell_fatal(programs)
        embedded = self._settings.database_url is None
        stopping = cluster.stopping(self._settings.data_dir) if embedded else 0
        for order in self._judge.look(programs, now.mono, stopping):
            self._act(self._supervisor, order)
        return (Send("out", topics.PROGRAMS, encode(self._table(programs, now))),)

    def _act(self, supervisor: Supervisor, order: Order) -> None:
        try:
            if isinstance(order, Kill):
                self._log.warning(
                    "watchdog.kill", program=order.name, pid=order.pid, silent_s=order.silent_s
                )
                supervisor.kill(order.full_name)
                self._health.counters["killed"] += 1
            elif isinstance(order, Hurry):
                self._log.warning("watchdog.hurry", program=order.name, pid=order.pid)
                supervisor.interrupt(order.full_name)
                self._health.counters["hurried"] += 1
            else:
                self._log.warning("watchdog.start", program=order.name, attempt=order.attempt)
                supervisor.start(order.full_name)
                self._health.counters["started"] += 1
        except Unanswered as error:  # it ended or was started meanwhile; the next look will tell
            self._health.last_error = f"{order.name}: {error}"

    def _tell_fatal(self, programs: Sequence[Seen]) -> None:
        fatal = {seen.name: seen.error for seen in programs if seen.state == "FATAL"}
        for name in fatal.keys() - self._fatal:
            self._log.error("watchdog.fatal", program=name, error=fatal[name])
            self._health.last_error = f"{name} does not stay up: {fatal[name]}"
        self._fatal = set(fatal)

    def _table(self, programs: Sequence[Seen], now: Instant) -> ProgramTable:
        restarts = self._judge.restarts
        return ProgramTable(
            now.wall,
            [
                ProgramState(
                    seen.name, seen.state, seen.pid, seen.since, restarts[seen.name], seen.error
                )
                for seen in programs
            ],
        )


def main(running: Process) -> int:
    """Run until SIGTERM."""
    run_dir = running.settings.run_dir
    strange_settings.warn(
        {**settings.read_env_file(settings.ROOT / ".env"), **os.environ}, running.log
    )
    address = os.environ.get("SUPERVISOR_SERVER_URL", "")
    supervisor = None
    if address.startswith("unix://"):
        supervisor = Supervisor(address.removeprefix("unix://"))
    context: zmq.Context[Socket] = zmq.Context()
    out = bind(context, wiring.OUT, run_dir, NAME)
    beats = Subscriber(context, run_dir, ["*"], [topics.heartbeat("")[:-1]])
    return actor.run(running, Watchdog(running, supervisor), {"beats": beats}, {"out": out})


if __name__ == "__main__":
    process.run(NAME, main)
