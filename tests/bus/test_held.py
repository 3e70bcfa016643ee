"""What a late subscriber is given first."""

from bus.held import Held
from tests.web.messages import HOUR, average, candle, ticker

LAST_HOUR = HOUR - 3_600_000_000


def test_an_older_bucket_never_takes_the_place_of_the_running_one() -> None:
    held = Held()
    held.put(b"average.x.", average(hour_start=HOUR, count=1), b"now")
    held.put(b"average.x.", average(hour_start=LAST_HOUR, count=99), b"closed late")
    held.put(b"candle.x.", candle(ts_open=HOUR), b"open")
    held.put(b"candle.x.", candle(ts_open=LAST_HOUR), b"corrected")
    assert held.under(b"") == [(b"average.x.", b"now"), (b"candle.x.", b"open")]


def test_a_newer_value_of_the_same_bucket_does() -> None:
    held = Held()
    held.put(b"average.x.", average(hour_start=HOUR, count=1), b"1")
    held.put(b"average.x.", average(hour_start=HOUR, count=2), b"2")
    held.put(b"ticker.x.", ticker(), b"a")
    held.put(b"ticker.x.", ticker(), b"b")
    assert held.under(b"") == [(b"average.x.", b"2"), (b"ticker.x.", b"b")]


def test_only_what_a_prefix_names_is_given() -> None:
    held = Held()
    held.put(b"ticker.x.BTC-USD.", ticker(), b"1")
    held.put(b"ticker.x.BTCUP-USD.", ticker(), b"2")
    assert held.under(b"ticker.x.BTC-USD.") == [(b"ticker.x.BTC-USD.", b"1")]
