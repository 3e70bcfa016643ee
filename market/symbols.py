"""Symbols: how they are spelled, and which one is meant.

Inside, a symbol is ``BASE-QUOTE`` in capitals and an exchange its lower-case name. From outside
comes any case of ``ETHUSDT``, ``ETH/USDT``, ``BINANCE:ETHUSDT``, ``ETH`` (its first configured
symbol) or an asset's id (``bitcoin``). One table of assets and renames, used everywhere.
"""

import difflib
from collections.abc import Mapping, Sequence

from bus.coins import ASSETS as ASSETS
from bus.coins import COIN_IDS, RENAMED
from bus.coins import Asset as Asset
from bus.errors import NoDollarPrice, UnknownSymbol

DOLLARS = frozenset(
    ("USD", "USDT", "USDC", "FDUSD", "TUSD", "DAI", "USDP", "PYUSD", "BUSD", "USD1", "RLUSD")
)
"""Quotes that count as US dollars, where a contract speaks of a price without naming a quote.

The SQL function ``is_dollar`` says the same to the views.
"""
_IDS = {asset.code: asset.coin_id for asset in ASSETS}
_COMPARED_CHARS = 24
"""Of an unknown name so many are compared with the known ones: comparing costs their square."""


def pair(symbol: str) -> str:
    """Return the symbol without its dash, ``ETHUSDT``."""
    return symbol.replace("-", "")


def base(symbol: str) -> str:
    """Return what is traded, ``ETH`` of ``ETH-USDT``."""
    return symbol.partition("-")[0]


def quote(symbol: str) -> str:
    """Return what it is priced in, ``USDT`` of ``ETH-USDT``."""
    return symbol.partition("-")[2]


def coin_id(symbol: str) -> str:
    """Return CoinGecko's id of what is traded, ``ethereum``; where that is unknown ``eth``."""
    code = RENAMED.get(base(symbol), base(symbol))
    return _IDS.get(code) or base(symbol).lower()


class Directory:
    """The configured symbols, and the one that a text means.

    Args:
        feeds: exchange → its symbols; the first exchange that has a symbol answers for it.
    """

    def __init__(self, feeds: Mapping[str, tuple[str, ...]]) -> None:
        self.all = [(exchange, symbol) for exchange in feeds for symbol in feeds[exchange]]
        self._exchanges = set(feeds)
        self._found: dict[tuple[str | None, str], tuple[str, str]] = {}
        self._coins: dict[tuple[str | None, str], tuple[str, str]] = {}
        """The first symbol that trades a code for dollars, by exchange (None: any) and code."""
        for exchange, symbol in self.all:
            for name in (symbol, pair(symbol), base(symbol)):
                self._know(name, exchange, symbol)
        # After all of them, so that a configured symbol comes before another one's old name.
        for exchange, symbol in self.all:
            for name in _old_names(symbol):
                self._know(name, exchange, symbol)
        for exchange, symbol in self.all:
            if quote(symbol) in DOLLARS:
                for where in (exchange, None):
                    self._coins.setdefault((where, base(symbol)), (exchange, symbol))
        self._spellings = {
            where: [name for on, name in self._found if on == where]
            for where in (None, *self._exchanges)
        }
        """What an unknown name is compared with, by exchange (None: all)."""
        self._names = {key: self._shortest(*key) for key in self.all}
        self.pairs = {
            key: pair(key[1]) if self.resolve(pair(key[1])) == key else ":".join(key)
            for key in self.all
        }
        """``ETHUSDT`` for the symbol that this means, ``binance:ETH-USDT`` for another's."""

    def _know(self, name: str, exchange: str, symbol: str) -> None:
        for where in (exchange, None):
            self._found.setdefault((where, name), (exchange, symbol))

    def resolve(
        self, text: str, exchange: str | None = None, *, suggest: bool = True
    ) -> tuple[str, str]:
        """Return the (exchange, symbol) that ``text`` means, on ``exchange`` if that is given.

        Args:
            text: the name, in any spelling.
            exchange: where to look; a name with an exchange of its own counts more.
            suggest: whether the error names the nearest name, which costs a thousand times what
                finding one does.

        Raises:
            UnknownSymbol: nothing configured has that name.
        """
        where, _, wanted = self._read(text, exchange)
        found = self._found.get((where, wanted))
        if found is None:
            raise UnknownSymbol(text[:64], self._nearest(wanted, where) if suggest else None)
        return found

    def coin(self, text: str, *, suggest: bool = True) -> tuple[str, str]:
        """Return the (exchange, symbol) whose price is that of the coin ``text``, in dollars.

        A coin is its id at CoinGecko (``bitcoin``) or its code (``BTC``), with an exchange before
        it or not: the first configured symbol that trades it for dollars. A text that names a pair
        means that symbol, whatever it is priced in.

        Raises:
            NoDollarPrice: it is a coin that is not traded for dollars here.
            UnknownSymbol: nothing configured has that name; for ``suggest`` see ``resolve``.
        """
        found = self.resolve(text, suggest=suggest)
        where, name, _ = self._read(text, None)
        traded = base(found[1])
        if not _is_coin(name, traded):
            return found
        in_dollars = self._coins.get((where, traded))
        if in_dollars is None:
            raise NoDollarPrice(text[:64], ":".join(found))
        return in_dollars

    def asset(self, text: str) -> str | None:
        """Return the code of the coin that ``text`` names whatever exchange trades it.

        None where it names a pair, or an exchange.

        Raises:
            UnknownSymbol: nothing configured has that name.
        """
        where, name, _ = self._read(text, None)
        traded = base(self.resolve(text)[1])
        return traded if where is None and _is_coin(name, traded) else None

    def _read(self, text: str, exchange: str | None) -> tuple[str | None, str, str]:
        """Return where to look, the name as it was given, and the name to look for."""
        name = text.strip()
        head, colon, tail = name.partition(":")
        if colon:
            exchange, name = head, tail.strip()
        where = exchange.strip().lower() if exchange else ""
        wanted = name.upper().replace("/", "-").replace("_", "-")
        # An id may be spelled like a pair (avalanche-2), or like another coin's code (BITCOIN).
        if "-" not in wanted or (where or None, wanted) not in self._found:
            wanted = COIN_IDS.get(name.lower(), wanted)
        return where or None, name, wanted

    def name_of(self, exchange: str, symbol: str) -> str:
        """Return the shortest name that ``resolve`` takes back to exactly this configured symbol.

        That is ``BTC``, else ``BTC-USDT``, else ``binance:BTC-USDT``.

        Raises:
            KeyError: it is not configured.
        """
        return self._names[exchange, symbol]

    def _shortest(self, exchange: str, symbol: str) -> str:
        for name in (base(symbol), symbol):
            try:
                if self.resolve(name, suggest=False) == (exchange, symbol):
                    return name
            except UnknownSymbol:
                pass  # the code is another coin's id
        return f"{exchange}:{symbol}"

    def _nearest(self, wanted: str, exchange: str | None) -> str | None:
        where = exchange if self._spellings.get(exchange) else None
        close = nearest(wanted, self._spellings[where])
        return ":".join(self._found[where, close]) if close is not None else None


def nearest(wanted: str, names: Sequence[str]) -> str | None:
    """Return the name that is spelled most like the wanted one; None where none is alike."""
    close = difflib.get_close_matches(wanted[:_COMPARED_CHARS], names, n=1, cutoff=0.6)
    return close[0] if close else None


def _is_coin(name: str, code: str) -> bool:
    """Return whether a name is that of the coin with this code, not of a pair."""
    return name.upper() in (code, *_old_codes(code)) or COIN_IDS.get(name.lower()) == code


def _old_codes(code: str) -> list[str]:
    return [old for old, new in RENAMED.items() if new == code]


def _old_names(symbol: str) -> list[str]:
    """Return what the symbol is also called, ``MATIC-USDT``, ``MATICUSDT`` and ``MATIC``."""
    bases, quotes = _old_codes(base(symbol)), _old_codes(quote(symbol))
    pairs = [f"{one}-{two}" for one in [base(symbol), *bases] for two in [quote(symbol), *quotes]]
    return [*pairs, *map(pair, pairs), *bases]
