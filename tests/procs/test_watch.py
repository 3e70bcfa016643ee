"""Three silences: a dead connection, one dead stream, a quiet market."""

from procs.feed.watch import BEHIND_US, DEAD_AFTER_US, PING_AFTER_US, Silence, SymbolWatch

SECOND = 1_000_000
STALE = 15 * SECOND


def traded(seconds: int, per_second: int) -> SymbolWatch:
    watch = SymbolWatch("BTC-USD")
    for second in range(seconds):
        watch.traded(per_second, second * SECOND, second * SECOND)
        watch.second()
    return watch


def test_a_silent_connection_is_asked_once_and_is_dead_within_ten_seconds() -> None:
    silence = Silence(0)
    asked = [now for now in range(0, 10 * SECOND, SECOND // 10) if silence.should_ping(now)]
    assert asked == [PING_AFTER_US]
    assert not silence.dead(DEAD_AFTER_US - 1)
    assert silence.dead(DEAD_AFTER_US)
    assert DEAD_AFTER_US + SECOND // 10 <= 10 * SECOND


def test_any_byte_is_a_sign_of_life_and_the_next_silence_is_asked_about_again() -> None:
    silence = Silence(0)
    assert silence.should_ping(PING_AFTER_US)
    silence.heard(PING_AFTER_US + 1)
    assert not silence.should_ping(PING_AFTER_US + 2)
    assert not silence.dead(DEAD_AFTER_US)
    assert silence.should_ping(2 * PING_AFTER_US + 1)


def test_a_symbol_that_never_traded_says_so_and_is_left_alone() -> None:
    watch = SymbolWatch("BTC-USD")
    for _ in range(100):
        watch.second()
    assert watch.status(100 * SECOND, STALE, connected=True).state == "never received"
    assert not watch.should_resubscribe(1000 * SECOND, STALE)


def test_a_quiet_market_is_quiet_and_a_busy_one_that_falls_silent_is_stale() -> None:
    rare = SymbolWatch("RARE-USD")
    rare.traded(1, 0, 0)
    for _ in range(60):
        rare.second()
    assert rare.status(60 * SECOND, STALE, connected=True).state == "quiet"
    assert not rare.should_resubscribe(60 * SECOND, STALE)
    busy = traded(600, 50)
    assert busy.status(610 * SECOND, STALE, connected=True).state == "live"
    assert busy.status(630 * SECOND, STALE, connected=True).state == "stale"
    assert busy.should_resubscribe(630 * SECOND, STALE)


def test_without_a_connection_every_old_price_is_stale() -> None:
    watch = SymbolWatch("RARE-USD")
    watch.traded(1, 0, 0)
    assert watch.status(STALE, STALE, connected=False).state == "live"
    assert watch.status(STALE + 1, STALE, connected=False).state == "stale"


def test_the_exchanges_own_word_that_we_miss_a_trade_is_believed_after_a_while() -> None:
    watch = SymbolWatch("BTC-USD")
    watch.traded(1, 0, 0)
    watch.streamed(10)
    watch.beat(11, 20 * SECOND)
    assert not watch.should_resubscribe(20 * SECOND + BEHIND_US, STALE)
    assert watch.should_resubscribe(20 * SECOND + BEHIND_US + 1, STALE)
    watch.streamed(11)
    watch.beat(11, 30 * SECOND)
    assert watch.status(40 * SECOND, STALE, connected=True).state == "quiet"


def test_what_was_fetched_does_not_hide_that_the_stream_is_dead() -> None:
    watch = SymbolWatch("BTC-USD")
    watch.streamed(10)
    watch.traded(1, 0, 0)
    for second in range(20, 30):  # each is fetched soon after, and none is streamed
        watch.beat(second, second * SECOND)
    assert watch.should_resubscribe(30 * SECOND, STALE)
    watch.streamed(29)  # be it one that was had before
    watch.beat(29, 31 * SECOND)
    assert watch.status(40 * SECOND, STALE, connected=True).state == "quiet"


def test_a_symbol_that_never_came_is_subscribed_anew_when_the_exchange_has_trades_of_it() -> None:
    watch = SymbolWatch("BTC-USD")
    watch.beat(5, 0)
    assert watch.should_resubscribe(BEHIND_US + 1, STALE)


def test_a_subscription_is_renewed_at_most_once_a_minute() -> None:
    watch = SymbolWatch("BTC-USD")
    watch.traded(1, 0, 0)
    watch.beat(2, 0)
    asked = [second for second in range(300) if watch.should_resubscribe(second * SECOND, STALE)]
    assert asked == [15, 75, 135, 195, 255]
