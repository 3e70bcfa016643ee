"""Leading-edge coalescing."""

from market.coalesce import Coalescer


def test_the_first_change_goes_at_once_and_later_ones_wait_with_the_newest_value() -> None:
    values: Coalescer[str, int] = Coalescer(100)
    values.offer("a", 1)
    assert values.next_due() is not None
    assert values.due(1000) == [("a", 1)]
    assert values.next_due() is None
    values.offer("a", 2)
    values.offer("a", 3)
    assert values.next_due() == 1100
    assert values.due(1099) == []
    assert values.due(1100) == [("a", 3)]
    assert values.due(5000) == []
    values.offer("a", 4)
    assert values.due(5000) == [("a", 4)]


def test_keys_do_not_hold_each_other_up() -> None:
    values: Coalescer[str, int] = Coalescer(100)
    values.offer("a", 1)
    values.due(0)
    values.offer("a", 2)
    values.offer("b", 1)
    assert values.due(50) == [("b", 1)]
    assert values.due(100) == [("a", 2)]
