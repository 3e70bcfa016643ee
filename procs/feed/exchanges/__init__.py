"""The exchanges: one file each, found by listing this folder, all of one shape.

A file's name is the exchange's name; it offers one class ``Exchange`` that satisfies the protocol
of that name below. ``parse`` and the rest are pure: bytes in, events out. The feed and the tests
treat all exchanges alike; nothing outside the file knows a vendor's words. One that sends is
``Streamed``, one that must be asked ``Polled``. What else it offers by REST is a protocol of its
own, which the class satisfies or leaves out: ``Clocked`` (its time), ``Listed`` (what it says of a
symbol), ``Catalogued`` (all that is traded), ``Paged`` (missing trades), ``Historic`` (candles).
One with settings of its own is ``Configured``.
"""

import importlib
import pkgutil
import re
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any, Literal, NamedTuple, Protocol, cast, runtime_checkable

import msgspec

from bus.errors import BadDecimal, BadFrame
from bus.messages import Day, HistoryCandle, Quarantined, Trade, Wanted
from market.decimals import FRACTION_DIGITS_MAX, WHOLE_DIGITS_MAX, check, plain, trimmed

FRAME_KEPT = 4096
"""Characters of a raw frame that are kept with a quarantined trade."""
ID_MAX = (1 << 63) - 2
"""Postgres keeps the end of a range of ids as the last one + 1."""
_parts = msgspec.json.Decoder(list[msgspec.Raw]).decode
_object = msgspec.json.Decoder(dict[str, Any]).decode
_array = msgspec.json.Decoder(list[Any]).decode
_is_number = re.compile(
    r"-?(?:0|[1-9][0-9]{0,63})(?:\.[0-9]{1,64})?(?:[eE][+-]?[0-9]{1,9})?", re.ASCII
).fullmatch


class Beat(NamedTuple):
    """The exchange's own heartbeat of one symbol: the newest trade id that exists there."""

    symbol: str
    last_trade_id: int


class Closing(NamedTuple):
    """The exchange says that it will cut this connection soon."""

    reason: str


class Refused(NamedTuple):
    """The exchange answers a request of ours with an error."""

    reason: str


class DayFigures(NamedTuple):
    """What the exchange itself says of a symbol's last 24 hours."""

    symbol: str
    day: Day


TradeEvent = Trade | Quarantined
Event = TradeEvent | Beat | Closing | Refused | DayFigures


class Listing(NamedTuple):
    """What the exchange says of a symbol that it lists, plain decimal text; None: it is silent."""

    tick_size: str | None
    """The smallest step of the price, ``0.01``."""
    size_step: str | None
    """The smallest step of the size."""


Ids = Literal["consecutive", "latest", "none"]
"""What an exchange's trade ids are good for.

``consecutive``: any missing one is a gap. ``latest``: they are times of update, and whoever has one
has no use for any below it. ``none``: there are none; the trades have id 0, and the feed numbers
them. What is ``Quarantined`` by an exchange of the latter two has no id.
"""


class Exchange(Protocol):
    """What the feed needs to know of an exchange, which is ``Streamed`` or ``Polled`` besides."""

    name: str
    rest_url: str
    """The public address of the REST interface."""
    ids: Ids

    def __init__(self, symbols: tuple[str, ...]) -> None:
        """Speak for these symbols (``ETH-USDT``)."""

    def parse(self, frame: bytes, ts_recv: int) -> tuple[Event, ...]:
        """Return what one message says; nothing for acknowledgements and their like.

        A message is one of the WebSocket's, or the body of a polled answer with HTTP 200.

        Raises:
            BadFrame: not JSON, not an object we know, or a trade without symbol or id.
        """


@runtime_checkable
class Streamed(Exchange, Protocol):
    """An exchange that sends its trades over a WebSocket."""

    websocket_url: str
    """The public address."""
    lifetime_s: float | None
    """Seconds after which the exchange cuts every connection; None when it does not."""

    def connect_url(self, base: str) -> str:
        """Return the address to connect to, given the configured one."""

    def subscribe(self) -> list[str]:
        """Return the texts to send once connected, so that all trades of all symbols come."""

    def resubscribe(self, symbol: str) -> list[str]:
        """Return the texts to send to have one symbol's stream started anew."""


@runtime_checkable
class Polled(Exchange, Protocol):
    """An exchange that is asked by REST again and again."""

    poll_every_s: float

    def poll_url(self, base: str) -> str:
        """Return the address whose answer says what there is of all symbols."""


@runtime_checkable
class Clocked(Exchange, Protocol):
    """An exchange that tells its time. Without one our own clock judges what is plausible."""

    def time_url(self, base: str) -> str:
        """Return the address of the exchange's clock."""

    def parse_time(self, body: bytes) -> int:
        """Return the exchange's time, µs UTC.

        Raises:
            BadFrame: the answer is not that of a clock.
        """


@runtime_checkable
class Listed(Exchange, Protocol):
    """An exchange that can be asked what it says of one symbol."""

    def listing_url(self, base: str, symbol: str) -> str:
        """Return the address of what the exchange says of one symbol."""

    def parse_listing(self, status: int, body: bytes) -> Listing | None:
        """Return what an answer with that HTTP status says; None: the symbol is not listed.

        Raises:
            BadFrame: it says neither.
        """


@runtime_checkable
class Paged(Exchange, Protocol):
    """An exchange whose missing trades can be had by REST. Others leave these three out."""

    rest_per_s: float
    """Pages that may be asked for in a second, with room for what else is asked from here."""

    def page_url(self, base: str, wanted: Wanted) -> str:
        """Return the address of a page that reaches over the wanted range, or from an end into it.

        A page is an unbroken run of the trades that the exchange has, in whatever order: which ids
        between its lowest and its highest are not in it, the exchange has not. Where none of it
        lies in the range, the exchange has nothing there. Ranges are asked for from the newest on
        and are often short: the more of a page lies before the range, the more of them it has. A
        range may reach beyond the newest trade there is.
        """

    def parse_page(self, symbol: str, body: bytes, ts_recv: int) -> tuple[TradeEvent, ...]:
        """Return the trades of an answer with HTTP 200, as ``parse`` would have had them.

        Raises:
            BadFrame: not JSON, not a list of trades, or one of them without id.
            Throttled: it says that too much was asked.
            WrongQuestion: it says that there is no use in asking this again.
        """


@runtime_checkable
class PagedByTime(Paged, Protocol):
    """A ``Paged`` exchange that is asked from when on, not from which id on.

    ``page_url`` then goes by ``wanted.since`` alone: the oldest trades of that microsecond and
    after it, in the order of both their times and their ids; None: the newest ones there are.
    """

    page_trades: int
    """How many trades a full page has."""


@runtime_checkable
class Configured(Exchange, Protocol):
    """An exchange that has settings of its own (``Settings.options``), such as a key."""

    needs: tuple[str, ...]
    """Those without which there is no use in asking."""
    headers: Mapping[str, str]
    """What each question by REST carries, once configured."""

    def configure(self, options: Mapping[str, str]) -> None:
        """Take the settings, before anything else is asked for."""


@runtime_checkable
class Historic(Exchange, Protocol):
    """An exchange that publishes candles of the past by REST."""

    candles_per_page: int

    def candles_url(self, base: str, symbol: str, interval_s: int, start: int, end: int) -> str:
        """Return the address of the candles that open in [start, end), µs UTC.

        Both are multiples of the interval (60, 3600 or 86400), and no more than
        ``candles_per_page`` of them apart.
        """

    def parse_candles(self, symbol: str, interval_s: int, body: bytes) -> list[HistoryCandle]:
        """Return the candles of an answer with HTTP 200, rising; there may be more than asked for.

        One that cannot be true is left out (``procs.feed.published``).

        Raises:
            BadFrame: not JSON, or not a list of candles.
        """


@runtime_checkable
class Catalogued(Exchange, Protocol):
    """An exchange that says what it trades."""

    def catalogue_url(self, base: str) -> str:
        """Return the address of the list of all that is traded."""

    def parse_catalogue(self, body: bytes) -> list[str]:
        """Return the symbols, ``ETH-USDT``, of an answer with HTTP 200.

        Raises:
            BadFrame: it is no such list.
        """


def make(name: str, symbols: tuple[str, ...], options: Mapping[str, str]) -> Exchange:
    """Return the exchange of that name for these symbols, configured.

    Raises:
        ModuleNotFoundError: there is no such file.
    """
    made = load(name)(symbols)
    if isinstance(made, Configured):
        made.configure(options)
    return made


def headers_of(exchange: Exchange) -> Mapping[str, str]:
    """Return what each question to it by REST carries."""
    return exchange.headers if isinstance(exchange, Configured) else {}


def needs_of(exchange: Exchange) -> tuple[str, ...]:
    """Return the options without which there is no use in asking it."""
    return exchange.needs if isinstance(exchange, Configured) else ()


def names() -> list[str]:
    """Return the names of all exchanges there are."""
    return sorted(module.name for module in pkgutil.iter_modules(__path__))


def load(name: str) -> type[Exchange]:
    """Return the class of the exchange of that name.

    Raises:
        ModuleNotFoundError: there is no such file.
    """
    return cast(type[Exchange], importlib.import_module(f"{__name__}.{name}").Exchange)


def quarantined(
    symbol: str | None, trade_id: int | None, ts_recv: int, reason: str, frame: bytes
) -> Quarantined:
    """Return the record of a trade that was not believed.

    Raises:
        BadFrame: not even its id can be believed.
    """
    if trade_id is not None and not 0 <= trade_id <= ID_MAX:
        raise BadFrame("a trade id out of range")
    text = frame[:FRAME_KEPT].decode("utf-8", "replace").replace("\x00", "�")
    return Quarantined(symbol, trade_id, ts_recv, reason, text)


def doubtful(symbol: str | None, trade_id: object, ts_recv: int, frame: bytes) -> Quarantined:
    """Return the record of a trade of which a field has the wrong type.

    Raises:
        BadFrame: it does not even say which trade it is.
    """
    if symbol is None or not isinstance(trade_id, int) or isinstance(trade_id, bool):
        raise BadFrame("a trade without symbol or id")
    return quarantined(symbol, trade_id, ts_recv, "a field has the wrong type", frame)


def page(
    body: bytes,
    symbol: str,
    id_field: str | int,
    ts_recv: int,
    read: Callable[[bytes], TradeEvent],
) -> tuple[TradeEvent, ...]:
    """Return what ``read`` makes of each object, or each array, of a JSON list.

    One that it cannot decode is quarantined by its ``id_field``, a name or a place in the array.

    Raises:
        BadFrame: it is no list of such, or one has not even an id.
    """
    found: list[TradeEvent] = []
    try:
        for part in map(bytes, _parts(body)):
            try:
                one = read(part)
            except msgspec.ValidationError:
                one = doubtful(symbol, _id_in(part, id_field), ts_recv, part)
            if isinstance(one, Trade) and not (
                0 <= one.trade_id <= ID_MAX and 0 <= one.ts_event <= ID_MAX
            ):
                raise BadFrame("a trade id or time out of range")
            found.append(one)
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError) as error:
        raise BadFrame(f"not a page of trades: {str(error)[:120]}") from None
    return tuple(found)


def _id_in(part: bytes, field: str | int) -> object:
    if isinstance(field, str):
        return _object(part).get(field)
    items = _array(part)
    return items[field] if field < len(items) else None


def number(raw: msgspec.Raw | bytes) -> str:
    """Return a price or size that stands in JSON as a number, as checked plain decimal text.

    Its digits stay as they are, zeros at the end included; only an exponent is written out. It is
    read from the bytes of the value (a field of type ``msgspec.Raw``): never through a float.

    Raises:
        BadDecimal: it is no JSON number, or one that ``market.decimals.check`` refuses.
    """
    text = bytes(raw).decode("ascii", "replace")
    return check(text if "e" not in text and "E" not in text else plain(decimal_of(raw)))


def decimal_of(raw: msgspec.Raw | bytes) -> Decimal:
    """Return a JSON number of any sign that is less than 1e12, exactly.

    Raises:
        BadDecimal: it is no number, or so near to 0 or so far that nobody would write it out.
    """
    text = bytes(raw).decode("ascii", "replace")
    if not _is_number(text):
        raise BadDecimal(f"not a plain decimal: {text[:48]!r}")
    value = Decimal(text)
    # Before it is written out: 1e999999999 would be a thousand million digits.
    if value and not -FRACTION_DIGITS_MAX <= value.adjusted() < WHOLE_DIGITS_MAX:
        raise BadDecimal(f"far out of bounds: {text!r}")
    return value if value else Decimal(0)


def step(text: str | None) -> str | None:
    """Return a step of price or size without needless zeros, ``0.01``; None where there is none.

    Raises:
        BadFrame: it is not a plain decimal.
    """
    if text is None or not text.strip("0."):
        return None
    try:
        checked = check(text)
    except BadDecimal as bad:
        raise BadFrame(f"not a step: {bad.reason}") from None
    return trimmed(checked)
