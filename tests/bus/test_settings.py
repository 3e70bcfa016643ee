"""The table of settings: what a text becomes, and the sentence about one that is wrong."""

import logging
from pathlib import Path

import pytest

from bus import settings, strange_settings, values
from bus.errors import SettingError
from bus.log import Log


def test_an_empty_environment_gives_the_documented_defaults() -> None:
    found = settings.load({})
    assert (found.port, found.host, found.web_processes) == (8000, "127.0.0.1", 2)
    assert found.data_dir == settings.ROOT / "data"
    assert found.database_url is None
    assert found.feeds["coinbase"] == ("BTC-USD", "ETH-USD", "SOL-USD", "XRP-USD", "DOGE-USD")
    assert found.feeds["binance"] == ("BTC-USDT", "ETH-USDT", "ETH-USDC", "ETH-BTC")
    assert not found.simulated


def test_an_empty_value_is_the_default() -> None:
    assert settings.load({"PORT": "", "FEEDS": " ", "DATABASE_URL": ""}) == settings.load({})


def test_feeds_are_read_in_any_case_and_each_symbol_once() -> None:
    found = settings.load(
        {"FEEDS": " Binance : eth-usdt, ETH-USDT ,btc-usdt ; coinbase:aapl-usd; "}
    )
    assert found.feeds == {"binance": ("ETH-USDT", "BTC-USDT"), "coinbase": ("AAPL-USD",)}


def test_a_relative_folder_lies_in_the_project() -> None:
    assert settings.load({"DATA_DIR": "data/demo"}).data_dir == settings.ROOT / "data" / "demo"


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("PORT", "0"),
        ("PORT", "65536"),
        ("PORT", "80_00"),
        ("PORT", "٨٠٠٠"),
        ("PORT", "8000x"),
        ("PORT", "1" * 5000),
        ("HOST", "::1"),
        ("HOST", "a b"),
        ("HOST", "%(here)s"),
        ("DATA_DIR", "~nobody-has-this-name/x"),
        ("DATABASE_URL", "sqlite:///x.db"),
        ("DATABASE_URL", "mysql://root@localhost/x"),
        ("DATABASE_URL", "localhost"),
        ("TIMESCALE_PORT", "x"),
        ("WEB_PROCESSES", "-1"),
        ("FEEDS", "binance"),
        ("FEEDS", "binance:"),
        ("FEEDS", "binance:ETHUSDT"),
        ("FEEDS", "binance:ETH-USDT;binance:BTC-USDT"),
        ("FEEDS", "bin ance:ETH-USDT"),
        ("LOG_LEVEL", "LOUD"),
        ("LOG_FORMAT", "xml"),
        ("SIMULATED", "yes"),
        ("TAP_ENDPOINT", "tcp://0.0.0.0"),
        ("TAP_ENDPOINT", "tcp://0.0.0.0:65536"),
        ("TAP_ENDPOINT", "tcp://eth0:5556"),
        ("TAP_ENDPOINT", "tcp://1.2.3:5556"),
        ("TAP_ENDPOINT", "tcp://[::1:5556"),
        ("TAP_KEYS_DIR", "~nobody-has-this-name/x"),
        ("TAP_ENDPOINT", "tcp://127.0.0.1:0"),
        ("TAP_ENDPOINT", "ipc:///tmp/x"),
        ("COINBASE_WS_URL", "https://ws-feed.exchange.coinbase.com"),
        ("COINBASE_WS_URL", "ws://[::1"),
        ("BINANCE_REST_URL", "http://host:notaport"),
        ("BINANCE_REST_URL", "http://"),
    ],
)
def test_a_wrong_value_is_one_sentence_that_names_its_key(key: str, value: str) -> None:
    with pytest.raises(SettingError) as caught:
        settings.load({"TIMESCALE_HOST": "db", key: value})
    assert caught.value.key == key
    sentence = str(caught.value)
    assert sentence.startswith(f"{key}: ")
    assert "; " in sentence
    assert "\n" not in sentence


def test_a_refused_database_address_does_not_repeat_its_password() -> None:
    for value in ("hunter2", "mysql://user:hunter2@host/x", "sqlite://hunter2"):
        with pytest.raises(SettingError) as caught:
            settings.load({"DATABASE_URL": value})
        assert "hunter2" not in str(caught.value)


def test_sqlite_is_told_what_takes_its_place() -> None:
    with pytest.raises(SettingError, match="postgresql://"):
        settings.load({"DATABASE_URL": "sqlite:///tickwire.db"})


def test_timescale_names_build_the_database_address_unless_it_is_given() -> None:
    environ = {
        "TIMESCALE_HOST": "db.example",
        "TIMESCALE_PORT": "5433",
        "TIMESCALE_DATABASE": "ticks",
        "TIMESCALE_USER": "me",
        "TIMESCALE_PASSWORD": "p@ss/word",
    }
    built = settings.load(environ).database_url
    assert built == "postgresql://me:p%40ss%2Fword@db.example:5433/ticks"
    given = "postgresql://other/x"
    assert settings.load({**environ, "DATABASE_URL": given}).database_url == given


def test_an_exchange_is_reached_where_it_was_set_else_at_the_simulator_of_a_demo() -> None:
    live = settings.load({"BINANCE_WS_URL": "wss://stream.binance.com:9443/ws/"})
    assert live.address("binance", "WS") == "wss://stream.binance.com:9443/ws"
    assert live.address("coinbase", "WS") is None
    demo = settings.load({"SIMULATED": "1", "SIMULATOR_PORT": "8901"})
    assert demo.address("coinbase", "WS") == "ws://127.0.0.1:8901/coinbase/ws"
    assert demo.address("coinbase", "REST") == "http://127.0.0.1:8901/coinbase/rest"


@pytest.mark.parametrize(
    ("given", "address", "on_loopback"),
    [
        ("tcp://127.0.0.1:5556", "tcp://127.0.0.1:5556", True),
        ("tcp://127.1.2.3:1", "tcp://127.1.2.3:1", True),
        ("tcp://localhost:5556", "tcp://127.0.0.1:5556", True),
        ("tcp://[::1]:5556", "tcp://[::1]:5556", True),
        ("tcp://0.0.0.0:5556", "tcp://0.0.0.0:5556", False),
        ("tcp://*:5556", "tcp://0.0.0.0:5556", False),
        ("tcp://192.168.1.7:5556", "tcp://192.168.1.7:5556", False),
        ("tcp://[::]:5556", "tcp://[::]:5556", False),
        ("tcp://[::ffff:10.0.0.1]:5556", "tcp://[::ffff:10.0.0.1]:5556", False),
    ],
)
def test_the_tap_listens_on_any_address_and_only_loopback_counts_as_this_machine_alone(
    given: str, address: str, on_loopback: bool
) -> None:
    found = settings.load({"TAP_ENDPOINT": given}).tap_endpoint
    assert found == address
    assert values.is_loopback(found) is on_loopback


def test_the_taps_keys_are_in_the_data_folder_unless_it_is_said_where() -> None:
    assert settings.load({}).tap_keys_dir == settings.ROOT / "data" / "tap-keys"
    assert settings.load({"DATA_DIR": "/x/a"}).tap_keys_dir == Path("/x/a/tap-keys")
    given = settings.load({"DATA_DIR": "/x/a", "TAP_KEYS_DIR": "/y/keys"})
    assert given.tap_keys_dir == Path("/y/keys")


def test_two_data_folders_never_share_their_sockets() -> None:
    one, other = (settings.load({"DATA_DIR": name}).run_dir for name in ("/x/a", "/x/b"))
    assert one != other
    assert len(str(one)) < 60


def test_env_file_values_lose_their_quotes_and_comments(tmp_path: Path) -> None:
    path = tmp_path / ".env"
    path.write_text(
        "# a comment\n\nPORT=8001 # mine\nexport HOST = 0.0.0.0\nA='x # y'  # z\n"
        'B="q"\nC=\nD=a#b\nE=#\nF="open\nG=p=q\n',
        encoding="utf-8",
    )
    assert settings.read_env_file(path) == {
        "PORT": "8001",
        "HOST": "0.0.0.0",
        "A": "x # y",
        "B": "q",
        "C": "",
        "D": "a#b",
        "E": "",
        "F": '"open',
        "G": "p=q",
    }


def test_no_env_file_is_no_settings(tmp_path: Path) -> None:
    assert settings.read_env_file(tmp_path / ".env") == {}


def test_an_env_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    path = tmp_path / ".env"
    path.write_text("PORT=8000\nhunter2\n", encoding="utf-8")
    with pytest.raises(SettingError, match=r"^\.env: line 2") as caught:
        settings.read_env_file(path)
    assert "hunter2" not in str(caught.value)
    path.write_bytes(b"PORT=\xff\n")
    with pytest.raises(SettingError, match=r"^\.env: cannot be read"):
        settings.read_env_file(path)


def _warned(environ: dict[str, str], caplog: pytest.LogCaptureFixture) -> list[str]:
    caplog.clear()
    with caplog.at_level(logging.WARNING):
        strange_settings.warn(environ, Log("settings"))
    return [record.fields["key"] for record in caplog.records]  # type: ignore[attr-defined]


def test_replaced_and_misspelt_names_warn_once_each(caplog: pytest.LogCaptureFixture) -> None:
    environ = {"REDIS_URL": "redis://x", "DATABSE_URL": "x", "FEED": "x", "PORT": "1", "HOME": "/"}
    assert _warned(environ, caplog) == ["REDIS_URL", "DATABSE_URL", "FEED"]
    assert _warned({"DATABASE_URL": "x", "TIMESCALE_HOST": "x"}, caplog) == []
