"""Exponential back-off with full jitter."""

from market.backoff import BASE_S, CAP_S, Backoff


def test_the_longest_wait_doubles_up_to_the_cap_and_goes_on_for_ever() -> None:
    backoff = Backoff()
    waits = [backoff.next_delay_s(1.0) for _ in range(10_000)]
    assert waits[:8] == [0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 30.0, 30.0]
    assert set(waits[6:]) == {CAP_S}
    assert backoff.attempt == 10_000


def test_the_jitter_is_full() -> None:
    assert Backoff().next_delay_s(0.0) == 0.0
    assert Backoff().next_delay_s(0.25) == BASE_S * 0.25


def test_it_starts_over_only_when_data_has_flowed() -> None:
    backoff = Backoff()
    for _ in range(4):
        backoff.next_delay_s(0.5)
    backoff.data_flowed()
    assert (backoff.attempt, backoff.next_delay_s(1.0)) == (0, BASE_S)
