"""``GET /api/candles`` asked over and over: what may be half a second old, and what never is."""

import asyncio
import json
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import pytest
from starlette.types import ASGIApp

from bus.actor import Instant
from store.pool import Connection
from store.trades import copy
from tests.web.asgi import ask
from tests.web.fix_api import HOUR, MINUTE, Api, iso, store, trades
from tests.web.messages import candle
from web.kept import KEPT_US

BEGIN = 1_759_104_000_000_000  # 2025-09-29T00:00Z
NOW = BEGIN + HOUR + MINUTE // 2
QUERY = {"symbol": "ETHUSDT", "from": iso(BEGIN)}


@dataclass
class Clock:
    """The moment at which the route believes to be."""

    us: int = NOW

    def instant(self) -> Instant:
        return Instant(self.us, self.us)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr("web.api.candles.instant", clock.instant)
    return clock


@pytest.fixture
def hour(records: Connection) -> None:
    """An hour of minutes that are stored, one trade in each; the data began before."""
    store(records, trades(BEGIN - HOUR, "1"))
    store(records, *(trades(BEGIN + at * MINUTE, "1") for at in range(60)))


def asked(api: Api, *steps: Callable[[], object], query: dict[str, str] = QUERY) -> list[Any]:
    """Return the answers of one web process before and after each step."""

    async def each() -> list[Any]:
        async with api.open(2) as (app,):
            answers = [await one(app, query)]
            for step in steps:
                step()
                answers.append(await one(app, query))
            return answers

    return asyncio.run(each())


async def one(app: ASGIApp, query: dict[str, str]) -> Any:
    answer = await ask(app, "/api/candles", query)
    assert answer.status == 200, answer.body
    return json.loads(answer.body)


@pytest.mark.usefixtures("hour")
def test_asked_many_times_at_once_the_database_is_read_once(api: Api, clock: Clock) -> None:
    api.get("/api/candles", QUERY)
    once = api.questions
    answers = api.at_once([("/api/candles", QUERY)] * 20)
    assert api.questions == once
    assert {answer.body for answer in answers} == {answers[0].body}
    assert len(answers[0].json) == 60
    other = {**QUERY, "from": iso(BEGIN + MINUTE)}
    api.at_once([("/api/candles", QUERY), ("/api/candles", other)])
    assert api.questions == 2 * once


@pytest.mark.usefixtures("hour")
def test_ranges_of_the_same_candles_are_one_reading(api: Api, clock: Clock) -> None:
    api.get("/api/candles", QUERY)
    once = api.questions
    begins = (BEGIN - MINUTE + 1_000_000, BEGIN - 1_000_000, BEGIN)
    answers = api.at_once([("/api/candles", {**QUERY, "from": iso(ts)}) for ts in begins])
    assert api.questions == once
    assert [len(answer.json) for answer in answers] == [60] * 3


@pytest.mark.usefixtures("hour")
@pytest.mark.parametrize("interval", ["1m", "5m", "4h"])
def test_a_live_candle_is_answered_at_once_from_the_same_reading(
    api: Api, clock: Clock, interval: str
) -> None:
    running, base = (BEGIN + HOUR, 3600 if interval == "4h" else 60)
    told = partial(candle, ts_open=running, interval_s=base)
    api.tell(told(n=2, close="7", seq=1))
    query = {**QUERY, "interval": interval}
    asked(api, query=query)
    once = api.questions
    first, second = asked(api, lambda: api.tell(told(n=5, close="9", seq=2)), query=query)
    assert api.questions == once
    assert (first[-1]["c"], second[-1]["c"]) == (7, 9)
    assert second[-1]["n"] == first[-1]["n"] + 3
    assert first[:-1] == second[:-1]


@pytest.mark.usefixtures("hour")
def test_a_first_live_candle_and_one_older_than_those_before_are_answered_at_once(
    api: Api, clock: Clock
) -> None:
    late = BEGIN + 30 * MINUTE
    nothing, first, older = asked(
        api,
        lambda: api.tell(candle(ts_open=BEGIN + HOUR, n=2, seq=1)),
        lambda: api.tell(candle(ts_open=late, n=4, close="9", seq=2)),
    )
    assert [len(rows) for rows in (nothing, first, older)] == [60, 61, 61]
    assert older[:30] + older[31:] == first[:30] + first[31:]
    assert (first[30]["n"], older[30]["n"], older[30]["c"]) == (1, 4, 9)


@pytest.mark.usefixtures("hour")
def test_a_minute_is_closed_the_moment_it_ends(api: Api, clock: Clock) -> None:
    api.tell(candle(ts_open=BEGIN + HOUR, n=2))

    def to(us: int) -> None:
        clock.us = us

    end = BEGIN + HOUR + MINUTE
    before, after = asked(api, partial(to, end - 1), partial(to, end))[1:]
    assert (before[-1]["closed"], after[-1]["closed"]) == (False, True)
    assert before[:-1] == after[:-1]


@pytest.mark.usefixtures("hour")
@pytest.mark.parametrize("layout", [{}, {"format": "csv"}])
def test_a_late_trade_of_an_old_minute_is_answered_within_half_a_second(
    api: Api, records: Connection, clock: Clock, layout: dict[str, str]
) -> None:
    async def bodies() -> list[bytes]:
        async with api.open(2) as (app,):
            query = {**QUERY, **layout}
            found = [await ask(app, "/api/candles", query)]
            store(records, trades(BEGIN + 10 * MINUTE + 1_000_000, "5"))
            found.append(await ask(app, "/api/candles", query))
            clock.us += KEPT_US
            found.append(await ask(app, "/api/candles", query))
            return [answer.body for answer in found]

    before, at_once, after = asyncio.run(bodies())
    assert before == at_once  # it is a reading that is kept, else the rest shows nothing
    assert after != before
    assert after == api.get("/api/candles", {**QUERY, **layout}).body
    assert KEPT_US <= 500_000


def test_a_gap_that_is_filled_is_none_within_half_a_second(
    api: Api, records: Connection, clock: Clock
) -> None:
    groups = [trades(BEGIN + at * MINUTE, "1", "2") for at in range(4)]
    store(records, trades(BEGIN - HOUR, "1"), *groups)
    copy(records, "binance", [each for group in groups for each in group])
    first, last = groups[1][-1].trade_id + 1, groups[2][0].trade_id - 1
    records.execute(
        "INSERT INTO gap (exchange, symbol, series, first_id, last_id, reason, state)"
        " VALUES ('binance', 'ETH-USDT', 0, %s, %s, 'a test', 'open')",
        [first, last],
    )

    def fill() -> None:
        records.execute("UPDATE gap SET state = 'filled'")

    def later() -> None:
        clock.us += KEPT_US

    found = [[row["partial"] for row in rows] for rows in asked(api, fill, later)]
    gone = [False, True, True, False]
    assert found == [gone, gone, [False] * 4]


@pytest.mark.usefixtures("hour")
@pytest.mark.parametrize("live", [False, True])
def test_every_limit_and_cursor_leads_to_the_same_candles(
    api: Api, clock: Clock, live: bool
) -> None:
    if live:
        api.tell(*(candle(ts_open=BEGIN + (58 + at) * MINUTE, n=3, seq=at) for at in range(3)))
    whole = api.get("/api/candles", QUERY).json
    assert len(whole) == 60 + live
    limits = (1, 2, 3, 4, 59, 60, 61, 62)
    pages = api.all([("/api/candles", {**QUERY, "limit": str(limit)}) for limit in limits])
    assert [page.json for page in pages] == [whole[-limit:] for limit in limits]
    cut = [page for page in pages if "x-next-cursor" in page.headers]
    assert len(cut) == sum(limit < len(whole) for limit in limits)
    following = api.all(
        [("/api/candles", {**QUERY, "cursor": page.headers["x-next-cursor"]}) for page in cut]
    )
    for page, rest in zip(cut, following, strict=True):
        assert rest.json + page.json == whole
