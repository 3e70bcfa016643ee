"""What a web process counts of its requests and streams, and which news are measured."""

import asyncio

import pytest
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route, Router

from bus.heartbeat import Health, labels_of
from bus.log import Log
from bus.messages import Ticker
from tests.web.asgi import ask
from tests.web.messages import NOW, at, ticker
from tests.web.outbox import Counts, Outbox, read
from web.codecs.native import NativeCodec
from web.envelope import Caught, Marked
from web.hub import Hub
from web.traffic import REQUEST_S, REQUESTS, UNMATCHED

KEY = ("ticker", "binance", "ETH-USDT", 0)
HOSTILE = (
    *("/nope", "/symbols/../../etc/passwd", '/symbols/a"b{', "/static/%00", "/" + "x" * 3000),
    *(f"/scan/{number}" for number in range(50)),
)


async def answer(request: Request) -> Response:
    code = int(request.query_params.get("code", "200"))
    if code == 500:
        raise ZeroDivisionError
    return Response(status_code=code)


def counted(*requests: tuple[str, str, dict[str, str]]) -> Health:
    """What is counted of these requests: method, path and query of each."""
    health = Health("web-1")
    routes = [Route("/symbols/{symbol}", answer), Route("/static/{path:path}", answer)]
    app = Marked(Caught(Router(routes, redirect_slashes=False), Log("tests")), health)

    async def all_of_them() -> None:
        for method, path, query in requests:
            await ask(app, path, query, method=method)

    asyncio.run(all_of_them())
    return health


def requests_of(health: Health) -> dict[tuple[str, str], int]:
    """The counts by (route, status class)."""
    found = {}
    for name, count in health.counters.items():
        plain, labels = labels_of(name)
        assert plain == REQUESTS
        found[labels["route"], labels["status"]] = int(count)
    return found


def test_a_request_counts_for_its_route_and_its_status_class() -> None:
    health = counted(
        ("GET", "/symbols/ETH-USDT", {}),
        ("GET", "/symbols/BTC-USDT", {"code": "201"}),
        ("GET", "/symbols/BTC-USDT", {"code": "304"}),
        ("POST", "/symbols/BTC-USDT", {}),
        ("GET", "/symbols/BTC-USDT", {"code": "500"}),
        ("GET", "/static/a/b.js", {}),
    )
    symbols = "/symbols/{symbol}"
    assert requests_of(health) == {
        (symbols, "2xx"): 2,
        (symbols, "3xx"): 1,
        (symbols, "4xx"): 1,
        (symbols, "5xx"): 1,
        ("/static/{path}", "2xx"): 1,
    }


def test_each_request_is_measured_once() -> None:
    health = counted(*[("GET", "/symbols/ETH-USDT", {})] * 5)
    (histogram,) = health.histograms.values()
    assert (sum(histogram[:-1]), histogram[-1] > 0) == (5, True)
    assert [labels_of(name)[0] for name in health.histograms] == [REQUEST_S]


def test_no_path_that_a_client_invents_becomes_a_label() -> None:
    health = counted(*(("GET", path, {}) for path in HOSTILE), ("BREW\n", "/nope", {}))
    routes = {route for route, _ in requests_of(health)}
    assert routes == {"/symbols/{symbol}", "/static/{path}", UNMATCHED}
    assert sum(requests_of(health).values()) == len(HOSTILE) + 1


class Watched:
    """One client of the tickers of a symbol, and what each take says of its news."""

    def __init__(self) -> None:
        self.hub = Hub(stale_after_s=15)
        self.counts = Counts()
        self.client = self.hub.join(NativeCodec(), Outbox(), self.counts)
        self.hub.watch(self.client, [KEY], at(0))
        self._now = 0

    def received(self, message: Ticker | None = None) -> int | None:
        """Take what comes of a message, half a second after the last one."""
        self._now += 500_000
        now = at(self._now)
        if message is not None:
            self.hub.message(message, now)
        self.hub.flush(now)
        assert read(self.client)
        return self.counts.received[-1]


def test_a_newer_trade_is_news() -> None:
    watched = Watched()
    watched.received(ticker(seq=1, ts_recv=NOW))
    assert watched.received(ticker(seq=2, ts_recv=NOW + 7)) == NOW + 7


def test_what_was_there_before_the_process_was_is_no_news() -> None:
    assert Watched().received(ticker(ts_recv=NOW - 3_600_000_000)) is None


@pytest.mark.parametrize("older_us", [0, 5])
def test_what_a_restarted_aggregator_says_again_is_no_news(older_us: int) -> None:
    watched = Watched()
    watched.received(ticker(epoch=7, seq=9, ts_recv=NOW))
    assert watched.received(ticker(epoch=8, seq=1, ts_recv=NOW - older_us)) is None


def test_a_price_that_turns_stale_is_no_news() -> None:
    watched = Watched()
    watched.received(ticker(seq=1, ts_recv=NOW))
    assert watched.received(ticker(seq=2, ts_recv=NOW + 1)) is not None
    watched.hub.tick(at(60_000_000))
    assert watched.hub.latest.tickers["binance", "ETH-USDT"].flag
    assert watched.received() is None


def test_a_take_without_news_forgets_those_of_the_one_before() -> None:
    watched = Watched()
    watched.received(ticker(seq=1, ts_recv=NOW))
    assert watched.received(ticker(seq=2, ts_recv=NOW + 7)) is not None
    watched.client.put("a reply")
    assert watched.received() is None
