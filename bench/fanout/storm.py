"""All web processes are killed and everybody comes back: how soon, and what Postgres hears of it.

A whole demo. Its Postgres is told to log every statement, and the killed processes' connections
are known by what comes after: statements on connections that did not exist at the kill. That is an
upper bound, as other processes connect too. The same is done once without any client, so that what
a web process asks when it starts is known: what is left is what the returning clients cost.
"""

import re
import tempfile
import time
from pathlib import Path

import psycopg

from bench.fanout.web_processes import snapshot_of
from bench.figures import figure, percentile
from bench.load.commands import Open
from bench.load.dialects import FLUSHED_AT, subscription, tickwire
from bench.load.processes import Load
from tests.e2e.stack import Stack
from tests.eventually import eventually

RATE_MS = 1000
WITHIN_S = 90.0
CONTROL_S = 15.0
_STATEMENT = re.compile(r"(\d+)\|LOG:  (?:statement|execute [^:]*): (.*)")
_LOGGED = (
    "ALTER SYSTEM SET log_statement = 'all'",
    "ALTER SYSTEM SET log_line_prefix = '%p|'",
)


def statements(log: str, before: set[int]) -> list[str]:
    """Return the statements in a log of Postgres on connections that are not among ``before``."""
    return [told for pid, told in _STATEMENT.findall(log) if int(pid) not in before]


class Heard:
    """What Postgres hears from now on, on connections that do not exist yet."""

    def __init__(self, stack: Stack) -> None:
        self._path = stack.settings.data_dir / "logs" / "postgres.log"
        self._from = self._path.stat().st_size
        rows = stack.rows("SELECT pid FROM pg_stat_activity WHERE pid <> pg_backend_pid()")
        self._before = {int(pid) for (pid,) in rows}

    def statements(self) -> list[str]:
        """Return them."""
        with self._path.open(encoding="utf-8", errors="replace") as log:
            log.seek(self._from)
            return statements(log.read(), self._before)


def log_statements(stack: Stack) -> None:
    """Let Postgres log every statement, with the process that serves its connection."""
    with psycopg.connect(stack.settings.dsn, autocommit=True) as connection:
        for statement in _LOGGED:
            connection.execute(statement)
        connection.execute("SELECT pg_reload_conf()")


def slots(stack: Stack) -> list[str]:
    """Return the programs that serve: all web processes but the one that holds the socket."""
    return sorted(name for name in stack.programs() if re.fullmatch("web-[1-9][0-9]*", name))


def kill(stack: Stack) -> None:
    """Kill every web process that serves."""
    names = slots(stack)
    if not names:
        raise SystemExit(f"no web process among {sorted(stack.programs())}")
    for name in names:
        stack.kill(name)


def run(clients: int, rate: int, returning_s: float, processes: int) -> None:
    """Measure and print."""
    with tempfile.TemporaryDirectory() as folder:
        stack = Stack(Path(folder), RATE=str(rate), SEED="1", WEB_PROCESSES=str(processes)).start()
        try:
            log_statements(stack)
            control = Heard(stack)
            kill(stack)
            time.sleep(CONTROL_S)
            asked_alone = control.statements()
            storm(stack, clients, returning_s, len(asked_alone))
            stack.stop()
        finally:
            stack.remove()


def storm(stack: Stack, clients: int, returning_s: float, asked_alone: int) -> None:
    """Kill the web processes under so many clients, wait for them, and print."""
    wish = Open(
        port=stack.settings.port,
        count=clients,
        dialect=tickwire(FLUSHED_AT),
        subscriptions=[[subscription("*", rate_ms=RATE_MS)]],
        checked=True,
        returning_s=returning_s,
        sweep_s=1.0,
    )
    with Load(wish, 2) as load:
        opened = load.open()
        load.begin()
        heard = Heard(stack)
        killed = time.monotonic()
        kill(stack)
        back_s = 0.0
        while not back_s:
            time.sleep(0.25)
            tally, live = load.count()
            taken = time.monotonic() - killed
            if live == clients and len(tally.returned) >= clients:
                back_s = taken
            elif taken > WITHIN_S:
                raise SystemExit(f"{live} of {clients} clients are back after {taken:.0f} s")
        asked = heard.statements()
        with stack.at_rest():
            snapshot = snapshot_of(stack.ws_url)
            eventually(lambda: load.compare(snapshot).different == 0, within=15)

    def say(metric: str, value: float, unit: str) -> None:
        figure("fanout", "tickwire", metric, value, unit, mode="storm", clients=clients)

    say("connected", opened.seconds, "s")
    say("all_resumed", back_s, "s")
    for percent in (50, 95, 100):
        say(f"away_p{percent}", percentile(tally.returned, percent), "s")
    say("not_recovered", tally.unrecovered, "clients")
    say("violations", tally.violations, "frames")
    say("equal_to_the_server", clients, "clients")
    say("statements_without_clients", asked_alone, "statements")
    say("statements", len(asked), "statements")
