"""Whose turn it is when there is more to send than can be sent."""

from bus.messages import encode
from tests.web.messages import at, average, batch, ticker
from tests.web.outbox import COUNTS, Outbox, join, read
from web.codecs.native import NativeCodec
from web.cohort import BACKLOG_BYTES
from web.hub import WRITES_A_TURN, Hub
from web.update import WatchKey

TICKER: WatchKey = ("ticker", "binance", "ETH-USDT", 0)
AVERAGE: WatchKey = ("average", "binance", "ETH-USDT", 0)
TRADES: WatchKey = ("trade", "binance", "ETH-USDT", 0)
TURN_US = 10_000


class Tally(Outbox):
    """An outlet that only counts what it is sent, each way."""

    def __init__(self) -> None:
        super().__init__()
        self.count = 0
        self.trades = 0

    def write(self, frames: bytes) -> bool:
        """Take the frames."""
        self.count += 1
        self.trades += frames.count(b"trade_update")
        return True


def tally(hub: Hub, *keys: WatchKey, rate_us: int = 50_000) -> Tally:
    outlet = Tally()
    hub.watch(hub.join(NativeCodec(), outlet, COUNTS), keys, at(0), rate_us)
    return outlet


def test_who_watches_what_few_watch_is_sent_as_often_as_all_when_too_much_is_due() -> None:
    hub = Hub(stale_after_s=15)
    crowd = [tally(hub, TICKER) for _ in range(11 * WRITES_A_TURN)]
    slower = [tally(hub, TICKER, rate_us=60_000) for _ in range(WRITES_A_TURN)]
    both, trader = tally(hub, TICKER, AVERAGE), tally(hub, TRADES)
    hub.flush(at(0))
    turns = 100
    for turn in range(turns):
        now = at(turn * TURN_US)
        hub.message(ticker(seq=2 * turn + 1), now)
        hub.message(average(count=turn + 1, seq=2 * turn + 2), now)
        hub.record("binance", encode(batch(turn + 1, [turn])), now)
        hub.flush(now)
    counts = [outlet.count for outlet in (*crowd, *slower, both, trader)]
    assert max(outlet.count for outlet in crowd) < turns / 10  # or there was not too much
    assert min(counts) > turns / 15
    assert trader.trades > turns - 15


def test_who_has_had_a_turn_waits_for_the_others() -> None:
    hub = Hub(stale_after_s=15)
    traders = [tally(hub, TRADES) for _ in range(WRITES_A_TURN)]
    other = tally(hub, TICKER)
    hub.flush(at(0))
    hub.record("binance", encode(batch(1, list(range(5_000)))), at(0))
    hub.message(ticker(), at(0))
    hub.flush(at(0))
    assert (0 < traders[0].trades < 5_000, other.count) == (True, 0)
    hub.flush(at(0))
    assert other.count == 1


def test_trades_that_nobody_had_a_turn_for_are_bounded_and_end_the_connection() -> None:
    hub = Hub(stale_after_s=15)
    clients = [join(hub, NativeCodec()) for _ in range(2)]
    for client in clients:
        hub.watch(client, [TRADES], at(0))
    hub.flush(at(0))
    record = encode(batch(1, list(range(2_000))))
    frames = 0
    while not clients[0].overflowed:
        assert frames <= BACKLOG_BYTES
        hub.record("binance", record, at(0))
        frames += 2_000 * 200
    assert {client.backlog <= BACKLOG_BYTES for client in clients} == {True}
    hub.record("binance", encode(batch(2, [2_001])), at(0))
    hub.flush(at(0))
    assert hub.given_up(at(0), 15_000_000) == clients
    assert [read(client) for client in clients] == [[], []]  # nothing after what it has lost


def test_rates_that_nobody_waits_for_any_more_are_forgotten() -> None:
    hub = Hub(stale_after_s=15)
    client = join(hub, NativeCodec())
    for step in range(200):
        hub.watch(client, [TICKER], at(0), 50_000 + step * 10_000)
        hub.message(ticker(seq=step + 1), at(0))
        hub.flush(at(0))
    assert len(hub.turns) == 200
    hub.flush(at(3_000_000))
    assert len(hub.turns) == 0
    assert hub.next_due() is None
