"""Connections to the tap: each subscription begins and ends once, and nobody passes a limit."""

from procs.tap.guests import (
    CONNECTIONS_MAX,
    SUBSCRIPTIONS_MAX,
    TOPIC_BYTES_MAX,
    Cut,
    Guests,
)


def with_one() -> Guests:
    guests = Guests()
    assert guests.came(5) is None
    guests.settle()
    return guests


def test_a_subscription_begins_once_and_ends_once_however_often_it_is_sent() -> None:
    guests = with_one()
    assert guests.asked(5, [b"\x01trade."]) == (b"\x01trade.",)
    assert guests.asked(5, [b"\x01trade."]) == ()
    assert guests.asked(5, [b"\x00trade."]) == (b"\x00trade.",)
    assert guests.asked(5, [b"\x00trade."]) == ()
    assert guests.asked(5, [b"\x01"]) == (b"\x01",)


def test_a_connection_that_goes_ends_its_own_subscriptions_and_no_others() -> None:
    guests = with_one()
    guests.came(6)
    guests.asked(5, [b"\x01trade."])
    guests.asked(6, [b"\x01trade."])
    assert guests.asked(6, [b"\x00ticker."]) == ()
    assert guests.went(6) == [b"\x00trade."]
    assert guests.went(6) == ()
    assert guests.went(5) == [b"\x00trade."]
    assert len(guests) == 0


def test_the_last_words_of_one_that_has_gone_are_nobodys() -> None:
    guests = with_one()
    guests.went(5)
    assert guests.asked(5, [b"\x01trade."]) == ()
    assert len(guests) == 0


def test_what_the_last_one_of_a_number_has_left_does_not_cut_who_has_it_now() -> None:
    guests = with_one()
    guests.went(5)
    guests.came(5)
    assert guests.asked(5, [b"junk of before"]) == ()
    assert guests.asked(5, [b"\x01trade."]) == (b"\x01trade.",)
    assert guests.asked(5, [b"\x01trade."]) == (b"\x00trade.", b"\x01trade.")
    guests.settle()
    assert guests.asked(5, [b"\x01trade."]) == ()
    assert isinstance(guests.asked(5, [b"junk of its own"]), Cut)
    assert guests.went(5) == [b"\x00trade."]


def test_what_is_no_subscription_cuts_the_connection_and_nothing_more_is_taken_from_it() -> None:
    long = b"\x01" + b"x" * TOPIC_BYTES_MAX
    for frames in ([b""], [b"hello"], [b"\x02x"], [b"\x01a", b"b"], [long + b"x"]):
        guests = with_one()
        assert isinstance(guests.asked(5, frames), Cut)
        assert guests.asked(5, [b"\x01trade."]) == ()
        assert guests.went(5) == []
    assert with_one().asked(5, [long]) == (long,)


def test_a_connection_has_so_many_subscriptions_and_may_exchange_them() -> None:
    guests = with_one()
    for number in range(SUBSCRIPTIONS_MAX):
        assert guests.asked(5, [b"\x01%d" % number])
    assert guests.asked(5, [b"\x010"]) == ()
    assert guests.asked(5, [b"\x000"]) == (b"\x000",)
    assert guests.asked(5, [b"\x01new"]) == (b"\x01new",)
    assert isinstance(guests.asked(5, [b"\x01one more"]), Cut)
    assert len(guests.went(5)) == SUBSCRIPTIONS_MAX


def test_who_asks_for_nothing_makes_room_for_who_comes_the_oldest_first() -> None:
    guests = Guests()
    for number in range(CONNECTIONS_MAX):
        assert guests.came(number) is None
    guests.asked(0, [b"\x01a"])
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
        guests.asked(number, [b"\x01a"])
    for number in range(CONNECTIONS_MAX, 3 * CONNECTIONS_MAX):
        assert guests.came(number) == number
        guests.went(number)
    assert len(guests) == CONNECTIONS_MAX
