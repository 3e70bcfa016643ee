"""What a client must have seen: each check beside the frames that it must not let pass."""

import json
from typing import Any

import msgspec
import pytest

from bench.load.checks import Frames, Place, Seen, differences, fields_of, tickers_of
from bus.messages import TradeBatch
from tests.web.messages import at, batch, ticker
from tests.web.outbox import texts
from web.codecs import native
from web.update import Update

KEY = ("binance", "ETH-USDT")


def prices(*seqs: int, epoch: int = 7, stale: bool = False) -> bytes:
    """One frame with a ticker of each of so many symbols, by their seqs."""
    updates = [
        Update("ticker", ticker(f"S{place}-USDT", seq=seq, epoch=epoch), stale)
        for place, seq in enumerate(seqs)
    ]
    [text] = native.frames(updates, at(0).wall)
    return text.encode()


def trades(made: TradeBatch) -> list[bytes]:
    codec = native.NativeCodec()
    frames = [codec.trade(made, index, at(0)) for index in range(len(made.trades))]
    return [text.encode() for frame in frames for text in texts(frame)]


def subscribed(channel: str, recovered: bool | None) -> bytes:
    payload = {"channel": channel, "recovered": recovered}
    return json.dumps({"type": "subscribed", "payload": payload}).encode()


def follow(frames: list[bytes]) -> tuple[Seen, list[str]]:
    seen, read = Seen(), Frames().read
    wrong = [seen.take(read(frame)) for frame in frames]
    return seen, [each for each in wrong if each]


def test_rising_values_pass_one_by_one_and_together() -> None:
    seen, wrong = follow([prices(1, 2), prices(3), prices(4, 5, 6)])
    assert wrong == []
    assert {key[1]: shown.seq for key, shown in seen.shown.items()} == {
        "S0-USDT": 4,
        "S1-USDT": 5,
        "S2-USDT": 6,
    }


@pytest.mark.parametrize("after", [prices(4, 2), prices(2)])
def test_an_older_value_after_a_newer_one_is_wrong(after: bytes) -> None:
    _, wrong = follow([prices(3, 3), after])
    assert len(wrong) == 1
    assert "back to 2" in wrong[0]


def test_the_same_value_that_turned_stale_is_no_older_one() -> None:
    assert follow([prices(3), prices(3, stale=True)])[1] == []


def test_two_values_of_one_seq_are_wrong() -> None:
    changed = prices(3).replace(b'"price":2346.1', b'"price":2346.2')
    assert changed != prices(3)
    assert len(follow([prices(3), changed])[1]) == 1


def test_an_aggregator_that_began_anew_counts_from_one() -> None:
    assert follow([prices(900, epoch=7), prices(1, epoch=8)])[1] == []


def test_trades_that_name_the_one_before_are_contiguous() -> None:
    first, second = batch(1, [10, 11]), batch(2, [12])
    assert follow([*trades(first), *trades(second)])[1] == []


@pytest.mark.parametrize(
    "second",
    [
        pytest.param(batch(3, [12]), id="the batch between is missing"),
        pytest.param(batch(1, [10]), id="a trade comes again"),
        pytest.param(batch(2, [12], epoch=6), id="another journal"),
    ],
)
def test_a_hole_in_the_trades_is_wrong(second: TradeBatch) -> None:
    assert len(follow([*trades(batch(1, [10, 11])), *trades(second)])[1]) == 1


def test_a_hole_is_right_where_the_server_says_so_and_only_there() -> None:
    later = trades(batch(9, [30]))
    before = trades(batch(1, [10]))
    assert follow([*before, subscribed("trade", False), *later])[1] == []
    assert len(follow([*before, subscribed("trade", True), *later])[1]) == 1
    assert len(follow([*before, subscribed("ticker", False), *later])[1]) == 1


def test_what_follows_a_snapshot_of_trades_follows_its_newest() -> None:
    made = batch(4, [20, 21])
    payloads = [native.trade(made, index) for index in range(2)]
    snapshot = native.snapshot("trade", payloads, at(0).wall).encode()
    assert follow([snapshot, *trades(batch(5, [22]))])[1] == []
    assert len(follow([snapshot, *trades(batch(6, [23]))])[1]) == 1


def test_a_client_resumes_from_its_newest_trade() -> None:
    seen, _ = follow([*trades(batch(1, [10, 11])), *trades(batch(2, [5], symbol="BTC-USDT"))])
    assert seen.positions() == {"binance": Place(5, 2, 0)}


def test_a_frame_is_decoded_once_and_a_ticker_in_another_frame_not_again() -> None:
    read = Frames().read
    assert read(prices(1, 2)) is read(prices(1, 2))
    [(_, shown)] = read(prices(1)).tickers
    [(_, later)] = read(prices(1, stale=True)).tickers
    [(_, other)] = read(prices(2)).tickers
    assert later is shown
    assert other != shown


def test_last_values_are_compared_but_for_the_moment_of_sending() -> None:
    held = follow([prices(1, 2)])[0].shown
    updates = [Update("ticker", ticker(f"S{place}-USDT", seq=place + 1), True) for place in (0, 1)]
    late = at(5_000_000).wall
    snapshot = native.snapshot("ticker", [native.payload(each, late) for each in updates], late)
    truth = tickers_of(snapshot)
    assert differences(held, truth) == []
    assert len(differences(follow([prices(1, 1)])[0].shown, truth)) == 1
    assert len(differences(held, {})) == 2
    assert (
        len(differences(follow([prices(1, 2).replace(b"2346.1", b"2346.2")])[0].shown, truth)) == 2
    )


def test_what_a_ticker_says_does_not_depend_on_the_order_of_its_fields() -> None:
    payload: dict[str, Any] = {"price": 1, "age_ms": 3, "stale": False, "seq": 2}
    other = dict(reversed(payload.items())) | {"age_ms": 9, "stale": True}
    encode = msgspec.json.encode
    assert fields_of(encode(payload)) == fields_of(encode(other))
    assert fields_of(encode(payload)) != fields_of(encode(payload | {"price": 2}))
