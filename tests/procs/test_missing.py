"""The gaps in Postgres: what closes them, what cuts them, and what no gap explains. Pure."""

import pytest

from bus.messages import Gap
from market.sequence import IdSet
from procs.persister.missing import HOLE_IDS_MAX, Missing, Piece, Split

KEY = ("BTC-USD", 0)
WHOLE, PART = Gap("BTC-USD", 5, 8), Gap("BTC-USD", 20, 29)


def ids(*intervals: tuple[int, int]) -> dict[tuple[str, int], IdSet]:
    return {KEY: IdSet(intervals)}


def test_a_gap_is_filled_once_every_id_has_been_stored() -> None:
    missing = Missing([WHOLE])
    missing.open([PART, WHOLE])
    assert missing.filled({}, {}) == []
    assert missing.filled(ids((5, 7), (20, 28)), ids((5, 7), (20, 28))) == []
    assert missing.filled(ids((1, 8), (20, 28)), ids((8, 8))) == [WHOLE]
    assert missing.filled(ids((1, 30)), ids((29, 30))) == [PART]
    assert missing.filled(ids((1, 30)), ids((1, 30))) == []


def test_ids_that_reach_no_gap_close_none() -> None:
    missing = Missing([WHOLE, PART])
    assert missing.filled(ids((1, 30)), ids((1, 4), (30, 99))) == []
    assert missing.filled(ids((1, 30)), ids((10, 10))) == [WHOLE, PART]


def test_a_gap_of_which_nothing_can_come_any_more_is_unfillable_as_one() -> None:
    missing = Missing([PART])
    seen = ids((24, 24), (27, 29))
    assert missing.absent(Gap("ETH-USD", 20, 29), seen) == []
    assert missing.absent(Gap("BTC-USD", 20, 29, 1), seen) == []
    assert missing.absent(Gap("BTC-USD", 1, 26), seen) == [
        Split(PART, [Piece(20, 29, "unfillable")])
    ]
    assert missing.oldest(9) == []


@pytest.mark.parametrize(
    ("told", "seen", "pieces"),
    [
        ((20, 22), [], [(20, 22, "unfillable"), (23, 29, "open")]),
        ((27, 40), [], [(20, 26, "open"), (27, 29, "unfillable")]),
        ((23, 24), [], [(20, 22, "open"), (23, 24, "unfillable"), (25, 29, "open")]),
        # What was seen separates nothing, and belongs to what is still open.
        ((20, 24), [(21, 22), (25, 26)], [(20, 24, "unfillable"), (25, 29, "open")]),
        ((27, 28), [(23, 26)], [(20, 26, "open"), (27, 28, "unfillable"), (29, 29, "open")]),
        ((23, 26), [(20, 22)], [(20, 26, "unfillable"), (27, 29, "open")]),
    ],
)
def test_a_gap_is_cut_where_only_a_part_of_it_can_still_come(
    told: tuple[int, int], seen: list[tuple[int, int]], pieces: list[tuple[int, int, str]]
) -> None:
    missing = Missing([WHOLE, PART])
    splits = missing.absent(Gap("BTC-USD", *told), ids(*seen))
    assert [(split.gap, [tuple(piece) for piece in split.pieces]) for split in splits] == [
        (PART, pieces)
    ]
    opened = [Gap("BTC-USD", low, high) for low, high, state in pieces if state == "open"]
    assert missing.oldest(9) == [WHOLE, *opened]
    assert missing.filled(ids((20, 29)), ids((20, 29))) == opened


def test_an_answer_about_what_was_stored_meanwhile_changes_nothing() -> None:
    missing = Missing([PART])
    assert missing.absent(Gap("BTC-USD", 20, 24), ids((20, 24))) == []
    assert missing.oldest(9) == [PART]


def test_another_symbols_or_series_trades_close_nothing() -> None:
    missing = Missing([WHOLE])
    seen = {("ETH-USD", 0): IdSet([(1, 9)]), ("BTC-USD", 1): IdSet([(1, 9)])}
    assert missing.filled(seen, seen) == []


def test_each_symbol_has_its_share_of_the_gaps_that_are_told() -> None:
    many = [Gap("A-USD", n, n) for n in range(0, 20, 2)]
    missing = Missing([*many, WHOLE])
    assert missing.oldest(4) == [*many[:2], WHOLE]


def test_a_hole_that_nothing_explains_twice_is_told() -> None:
    missing = Missing([Gap("BTC-USD", 10, 12)], [Gap("BTC-USD", 20, 21)])
    seen, ends = ids((1, 4), (8, 9), (13, 19), (22, 30), (40, 41)), {KEY: 30}
    assert missing.unexplained(seen, ends) == []  # it may still be on its way
    assert missing.unexplained(seen, ends) == [Gap("BTC-USD", 5, 7)]
    seen[KEY].add_range(5, 7)
    assert missing.unexplained(seen, ends) == []


def test_a_hole_is_told_no_more_once_it_is_a_gap_or_while_it_changes() -> None:
    missing = Missing([])
    seen, ends = ids((1, 4), (8, 9)), {KEY: 9}
    missing.unexplained(seen, ends)
    seen[KEY].add(5)
    assert missing.unexplained(seen, ends) == []
    [hole] = missing.unexplained(seen, ends)
    missing.open([hole])
    assert missing.unexplained(seen, ends) == []
    assert missing.unexplained(seen, ends) == []


def test_an_id_that_leads_astray_makes_no_hole() -> None:
    missing = Missing([])
    far = 10 + HOLE_IDS_MAX
    seen, ends = ids((1, 9), (far + 1, far + 1)), {KEY: far + 1}
    assert missing.unexplained(seen, ends) == missing.unexplained(seen, ends) == []
    near = ids((1, 9), (far - 1, far + 1))
    missing.unexplained(near, ends)
    assert missing.unexplained(near, ends) == [Gap("BTC-USD", 10, far - 2)]
