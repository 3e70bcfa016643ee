"""A symbol that stands in for another: when it is taken up, given up, and what is missing then."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Literal

import pytest

from bus.actor import Send
from bus.log import Log
from bus.messages import (
    FeedStatus,
    Gap,
    GapOpened,
    GapsWanted,
    GapUnfillable,
    SymbolStatus,
    decode,
    encode,
)
from procs.feed.connection import Connection
from procs.feed.failover import GIVE_UP_US, SILENT_US, TAKE_UP_US, Failover, Place, Switch
from procs.feed.holes import ASK_AGAIN_US, GRACE_US, JUMP_MAX
from tests.procs.driving import Driving
from tests.procs.exchange_server import ExchangeServer
from tests.procs.feeding import START, Feeding, match, status
from tests.procs.fix_connection import COINBASE, Serve

ETHER = "ETH-USD"
PRIMARY = ("binance", "ETH-USDT")
NAME = "binance:ETH-USDT"
SECOND = 1_000_000
State = Literal["idle", "connecting", "connected", "reconnecting", "disconnected"]
SymbolState = Literal["never received", "live", "quiet", "stale", "standby"]


def said(
    state: State = "connected",
    symbol: SymbolState = "live",
    listed: bool | None = True,
    exchange: str = "binance",
    name: str = "ETH-USDT",
) -> FeedStatus:
    """Return what the primary's feed says of itself."""
    symbols = [SymbolStatus(name, symbol, None, 0, listed)]
    reason = None if state == "connected" else "no route"
    return FeedStatus(exchange, state, "closed", 0, 0, None, reason, True, symbols)


def over(
    failover: Failover, begin: int, seconds: int, *told: FeedStatus
) -> list[tuple[int, Switch]]:
    """Let seconds pass, in each of which the primary says one of its statuses in turn."""
    found = []
    for second in range(seconds):
        now = begin + second * SECOND
        if told:
            failover.told(told[second % len(told)], now)
        found += [(second, switch) for switch in failover.on_tick(now)]
    return found


@pytest.mark.parametrize(
    ("told", "reason"),
    [
        (said("reconnecting"), "binance is reconnecting: no route"),
        (said("idle"), "binance is idle: no route"),
        (said(symbol="stale"), f"{NAME} is stale"),
        (said(symbol="never received", listed=False), f"{NAME} is not listed"),
        (said(name="BTC-USDT"), f"{NAME} is not in FEEDS"),
    ],
)
def test_it_is_taken_up_when_its_primary_has_been_in_trouble_for_ten_seconds(
    told: FeedStatus, reason: str
) -> None:
    failover = Failover({ETHER: PRIMARY}, 0)
    assert failover.resting == {ETHER}
    assert over(failover, 0, 30, told) == [(10, Switch(ETHER, NAME, True, reason))]
    assert failover.resting == set()


@pytest.mark.parametrize("state", ["live", "quiet", "never received"])
def test_a_primary_that_is_well_is_left_alone(state: SymbolState) -> None:
    failover = Failover({ETHER: PRIMARY}, 0)
    assert over(failover, 0, 200, said(symbol=state), said(symbol=state, listed=None)) == []


def test_a_feed_that_gives_no_sign_of_life_is_away_from_its_last_one_on() -> None:
    failover = Failover({ETHER: PRIMARY}, 0)
    silent = Switch(ETHER, NAME, True, "the feed of binance gives no sign of life")
    assert over(failover, 0, 20) == [(10, silent)]  # one that never spoke
    assert SILENT_US < TAKE_UP_US
    other = Failover({ETHER: PRIMARY}, 0)
    assert over(other, 0, 100, said()) == []
    assert over(other, 99 * SECOND, 20, said(exchange="kraken")) == [(10, silent)]


def test_it_is_given_up_when_its_primary_has_been_well_for_a_minute() -> None:
    failover = Failover({ETHER: PRIMARY}, 0)
    over(failover, 0, 20, said("reconnecting"))
    well = Switch(ETHER, NAME, False, f"{NAME} is well again")
    assert over(failover, 20 * SECOND, 100, said()) == [(GIVE_UP_US // SECOND, well)]
    assert failover.resting == {ETHER}


def test_who_comes_and_goes_changes_nothing_either_way() -> None:
    failover = Failover({ETHER: PRIMARY}, 0)
    assert over(failover, 0, 100, *[said()] * 3, *[said("reconnecting")] * 3) == []
    over(failover, 100 * SECOND, 20, said("reconnecting"))
    flapping = [*[said()] * 50, *[said("reconnecting")] * 2]
    assert over(failover, 120 * SECOND, 520, *flapping) == []
    assert failover.resting == set()


class Standing:
    """A feed with ETH-USD on standby, without a connection."""

    def __init__(self, folder: Path) -> None:
        self.feeding = Feeding(folder, failover=Failover({ETHER: PRIMARY}, 1_000_000))
        self.trade_at = START

    def seconds(self, count: int, told: FeedStatus) -> list[Send]:
        """Let seconds pass with the primary saying something in each."""
        sends: list[Send] = []
        for _ in range(count):
            self.feeding.feed.on_message("primaries", [encode(told)], self.feeding.now)
            sends += self.feeding.tick(SECOND)
        return sends

    def trade(self, *ids: int) -> None:
        """Take trades of the symbol."""
        frames = [match(one, symbol=ETHER, ts=self.feeding.now.wall) for one in ids]
        self.feeding.take(*frames)

    def ether(self) -> SymbolStatus:
        return self.feeding.feed.status(self.feeding.now).symbols[1]

    def gaps(self) -> list[tuple[str, list[Gap]]]:
        kinds = (GapOpened, GapUnfillable)
        records = [one for one in self.feeding.recorded() if isinstance(one, kinds)]
        return [(type(one).__name__, one.gaps) for one in records]


@pytest.fixture
def standing(tmp_path: Path) -> Iterator[Standing]:
    made = Standing(tmp_path)
    yield made
    made.feeding.close()


def wanted(sends: list[Send]) -> list[tuple[int, int]]:
    """Return the ids that are asked for."""
    asked = [decode(send.payload) for send in sends if send.output == "backfiller"]
    return [
        (each.first_id, each.last_id)
        for one in asked
        if isinstance(one, GapsWanted)
        for each in one.wanted
    ]


def test_its_status_says_that_it_stands_by_and_for_whom(standing: Standing) -> None:
    standing.seconds(2, said())
    bitcoin, ether = standing.feeding.feed.status(standing.feeding.now).symbols
    assert (bitcoin.state, bitcoin.stands_in_for) == ("never received", None)
    assert (ether.state, ether.stands_in_for) == ("standby", NAME)
    standing.seconds(12, said("reconnecting"))
    assert (standing.ether().state, standing.ether().stands_in_for) == ("never received", NAME)
    standing.trade(7)
    assert standing.ether().state == "live"
    standing.seconds(62, said())
    assert standing.ether().state == "standby"
    assert standing.feeding.feed.subscribed == ("BTC-USD",)


def test_what_was_executed_while_it_stood_by_is_a_visible_gap_that_is_not_asked_for(
    standing: Standing, tmp_path: Path
) -> None:
    standing.seconds(12, said("reconnecting"))
    standing.trade(1, 2, 3)
    standing.seconds(62, said())
    standing.seconds(12, said("reconnecting"))
    first = 4 + JUMP_MAX + 1
    standing.trade(first, first + 1)
    sends = standing.seconds(30, said("reconnecting"))
    gap = [Gap(ETHER, 4, first - 1)]
    assert standing.gaps() == [("GapOpened", gap), ("GapUnfillable", gap)]
    assert wanted(sends) == []
    assert standing.ether().gaps_open == 0
    assert standing.feeding.health.counters["gaps_unfillable"] == 0
    standing.trade(first + 3)  # a gap while it stands in is one like any other
    assert wanted(standing.seconds(2, said("reconnecting"))) == [(first + 2, first + 2)]
    standing.feeding.close()
    again = Feeding(tmp_path)
    again.tick()
    assert wanted(again.tick(GRACE_US + ASK_AGAIN_US)) == [(first + 2, first + 2)]
    again.close()


def test_a_pause_of_a_few_calls_is_filled_like_any_gap(standing: Standing) -> None:
    standing.seconds(12, said("reconnecting"))
    standing.trade(1)
    standing.seconds(62, said())
    standing.seconds(12, said("reconnecting"))
    standing.trade(JUMP_MAX + 1)
    assert wanted(standing.seconds(2, said("reconnecting"))) == [(2, JUMP_MAX)]


def test_a_trade_that_comes_late_into_the_pause_has_its_neighbours_looked_for_and_no_more(
    standing: Standing,
) -> None:
    standing.seconds(12, said("reconnecting"))
    standing.trade(1)
    standing.seconds(62, said())
    standing.seconds(12, said("reconnecting"))
    standing.trade(1_000_000, 1_000_001)
    standing.seconds(10, said("reconnecting"))
    standing.trade(999_999)
    asked = wanted(standing.seconds(2, said("reconnecting")))
    assert asked == [(999_999 - JUMP_MAX, 999_998)]


class Driven(Driving):
    """The same on a connection to a real server."""

    def __init__(
        self, server: ExchangeServer, folder: Path, primaries: dict[str, Place] | None = None
    ) -> None:
        super().__init__()
        primaries = primaries or {ETHER: PRIMARY}
        failover = Failover(primaries, self.now().mono)
        self.feeding = Feeding(folder, failover=failover)
        self.feed = self.feeding.feed
        self.connection = self.feed.connection = Connection(
            COINBASE, server.websocket_url, server.rest_url, self.feed.on_frame, Log("test")
        )
        self.told = said()
        self.heard: list[Send] = []

    def once(self) -> None:
        """Hear the primary, then wake and tick as the loop does."""
        now = self.now()
        self.feed.on_message("primaries", [encode(self.told)], now)
        sends = list(self.feed.on_tick(now))
        if any(send.topic.startswith(b"status.") for send in sends):
            self.heard = sends
        super().once()
        self.feed.on_wake(self.now())

    def elapse(self, server: ExchangeServer, seconds: int) -> None:
        """Let time pass by in steps, in each of which the exchange gives a sign of life."""
        assert self.connection is not None
        for _ in range(seconds // 3):
            self.push(3)
            before = self.now().mono
            for peer in server.peers:
                peer.send(b'{"type":"subscriptions"}')
            newest = self.connection.readers[-1]
            self.until(lambda: newest.silence._heard >= before)  # noqa: B023


def subscribed(texts: list[str]) -> list[str]:
    """Return what was subscribed, sorted."""
    return sorted(text.split('"product_ids": ["')[1].split('"')[0] for text in texts)


@pytest.fixture
def driving() -> Iterator[Callable[[Driven], Driven]]:
    made: list[Driven] = []

    def keep(one: Driven) -> Driven:
        made.append(one)
        return one

    yield keep
    for one in made:
        one.feed.on_drain(one.now())


def test_without_a_symbol_of_its_own_a_feed_is_idle_until_it_is_needed(
    serve: Serve, tmp_path: Path, driving: Callable[[Driven], Driven]
) -> None:
    server = serve()
    driven = driving(Driven(server, tmp_path, {"BTC-USD": PRIMARY, ETHER: ("binance", "X-Y")}))
    for _ in range(5):
        driven.push(1)
        driven.once()
    assert status(driven.heard).state == "idle"
    assert driven.feeding.health.state == "standby"
    assert (server.asked, server.rest_asked) == (0, [])
    driven.told = said("disconnected")
    driven.once()
    driven.push(11)
    driven.until(lambda: server.peers)
    driven.push(1)
    driven.until(lambda: status(driven.heard).state == "connected")
    assert driven.feeding.health.state == "ready"
    driven.told = said()
    driven.once()
    driven.push(61)
    driven.told = FeedStatus(
        *("binance", "connected", "closed", 0, 0, None, None, True),
        [SymbolStatus("ETH-USDT", "live", None, 0), SymbolStatus("X-Y", "live", None, 0)],
    )
    driven.once()
    driven.push(61)
    driven.until(lambda: status(driven.heard).state == "idle")
    assert server.peers[0].closed.wait(5)


def test_the_subscription_changes_by_a_hand_over_and_no_other_symbol_misses_a_trade(
    serve: Serve, tmp_path: Path, driving: Callable[[Driven], Driven]
) -> None:
    server = serve()
    server.clock = b""  # our own clock judges what is plausible
    driven = driving(Driven(server, tmp_path))
    driven.until(lambda: server.peers and server.peers[0].texts())
    assert subscribed(server.peers[0].texts()) == ["BTC-USD"]
    server.peers[0].send(match(1, ts=driven.now().wall))
    driven.until(lambda: driven.feeding.ids() == [1])
    driven.told = said("reconnecting")
    driven.elapse(server, 12)
    driven.until(lambda: len(server.peers) == 2 and len(server.peers[1].texts()) == 2)
    assert subscribed(server.peers[1].texts()) == ["BTC-USD", ETHER]
    for peer in server.peers:
        peer.send(match(2, ts=driven.now().wall))
    server.peers[1].send(match(9, symbol=ETHER, ts=driven.now().wall))
    driven.push(3)
    driven.until(server.peers[0].closed.is_set)
    driven.until(lambda: driven.feeding.ids() == [1, 2, 9])
    assert status(driven.heard).symbols[1].state == "live"
    driven.told = said()
    driven.elapse(server, 63)
    driven.until(lambda: len(server.peers) == 3 and server.peers[2].texts())
    assert subscribed(server.peers[2].texts()) == ["BTC-USD"]
