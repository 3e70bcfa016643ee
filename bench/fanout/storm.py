"""All web processes are killed and everybody comes back: how soon, and what Postgres hears of it.

A whole demo. Its Postgres is told to log every statement, with the name of the application that
asks. The processes are killed once without any client, so that what they ask when they start is
known: what they ask beyond that is what the returning clients cost. In the end they are asked for
what is in the database, to see that a statement of theirs would have been heard.
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
_STATEMENT = re.compile(r" tickwire-web LOG:  (?:statement|execute [^:]*): *(.*)")
_LOGGED = (
    "ALTER SYSTEM SET log_statement = 'all'",
    "ALTER SYSTEM SET log_parameter_max_length = 0",
)
ASKS = "/api/candles?symbol=ETH-USDT&limit=1"
"""A request that Postgres must hear of."""


def statements(log: str) -> list[str]:
    """Return the first lines of the web processes' statements in a log of Postgres."""
    return _STATEMENT.findall(log)


class Heard:
    """What Postgres hears of the web processes from now on."""

    def __init__(self, stack: Stack) -> None:
        self._path = stack.settings.data_dir / "logs" / "postgres.log"
        self._from = self._path.stat().st_size

    def statements(self) -> list[str]:
        """Return it.

        Raises:
            SystemExit: the log was rotated meanwhile, so a part of it is elsewhere.
        """
        if self._path.stat().st_size < self._from:
            raise SystemExit("the log of Postgres was rotated: measure a shorter time")
        with self._path.open(encoding="utf-8", errors="replace") as log:
            log.seek(self._from)
            return statements(log.read())


def log_statements(stack: Stack) -> None:
    """Let Postgres log every statement."""
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
        stack.get(ASKS)
        eventually(lambda: len(heard.statements()) > len(asked), within=5)
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
