"""What every exchange file promises, as checks on nothing but the file and a recording of it.

Each check takes the exchange's class and a recording, and fails where the promise is broken. No
check knows a vendor: what must be known of one beforehand is in ``samples``.
"""

import re
from collections.abc import Callable, Iterator
from decimal import Decimal
from functools import partial
from typing import NamedTuple, get_args
from urllib.parse import urlsplit

from msgspec.structs import replace

from bus.errors import BadFrame
from bus.messages import (
    QuarantineBatch,
    Quarantined,
    Recovered,
    Trade,
    TradeBatch,
    Wanted,
    decode,
    encode,
)
from market.decimals import check
from procs.feed.exchanges import (
    ID_MAX,
    Beat,
    Clocked,
    Closing,
    DayFigures,
    Event,
    Exchange,
    Ids,
    Listed,
    Paged,
    Polled,
    Refused,
    Streamed,
)
from procs.simulator.exchanges import exchanges as simulated
from tests.exchanges import garbage, paging, samples
from tests.fix_recordings import Recording, frames

DAY_US = 86_400_000_000
BASES = ("ws://127.0.0.1:8900/x/ws", "wss://example.org:9443")
"""Addresses that somebody might configure."""
REST_PER_S_MAX = 10
LONG_FRAME = 1_000
EMPTY = (b"[]", b"{}")
"""What an exchange might say where it has no trade."""
FAILURES = (400, 403, 404, 410, 418, 429, 451, 500, 502, 503)
REST_BASE = "http://127.0.0.1:8900/x/rest"


class Recorded(NamedTuple):
    """A recording, read."""

    symbols: tuple[str, ...]
    """What was asked for, at least two."""
    frames: tuple[tuple[int, bytes], ...]
    """(receive time in µs UTC, message)."""
    listing: bytes = b""
    """An answer to what it lists, where one is known."""


Kind = type[Exchange]
Check = Callable[[Kind, Recorded], None]


def read(recording: Recording) -> Recorded:
    """Return what a recording holds."""
    name = recording.exchange
    listing = samples.sample(name).listed[0] if name in samples.names() else b""
    return Recorded(recording.symbols, tuple(frames(recording.path)), listing)


def understood(exchange: Exchange, frame: bytes, ts_recv: int) -> tuple[Event, ...] | None:
    """Return what a frame says, None where it is bad; any other exception is the caller's."""
    try:
        return exchange.parse(frame, ts_recv)
    except BadFrame:
        return None


def trades_of(kind: Kind, recorded: Recorded) -> list[Trade]:
    """Return the recorded trades, as the exchange's file reads them."""
    exchange = kind(recorded.symbols)
    events = [event for ts, frame in recorded.frames for event in exchange.parse(frame, ts)]
    return [event for event in events if isinstance(event, Trade)]


def various(kind: Kind, recorded: Recorded) -> Iterator[bytes]:
    """Yield one recorded frame of each sort: of each combination of events and symbols."""
    exchange = kind(recorded.symbols)
    seen = set()
    for ts, frame in recorded.frames:
        events = exchange.parse(frame, ts)
        sort = frozenset((type(event), getattr(event, "symbol", None)) for event in events)
        if sort not in seen:
            seen.add(sort)
            yield frame


def it_says_who_it_is(kind: Kind, recorded: Recorded) -> None:
    """Name and addresses are there, and the name is the file's."""
    exchange = kind(recorded.symbols)
    assert exchange.name == kind.__module__.rpartition(".")[2]
    assert exchange.rest_url.startswith("https://")
    assert exchange.ids in get_args(Ids)
    assert isinstance(exchange, Streamed) is not isinstance(exchange, Polled), "one way, not two"
    if isinstance(exchange, Streamed):
        assert exchange.websocket_url.startswith("wss://")
        assert exchange.lifetime_s is None or exchange.lifetime_s > 0
    if isinstance(exchange, Polled):
        assert exchange.ids == "latest", "what is asked again and again tells the same again"
        assert exchange.poll_every_s >= 1
    if isinstance(exchange, Paged):
        assert exchange.ids == "consecutive", "what cannot be missing needs no pages"
        assert 0 < exchange.rest_per_s <= REST_PER_S_MAX


def it_stays_with_the_host_that_was_configured(kind: Kind, recorded: Recorded) -> None:
    """A test or a demo must never reach the real exchange."""
    exchange = kind(recorded.symbols)
    asked: list[str] = []
    if isinstance(exchange, Streamed):
        for base in (*BASES, exchange.websocket_url):
            assert urlsplit(exchange.connect_url(base))[:2] == urlsplit(base)[:2]
    if isinstance(exchange, Polled):
        asked.append(exchange.poll_url(REST_BASE))
    if isinstance(exchange, Listed):
        listings = [exchange.listing_url(REST_BASE, symbol) for symbol in recorded.symbols]
        assert len(set(listings)) == len(recorded.symbols)
        asked += listings
    if isinstance(exchange, Clocked):
        asked.append(exchange.time_url(REST_BASE))
    if isinstance(exchange, Paged):
        pages = [exchange.page_url(REST_BASE, Wanted(one, 5, 9)) for one in recorded.symbols]
        assert len(set(pages)) == len(recorded.symbols)
        asked += pages
    for url in asked:
        assert url.startswith(REST_BASE + "/")


def it_asks_for_each_symbol(kind: Kind, recorded: Recorded) -> None:
    """What is sent depends on every symbol, in the exchange's own spelling, whatever that is."""

    def asked(symbols: tuple[str, ...]) -> tuple[str, ...]:
        exchange = kind(symbols)
        if isinstance(exchange, Streamed):
            return (exchange.connect_url(BASES[0]), *exchange.subscribe())
        assert isinstance(exchange, Polled)
        return (exchange.poll_url(REST_BASE),)

    symbols = recorded.symbols
    assert len(symbols) > 1
    whole = asked(symbols)
    without = [asked(tuple(one for one in symbols if one != left)) for left in symbols]
    assert len({whole, *without}) == len(symbols) + 1
    if isinstance(kind(symbols), Streamed):
        anew = [resubscribed(kind(symbols), symbol) for symbol in symbols]
        assert len(set(anew)) == len(symbols)
        assert all(anew)


def resubscribed(exchange: Exchange, symbol: str) -> tuple[str, ...]:
    """Return what an exchange that has been asked for nothing yet wants to be sent."""
    assert isinstance(exchange, Streamed)
    return tuple(exchange.resubscribe(symbol))


def it_understands_every_recorded_frame(kind: Kind, recorded: Recorded) -> None:
    """Nothing that it is sent is bad, refused or in quarantine, and each symbol trades."""
    exchange = kind(recorded.symbols)
    for ts, frame in recorded.frames:
        for event in exchange.parse(frame, ts):
            assert isinstance(event, Trade | Beat | Closing | DayFigures), event
    assert {trade.symbol for trade in trades_of(kind, recorded)} == set(recorded.symbols)


def its_trades_can_be_believed(kind: Kind, recorded: Recorded) -> None:
    """Symbols asked for, checked decimals, plausible ids and times, all of the declared types."""
    exchange = kind(recorded.symbols)
    for ts, frame in recorded.frames:
        for event in exchange.parse(frame, ts):
            if isinstance(event, Trade):
                assert believable(event, recorded.symbols), event
                assert 0 <= event.trade_id <= ID_MAX
                assert exchange.ids != "none" or (event.trade_id, event.series) == (0, 0)
                assert exchange.ids != "latest" or event.trade_id == event.ts_event
                assert event.ts_recv == ts
                assert abs(event.ts_event - ts) < DAY_US
                batch = TradeBatch(exchange.name, 1, 1, [event], {event.symbol: None})
                assert decode(encode(batch)) == batch
            elif isinstance(event, Beat):
                assert event.symbol in recorded.symbols
                assert 0 <= event.last_trade_id <= ID_MAX


def believable(trade: Trade, symbols: tuple[str, ...]) -> bool:
    """Return whether a trade's symbol was asked for and its decimals are checked ones."""
    size = trade.size
    exact = check(trade.price) == trade.price and (size is None or check(size) == size)
    return exact and trade.symbol in symbols and trade.side in ("buy", "sell", None)


def its_ids_have_no_hole_where_it_says_so(kind: Kind, recorded: Recorded) -> None:
    """Each symbol's ids rise one by one in an unbroken recording; one id twice counts once."""
    ids: dict[tuple[str, int], dict[int, None]] = {}
    for trade in trades_of(kind, recorded):
        ids.setdefault((trade.symbol, trade.series), {})[trade.trade_id] = None
    for found in map(list, ids.values()):
        if kind.ids == "consecutive":
            assert found == list(range(found[0], found[0] + len(found)))


def it_remembers_nothing(kind: Kind, recorded: Recorded) -> None:
    """The same frames give the same events: again, from a new one, and in another order."""
    exchange = kind(recorded.symbols)
    first = [exchange.parse(frame, ts) for ts, frame in recorded.frames]
    again = [exchange.parse(frame, ts) for ts, frame in recorded.frames]
    fresh = kind(recorded.symbols)
    backwards = [fresh.parse(frame, ts) for ts, frame in reversed(recorded.frames)]
    assert first == again == backwards[::-1]


def its_trades_are_those_that_another_reader_finds(kind: Kind, recorded: Recorded) -> None:
    """The simulator's own reader where there is one; else every digit must stand in the frame."""
    found = trades_of(kind, recorded)
    reader = simulated().get(kind.name)
    if reader is None:
        exchange = kind(recorded.symbols)
        for ts, frame in recorded.frames:
            for event in exchange.parse(frame, ts):
                if isinstance(event, Trade):
                    shown = str(event.trade_id) if exchange.ids == "consecutive" else ""
                    for text in (shown, event.price, event.size or ""):
                        assert stands_in(text, frame), f"{text} is not in {frame!r}"
        return
    read_there = [
        one for _, frame in recorded.frames for one in reader.recorded_trades(frame.decode())
    ]
    assert [
        (one.symbol, one.trade_id, one.ts_event, one.price, one.size, one.side) for one in found
    ] == [(reader.symbol_of(native), *trade) for native, trade in read_there]


def stands_in(text: str, frame: bytes) -> bool:
    """Return whether a frame has these very digits, or the number with an exponent."""
    if text.encode() in frame:
        return True
    short = re.findall(rb"[0-9.]+[eE][+-]?[0-9]+", frame)
    return Decimal(text) in {Decimal(one.decode()) for one in short}


def garbage_is_bad_or_counted(kind: Kind, recorded: Recorded) -> None:
    """BadFrame, or an event that is counted; no trade, no silence, and no other exception."""
    exchange = kind(recorded.symbols)
    for frame in (*garbage.BYTES, *garbage.unknown_kinds(1000)):
        events = understood(exchange, frame, 7)
        if events is not None:
            assert events, f"silently taken: {frame[:80]!r}"
            assert all(isinstance(event, Quarantined | Refused) for event in events)
    for body in garbage.BYTES:
        if isinstance(exchange, Clocked):
            assert bad(partial(exchange.parse_time, body)), f"taken for a time: {body[:80]!r}"
        if isinstance(exchange, Listed):
            assert bad(partial(exchange.parse_listing, 200, body))
        if isinstance(exchange, Paged) and body not in EMPTY:
            page = partial(exchange.parse_page, recorded.symbols[0], body, 7)
            assert bad(page), f"taken for a page: {body[:80]!r}"


def a_listing_is_believed_with_http_200_alone(kind: Kind, recorded: Recorded) -> None:
    """A failing server's answer is no listing, nor does a strange one say that there is none."""
    exchange = kind(recorded.symbols)
    if not isinstance(exchange, Listed):
        return
    if recorded.listing:
        assert exchange.parse_listing(200, recorded.listing) is not None
    for status in FAILURES:
        for body in (*garbage.BYTES, recorded.listing):
            assert bad(partial(exchange.parse_listing, status, body)), f"{status} {body[:80]!r}"


def bad(read: Callable[[], object]) -> bool:
    """Return whether it raises BadFrame; any other exception is the caller's."""
    try:
        read()
    except BadFrame:
        return True
    return False


def a_torn_frame_says_no_trade_that_the_whole_does_not(kind: Kind, recorded: Recorded) -> None:
    """Every beginning of a frame: bad, or a part of what it says; never a shorter number."""
    exchange = kind(recorded.symbols)
    for frame in various(kind, recorded):
        whole = exchange.parse(frame, 7)
        for torn in garbage.truncated(frame):
            for event in understood(exchange, torn, 7) or ():
                assert not isinstance(event, Trade) or event in whole, torn


def a_damaged_frame_is_bad_counted_or_believable(kind: Kind, recorded: Recorded) -> None:
    """Whatever is changed in a frame: only BadFrame is raised, and no bad decimal passes."""
    exchange = kind(recorded.symbols)
    for whole in various(kind, recorded):
        # Of fifty trades in one frame two show as much, in a hundredth of the time.
        frame = garbage.shortened(whole) if len(whole) > LONG_FRAME else whole
        for damaged in (*garbage.damaged(frame), *garbage.mistyped(frame)):
            for event in understood(exchange, damaged, 7) or ():
                if isinstance(event, Trade):
                    assert believable(event, recorded.symbols), damaged
                elif isinstance(event, Quarantined):
                    assert event.trade_id is None or 0 <= event.trade_id <= ID_MAX
                    assert event.trade_id is None or exchange.ids == "consecutive"
                    batch = QuarantineBatch(exchange.name, 1, 1, [event])
                    assert decode(encode(batch)) == batch


def pages_of(exchange: Paged, recorded: Recorded) -> paging.Pages | None:
    """Return the simulator's REST interface after the recording; None: it is not simulated."""
    reader = simulated().get(exchange.name)
    texts = [frame.decode() for _, frame in recorded.frames]
    return paging.Pages(reader, recorded.symbols, texts) if reader else None


def a_page_has_the_trades_that_the_frames_had(kind: Kind, recorded: Recorded) -> None:
    """Page by page, each with one that is missing, until all are there; only ``ts_recv`` differs.

    An exchange that is not simulated is not asked.
    """
    exchange = kind(recorded.symbols)
    if not isinstance(exchange, Paged) or (pages := pages_of(exchange, recorded)) is None:
        return
    for symbol in recorded.symbols:
        missing = {
            trade.trade_id: replace(trade, ts_recv=7)
            for trade in reversed(trades_of(kind, recorded))
            if trade.symbol == symbol
        }
        while missing:
            since = missing[min(missing)].ts_event
            wanted = Wanted(symbol, min(missing), max(missing), since=since)
            body = pages.get(exchange.page_url(paging.BASE, wanted))
            found = exchange.parse_page(symbol, body, 7)
            assert any(trade.trade_id in missing for trade in found), "no page brings the rest"
            for trade in found:
                assert trade == missing.pop(trade.trade_id or 0, trade)


def a_torn_or_damaged_page_is_bad_counted_or_believable(kind: Kind, recorded: Recorded) -> None:
    """A part of a page is none: what it does not reach would be thought not to exist."""
    exchange, symbol = kind(recorded.symbols), recorded.symbols[0]
    if not isinstance(exchange, Paged) or (pages := pages_of(exchange, recorded)) is None:
        return
    body = pages.get(exchange.page_url(paging.BASE, Wanted(symbol, 0, 10**15)))
    assert len(exchange.parse_page(symbol, body, 7)) > 10
    for end in (*range(0, len(body), 97), len(body) - 1):
        assert bad(partial(exchange.parse_page, symbol, body[:end], 7)), body[:end][-80:]
    few = garbage.shortened(body)
    for damaged in (*garbage.damaged(few), *garbage.mistyped(few)):
        try:
            found = exchange.parse_page(symbol, damaged, 7)
        except BadFrame:
            continue
        trades = [one for one in found if isinstance(one, Trade)]
        others = [one for one in found if isinstance(one, Quarantined)]
        assert all(believable(trade, (symbol,)) for trade in trades), damaged
        assert all(0 <= (one.trade_id or 0) <= ID_MAX and one.symbol == symbol for one in found)
        message = Recovered(exchange.name, symbol, 0, trades, others, [])
        assert decode(encode(message)) == message


CHECKS: tuple[Check, ...] = (
    it_says_who_it_is,
    it_stays_with_the_host_that_was_configured,
    it_asks_for_each_symbol,
    it_understands_every_recorded_frame,
    its_trades_can_be_believed,
    its_ids_have_no_hole_where_it_says_so,
    it_remembers_nothing,
    its_trades_are_those_that_another_reader_finds,
    garbage_is_bad_or_counted,
    a_listing_is_believed_with_http_200_alone,
    a_torn_frame_says_no_trade_that_the_whole_does_not,
    a_damaged_frame_is_bad_counted_or_believable,
    a_page_has_the_trades_that_the_frames_had,
    a_torn_or_damaged_page_is_bad_counted_or_believable,
)
