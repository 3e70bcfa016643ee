"""Topics: what is written on the first frame of a published message.

Every topic ends with a dot, because a ZeroMQ subscription is a prefix: without it
``ticker.binance.BTC`` would also get ``BTCUP``. The public ones (CONTRACTS of the tap) are trade,
ticker, candle, average, consolidated and status.
"""

INTERVAL_NAMES = {
    60: "1m",
    300: "5m",
    900: "15m",
    3600: "1h",
    14400: "4h",
    86400: "1d",
    604800: "1w",
}
"""The name of each candle interval, by its length in seconds."""


def batch(exchange: str) -> bytes:
    """Journal records of one exchange, as the feed commits them."""
    return f"batch.{exchange}.".encode()


def trade(exchange: str, symbol: str) -> bytes:
    """Trades of one symbol, on the tap."""
    return f"trade.{exchange}.{symbol}.".encode()


def ticker(exchange: str, symbol: str) -> bytes:
    """The latest state of one symbol."""
    return f"ticker.{exchange}.{symbol}.".encode()


def candle(interval_s: int, exchange: str, symbol: str) -> bytes:
    """One interval's candles of one symbol."""
    return f"candle.{INTERVAL_NAMES[interval_s]}.{exchange}.{symbol}.".encode()


def corrected(interval_s: int, exchange: str, symbol: str) -> bytes:
    """Candles that the persister changed after they had closed."""
    return f"corrected.{INTERVAL_NAMES[interval_s]}.{exchange}.{symbol}.".encode()


def average(exchange: str, symbol: str) -> bytes:
    """The hour's average of one symbol."""
    return f"average.{exchange}.{symbol}.".encode()


def consolidated(asset: str) -> bytes:
    """The price of one asset over all exchanges."""
    return f"consolidated.{asset}.".encode()


def history(exchange: str, symbol: str) -> bytes:
    """Candles of an exchange's own that were stored."""
    return f"history.{exchange}.{symbol}.".encode()


def status(exchange: str) -> bytes:
    """The state of one exchange's connection."""
    return f"status.{exchange}.".encode()


def stored(exchange: str) -> bytes:
    """The persister's position in one exchange's journal."""
    return f"stored.{exchange}.".encode()


def ids(exchange: str) -> bytes:
    """The ids of one exchange that Postgres has."""
    return f"ids.{exchange}.".encode()


def heartbeat(program: str) -> bytes:
    """One process's sign of life."""
    return f"heartbeat.{program}.".encode()


PROGRAMS = b"programs."
"""The watchdog's table of supervisord's programs."""
