"""What the text of a setting becomes, or the words that refuse it.

Comes in: one text. Goes out: a value, or ``Wrong`` with what was found and what to do about it;
``bus/settings.py`` knows the key. Nothing here reads the environment.
"""

import ipaddress
import re
from collections.abc import Callable
from pathlib import Path

from bus.coins import ASSETS, COIN_IDS, RENAMED

ROOT = Path(__file__).resolve().parent.parent
"""The project's folder."""

SYMBOL = re.compile(r"[A-Z0-9]{1,20}-[A-Z0-9]{1,20}", re.ASCII)


class Wrong(Exception):
    """A text that is no such value: what was found, and what to do."""

    def __init__(self, found: str, advice: str) -> None:
        super().__init__(found, advice)
        self.found = found
        self.advice = advice


def text(value: str) -> str:
    """Return any text."""
    return value


def secret(value: str) -> str:
    """Return a key or token. What is refused is not repeated."""
    if not re.fullmatch(r"[!-~]{1,512}", value, re.ASCII):
        raise Wrong("something that is no key", "give it in one piece, as it was given to you")
    return value


def integer(low: int, high: int) -> Callable[[str], int]:
    """Return the reading of a whole number from ``low`` to ``high``."""

    def parse(value: str) -> int:
        if not re.fullmatch(r"[0-9]{1,12}", value, re.ASCII) or not low <= int(value) <= high:
            raise Wrong(repr(value), f"give a whole number from {low} to {high}")
        return int(value)

    return parse


def one_of(*allowed: str) -> Callable[[str], str]:
    """Return the reading of one of some words, in any case."""

    def parse(value: str) -> str:
        for choice in allowed:
            if choice.lower() == value.lower():
                return choice
        raise Wrong(repr(value), f"give one of {', '.join(allowed)}")

    return parse


def flag(value: str) -> bool:
    """Return 1 or 0 as a truth."""
    return one_of("0", "1")(value) == "1"


def folder(value: str) -> Path:
    """Return a whole path; a relative one begins in the project's folder."""
    try:
        return (ROOT / Path(value).expanduser()).resolve()
    except (OSError, RuntimeError) as error:  # no such user behind ~, or links in a circle
        raise Wrong(f"{value!r} ({error})", "give the path of a folder") from None


def feeds(value: str) -> dict[str, tuple[str, ...]]:
    """Return the symbols of each exchange."""
    found: dict[str, tuple[str, ...]] = {}
    for part in filter(None, (part.strip() for part in value.split(";"))):
        exchange, colon, names = part.partition(":")
        exchange = exchange.strip().lower()
        symbols = tuple(
            dict.fromkeys(name.strip().upper() for name in names.split(",") if name.strip())
        )
        if not colon or not re.fullmatch(r"[a-z][a-z0-9]*", exchange, re.ASCII) or not symbols:
            raise Wrong(
                repr(part), "write exchange:BASE-QUOTE,BASE-QUOTE;exchange:… as in binance:ETH-USDT"
            )
        for symbol in symbols:
            if not SYMBOL.fullmatch(symbol):
                raise Wrong(repr(symbol), "write a symbol as BASE-QUOTE, as in ETH-USDT")
        if exchange in found:
            raise Wrong(f"{exchange} twice", "name each exchange once")
        found[exchange] = symbols
    return found


def coins(value: str) -> tuple[str, ...]:
    """Return the codes of coins that are given by their code or by their id at CoinGecko."""
    codes = {asset.code for asset in ASSETS}
    found = []
    for name in filter(None, (part.strip() for part in value.split(","))):
        code = COIN_IDS.get(name.lower()) or RENAMED.get(name.upper(), name.upper())
        if code not in codes:
            raise Wrong(repr(name), f"name coins such as {', '.join(sorted(COIN_IDS)[:4])}")
        found.append(code)
    return tuple(dict.fromkeys(found))


def series(value: str) -> dict[tuple[str, str], int]:
    """Return the series of each (exchange, symbol)."""
    found = {}
    for part in filter(None, (part.strip() for part in value.split(","))):
        name, equals, number = part.partition("=")
        try:
            key = _place(name)
            found[key] = integer(0, 1_000_000)(number.strip())
        except Wrong:
            equals = ""
        if not equals:
            raise Wrong(repr(part), "write exchange:BASE-QUOTE=1,… as in coinbase:BTC-USD=1")
    return found


def failover(value: str) -> dict[tuple[str, str], tuple[str, str]]:
    """Return the (exchange, symbol) that each stands in for, by the one that stands in."""
    found: dict[tuple[str, str], tuple[str, str]] = {}
    for part in filter(None, (part.strip() for part in value.split(","))):
        try:
            primary, standby = map(_place, part.split(">"))
        except ValueError:
            primary = standby = ("", "")
        if primary == standby:
            raise Wrong(repr(part), "write binance:ETH-USDT>kraken:ETH-USDT,…")
        if standby in found:
            raise Wrong(f"{':'.join(standby)} twice", "let each stand in for one symbol")
        found[standby] = primary
    chained = [":".join(one) for one in found.values() if one in found]
    if chained:
        raise Wrong(f"{chained[0]} on both sides", "let none that stands in have one of its own")
    return found


def _place(name: str) -> tuple[str, str]:
    (exchange, symbols), *more = feeds(name).items()
    if more or len(symbols) > 1:
        raise Wrong(repr(name), "name one symbol")
    return exchange, symbols[0]


def networks(value: str) -> tuple[ipaddress.IPv4Network | ipaddress.IPv6Network, ...]:
    """Return networks; an address is a network of its own."""
    found = []
    for part in filter(None, (part.strip() for part in value.split(","))):
        try:
            found.append(ipaddress.ip_network(part, strict=False))
        except ValueError:
            raise Wrong(repr(part), "give addresses or networks: 127.0.0.1,10.0.0.0/8") from None
    return tuple(found)


def database_url(value: str) -> str:
    """Return a PostgreSQL address. What is refused is not repeated: it may hold a password."""
    found = re.match(r"([a-z][a-z0-9+.-]{0,20}):", value, re.ASCII | re.IGNORECASE)
    scheme = found[1].lower() if found else ""
    if scheme == "sqlite":
        raise Wrong(
            "a sqlite address", "leave it unset for the embedded PostgreSQL, or give postgresql://…"
        )
    if scheme not in ("postgres", "postgresql"):
        raise Wrong(
            f"an address that begins with {scheme}:" if scheme else "no address",
            "give postgresql://user:password@host:port/name",
        )
    return value


def host(value: str) -> str:
    """Return an IPv4 address or a name, which is what supervisord can listen on."""
    if not re.fullmatch(r"[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?", value, re.ASCII):
        raise Wrong(repr(value), "give an IPv4 address or a name, as in 127.0.0.1 or 0.0.0.0")
    return value


def tap_address(value: str) -> str:
    """Return a ``tcp://`` address to listen on: ``*`` as 0.0.0.0, ``localhost`` as 127.0.0.1."""
    found = re.fullmatch(
        r"tcp://([0-9.]{1,15}|\*|localhost|\[[0-9a-fA-F:.]{2,45}\]):([0-9]{1,5})", value
    )
    advice = "write tcp://127.0.0.1:PORT, or tcp://0.0.0.0:PORT to let other machines in, with keys"
    if not found or not 1 <= int(found[2]) <= 65535:
        raise Wrong(repr(value), advice)
    host = {"*": "0.0.0.0", "localhost": "127.0.0.1"}.get(found[1], found[1])
    try:
        ipaddress.ip_address(host.strip("[]"))
    except ValueError:
        raise Wrong(repr(value), advice) from None
    return f"tcp://{host}:{int(found[2])}"


def is_loopback(address: str) -> bool:
    """True when nobody but this machine reaches an address that ``tap_address`` returned."""
    host = address.removeprefix("tcp://").rpartition(":")[0]
    return ipaddress.ip_address(host.strip("[]")).is_loopback
