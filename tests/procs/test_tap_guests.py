"""Connections to the tap: each subscription begins and ends once, and nobody passes a limit."""

from procs.tap.guests import (
    CONNECTIONS_MAX,
    FRAMES_PER_S_MAX,
    SECOND_US,
    SUBSCRIPTIONS_MAX,
    TOPIC_BYTES_MAX,
    Cut,
    Guests,
)


def with_one() -> Guests:
    guests = Guests()
    assert guests.came(5) is None
    return guests


def test_a_subscription_begins_once_and_ends_once_however_often_it_is_sent() -> None:
    guests = with_one()
    assert guests.asked(5, [b"\x01trade."], 0) == (b"\x01trade.",)
    assert guests.asked(5, [b"\x01trade."], 0) == ()
    assert guests.asked(5, [b"\x00trade."], 0) == (b"\x00trade.",)
    assert guests.asked(5, [b"\x00trade."], 0) == ()
    assert guests.asked(5, [b"\x01"], 0) == (b"\x01",)


def test_a_connection_that_goes_ends_its_own_subscriptions_and_no_others() -> None:
    guests = with_one()
    guests.came(6)
    guests.asked(5, [b"\x01trade."], 0)
    guests.asked(6, [b"\x01trade."], 0)
    assert guests.asked(6, [b"\x00ticker."], 0) == ()
    assert guests.went(6) == [b"\x00trade."]
    assert guests.went(6) == ()
    assert guests.went(5) == [b"\x00trade."]
    assert len(guests) == 0


def test_the_last_words_of_one_that_has_gone_are_nobodys() -> None:
    guests = with_one()
    guests.went(5)
    assert guests.asked(5, [b"\x01trade."], 0) == ()
    assert len(guests) == 0


def test_what_is_no_subscription_cuts_the_connection_and_nothing_more_is_taken_from_it() -> None:
    long = b"\x01" + b"x" * TOPIC_BYTES_MAX
    for frames in ([b""], [b"hello"], [b"\x02x"], [b"\x01a", b"b"], [long + b"x"]):
        guests = with_one()
        assert isinstance(guests.asked(5, frames, 0), Cut)
        assert guests.asked(5, [b"\x01trade."], 0) == ()
        assert guests.went(5) == []
    assert with_one().asked(5, [long], 0) == (long,)


def test_a_connection_has_so_many_subscriptions_and_may_exchange_them() -> None:
    guests = with_one()
    for number in range(SUBSCRIPTIONS_MAX):
        assert guests.asked(5, [b"\x01%d" % number], 0)
    assert guests.asked(5, [b"\x010"], 0) == ()
    assert guests.asked(5, [b"\x000"], 0) == (b"\x000",)
    assert guests.asked(5, [b"\x01new"], 0) == (b"\x01new",)
    assert isinstance(guests.asked(5, [b"\x01one more"], 0), Cut)
    assert len(guests.went(5)) == SUBSCRIPTIONS_MAX


def test_a_connection_sends_so_much_in_a_second_and_as_much_in_the_next() -> None:
    guests = with_one()
    for second in range(3):
        for _ in range(FRAMES_PER_S_MAX):
            assert not isinstance(guests.asked(5, [b"\x01a"], second * SECOND_US), Cut)
    assert isinstance(guests.asked(5, [b"\x01a"], 3 * SECOND_US - 1), Cut)


def test_who_asks_for_nothing_makes_room_for_who_comes_the_oldest_first() -> None:
    guests = Guests()
    for number in range(CONNECTIONS_MAX):
        assert guests.came(number) is None
    guests.asked(0, [b"\x01a"], 0)
    assert guests.came(1000) == 1
    assert guests.came(1001) == 2
    guests.went(1)
    guests.went(2)
    guests.went(3)
    assert guests.came(1002) is None


def test_who_asks_for_something_stays_when_strangers_come_in_masses() -> None:
    guests = Guests()
    for number in range(CONNECTIONS_MAX):
        guests.came(number)
        guests.asked(number, [b"\x01a"], 0)
    for number in range(CONNECTIONS_MAX, 3 * CONNECTIONS_MAX):
        assert guests.came(number) == number
        guests.went(number)
    assert len(guests) == CONNECTIONS_MAX
