"""The hands of the nemesis: does one fault to an installation, and heals it.

Comes in: a fault. Goes out: whether it was done. Whatever it begins, ``heal_all`` ends. It never
touches a process that is not of the installation.
"""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Container, Mapping
from contextlib import suppress

import psycopg
from psycopg import sql

from procs import launch
from procs.supervisor_rpc import Unanswered
from tests.e2e.nemesis import DISKS, WHOLE, Fault
from tests.e2e.proxy import Proxy
from tests.e2e.remains import signal_all
from tests.e2e.small_disk import SmallDisk
from tests.e2e.stack import Stack
from tests.eventually import eventually
from tests.surroundings import ask

SQL_S = 5
HEALED_WITHIN_S = 90
SIMULATED = {
    "holes": "drop",
    "doubles": "dup",
    "disorder": "reorder",
    "garbage": "garbage",
    "too long": "huge",
    "half a frame": "cut",
    "REST fails": "rest_fail",
}
"""Kinds of fault that the simulator does, by its own name of them."""
ASKING = {"kill -9", "SIGTERM", "SIGSTOP", "hung", "postmaster killed", "postgres stopped"}
"""Kinds that need supervisord's answer."""
Heal = Callable[[], bool]
"""Tries it once; False: not now, as somebody else is away who is needed for it."""


def at_once(heal: Callable[[], None]) -> Heal:
    """Return what heals and needs nobody for it."""

    def done() -> bool:
        heal()
        return True

    return done


class Harm:
    """What can be done to one installation.

    Args:
        stack: the installation.
        proxies: between each exchange and its feed.
        disks: the small disks that it lives on, by ``disk full`` and ``journal disk full``.
    """

    def __init__(
        self, stack: Stack, proxies: Mapping[str, Proxy], disks: Mapping[str, SmallDisk]
    ) -> None:
        self._stack = stack
        self._proxies = proxies
        self._disks = disks
        self._healing: dict[tuple[str, str], Heal] = {}
        self.restarts_s: list[float] = []
        """How long it took from each death of all to the launcher's "Open"."""

    def do(self, fault: Fault) -> bool:
        """Do it; False where it could not be done now: it goes on already, or its aim is away."""
        key = (fault.kind, fault.target)
        if key in self._healing or (fault.kind in ASKING and self.blind):
            return False
        if fault.kind in WHOLE:  # that it does not start again is no excuse but a failure
            self._end_all(fault.kind)
            return True
        try:
            heal = self._begin(fault)
        except (Unanswered, OSError, KeyError, AssertionError, psycopg.Error):
            return False
        if heal is not None:
            self._healing[key] = heal
        return True

    @property
    def blind(self) -> bool:
        """True while supervisord stands still, who knows which process is which."""
        return ("supervisord stopped", "") in self._healing

    def heal(self, fault: Fault) -> bool:
        """Try to end a fault that lasts; False: it has to be tried again."""
        key = (fault.kind, fault.target)
        heal = self._healing.get(key)
        if heal is None or heal():
            self._healing.pop(key, None)
            return True
        return False

    def heal_all(self) -> None:
        """End all of them."""
        self._mend({kind for kind, _ in self._healing})

    def _mend(self, kinds: Container[str]) -> None:
        """End those of some kinds, each as soon as what it needs is there."""

        def mended() -> bool:
            for key in [key for key in self._healing if key[0] in kinds]:
                if self._healing[key]():
                    del self._healing[key]
            return not any(key[0] in kinds for key in self._healing)

        eventually(mended, within=HEALED_WITHIN_S)

    def _begin(self, fault: Fault) -> Heal | None:
        kind, target = fault.kind, fault.target
        if kind in ("kill -9", "SIGTERM"):
            self._stack.kill(target, signal.SIGTERM if kind == "SIGTERM" else signal.SIGKILL)
        elif kind in ("SIGSTOP", "hung"):
            return self._stop(target, hung=kind == "hung")
        elif kind == "supervisord stopped":
            return self._stop("supervisord", hung=False)
        elif kind == "postmaster killed":
            self._stack.kill("postgres")
        elif kind == "postgres stopped":
            self._control("stop", "postgres")
            return lambda: self._control("start", "postgres")
        elif kind == "postgres read-only":
            self._sql("ALTER SYSTEM SET default_transaction_read_only = on", RELOAD)
            return lambda: self._said("ALTER SYSTEM RESET default_transaction_read_only", RELOAD)
        elif kind == "postgres slow":
            self._sql(SLOW, f"{TRIGGER} ({fault.amount})")
            return lambda: self._said("DROP TRIGGER IF EXISTS chaos_slow ON cursor")
        elif kind in self._disks:
            disk = self._disks[kind]
            disk.fill()
            return at_once(disk.heal)
        elif kind in SIMULATED:
            return self._simulated(fault)
        else:
            return self._way(fault)
        return None

    # ---- processes

    def _stop(self, program: str, *, hung: bool) -> Heal | None:
        pid = self._stack.pid(program)
        os.kill(pid, signal.SIGSTOP)
        if hung:
            return None  # the watchdog's affair

        def go_on() -> None:
            # Killed meanwhile it is gone, and its number nobody's yet: numbers go round slowly.
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGCONT)

        return at_once(go_on)

    def _end_all(self, kind: str) -> None:
        """Kill or end the root, or kill everybody, and start again as an operator does."""
        began = time.monotonic()
        folder = self._stack.settings.data_dir
        if kind == "kill -9 of all":
            signal_all(folder, signal.SIGKILL)
            self._healing.pop(("supervisord stopped", ""), None)
        else:
            self._mend({"supervisord stopped"})  # it is asked for its number
            how = signal.SIGTERM if kind.startswith("SIGTERM") else signal.SIGKILL
            self._stack.kill("supervisord" if kind.endswith("supervisord") else "launcher", how)
        signal_all(folder, signal.SIGCONT)  # one that stands still cannot end
        self._stack.wait_ended()
        self._stack.wait_gone()
        self._mend(DISKS)  # nobody starts it on a full disk, and it would refuse
        self._stack.start()
        self.restarts_s.append(time.monotonic() - began)

    def _control(self, order: str, program: str) -> bool:
        """Give supervisord an order; one that it does not need any more is none."""
        path = str(launch.configuration(self._stack.settings))
        command = [sys.executable, "-m", "supervisor.supervisorctl", "-c", path, order, program]
        with suppress(subprocess.TimeoutExpired):
            subprocess.run(command, check=False, timeout=30, capture_output=True)
        seen = self._stack.programs().get(program)
        return seen is not None and (order == "stop" or seen.state not in ("STOPPED", "STOPPING"))

    # ---- the database

    def _sql(self, *statements: str) -> None:
        """Say something to the database, read-only or not."""
        options = f"-c default_transaction_read_only=off -c lock_timeout={SQL_S}s"
        with psycopg.connect(
            self._stack.settings.dsn, connect_timeout=SQL_S, options=options, autocommit=True
        ) as connection:
            for statement in statements:
                connection.execute(sql.SQL(statement))

    def _said(self, *statements: str) -> bool:
        """Return whether the database has heard it: it may be away just now."""
        try:
            self._sql(*statements)
        except psycopg.Error:
            return False
        return True

    # ---- exchanges

    def _simulated(self, fault: Fault) -> Heal:
        name = SIMULATED[fault.kind]

        def say(amount: float) -> bool:
            if ("SIGSTOP", "simulator") in self._healing:
                return False  # it would not answer
            try:
                status, _ = ask(
                    self._stack.settings.simulator_port, "POST", f"/faults?{name}={amount:g}"
                )
            except OSError:
                return False
            assert status == 200, f"{name}: {status}"
            return True

        if not say(fault.amount):
            raise OSError("the simulator is away")

        return lambda: say(0)

    def _way(self, fault: Fault) -> Heal | None:
        proxy = self._proxies[fault.target]
        match fault.kind:
            case "cut":
                proxy.cut()
            case "cut in mid-frame":
                proxy.cut_in_frame(int(fault.amount))
            case "half-open":
                proxy.hold()
                return at_once(proxy.release)
            case "refused":
                proxy.refuse()
                return at_once(proxy.accept)
            case "late":
                proxy.delay(fault.amount)
                return at_once(lambda: proxy.delay(0))
            case "narrow":
                proxy.narrow(int(fault.amount))
                return at_once(lambda: proxy.narrow(0))
            case "sliced":
                proxy.slice()
                return at_once(lambda: proxy.slice(on=False))
            case _:
                raise AssertionError(fault.kind)
        return None


RELOAD = "SELECT pg_reload_conf()"
SLOW = """
CREATE OR REPLACE FUNCTION chaos_slow() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_sleep(TG_ARGV[0]::double precision);
    RETURN NEW;
END $$
"""
TRIGGER = """
CREATE OR REPLACE TRIGGER chaos_slow BEFORE UPDATE ON cursor
FOR EACH ROW EXECUTE FUNCTION chaos_slow
"""
"""Its argument, how many seconds each transaction takes longer, follows in brackets."""
