"""Topics are prefixes: none may begin another's."""

import pytest

from bus import topics

MADE = {
    topics.batch("binance"): topics.batch("binanceus"),
    topics.trade("binance", "BTC-USD"): topics.trade("binance", "BTC-USDT"),
    topics.ticker("binance", "BTC-USD"): topics.ticker("binance", "BTC-USDT"),
    topics.candle(60, "binance", "BTC-USD"): topics.candle(60, "binance", "BTC-USDT"),
    topics.corrected(60, "binance", "BTC-USD"): topics.corrected(60, "binance", "BTC-USDT"),
    topics.average("binance", "BTC-USD"): topics.average("binance", "BTC-USDT"),
    topics.status("binance"): topics.status("binanceus"),
    topics.stored("binance"): topics.stored("binanceus"),
    topics.heartbeat("feed-binance"): topics.heartbeat("feed-binanceus"),
}


@pytest.mark.parametrize("topic", MADE)
def test_a_topic_ends_with_a_dot_and_begins_no_longer_name(topic: bytes) -> None:
    assert topic.endswith(b".")
    assert not MADE[topic].startswith(topic)


def test_the_public_spellings_are_those_of_the_contract() -> None:
    assert topics.trade("binance", "ETH-USDT") == b"trade.binance.ETH-USDT."
    assert topics.candle(60, "binance", "ETH-USDT") == b"candle.1m.binance.ETH-USDT."
    assert topics.candle(604800, "binance", "ETH-USDT") == b"candle.1w.binance.ETH-USDT."
    assert topics.PROGRAMS.endswith(b".")
