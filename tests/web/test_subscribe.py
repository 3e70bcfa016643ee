"""What a client of ``/ws`` may say, without a socket."""

import json
import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bus.messages import encode
from market.symbols import Directory
from tests.web.messages import FEEDS, at, average, batch, candle, status, ticker
from tests.web.outbox import COUNTS, Outbox, sent
from web.codecs.assets import AssetsCodec
from web.codecs.native import NativeCodec
from web.hub import Hub
from web.limits import Bucket, Limits
from web.subscribe import RESUME_RECORDS_MAX, Conversation

MANY = {"binance": tuple(f"C{number}-USDT" for number in range(80))}


class Talk:
    """A conversation and a way to read its answers."""

    def __init__(
        self, feeds: dict[str, tuple[str, ...]] | None = None, *, assets: bool = False
    ) -> None:
        self.hub = Hub(stale_after_s=15)
        directory = Directory(feeds or FEEDS)
        shape = AssetsCodec(directory) if assets else NativeCodec()
        self.conversation = Conversation(self.hub, directory, Limits(), shape, Outbox(), COUNTS)

    def say(self, message: object, microseconds: int = 0) -> list[dict[str, Any]]:
        text = message if isinstance(message, str | bytes) else json.dumps(message)
        self.conversation.hear(text, at(microseconds))
        return self.read(microseconds)

    def read(self, microseconds: int = 0) -> list[dict[str, Any]]:
        return sent(self.hub, self.conversation.client, microseconds)


def subscribe(**payload: object) -> dict[str, object]:
    return {"type": "subscribe", "payload": payload}


def test_ping_is_answered_with_pong() -> None:
    (pong,) = Talk().say({"type": "ping"})
    assert pong == {"type": "pong", "payload": {}, "timestamp": "2025-10-01T14:01:00.000Z"}


@pytest.mark.parametrize(
    "message",
    [
        {"type": "subscribe", "payload": {"symbols": ["ethusdt", "BTC-USDT"]}},
        {"type": "SUBSCRIBE", "symbols": ["BINANCE:ETHUSDT", "btc/usdt"]},
        {"type": "Subscribe", "payload": {"symbols": ["ETH-USDT", "BTC_USDT", "ETHUSDT"]}},
    ],
)
def test_a_subscription_is_read_in_every_spelling(message: dict[str, object]) -> None:
    subscribed, snapshot = Talk().say(message)
    assert subscribed["type"] == "subscribed"
    assert subscribed["payload"]["symbols"] == ["binance:ETH-USDT", "binance:BTC-USDT"]
    assert subscribed["payload"]["rejected"] == []
    assert snapshot["payload"] == {"channel": "ticker", "updates": []}


def test_a_star_means_every_configured_symbol() -> None:
    talk = Talk()
    for symbol in ("ETH-USDT", "ETH-BTC"):
        talk.hub.message(ticker(symbol), at(0))
    subscribed, snapshot = talk.say(subscribe(symbols="*"))
    assert len(subscribed["payload"]["symbols"]) == 5
    symbols = [each["symbol"] for each in snapshot["payload"]["updates"]]
    assert symbols == ["ETH-USDT", "ETH-BTC"]


def test_an_unknown_symbol_is_rejected_and_the_others_are_accepted() -> None:
    subscribed, _ = Talk().say(subscribe(symbols=["ETHUSDT", "ETHUSDTT"]))
    assert subscribed["payload"]["symbols"] == ["binance:ETH-USDT"]
    (rejected,) = subscribed["payload"]["rejected"]
    assert rejected["symbol"] == "ETHUSDTT"
    assert "binance:ETH-USDT" in rejected["reason"]


def test_a_star_in_a_list_means_the_same_as_a_star() -> None:
    talk = Talk()
    subscribed, _ = talk.say(subscribe(symbols=["ETHUSDT", "*"]))
    assert (len(subscribed["payload"]["symbols"]), subscribed["payload"]["rejected"]) == (5, [])
    (gone,) = talk.say({"type": "unsubscribe", "symbols": ["*"]})
    assert len(gone["payload"]["symbols"]) == 5


def test_the_first_unknown_names_of_a_message_are_told_the_nearest() -> None:
    subscribed, _ = Talk().say(subscribe(symbols=[f"ETHUSDT{number}" for number in range(9)]))
    reasons = [each["reason"] for each in subscribed["payload"]["rejected"]]
    assert ["nearest" in reason for reason in reasons] == [True] * 3 + [False] * 6
    assert reasons[8] == "no symbol 'ETHUSDT8'"


@pytest.mark.parametrize("kind", ["subscribe", "unsubscribe"])
@pytest.mark.alone
def test_a_message_full_of_unknown_names_is_answered_in_milliseconds(kind: str) -> None:
    unknown = [f"C{number}-USDTT" for number in range(1000)]
    text = json.dumps({"type": kind, "symbols": unknown})
    quick = min(spent(text, Limits()) for _ in range(3))
    assert quick < 0.1  # 7 ms, and more where the coverage is measured
    if kind == "subscribe":  # the control: a suggestion for each takes many times as long
        assert spent(text, Limits(suggestions=1000)) > 10 * quick


def spent(text: str, limits: Limits) -> float:
    """Return the seconds of CPU that hearing a text takes."""
    hub, directory = Hub(stale_after_s=15), Directory(MANY)
    conversation = Conversation(hub, directory, limits, NativeCodec(), Outbox(), COUNTS)
    began = time.thread_time()
    conversation.hear(text, at(0))
    return time.thread_time() - began


def test_the_snapshot_is_the_state_of_the_moment_and_only_newer_follows() -> None:
    talk = Talk()
    talk.hub.message(ticker(seq=1), at(0))
    subscribed, snapshot = talk.say(subscribe(symbols=["ETHUSDT"]))
    assert subscribed["payload"]["resume"] == {"aggregator": [7, 1]}
    assert [each["seq"] for each in snapshot["payload"]["updates"]] == [1]
    talk.hub.message(ticker(seq=1), at(0))
    assert talk.read() == []
    talk.hub.message(ticker(seq=2), at(0))
    assert [frame["payload"]["seq"] for frame in talk.read()] == [2]


@pytest.mark.parametrize("interval", ["1m", "1h", "1d"])
def test_candles_and_averages_have_channels_of_their_own(interval: str) -> None:
    talk = Talk()
    seconds = {"1m": 60, "1h": 3600, "1d": 86400}[interval]
    talk.hub.message(candle(interval_s=seconds), at(0))
    talk.hub.message(average(), at(0))
    _, candles = talk.say(subscribe(symbols=["ETHUSDT"], channel="candle", interval=interval))
    assert [each["interval"] for each in candles["payload"]["updates"]] == [interval]
    _, averages = talk.say(subscribe(symbols=["ETHUSDT"], channel="average"))
    assert [each["count"] for each in averages["payload"]["updates"]] == [1823]


def test_as_assets_the_snapshot_has_the_shape_of_the_updates_and_the_rest_is_as_ever() -> None:
    talk = Talk(assets=True)
    for message in (ticker(), average()):
        talk.hub.message(message, at(0))
    subscribed, snapshot = talk.say(subscribe(symbols=["ETHUSDT", "ETHBTC"]))
    assert subscribed["payload"]["symbols"] == ["binance:ETH-USDT", "binance:ETH-BTC"]
    for seq, symbol in enumerate(("ETH-USDT", "ETH-BTC"), start=2):
        talk.hub.message(ticker(symbol, seq=seq), at(0))
    (update,) = talk.read()
    assert (snapshot["type"], update["type"]) == ("snapshot", "price_update")
    found = [[each["symbol"] for each in one["payload"]["assets"]] for one in (snapshot, update)]
    assert found == [["ETH-USDT"], ["ETH-USDT", "ETH-BTC"]]
    _, averages = talk.say(subscribe(symbols=["ETHUSDT"], channel="average"))
    assert averages["payload"]["channel"] == "average"


@pytest.mark.parametrize("assets", [True, False])
def test_as_assets_a_price_that_merely_turns_stale_is_not_sent_again(assets: bool) -> None:
    talk = Talk(assets=assets)
    talk.hub.message(ticker(), at(0))
    talk.say(subscribe(symbols=["ETHUSDT"]))
    talk.hub.tick(at(60_000_000))
    told = [frame["type"] for frame in talk.read(60_000_000)]
    assert told == ([] if assets else ["price_update"])  # the native one says "stale"
    talk.hub.message(ticker(seq=2), at(61_000_000))
    assert [frame["type"] for frame in talk.read(61_000_000)] == ["price_update"]


def test_the_status_channel_needs_no_symbols() -> None:
    talk = Talk()
    talk.hub.message(status(), at(0))
    _, snapshot = talk.say({"type": "subscribe", "channel": "status"})
    assert [each["exchange"] for each in snapshot["payload"]["updates"]] == ["binance"]


def test_unsubscribing_ends_the_updates() -> None:
    talk = Talk()
    talk.say(subscribe(symbols="*"))
    (gone,) = talk.say({"type": "unsubscribe", "symbols": ["ETHUSDT"]})
    assert gone["payload"] == {"channel": "ticker", "symbols": ["binance:ETH-USDT"]}
    talk.hub.message(ticker("ETH-USDT"), at(0))
    talk.hub.message(ticker("ETH-BTC"), at(0))
    assert [frame["payload"]["symbol"] for frame in talk.read()] == ["ETH-BTC"]
    talk.say({"type": "unsubscribe", "symbols": "*"})
    talk.hub.message(ticker("ETH-BTC", seq=2), at(0))
    assert talk.read(1_000_000) == []


@pytest.mark.parametrize(
    ("message", "code"),
    [
        ("", "BAD_REQUEST"),
        ("{", "BAD_REQUEST"),
        ("[]", "BAD_REQUEST"),
        ('{"type":1}', "BAD_REQUEST"),
        (b"\xff\xfe", "BAD_REQUEST"),
        ('{"type":"subscribe"}', "BAD_REQUEST"),
        ('{"type":"subscribe","symbols":[1]}', "BAD_REQUEST"),
        ('{"type":"subscribe","symbols":"*","rate_ms":49}', "BAD_REQUEST"),
        ('{"type":"subscribe","symbols":"*","rate_ms":"fast"}', "BAD_REQUEST"),
        ('{"type":"subscribe","symbols":"*","rate_ms":' + "9" * 5000 + "}", "BAD_REQUEST"),
        ('{"type":"subscribe","symbols":"*","channel":"candle","interval":"5m"}', "BAD_REQUEST"),
        ('{"type":"subscribe","symbols":"*","resume":{"binance":[1]}}', "BAD_REQUEST"),
        ('{"type":"subscribe","symbols":"*","resume":{"binance":[-1,0]}}', "BAD_REQUEST"),
        ('{"type":"subscribe","symbols":"*","channel":"gossip"}', "UNKNOWN_CHANNEL"),
        ('{"type":"subscribe","symbols":"*","channel":[]}', "UNKNOWN_CHANNEL"),
        ('{"type":"subscribe","symbols":"*","channel":"portfolio"}', "UNAUTHORIZED"),
        ('{"type":"subscribe","channel":"alert"}', "UNAUTHORIZED"),
        ('{"type":"shout"}', "UNKNOWN_TYPE"),
        ('{"type":"auth","token":"x"}', "UNAUTHORIZED"),
        ("[" * 30_000, "BAD_REQUEST"),
        ('{"type":' * 10_000, "BAD_REQUEST"),
    ],
)
def test_what_cannot_be_done_is_an_error_with_a_code(message: str | bytes, code: str) -> None:
    talk = Talk()
    (error,) = talk.say(message)
    assert error["type"] == "error"
    assert error["payload"]["code"] == code
    assert len(error["payload"]["message"]) > 10
    assert talk.say({"type": "ping"})[0]["type"] == "pong"


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=20,
)
FIELDS = st.fixed_dictionaries(
    {"type": st.sampled_from(["subscribe", "unsubscribe", "ping", "auth"]) | JSON},
    optional={
        "payload": JSON,
        "symbols": st.lists(st.text()) | JSON,
        "channel": st.sampled_from(["ticker", "trade", "candle", "status"]) | JSON,
        "interval": JSON,
        "rate_ms": JSON,
        "resume": st.dictionaries(st.sampled_from(["binance"]), st.lists(st.integers())) | JSON,
    },
)


@given(FIELDS.map(json.dumps) | st.text() | st.binary())
def test_whatever_a_client_says_it_is_answered(message: str | bytes) -> None:
    frames = Talk().say(message)
    assert frames
    assert {frame["type"] for frame in frames} <= {
        "subscribed",
        "unsubscribed",
        "snapshot",
        "pong",
        "error",
    }


def test_fifty_symbols_may_be_named_and_the_rest_is_rejected() -> None:
    talk = Talk(MANY)
    names = list(MANY["binance"])
    first, _ = talk.say(subscribe(symbols=names[:40]))
    assert len(first["payload"]["symbols"]) == 40
    second, _ = talk.say(subscribe(symbols=names[30:60], channel="candle"))
    assert len(second["payload"]["symbols"]) == 20
    assert [each["symbol"] for each in second["payload"]["rejected"]] == [
        f"binance:C{number}-USDT" for number in range(50, 60)
    ]
    talk.say({"type": "unsubscribe", "symbols": names[:10]})
    third, _ = talk.say(subscribe(symbols=names[60:80]))
    assert len(third["payload"]["symbols"]) == 10


@given(st.lists(st.tuples(st.booleans(), st.lists(st.integers(0, 79), max_size=80)), max_size=8))
def test_no_sequence_of_wishes_passes_the_limit(wishes: list[tuple[bool, list[int]]]) -> None:
    talk = Talk(MANY)
    for wants, numbers in wishes:
        kind = "subscribe" if wants else "unsubscribe"
        talk.say({"type": kind, "symbols": [f"C{number}-USDT" for number in numbers]})
        watched = {(key[1], key[2]) for key in talk.conversation.client.watches}
        assert len(watched) <= 50


def trade_ids(frames: list[dict[str, Any]]) -> list[int]:
    return [frame["payload"]["trade_id"] for frame in frames if frame["type"] == "trade_update"]


def with_trades(*batches: tuple[int, list[int]]) -> Talk:
    talk = Talk()
    for seq, ids in batches:
        talk.hub.record("binance", encode(batch(seq, ids)), at(0))
    return talk


def test_a_new_subscriber_of_trades_is_shown_the_newest_and_where_he_is() -> None:
    talk = with_trades((1, [1, 2]), (2, [3]))
    subscribed, snapshot = talk.say(subscribe(symbols=["ETHUSDT"], channel="trade"))
    assert subscribed["payload"]["resume"] == {"binance": [5, 2]}
    assert subscribed["payload"]["recovered"] is None
    assert [each["trade_id"] for each in snapshot["payload"]["updates"]] == [1, 2, 3]


def test_who_resumes_is_sent_exactly_what_he_missed_and_then_the_rest() -> None:
    talk = with_trades((1, [1]), (2, [2, 3]), (3, [4]))
    wish = subscribe(symbols=["ETHUSDT"], channel="trade", resume={"binance": [5, 1]})
    frames = talk.say(wish)
    assert frames[0]["payload"]["recovered"] is True
    assert "snapshot" not in [frame["type"] for frame in frames]
    talk.hub.record("binance", encode(batch(4, [5])), at(0))
    assert trade_ids(frames) + trade_ids(talk.read()) == [2, 3, 4, 5]


def test_who_resumes_on_a_live_connection_is_sent_nothing_twice_after_the_answer() -> None:
    talk = with_trades((1, [1]), (2, [2]))
    wish = subscribe(symbols=["ETHUSDT"], channel="trade", resume={"binance": [5, 2]})
    talk.say(wish)
    for seq in (3, 4):
        talk.hub.record("binance", encode(batch(seq, [seq])), at(0))
    frames = talk.say(wish)  # before a flush
    answered = [frame["type"] for frame in frames].index("subscribed")
    assert trade_ids(frames[:answered]) == [3, 4]
    assert trade_ids(frames[answered:]) == [3, 4]
    talk.hub.record("binance", encode(batch(5, [5])), at(0))
    assert trade_ids(talk.read()) == [5]


def test_who_resumes_in_the_middle_of_a_batch_is_sent_its_rest() -> None:
    talk = with_trades((1, [1]), (2, [2, 3, 4]), (3, [5]))
    wish = subscribe(symbols=["ETHUSDT"], channel="trade", resume={"binance": [5, 2, 0]})
    assert trade_ids(talk.say(wish)) == [3, 4, 5]


@pytest.mark.parametrize("position", [[5, 0], [6, 2], [5, 9], [0, 0]])
def test_who_cannot_be_recovered_is_told_so_and_gets_a_snapshot(position: list[int]) -> None:
    talk = with_trades((2, [2]), (3, [3]))
    wish = subscribe(symbols=["ETHUSDT"], channel="trade", resume={"binance": position})
    subscribed, snapshot = talk.say(wish)
    assert subscribed["payload"]["recovered"] is False
    assert subscribed["payload"]["resume"] == {"binance": [5, 3]}
    assert [each["trade_id"] for each in snapshot["payload"]["updates"]] == [2, 3]


def test_no_more_than_some_thousand_records_are_decoded_for_one_resume() -> None:
    newest = RESUME_RECORDS_MAX + 2
    talk = with_trades(*((seq, [seq]) for seq in range(1, newest + 1)))

    def recovered(missed: int) -> bool:
        position = {"binance": [5, newest - missed]}
        (subscribed, *_) = talk.say(
            subscribe(symbols=["BTCUSDT"], channel="trade", resume=position)
        )
        return bool(subscribed["payload"]["recovered"])

    assert recovered(RESUME_RECORDS_MAX)
    assert not recovered(RESUME_RECORDS_MAX + 1)


def test_who_resumes_over_and_over_is_not_recovered_until_a_while_has_passed() -> None:
    talk = with_trades(*((seq, [seq]) for seq in range(1, RESUME_RECORDS_MAX + 1)))
    wish = subscribe(symbols=["BTCUSDT"], channel="trade", resume={"binance": [5, 1]})
    told = [talk.say(wish)[0]["payload"]["recovered"] for _ in range(6)]
    assert told == [True] * 5 + [False]
    (near, *_) = talk.say(
        subscribe(symbols=["BTCUSDT"], channel="trade", resume={"binance": [5, 3_999]})
    )
    assert near["payload"]["recovered"] is True
    assert talk.say(wish, 60_000_000)[0]["payload"]["recovered"] is True


def test_a_conflated_channel_recovers_by_its_present_state() -> None:
    talk = Talk()
    talk.hub.message(ticker(seq=9), at(0))
    wish = subscribe(symbols=["ETHUSDT"], resume={"aggregator": [7, 2]})
    subscribed, snapshot = talk.say(wish)
    assert subscribed["payload"]["recovered"] is True
    assert [each["seq"] for each in snapshot["payload"]["updates"]] == [9]


def test_a_bucket_lets_its_measure_through_and_refills_evenly() -> None:
    bucket = Bucket(per_minute=60)
    assert [bucket.take(0) for _ in range(61)] == [True] * 60 + [False]
    assert not bucket.take(999_000)
    assert bucket.take(1_000_000)


def test_what_a_bucket_has_too_little_for_takes_nothing_from_it() -> None:
    bucket = Bucket(per_minute=60)
    assert [bucket.take(0, 40), bucket.take(0, 21), bucket.take(0, 20)] == [True, False, True]
