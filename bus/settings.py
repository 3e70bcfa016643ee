"""Settings: the environment, with ``.env`` below it, read once at start.

One table of name, default and sentence. ``load()`` gives a frozen ``Settings``; every wrong value
raises ``SettingError``, which the operator sees as the one line
``tickwire: <KEY>: <what was found>; <what to do>`` and exit code 2. ``.env.example`` and the
README's table are generated from the rows below.
"""

import dataclasses
import hashlib
import os
import tempfile
from collections.abc import Callable, Mapping
from ipaddress import IPv4Network, IPv6Network
from pathlib import Path
from typing import Any

from bus import values
from bus.environment import addresses, from_timescale
from bus.environment import read_env_file as read_env_file
from bus.errors import SettingError
from bus.values import ROOT as ROOT

DEFAULT_FEEDS = (
    "coinbase:BTC-USD,ETH-USD,SOL-USD,XRP-USD,DOGE-USD;binance:BTC-USDT,ETH-USDT,ETH-USDC,ETH-BTC"
)

FINNHUB_SYMBOLS = ("ETH-USDC", "ETH-USDT", "ETH-BTC")
"""What a token of Finnhub's alone asks for."""
COINGECKO_COINS = ("BTC", "ETH", "ADA", "SOL", "DOT", "AVAX", "LINK", "POL", "UNI", "ATOM")
"""What CoinGecko is asked for where it is asked for nothing in particular."""


def _setting(
    default: Any,
    parse: Callable[[str], Any],
    sentence: str,
    *,
    key: str = "",
    shown: str = "",
    option: tuple[str, str] | None = None,
    secret: bool = False,
) -> Any:
    """One row of the table: how the text becomes a value, and the sentence that documents it.

    ``option`` is the exchange whose file is given the value, and its name there.
    """
    meta = {"parse": parse, "sentence": sentence, "key": key, "shown": shown, "option": option}
    return dataclasses.field(default=default, metadata=meta, repr=not secret)


@dataclasses.dataclass(frozen=True)
class Settings:
    """All settings. A field's name in capitals is its name in the environment."""

    port: int = _setting(8000, values.integer(1, 65535), "Port of the dashboard and the API")
    host: str = _setting("127.0.0.1", values.host, "Address that the web processes listen on")
    data_dir: Path = _setting(
        ROOT / "data",
        values.folder,
        "Where database, journals and logs rest (`data/demo` in the demo)",
        shown="data/",
    )
    database_url: str | None = _setting(
        None,
        values.database_url,
        "PostgreSQL 14 or newer, `postgresql://…`; unset: an embedded one in DATA_DIR",
    )
    web_processes: int = _setting(
        2, values.integer(1, 64), "Number of web processes that share the port"
    )
    feeds: dict[str, tuple[str, ...]] = _setting(
        None,
        values.feeds,
        "Exchanges and their symbols: `exchange:BASE-QUOTE,…;exchange:…`",
        shown=DEFAULT_FEEDS,
    )
    failover: dict[tuple[str, str], tuple[str, str]] = _setting(
        None,
        values.failover,
        "What stands in for what, when that fails: `binance:ETH-USDT>kraken:ETH-USDT,…`",
    )
    series: dict[tuple[str, str], int] = _setting(
        None,
        values.series,
        "Raised by one when an exchange has begun its trade ids anew: `coinbase:BTC-USD=1,…`",
    )
    finnhub_token: str | None = _setting(
        None,
        values.secret,
        "Token of Finnhub; without `finnhub` in FEEDS it asks for its three default pairs",
        option=("finnhub", "token"),
        secret=True,
    )
    finnhub_exchange: str = _setting(
        "BINANCE",
        values.text,
        "The exchange whose trades Finnhub is asked for",
        option=("finnhub", "exchange"),
    )
    binance_api_key: str | None = _setting(
        None,
        values.secret,
        "Sent to Binance's REST interface, which needs none today",
        option=("binance", "api_key"),
        secret=True,
    )
    coingecko_api_url: str | None = _setting(
        None,
        values.text,
        "Another address of CoinGecko's API; set, it is asked for MONITORED_SYMBOLS",
    )
    coingecko_api_key: str | None = _setting(
        None,
        values.secret,
        "Key of CoinGecko's free plan, which allows more calls; none is needed",
        option=("coingecko", "api_key"),
        secret=True,
    )
    ingestion_interval_ms: int = _setting(
        10_000,
        values.integer(1000, 3_600_000),
        "How often CoinGecko is asked, ms; set, it is asked for MONITORED_SYMBOLS",
        option=("coingecko", "interval_ms"),
    )
    monitored_symbols: tuple[str, ...] = _setting(
        COINGECKO_COINS,
        values.coins,
        "Coins that CoinGecko is asked for, by id or code; set, it is asked",
        shown=",".join(COINGECKO_COINS),
    )
    trade_retention_days: int = _setting(
        7,
        values.integer(0, 36_500),
        "Days for which single trades are kept, 0: as long as the journal does; candles stay",
    )
    stale_after_s: int = _setting(
        15, values.integer(1, 86400), "Age in seconds after which a price may be called stale"
    )
    log_level: str = _setting(
        "INFO", values.one_of("DEBUG", "INFO", "WARNING", "ERROR"), "Least level that is logged"
    )
    log_format: str = _setting(
        "text", values.one_of("text", "json"), "`text` or `json`, one line per event"
    )
    environment: str = _setting(
        "production", values.text, "A name for this installation, said in the logs"
    )
    tap_endpoint: str = _setting(
        "tcp://127.0.0.1:5556",
        values.tap_address,
        "Where other programs subscribe to the ZeroMQ feed; other than loopback it demands keys",
    )
    tap_keys_dir: Path = _setting(
        ROOT / "data" / "tap-keys",
        values.folder,
        "Keys of the ZeroMQ feed when it is open to other machines (`tap-keys` in DATA_DIR)",
        shown="data/tap-keys",
    )
    simulator_port: int = _setting(
        8900, values.integer(1, 65535), "Port of the simulated exchanges, in a demo"
    )
    simulated: bool = _setting(
        False, values.flag, "1 only by `make demo`: simulated exchanges, banner, stamped database"
    )
    recordings_dir: Path = _setting(
        ROOT / ".." / "shared" / "recordings",
        values.folder,
        "Where recordings are looked for",
        shown="../shared/recordings",
    )
    cors_origin: tuple[str, ...] = _setting(
        (),
        lambda value: tuple(part.strip() for part in value.split(",") if part.strip()),
        "Other origins that may call the API and open the WebSocket, comma separated",
        shown="",
    )
    trusted_proxies: tuple[IPv4Network | IPv6Network, ...] = _setting(
        (),
        values.networks,
        "Proxies whose `X-Forwarded-For` is believed: addresses and networks, comma separated",
    )
    rate_limit_general: int = _setting(
        100,
        values.integer(0, 1_000_000_000),
        "Requests a minute of one address that are not for market data; more: 429; 0: any number",
    )
    rate_limit_market: int = _setting(
        1000,
        values.integer(0, 1_000_000_000),
        "Requests a minute of one address for market data; more: 429; 0: any number",
    )
    rate_limit_sign_in: int = _setting(
        5,
        values.integer(0, 1000),
        "Attempts a minute to sign in or up, of one address and of one account; more: 429; 0: any",
    )
    journal_cap_mib: int = _setting(
        2048, values.integer(1, 1 << 20), "Size of one exchange's journal that is not passed, MiB"
    )
    journal_keep_s: int = _setting(
        900, values.integer(0, 1 << 31), "Seconds that a stored record stays in the journal"
    )
    journal_reserve_mib: int = _setting(
        16, values.integer(1, 1024), "Disk kept in reserve for the day the disk is full, MiB"
    )
    quarantine_rows: int = _setting(
        10_000,
        values.integer(0, 100_000_000),
        "Rows kept in the table `quarantine`: the newest trades that were not believed",
    )
    quarantine_days: int = _setting(
        30, values.integer(0, 36_500), "Days for which a trade that was not believed is kept"
    )
    ws_symbols: int = _setting(
        50,
        values.integer(1, 10_000),
        "Named symbols that one WebSocket may subscribe to; more are `rejected`",
    )
    ws_messages_per_minute: int = _setting(
        100,
        values.integer(1, 1_000_000),
        "Messages a minute that one WebSocket may send; more: closed with 4429",
    )
    ws_frame_bytes: int = _setting(
        64 << 10,
        values.integer(1 << 10, 16 << 20),
        "Bytes of the largest message that a WebSocket may send; larger: closed with 1009",
    )
    ws_slow_after_s: int = _setting(
        15,
        values.integer(1, 3600),
        "Seconds for which a WebSocket may take nothing of what it is sent; then closed with 4408",
    )
    ws_per_address: int = _setting(
        20,
        values.integer(0, 1_000_000),
        "Live connections (WebSockets, event streams) of one client address; 0: any number",
    )
    ws_compression: bool = _setting(
        True,
        values.flag,
        "Frames of `/ws` of 512 bytes and more are compressed for clients that take that",
    )
    ws_ping_every_s: int = _setting(
        30, values.integer(1, 3600), "Seconds between two pings of the server on a WebSocket"
    )
    ws_pong_within_s: int = _setting(
        60, values.integer(1, 3600), "Seconds that a WebSocket has to answer a ping; then closed"
    )
    sse_comment_every_s: int = _setting(
        15, values.integer(1, 3600), "Seconds after which a quiet event stream is sent a comment"
    )
    http_body_bytes: int = _setting(
        64 << 10,
        values.integer(1 << 10, 16 << 20),
        "Bytes of the largest request body; larger: 413",
    )
    http_query_chars: int = _setting(
        2048, values.integer(256, 1 << 20), "Characters of the longest query string; longer: 400"
    )
    http_head_bytes: int = _setting(
        32 << 10, values.integer(4 << 10, 1 << 20), "Bytes of all headers of a request; more: 431"
    )
    http_head_within_s: int = _setting(
        10, values.integer(1, 3600), "Seconds that the headers of a request may take; then cut"
    )
    standby: frozenset[tuple[str, str]] = frozenset()
    """Those of ``feeds`` that are only there to stand in for others."""
    addresses: dict[str, str] = dataclasses.field(default_factory=dict)
    """``<EXCHANGE>_WS_URL`` and ``<EXCHANGE>_REST_URL`` that were set, by that name."""

    def address(self, exchange: str, kind: str) -> str | None:
        """Return the address set for an exchange, the simulator's, or None.

        ``kind`` is ``WS`` or ``REST``.
        """
        found = self.addresses.get(f"{exchange.upper()}_{kind}_URL")
        if found is None and self.simulated:
            base = f"127.0.0.1:{self.simulator_port}/{exchange}"
            found = f"ws://{base}/ws" if kind == "WS" else f"http://{base}/rest"
        return found

    def options(self, exchange: str) -> dict[str, str]:
        """Return what an exchange's file is given of the settings, those that have a value.

        In a demo nobody needs a key, and a real one is not for the simulator.
        """
        found = {}
        for field in dataclasses.fields(self):
            option = field.metadata.get("option")
            value = getattr(self, field.name)
            if self.simulated and not field.repr:
                value = "simulated"
            if option is not None and option[0] == exchange and value is not None:
                found[option[1]] = str(value)
        return found

    def key_of(self, exchange: str, option: str) -> str:
        """Return the name in the environment of what an exchange's file is given."""
        for field in dataclasses.fields(self):
            if field.metadata.get("option") == (exchange, option):
                return field.metadata["key"] or field.name.upper()
        raise KeyError(f"{exchange} has no option {option}")

    @property
    def run_dir(self) -> Path:
        """The folder of this installation's sockets: short, as their paths end at 107 bytes."""
        digest = hashlib.sha256(str(self.data_dir).encode()).hexdigest()[:10]
        return Path(tempfile.gettempdir()) / f"tickwire-{os.getuid()}-{digest}"

    @property
    def journal_dir(self) -> Path:
        """The folder of the journals."""
        return self.data_dir / "journal"

    @property
    def dsn(self) -> str:
        """The address of the database, the embedded one's included."""
        if self.database_url is not None:
            return self.database_url
        return f"host={self.run_dir / 'pg'} port=5432 user=tickwire dbname=tickwire"


FAMILIES = (
    ("<EXCHANGE>_WS_URL", "", "Another WebSocket address of an exchange: `COINBASE_WS_URL`, …"),
    ("<EXCHANGE>_REST_URL", "", "Another REST address of an exchange: `BINANCE_REST_URL`, …"),
    ("TIMESCALE_HOST", "", "With the four below, another way to write DATABASE_URL"),
    ("TIMESCALE_PORT", "5432", "Its port"),
    ("TIMESCALE_DATABASE", "postgres", "Its database"),
    ("TIMESCALE_USER", "postgres", "Its user"),
    ("TIMESCALE_PASSWORD", "", "Its password"),
)
"""Settings that become part of another value: (key, default, sentence)."""


def rows() -> list[tuple[str, str, str]]:
    """Return (key, default as shown, sentence) of every setting, for the documents."""
    out = []
    for field in dataclasses.fields(Settings):
        if "sentence" not in field.metadata:
            continue
        default = field.metadata["shown"] or ("" if field.default in (None, ()) else field.default)
        shown = str(int(default)) if isinstance(default, bool) else str(default)
        out.append((field.metadata["key"] or field.name.upper(), shown, field.metadata["sentence"]))
    return [*out, *FAMILIES]


def load(environ: Mapping[str, str] | None = None) -> Settings:
    """Return the settings from ``environ``; without it, from the environment over ``.env``.

    Raises:
        SettingError: a value is wrong; the error names its key.
    """
    if environ is None:
        environ = {**read_env_file(ROOT / ".env"), **os.environ}
    found: dict[str, Any] = {"feeds": values.feeds(DEFAULT_FEEDS), "failover": {}, "series": {}}
    for field in dataclasses.fields(Settings):
        if "parse" not in field.metadata:
            continue
        key = field.metadata["key"] or field.name.upper()
        text = environ.get(key, "").strip()
        if text:
            try:
                found[field.name] = field.metadata["parse"](text)
            except values.Wrong as wrong:
                raise SettingError(key, wrong.found, wrong.advice) from None
    if "data_dir" in found:
        found.setdefault("tap_keys_dir", found["data_dir"] / "tap-keys")
    if "database_url" not in found and (built := from_timescale(environ)):
        found["database_url"] = built
    found["addresses"] = addresses(environ)
    found |= _more_feeds(found)
    return Settings(**found)


def _more_feeds(found: Mapping[str, Any]) -> dict[str, Any]:
    """Return ``feeds`` with what other settings add to it, and which of them only stand in."""
    feeds: dict[str, tuple[str, ...]] = dict(found["feeds"])
    if "finnhub_token" in found:
        feeds.setdefault("finnhub", FINNHUB_SYMBOLS)
    if found.keys() & {"coingecko_api_url", "ingestion_interval_ms", "monitored_symbols"}:
        coins = found.get("monitored_symbols", COINGECKO_COINS)
        feeds.setdefault("coingecko", tuple(f"{coin}-USD" for coin in coins))
    standby = set()
    for exchange, symbol in found["failover"]:
        if symbol not in feeds.get(exchange, ()):
            feeds[exchange] = (*feeds.get(exchange, ()), symbol)
            standby.add((exchange, symbol))
    return {"feeds": feeds, "standby": frozenset(standby)}
