"""An exchange that says with HTTP 200 that too much was asked about what it lists."""

from bus.log import Log
from procs.feed.exchanges import kraken
from procs.feed.listing import RETRY_US_MIN, Listings
from tests.eventually import eventually
from tests.procs.exchange_server import http
from tests.procs.fix_connection import Serve
from tests.procs.living import Clock

SYMBOLS = ("BTC-USD", "ETH-USD", "DOGE-USD")


def asked(serve: Serve, error: str) -> int:
    """Return how many questions an exchange gets in a minute that answers all with an error."""
    server, clock = serve(), Clock()
    said = http("200 OK", body=b'{"error":["%b"]}' % error.encode())
    server.rest_otherwise = lambda path: said
    listings = Listings(kraken.Exchange(SYMBOLS), server.rest_url, SYMBOLS, Log("test"))

    def at_rest() -> bool:
        listings.on_second(clock.now, 1)
        return listings._round is None

    try:
        assert not at_rest()
        eventually(at_rest, within=10)
        clock.pass_time(RETRY_US_MIN - 1)
        assert at_rest()
    finally:
        listings.close()
    return len(server.rest_asked)


def test_it_is_asked_nothing_more_for_a_minute(serve: Serve) -> None:
    assert asked(serve, "EAPI:Rate limit exceeded") == 1


def test_after_another_error_the_other_symbols_are_asked_for(serve: Serve) -> None:
    assert asked(serve, "EGeneral:Internal error") == len(SYMBOLS)
