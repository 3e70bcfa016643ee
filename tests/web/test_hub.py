"""Who is sent what, without a socket: values in, texts out."""

import json
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bus.messages import Gap, GapOpened, Ticker, encode
from tests.web.messages import HOUR, NOW, at, average, batch, candle, status, ticker
from tests.web.outbox import Outbox, join, read, sent
from web.codecs.native import NativeCodec
from web.cohort import BACKLOG_BYTES, TAKE_BYTES, Client, OneByOne, Outlet
from web.fanout import text_frame
from web.hub import PACKED_COHORTS, WRITES_A_TURN, Hub
from web.latest import CANDLES_KEPT
from web.turns import GRAIN_US
from web.update import WatchKey
from web.watching import COHORT_MAX

TICKER: WatchKey = ("ticker", "binance", "ETH-USDT", 0)
OTHER: WatchKey = ("ticker", "binance", "ETH-BTC", 0)
TRADES: WatchKey = ("trade", "binance", "ETH-USDT", 0)
MINUTE: WatchKey = ("candle", "binance", "ETH-USDT", 60)


def watching(*keys: WatchKey, rate_us: int = 100_000) -> tuple[Hub, Client]:
    hub = Hub(stale_after_s=15)
    client = join(hub, NativeCodec())
    hub.watch(client, keys, at(0), rate_us)
    hub.flush(at(0))
    return hub, client


def test_the_first_change_goes_at_once_and_the_next_waits_for_the_rate() -> None:
    hub, client = watching(TICKER)
    hub.message(ticker(seq=1), at(0))
    assert [frame["payload"]["seq"] for frame in sent(hub, client, 0)] == [1]
    hub.message(ticker(seq=2), at(10_000))
    hub.message(ticker(seq=3), at(20_000))
    assert sent(hub, client, 99_999) == []
    assert hub.next_due() == at(100_000).mono
    assert [frame["payload"]["seq"] for frame in sent(hub, client, 100_000)] == [3]
    assert sent(hub, client, 200_000) == []
    assert hub.next_due() is None


def test_the_average_of_one_hour_does_not_displace_that_of_another() -> None:
    hub, client = watching(("average", "binance", "ETH-USDT", 0))
    hub.message(average(hour_start=HOUR, count=1, seq=1), at(0))
    assert len(sent(hub, client, 0)) == 1
    hub.message(average(hour_start=HOUR, count=2, seq=2), at(1))
    hub.message(average(hour_start=HOUR - 3_600_000_000, count=99, seq=3), at(2))
    frames = sent(hub, client, 200_000)
    assert [frame["payload"]["count"] for frame in frames] == [2, 99]


def test_only_what_is_watched_is_sent() -> None:
    hub, client = watching(OTHER)
    hub.message(ticker("ETH-USDT"), at(0))
    hub.message(average("ETH-BTC"), at(0))
    assert hub.next_due() is None
    hub.message(ticker("ETH-BTC"), at(0))
    assert [frame["payload"]["symbol"] for frame in sent(hub, client, 0)] == ["ETH-BTC"]


def test_what_is_no_longer_watched_is_no_longer_sent_even_if_it_waited() -> None:
    hub, client = watching(TICKER, OTHER)
    hub.message(ticker("ETH-USDT"), at(0))
    hub.message(ticker("ETH-BTC"), at(0))
    hub.unwatch(client, {TICKER})
    assert [frame["payload"]["symbol"] for frame in sent(hub, client, 0)] == ["ETH-BTC"]


def test_frames_are_compressed_unless_hardly_anybody_is_sent_the_same() -> None:
    codec = NativeCodec(lambda text: text_frame(f"packed {text}"), NativeCodec())
    hub = Hub(stale_after_s=15)
    clients = [join(hub, codec) for _ in range(2 * PACKED_COHORTS + 1)]
    for client in clients[2:]:
        hub.watch(client, [TICKER], at(0))
    hub.watch(clients[0], [OTHER], at(0))
    hub.flush(at(0))

    def told(client: Client, seq: int) -> list[bool]:
        hub.message(ticker("ETH-BTC", seq=seq), at(seq * 100_000))
        hub.message(ticker("ETH-USDT", seq=seq), at(seq * 100_000))
        for _ in range(2 * PACKED_COHORTS // WRITES_A_TURN + 1):
            hub.flush(at(seq * 100_000))
        return [text.startswith("packed ") for text in read(client)]

    assert told(clients[2], 1) == [True]
    assert told(clients[0], 2) == [False, False]
    hub.leave(clients[1])
    assert len(hub.clients) == 2 * PACKED_COHORTS
    assert told(clients[0], 3) == [False]
    hub.watch(clients[2], [OTHER], at(300_000))
    assert told(clients[0], 4) == [False]  # that one watches the other symbol too
    hub.unwatch(clients[2], {TICKER})
    assert told(clients[0], 5) == [True]


def test_a_client_that_left_is_forgotten() -> None:
    hub, client = watching(TICKER, TRADES)
    hub.leave(client)
    hub.message(ticker(), at(0))
    assert hub.record("binance", encode(batch(1, [1])), at(0)) == 0
    assert hub.next_due() is None
    assert not hub.clients


def test_each_channel_has_a_rate_of_its_own() -> None:
    hub, client = watching(TICKER)
    hub.watch(client, [MINUTE], at(0), 250_000)
    for microseconds, seq in ((0, 1), (100_000, 2)):
        hub.message(ticker(seq=seq), at(microseconds))
        hub.message(candle(seq=seq, n=seq), at(microseconds))
        kinds = [frame["type"] for frame in sent(hub, client, microseconds)]
        assert ("candle_update" in kinds) == (seq == 1)
        assert "price_update" in kinds
    assert [frame["payload"]["n"] for frame in sent(hub, client, 250_000)] == [2]


def test_a_value_that_is_not_newer_is_dropped_but_another_epoch_is_taken() -> None:
    hub, client = watching(TICKER)
    hub.message(ticker(seq=5, price="5"), at(0))
    hub.message(ticker(seq=5, price="55"), at(0))
    hub.message(ticker(seq=4, price="4"), at(0))
    assert [frame["payload"]["price"] for frame in sent(hub, client, 0)] == [5]
    hub.message(ticker(seq=1, price="6", epoch=8), at(0))
    assert [frame["payload"]["price"] for frame in sent(hub, client, 100_000)] == [6]


def test_the_end_of_one_candle_is_not_replaced_by_the_next() -> None:
    hub, client = watching(MINUTE)
    hub.message(candle(closed=True, seq=1), at(0))
    hub.message(candle(ts_open=NOW, n=1, close="100", seq=2), at(0))
    closed = [frame["payload"]["closed"] for frame in sent(hub, client, 0)]
    assert closed == [True, False]


def test_a_candle_older_than_those_kept_is_sent_and_not_kept() -> None:
    hub, client = watching(MINUTE)
    for minute in range(1, CANDLES_KEPT + 1):
        hub.message(candle(ts_open=NOW + minute * 60_000_000, seq=minute), at(0))
    sent(hub, client, 0)
    hub.message(candle(ts_open=NOW, n=9, seq=100), at(0))
    assert [frame["payload"]["n"] for frame in sent(hub, client, 100_000)] == [9]
    assert NOW not in hub.latest.candles["binance", "ETH-USDT", 60]


def test_trades_are_decoded_only_while_somebody_watches_that_exchange() -> None:
    hub = Hub(stale_after_s=15)
    client = join(hub, NativeCodec())
    assert hub.record("binance", b"not even readable", at(0)) == 0
    hub.watch(client, [TRADES], at(0))
    assert hub.record("coinbase", encode(batch(1, [1], exchange="coinbase")), at(0)) == 0
    assert hub.record("binance", encode(batch(1, [1, 2])), at(0)) == 2
    hub.unwatch(client, {TRADES})
    assert hub.record("binance", encode(batch(2, [3])), at(0)) == 0


def test_every_trade_is_sent_in_order_and_none_twice() -> None:
    hub, client = watching(TRADES)
    hub.watch(client, [TRADES], at(0))
    hub.record("binance", encode(batch(1, [1, 2])), at(0))
    hub.record("binance", encode(GapOpened("binance", 5, 2, [Gap("ETH-USDT", 8, 9)], "x")), at(0))
    hub.record("binance", encode(batch(3, [3])), at(0))
    frames = sent(hub, client, 0)
    assert [frame["payload"]["trade_id"] for frame in frames] == [1, 2, 3]


def full(client: Client, now: bool = True) -> None:
    """Let a client's outlet take nothing, or something again."""
    assert isinstance(client.outlet, Outbox)
    client.outlet.full = now


def test_a_client_that_is_too_far_behind_is_marked_and_its_backlog_is_bounded() -> None:
    hub, client = watching(TRADES)
    full(client)
    while not client.overflowed:
        assert client.backlog <= BACKLOG_BYTES
        hub.record("binance", encode(batch(1, list(range(2_000)))), at(0))
        hub.flush(at(0))
    assert client.backlog <= BACKLOG_BYTES
    assert hub.backlog() == client.backlog
    assert hub.given_up(at(0), 15_000_000) == [client]
    assert hub.given_up(at(0), 15_000_000) == []


def test_updates_do_not_overtake_the_replies_that_wait() -> None:
    hub, client = watching(TICKER)
    full(client)
    text = "x" * 1000
    for _ in range(2 * TAKE_BYTES // 1000):
        client.put(text)
    hub.flush(at(0))
    hub.message(ticker(), at(0))
    hub.flush(at(0))
    full(client, False)
    hub.drained(client, at(0))
    *replies, update = read(client)
    assert set(replies) == {text}
    assert '"price_update"' in update


def test_who_takes_nothing_gets_the_newest_value_and_every_trade_once_it_does() -> None:
    hub, client = watching(TICKER, TRADES)
    other = join(hub, NativeCodec())
    hub.watch(other, [TICKER, TRADES], at(0))
    assert sent(hub, other, 0) == []
    full(client)
    for second in range(5):
        hub.record("binance", encode(batch(second, [second])), at(second * 1_000_000))
        hub.message(ticker(seq=second + 1), at(second * 1_000_000))
        assert len(sent(hub, other, second * 1_000_000)) == 2
    assert hub.given_up(at(5_000_000), 5_000_001) == []
    assert hub.given_up(at(5_000_000), 5_000_000) == [client]
    full(client, False)
    hub.drained(client, at(5_000_000))
    frames = [json.loads(text) for text in read(client)]
    assert [one["payload"].get("trade_id") for one in frames] == [0, 1, 2, 3, 4, None]
    assert frames[-1]["payload"]["seq"] == 5
    assert hub.given_up(at(60_000_000), 1) == []
    hub.message(ticker(seq=6), at(6_000_000))
    assert sent(hub, client, 6_000_000) == sent(hub, other, 6_000_000) != []


def test_who_comes_between_two_flushes_is_sent_nothing_twice() -> None:
    hub, client = watching(TICKER)
    hub.message(ticker(seq=1), at(0))
    assert len(sent(hub, client, 0)) == 1
    hub.message(ticker(seq=2), at(10_000))
    late = join(hub, NativeCodec())
    hub.watch(late, [TICKER], at(20_000))
    (held,) = hub.latest.present([TICKER])
    assert isinstance(held.message, Ticker)
    assert held.message.seq == 2
    assert sent(hub, client, 100_000)[0]["payload"]["seq"] == 2
    assert sent(hub, late, 100_000) == []
    hub.message(ticker(seq=3), at(110_000))
    assert sent(hub, client, 200_000)[0]["payload"]["seq"] == 3
    assert sent(hub, late, 200_000)[0]["payload"]["seq"] == 3


def test_what_waits_on_a_channel_goes_before_more_of_it_is_watched() -> None:
    hub, client = watching(TICKER)
    hub.message(ticker(seq=1), at(0))
    sent(hub, client, 0)
    hub.message(ticker(seq=2), at(10_000))
    hub.message(ticker("ETH-BTC", seq=3), at(10_000))
    hub.watch(client, [OTHER], at(20_000))
    assert [one["payload"]["seq"] for one in sent(hub, client, 20_000)] == [2]
    hub.message(ticker("ETH-BTC", seq=4), at(130_000))
    assert [one["payload"]["seq"] for one in sent(hub, client, 130_000)] == [4]


def test_clients_of_one_subscription_set_are_sent_the_very_same_bytes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    delivered: list[tuple[int, bytes]] = []

    class Audience(OneByOne):
        def broadcast(self, frames: bytes) -> list[Outlet]:
            delivered.append((len(self._outlets), frames))
            return super().broadcast(frames)

    monkeypatch.setattr(Outbox, "audience", Audience)
    hub = Hub(15)
    for keys in ([TICKER, OTHER], [OTHER, TICKER], [TICKER]):
        hub.watch(join(hub, NativeCodec()), keys, at(0))
    hub.flush(at(0))
    hub.message(ticker(), at(0))
    hub.flush(at(0))
    assert sorted(count for count, _ in delivered) == [1, 2]


def test_a_large_room_is_written_to_in_turns_and_everybody_once() -> None:
    hub = Hub(stale_after_s=15)
    clients = [join(hub, NativeCodec()) for _ in range(2 * WRITES_A_TURN + 100)]
    for client in clients:
        hub.watch(client, [TICKER], at(0))
    hub.flush(at(0))
    hub.message(ticker(), at(0))
    turns = []
    while hub.next_due() == 0:
        hub.flush(at(0))
        turns.append(sum(len(read(client)) for client in clients))
    assert sum(turns) == len(clients)
    assert len(turns) >= 2
    assert max(turns) < WRITES_A_TURN + COHORT_MAX


def test_who_comes_amid_many_trades_is_sent_none_that_came_before() -> None:
    hub, client = watching(TRADES)
    ids = list(range(2_000))
    hub.record("binance", encode(batch(1, ids)), at(0))
    hub.flush(at(0))
    assert hub.next_due() == 0
    late = join(hub, NativeCodec())
    hub.watch(late, [TRADES], at(0))
    hub.record("binance", encode(batch(2, [5_000])), at(0))
    while hub.next_due() == 0:
        hub.flush(at(0))
    found = [json.loads(text)["payload"]["trade_id"] for text in read(client)]
    assert found == [*ids, 5_000]
    assert [json.loads(text)["payload"]["trade_id"] for text in read(late)] == [5_000]


def stale_of(hub: Hub, microseconds: int) -> bool:
    return hub.latest.stale(ticker(), at(microseconds))


def test_an_old_price_of_a_quiet_market_is_not_stale() -> None:
    hub = Hub(stale_after_s=15)
    hub.message(status(symbols={"ETH-USDT": "quiet"}), at(59_000_000))
    assert not stale_of(hub, 60_000_000)


def test_an_old_price_is_stale_when_the_feed_says_so() -> None:
    hub = Hub(stale_after_s=15)
    hub.message(status(symbols={"ETH-USDT": "stale"}), at(59_000_000))
    assert not stale_of(hub, 15_000_000)
    assert stale_of(hub, 15_000_001)


def test_an_old_price_is_stale_when_the_feed_is_not_connected_or_silent_or_unknown() -> None:
    hub = Hub(stale_after_s=15)
    assert stale_of(hub, 60_000_000)
    hub.message(status(symbols={"ETH-USDT": "quiet"}), at(55_000_000))
    assert not stale_of(hub, 60_000_000)
    assert stale_of(hub, 60_000_001)
    hub.message(status(state="reconnecting", symbols={"ETH-USDT": "quiet"}), at(60_000_000))
    assert stale_of(hub, 60_000_000)


def test_an_old_price_is_stale_when_the_feed_has_had_newer_trades() -> None:
    hub = Hub(stale_after_s=15)
    hub.message(status(last_recv=NOW + 30_000_000), at(59_000_000))
    assert stale_of(hub, 60_000_000)


def test_who_watches_is_told_when_a_price_turns_stale_and_a_feed_falls_silent() -> None:
    hub, client = watching(TICKER, ("status", "binance", "", 0))
    hub.message(status(), at(0))
    hub.message(ticker(), at(0))
    sent(hub, client, 0)
    hub.tick(at(4_000_000))
    assert sent(hub, client, 4_000_000) == []
    hub.tick(at(16_000_000))
    frames = {frame["type"]: frame["payload"] for frame in sent(hub, client, 16_000_000)}
    assert frames["price_update"]["stale"] is True
    assert frames["status"]["silent"] is True
    hub.tick(at(17_000_000))
    assert sent(hub, client, 17_000_000) == []


STEPS = st.lists(
    st.tuples(st.integers(0, 120_000), st.sampled_from(["ETH-USDT", "ETH-BTC"]), st.booleans()),
    max_size=60,
)


@given(STEPS, st.sampled_from([50_000, 100_000]))
def test_coalescing_keeps_the_newest_and_the_rate(
    steps: list[tuple[int, str, bool]], rate_us: int
) -> None:
    hub, client = watching(TICKER, OTHER, rate_us=rate_us)
    clock = 0
    offered: dict[str, int] = {}
    seen: dict[str, list[int]] = {}
    sent_at: list[int] = []

    def take() -> None:
        texts = sent(hub, client, clock)
        if texts:
            sent_at.append(clock)
        for frame in texts:
            payload = frame["payload"]
            for each in payload.get("updates", [payload]):
                seen.setdefault(each["symbol"], []).append(each["seq"])

    for seq, (wait, symbol, reads) in enumerate(steps, 1):
        clock += wait
        hub.message(ticker(symbol, seq=seq), at(clock))
        offered[symbol] = seq
        if reads:
            take()
    clock += rate_us + GRAIN_US
    take()
    assert {symbol: seqs[-1] for symbol, seqs in seen.items()} == offered
    assert all(seqs == sorted(set(seqs)) for seqs in seen.values())
    assert all(b - a >= rate_us for a, b in pairwise(sent_at))
    sent(hub, client, clock + rate_us + GRAIN_US)
    assert hub.next_due() is None
