"""What is said before anything starts, and that nothing is left behind by saying it."""

import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from bus import settings
from bus.errors import SettingError
from bus.settings import ROOT
from procs import launch, preflight, simulator_options

Port = int


@pytest.fixture
def busy() -> Iterator[Port]:
    """A port on which somebody listens."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


def _free() -> Port:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
        return port


@pytest.fixture
def environ(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """The settings of an installation that could start."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    return {
        "DATA_DIR": str(tmp_path / "data"),
        "PORT": str(_free()),
        "TAP_ENDPOINT": f"tcp://127.0.0.1:{_free()}",
        "SIMULATOR_PORT": str(_free()),
        "SIMULATED": "1",
    }


def _refused(environ: dict[str, str]) -> SettingError:
    with pytest.raises(SettingError) as caught:
        preflight.check(ROOT, settings.load(environ))
    assert "\n" not in str(caught.value)
    return caught.value


@pytest.fixture
def short(environ: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """The same, with a run folder short enough for sockets wherever tests run."""
    monkeypatch.setattr(preflight, "SOCKET_PATH_BYTES_MAX", 4096)
    return environ


def test_a_right_installation_passes_and_leaves_only_its_folders(
    short: dict[str, str], tmp_path: Path
) -> None:
    chosen = settings.load(short)
    assert [line for line in preflight.check(ROOT, chosen) if "Python" not in line] == []
    assert {path.name for path in (tmp_path / "data").rglob("*")} == {"logs", "run"}
    assert preflight.check(ROOT, chosen) == preflight.check(ROOT, chosen)


@pytest.mark.parametrize("key", ["PORT", "SIMULATOR_PORT", "TAP_ENDPOINT"])
def test_a_port_in_use_is_named(short: dict[str, str], busy: Port, key: str) -> None:
    value = f"tcp://127.0.0.1:{busy}" if key == "TAP_ENDPOINT" else str(busy)
    error = _refused({**short, key: value})
    assert (error.key, error.found) == (key, f"{busy} is in use")


def test_a_live_run_does_not_want_the_simulators_port(short: dict[str, str], busy: Port) -> None:
    live = settings.load({**short, "SIMULATED": "0", "SIMULATOR_PORT": str(busy)})
    preflight.check(ROOT, live)


def test_one_port_for_two_purposes_is_refused(short: dict[str, str]) -> None:
    error = _refused({**short, "SIMULATOR_PORT": short["PORT"]})
    assert (error.key, error.found) == ("SIMULATOR_PORT", f"{short['PORT']} is PORT as well")


@pytest.mark.parametrize("host", ["192.0.2.1", "no-such-host.invalid"])
def test_a_host_that_is_not_ours_is_named(short: dict[str, str], host: str) -> None:
    assert _refused({**short, "HOST": host}).key == "HOST"


def test_a_data_folder_that_cannot_be_made_is_named(short: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    assert _refused({**short, "DATA_DIR": str(tmp_path / "file")}).key == "DATA_DIR"
    assert _refused({**short, "DATA_DIR": str(tmp_path / "file" / "x")}).key == "DATA_DIR"
    assert _refused({**short, "DATA_DIR": "/proc/tickwire"}).key == "DATA_DIR"


@pytest.mark.skipif(os.getuid() == 0, reason="root may write everywhere")
def test_a_read_only_data_folder_is_named(short: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / "shut").mkdir(mode=0o500)
    assert _refused({**short, "DATA_DIR": str(tmp_path / "shut")}).key == "DATA_DIR"


def test_a_temporary_folder_too_long_for_sockets_is_named(environ: dict[str, str]) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("tempfile.tempdir", "/tmp/" + "x" * 80)
        assert _refused(environ).key == "TMPDIR"


@pytest.mark.parametrize(
    "text", ["binance:ADA-USDT>kraken:ADA-USD", "kraken:BTC-USD>coinbase:BTC-USD"]
)
def test_what_stands_in_for_a_symbol_that_is_not_subscribed_is_refused(
    short: dict[str, str], text: str
) -> None:
    refused = _refused(short | {"FAILOVER": text})
    assert (refused.key, refused.found) == ("FAILOVER", f"{text.split('>')[0]} is not in FEEDS")
    right = settings.load(short | {"FAILOVER": "binance:ETH-USDT>kraken:ETH-USDT"})
    assert preflight.places(right) == []


def test_a_series_of_a_symbol_that_is_not_subscribed_is_a_warning(short: dict[str, str]) -> None:
    chosen = settings.load(short | {"SERIES": "coinbase:BTC-USD=1,coinbase:BTC-EUR=1"})
    (warning,) = preflight.places(chosen)
    assert "coinbase:BTC-EUR" in warning


def test_an_exchange_without_a_file_is_named(short: dict[str, str]) -> None:
    error = _refused({**short, "FEEDS": "binance:ETH-USDT;krakn:ETH-USDT"})
    assert (error.key, error.found) == ("FEEDS", "'krakn'")
    assert "coinbase" in error.advice


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://u:hunter2@h:99999/x",
        "postgresql://u:hunter2@h:x/x",
        "postgresql://u:hunter2@[::1/x",
        "postgresql://u:hunter2@h/x?nonsense=1",
    ],
)
def test_a_database_address_that_cannot_be_read_is_refused_without_its_password(
    short: dict[str, str], url: str
) -> None:
    error = _refused({**short, "DATABASE_URL": url})
    assert error.key == "DATABASE_URL"
    assert "hunter2" not in str(error)


def test_a_database_that_is_away_is_a_warning(short: dict[str, str]) -> None:
    port = _free()
    url = f"postgresql://u:hunter2@127.0.0.1:{port}/x"
    warnings = preflight.check(ROOT, settings.load({**short, "DATABASE_URL": url}))
    (warning,) = [line for line in warnings if line.startswith("DATABASE_URL: ")]
    assert f"127.0.0.1:{port}" in warning
    assert "hunter2" not in warning


def test_a_demo_never_meets_the_real_database_folder_or_exchanges() -> None:
    below = {
        "DATABASE_URL": "postgresql://real/x",
        "TIMESCALE_HOST": "real",
        "COINBASE_WS_URL": "wss://real",
        "DATA_DIR": "/var/real",
        "PORT": "9000",
    }
    own = {"BINANCE_REST_URL": "https://real", "DATABASE_URL": "postgresql://real/y"}
    demo = settings.load({**below, **launch.environment("demo", own, below)})
    assert demo.simulated
    assert demo.database_url is None
    assert demo.data_dir == ROOT / "data" / "demo"
    assert demo.addresses == {}
    assert demo.port == 9000
    live = settings.load({**below, **launch.environment("live", own, below)})
    assert live.database_url == "postgresql://real/y"
    assert live.data_dir == Path("/var/real")


def test_a_demo_takes_its_own_database_and_folder() -> None:
    own = {"DEMO_DATABASE_URL": "postgresql://demo/x", "DATA_DIR": "/tmp/mine"}
    demo = settings.load(launch.environment("demo", own, {}))
    assert demo.database_url == "postgresql://demo/x"
    assert demo.data_dir == Path("/tmp/mine")


def _arguments(environ: dict[str, str], root: Path = ROOT) -> tuple[str, ...]:
    return simulator_options.arguments(environ, settings.load({}), root)


def test_the_demos_variables_go_on_the_simulators_line() -> None:
    found = _arguments(
        {"RATE": "1000", "SEED": "7", "FAULTS": "drop=0.01,disconnect=30", "PORT": "1"}
    )
    assert found == ("--rate", "1000", "--seed", "7", "--faults", "drop=0.01,disconnect=30")
    assert _arguments({}) == ()


def test_a_recording_is_found_in_the_project(tmp_path: Path) -> None:
    for name in ("a.txt.zst", "b.txt.zst"):
        (tmp_path / name).touch()
    found = _arguments({"RECORDING": "a.txt.zst, b.txt.zst", "SPEED": "max"}, tmp_path)
    both = f"{tmp_path / 'a.txt.zst'},{tmp_path / 'b.txt.zst'}"
    assert found == ("--recording", both, "--speed", "max")


@pytest.mark.parametrize(
    ("key", "environ"),
    [
        ("RATE", {"RATE": "fast"}),
        ("SEED", {"SEED": "-1"}),
        ("SPEED", {"SPEED": "10"}),
        ("FAULTS", {"FAULTS": "drop"}),
        ("FAULTS", {"FAULTS": "drop=0.1;rm"}),
        ("RECORDING", {"RECORDING": "no-such-file"}),
        ("RATE", {"RECORDING": "x", "RATE": "5"}),
    ],
)
def test_a_wrong_variable_of_the_demo_is_named(key: str, environ: dict[str, str]) -> None:
    with pytest.raises(SettingError) as caught:
        _arguments(environ)
    assert caught.value.key == key
