"""The contract's own test: each check finds the exchange that breaks just that promise."""

import pytest
from msgspec.structs import replace

from bus.errors import BadDecimal, BadFrame
from bus.messages import Quarantined, Trade, Wanted
from procs.feed.exchanges import (
    Beat,
    Event,
    Exchange,
    Listing,
    TradeEvent,
    coinbase,
    coingecko,
    finnhub,
    load,
)
from tests.exchanges import contract
from tests.exchanges.contract import CHECKS, Check, read
from tests.fix_recordings import own

Events = tuple[Event, ...]


class Keeping(coinbase.Exchange):
    """An exchange that keeps every promise; those below break one each."""

    def parse(self, frame: bytes, ts_recv: int) -> Events:
        return tuple(
            self.changed(event) if isinstance(event, Trade) else event
            for event in super().parse(frame, ts_recv)
        )

    def changed(self, trade: Trade) -> Trade:
        return trade


class Misnamed(Keeping):
    name = "elsewhere"


class Elsewhere(Keeping):
    def connect_url(self, base: str) -> str:
        return self.websocket_url


class Timeless(Keeping):
    def time_url(self, base: str) -> str:
        return super().time_url(self.rest_url)


class Astray(Keeping):
    def listing_url(self, base: str, symbol: str) -> str:
        return super().listing_url(self.rest_url, symbol)


class Forgetful(Keeping):
    def subscribe(self) -> list[str]:
        return coinbase.Exchange(tuple(sorted(self._symbols)[:-1])).subscribe()


class Deaf(Keeping):
    def parse(self, frame: bytes, ts_recv: int) -> Events:
        events = super().parse(frame, ts_recv)
        if any(isinstance(event, Beat) for event in events):
            raise BadFrame("an unknown kind of message")
        return events


class Exponential(Keeping):
    def changed(self, trade: Trade) -> Trade:
        return replace(trade, price=f"{float(trade.price):e}")


class Mistyping(Keeping):
    def changed(self, trade: Trade) -> Trade:
        return replace(trade, trade_id=str(trade.trade_id))


class Skipping(Keeping):
    def parse(self, frame: bytes, ts_recv: int) -> Events:
        events = super().parse(frame, ts_recv)
        return tuple(one for one in events if getattr(one, "trade_id", 1) % 100)


class Remembering(Keeping):
    def __init__(self, symbols: tuple[str, ...]) -> None:
        super().__init__(symbols)
        self._seen: set[bytes] = set()

    def parse(self, frame: bytes, ts_recv: int) -> Events:
        events = () if frame in self._seen else super().parse(frame, ts_recv)
        self._seen.add(frame)
        return events


class Rounding(Keeping):
    def changed(self, trade: Trade) -> Trade:
        return replace(trade, price=str(float(trade.price)))


class Siding(Keeping):
    def changed(self, trade: Trade) -> Trade:
        return replace(trade, side="buy" if trade.side == "sell" else "sell")


class Silent(Keeping):
    def parse(self, frame: bytes, ts_recv: int) -> Events:
        try:
            return super().parse(frame, ts_recv)
        except BadFrame:
            return ()


class Crashing(Keeping):
    def parse(self, frame: bytes, ts_recv: int) -> Events:
        try:
            return super().parse(frame, ts_recv)
        except BadFrame as bad:
            raise KeyError("type") from bad


class Trusting(Keeping):
    def parse_listing(self, status: int, body: bytes) -> Listing | None:
        return super().parse_listing(200 if status >= 500 else status, body)


class Dismissive(Keeping):
    def parse_listing(self, status: int, body: bytes) -> Listing | None:
        return None if status == 404 else super().parse_listing(status, body)


class Mending(Keeping):
    def parse(self, frame: bytes, ts_recv: int) -> Events:
        try:
            return super().parse(frame, ts_recv)
        except BadFrame:
            return super().parse(frame + b'Z"}', ts_recv)


class Believing(Keeping):
    def parse(self, frame: bytes, ts_recv: int) -> Events:
        return tuple(
            Trade(event.symbol or "", event.trade_id or 0, ts_recv, ts_recv, "0", "1", "buy")
            if isinstance(event, Quarantined)
            else event
            for event in super().parse(frame, ts_recv)
        )


class PageSiding(Keeping):
    def parse_page(self, symbol: str, body: bytes, ts_recv: int) -> tuple[TradeEvent, ...]:
        found = super().parse_page(symbol, body, ts_recv)
        return tuple(self.turned(one) if isinstance(one, Trade) else one for one in found)

    def turned(self, trade: Trade) -> Trade:
        return replace(trade, side="buy" if trade.side == "sell" else "sell")


class PageLenient(Keeping):
    def parse_page(self, symbol: str, body: bytes, ts_recv: int) -> tuple[TradeEvent, ...]:
        try:
            return super().parse_page(symbol, body, ts_recv)
        except BadFrame:
            return ()


class PageMending(Keeping):
    def parse_page(self, symbol: str, body: bytes, ts_recv: int) -> tuple[TradeEvent, ...]:
        try:
            return super().parse_page(symbol, body, ts_recv)
        except BadFrame:
            return super().parse_page(symbol, body[: body.rfind(b"}") + 1] + b"]", ts_recv)


class PageElsewhere(Keeping):
    def page_url(self, base: str, wanted: Wanted) -> str:
        return super().page_url(self.rest_url, wanted)


class Hasty(Keeping):
    rest_per_s = 1000.0


BREACHES: list[tuple[type[Keeping], Check]] = [
    (Misnamed, contract.it_says_who_it_is),
    (Elsewhere, contract.it_stays_with_the_host_that_was_configured),
    (Timeless, contract.it_stays_with_the_host_that_was_configured),
    (Astray, contract.it_stays_with_the_host_that_was_configured),
    (Forgetful, contract.it_asks_for_each_symbol),
    (Deaf, contract.it_understands_every_recorded_frame),
    (Exponential, contract.its_trades_can_be_believed),
    (Mistyping, contract.its_trades_can_be_believed),
    (Skipping, contract.its_ids_have_no_hole_where_it_says_so),
    (Remembering, contract.it_remembers_nothing),
    (Rounding, contract.its_trades_are_those_that_another_reader_finds),
    (Siding, contract.its_trades_are_those_that_another_reader_finds),
    (Silent, contract.garbage_is_bad_or_counted),
    (Crashing, contract.garbage_is_bad_or_counted),
    (Trusting, contract.a_listing_is_believed_with_http_200_alone),
    (Dismissive, contract.a_listing_is_believed_with_http_200_alone),
    (Crashing, contract.a_torn_frame_says_no_trade_that_the_whole_does_not),
    (Mending, contract.a_torn_frame_says_no_trade_that_the_whole_does_not),
    (Crashing, contract.a_damaged_frame_is_bad_counted_or_believable),
    (Believing, contract.a_damaged_frame_is_bad_counted_or_believable),
    (PageSiding, contract.a_page_has_the_trades_that_the_frames_had),
    (PageLenient, contract.garbage_is_bad_or_counted),
    (PageLenient, contract.a_torn_or_damaged_page_is_bad_counted_or_believable),
    (PageMending, contract.a_torn_or_damaged_page_is_bad_counted_or_believable),
    (PageElsewhere, contract.it_stays_with_the_host_that_was_configured),
    (Hasty, contract.it_says_who_it_is),
]


@pytest.fixture(autouse=True)
def in_the_file(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the classes here stand in Coinbase's file."""
    for kind in (Keeping, *(kind for kind, _ in BREACHES)):
        monkeypatch.setattr(kind, "__module__", coinbase.__name__)


@pytest.mark.parametrize(("kind", "check"), BREACHES)
def test_a_broken_promise_is_found_by_its_check(kind: type[Keeping], check: Check) -> None:
    recorded = read(own("coinbase")[0])
    check(Keeping, recorded)
    with pytest.raises((AssertionError, BadDecimal, BadFrame, KeyError, TypeError)):
        check(kind, recorded)


class Inventing(finnhub.Exchange):
    def parse(self, frame: bytes, ts_recv: int) -> Events:
        found = super().parse(frame, ts_recv)
        return tuple(replace(one, trade_id=5) if isinstance(one, Trade) else one for one in found)


class Shortening(coingecko.Exchange):
    def parse(self, frame: bytes, ts_recv: int) -> Events:
        return tuple(
            replace(one, trade_id=one.ts_event // 1000) if isinstance(one, Trade) else one
            for one in super().parse(frame, ts_recv)
        )


class Blaming(coingecko.Exchange):
    def parse(self, frame: bytes, ts_recv: int) -> Events:
        return tuple(
            replace(one, trade_id=7) if isinstance(one, Quarantined) else one
            for one in super().parse(frame, ts_recv)
        )


@pytest.mark.parametrize(
    ("kind", "check"),
    [
        (Inventing, contract.its_trades_can_be_believed),
        (Shortening, contract.its_trades_can_be_believed),
        (Blaming, contract.a_damaged_frame_is_bad_counted_or_believable),
    ],
)
def test_ids_that_an_exchange_does_not_give_are_found(kind: type[Exchange], check: Check) -> None:
    (recording,) = own(kind.name)
    recorded = read(recording)
    check(load(kind.name), recorded)
    with pytest.raises(AssertionError):
        check(kind, recorded)


def test_every_promise_has_been_broken() -> None:
    assert {check for _, check in BREACHES} == set(CHECKS)
