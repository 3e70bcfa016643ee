"""Starts that cannot succeed say why in one line; a dependency that is away is waited for."""

import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from bus import process, settings
from bus.settings import Settings
from tests.e2e.exactness import assert_exact, journalled
from tests.e2e.fix_stack import Stacks
from tests.e2e.remains import processes_of
from tests.eventually import eventually
from tests.fix_postgres import Server
from tests.surroundings import bare_environment, free_ports

pytestmark = pytest.mark.e2e

REFUSED_WITHIN_S = 30


def refused(command: str, **variables: str) -> str:
    """Run a command that must refuse to start; return its one line on standard error."""
    done = subprocess.run(
        [sys.executable, "-m", "procs", command],
        cwd=settings.ROOT,
        env=bare_environment(**variables),
        capture_output=True,
        text=True,
        timeout=REFUSED_WITHIN_S,
        check=False,
    )
    data_dir = Path(variables["DATA_DIR"])
    shutil.rmtree(Settings(data_dir=data_dir).run_dir, ignore_errors=True)
    assert processes_of(data_dir) == []
    assert done.returncode == process.EXIT_MISCONFIGURED, done
    assert done.stdout == ""
    line, end, rest = done.stderr.partition("\n")
    assert (end, rest) == ("\n", "")
    return line


@pytest.fixture
def variables(tmp_path: Path) -> dict[str, str]:
    """Return variables with which a start would succeed."""
    port, tap, simulator = map(str, free_ports(3))
    return {
        "DATA_DIR": str(tmp_path / "data"),
        "PORT": port,
        "TAP_ENDPOINT": f"tcp://127.0.0.1:{tap}",
        "SIMULATOR_PORT": simulator,
        "FEEDS": "binance:ETH-USDT",
    }


@pytest.mark.parametrize("command", ["demo", "run"])
@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("PORT", "80a"),
        ("PORT", "0"),
        ("FEEDS", "bynance:ETH-USDT"),
        ("FEEDS", "binance"),
        ("FEEDS", "binance:ETHUSDT"),
        ("WEB_PROCESSES", "-1"),
        ("LOG_LEVEL", "LOUD"),
        ("TAP_ENDPOINT", "tcp://eth0:5556"),
    ],
)
def test_a_wrong_setting_is_named_in_one_line(
    variables: dict[str, str], command: str, key: str, value: str
) -> None:
    line = refused(command, **{**variables, key: value})
    head, found, advice = line.partition("; ")
    assert head.startswith(f"tickwire: {key}: ")
    assert found
    assert advice


@pytest.mark.parametrize(
    "address",
    [
        "sqlite:///data.db",
        "mysql://localhost/tickwire",
        "postgresql://[::1/tickwire",
        "postgresql://host:port/tickwire",
        "postgresql://127.0.0.1/tickwire?sslmode=perhaps",
        "postgresql://127.0.0.1/tickwire?keepalives=maybe",
        "nonsense",
    ],
)
def test_a_malformed_database_address_is_refused_without_repeating_its_secrets(
    variables: dict[str, str], address: str
) -> None:
    address = address.replace("//", "//user:swordfish@", 1)
    for command, key in (("run", "DATABASE_URL"), ("demo", "DEMO_DATABASE_URL")):
        line = refused(command, **{**variables, key: address})
        assert line.startswith("tickwire: DATABASE_URL: ")
        assert "swordfish" not in line


@pytest.mark.parametrize("key", ["PORT", "TAP_ENDPOINT", "SIMULATOR_PORT"])
def test_a_port_in_use_is_named_in_one_line(variables: dict[str, str], key: str) -> None:
    with socket.socket() as other:
        port = int(variables[key].rpartition(":")[2])
        other.bind(("127.0.0.1", port))
        other.listen()
        line = refused("demo", **variables)
    assert line.startswith(f"tickwire: {key}: ")
    assert str(port) in line


def test_a_folder_that_cannot_be_made_is_named_in_one_line(
    variables: dict[str, str], tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("in the way")
    folder = tmp_path / "file" / "data"
    line = refused("demo", **{**variables, "DATA_DIR": str(folder)})
    assert line.startswith("tickwire: DATA_DIR: ")
    assert str(folder) in line


@pytest.fixture
def database_folder() -> Iterator[Path]:
    """Return a folder for a database, with a path short enough for its socket."""
    with tempfile.TemporaryDirectory(prefix="tickwire-e2e-") as folder:
        yield Path(folder)


def test_f8_a_database_that_is_away_is_waited_for_and_nothing_is_lost(
    stacks: Stacks, database_folder: Path
) -> None:
    folder = Settings(data_dir=database_folder).run_dir / "pg"
    address = f"postgresql://tickwire@/tickwire?host={folder}"
    stack = stacks(RATE="200", FEEDS="binance:ETH-USDT,BTC-USDT", DEMO_DATABASE_URL=address)
    stack.start(wait=False)

    def waits() -> bool:
        try:
            states = {one["name"]: one["state"] for one in stack.get("/api/status")[1]["processes"]}
        except OSError:
            return False
        return (
            states.get("persister") == "waiting: database"
            and states.get("feed-binance") == "ready"
            and "binance" in {feed["exchange"] for feed in stack.get("/api/status")[1]["feeds"]}
        )

    eventually(waits, within=30)
    pids = stack.pids()
    assert stack.get("/health/live")[0] == 200
    status, body = stack.get("/health/ready")
    assert (status, body["success"]) == (503, False)
    assert "database" in body["error"]["message"]
    # Prices are shown live all the same, out of the journals.
    eventually(lambda: len(stack.get("/api/last")[1]) == 2, within=10)
    waiting = {one.trade_id for one in journalled(stack, "binance") if one.symbol == "ETH-USDT"}
    assert waiting
    server = Server(database_folder)
    try:
        server.wait()
        stack.wait_open()
        since = stack.mark()
        assert stack.pids() == pids
        compared = assert_exact(stack, since)
        assert all(compared.values())
        rows = stack.rows("SELECT trade_id FROM trade WHERE symbol = 'ETH-USDT'")
        assert waiting <= {trade_id for (trade_id,) in rows}
        stack.stop()
    finally:
        stack.remove()
        server.remove()
    with pytest.raises(psycopg.OperationalError):
        psycopg.connect(stack.settings.dsn)
