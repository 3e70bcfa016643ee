"""What is listed by an exchange that has but a list of all that it trades."""

import pytest

from bus.log import Log
from bus.messages import SymbolStatus
from procs.feed.exchanges.finnhub import Exchange
from procs.feed.listing import RETRY_US_MIN, Listings
from tests.eventually import eventually
from tests.procs.exchange_server import ExchangeServer, http
from tests.procs.fix_connection import Serve
from tests.procs.living import Clock

SYMBOLS = ("ETH-USDT", "ETH-BTC", "ETH-BTX")
PATH = "/rest/api/v1/crypto/symbol?exchange=binance"
KNOWN = http(
    "200 OK",
    body=b"["
    b'{"description":"Binance ETHUSDT","displaySymbol":"ETH/USDT","symbol":"BINANCE:ETHUSDT"},'
    b'{"description":"Binance ETHBTC","displaySymbol":"ETH/BTC","symbol":"BINANCE:ETHBTC"}]',
)


class Asking:
    """Listings on a server."""

    def __init__(self, server: ExchangeServer) -> None:
        self.server = server
        self.clock = Clock()
        exchange = Exchange(SYMBOLS)
        exchange.configure({"token": "a-token"})
        self.listings = Listings(exchange, server.rest_url, SYMBOLS, Log("test"))

    def after(self, micros: int = 0) -> int:
        """Let time pass, and a round come to its end; return how often the server was asked."""

        def rests() -> bool:
            self.listings.on_second(self.clock.pass_time(0), 1)
            return self.listings._round is None

        self.listings.on_second(self.clock.pass_time(micros), 1)
        eventually(rests, within=10)
        return len(self.server.rest_asked)

    def listed(self) -> list[bool | None]:
        """Return what is said of each symbol."""
        blank = [SymbolStatus(symbol, "never received", None, 0) for symbol in SYMBOLS]
        return [self.listings.of(one).listed for one in blank]


def test_one_question_tells_which_of_all_symbols_are_listed(serve: Serve) -> None:
    one = Asking(serve())
    one.server.rest[PATH] = KNOWN
    assert one.after() == 1
    assert one.listed() == [True, True, False]
    assert one.listings.complaint == "not listed by finnhub: ETH-BTX (ETH-BTC?)"
    assert "x-finnhub-token: a-token" in one.server.heads[0].lower()
    assert one.after(1_000_000) == 1


@pytest.mark.parametrize(
    "answer",
    [
        http("401 Unauthorized", body=b'{"error":"Invalid API key"}'),
        http("429 Too Many Requests", "Retry-After: 5", body=b"[]"),
        http("200 OK", body=b'{"error":"no"}'),
        http("200 OK", body=b'[{"symbol":"BINANCE:ETHUSDT"}]'),
        http("200 OK", body=b"<html>"),
    ],
    ids=range(5),
)
def test_an_answer_that_is_none_says_of_nothing_that_it_is_not_listed(
    serve: Serve, answer: bytes
) -> None:
    one = Asking(serve())
    one.server.rest[PATH] = answer
    assert one.after() == 1
    assert one.listed() == [None, None, None]
    assert one.after(RETRY_US_MIN - 1) == 1
    one.server.rest[PATH] = KNOWN
    one.after(4 * RETRY_US_MIN)
    assert one.listed() == [True, True, False]
