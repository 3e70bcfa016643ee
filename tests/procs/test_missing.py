"""The gaps in Postgres: what closes them, what cuts them, and what no gap explains. Pure."""

from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

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


class Rows:
    """The table ``gap`` of one key, and what was missing of it by a plain set of ids."""

    def __init__(self) -> None:
        self.rows: dict[tuple[int, int], str] = {}
        self.seen = IdSet()

    def missing(self) -> Missing:
        """Return what a persister that begins now would know."""
        gaps: dict[str, list[Gap]] = {"open": [], "unfillable": [], "filled": []}
        for (low, high), state in self.rows.items():
            gaps[state].append(Gap("BTC-USD", low, high))
        return Missing(gaps["open"], gaps["unfillable"])

    def apply(self, missing: Missing, what: str, low: int, high: int) -> None:
        """Let something happen to the ids, and do to the table what comes of it."""
        gap = Gap("BTC-USD", low, high)
        if what == "opened":
            self.rows[low, high] = "open"
            missing.open([gap])
            fresh = self.seen
        elif what == "absent":
            for split in missing.absent(gap, {KEY: self.seen}):
                del self.rows[split.gap.first_id, split.gap.last_id]
                self.rows.update({(piece[0], piece[1]): piece[2] for piece in split.pieces})
            return
        else:
            self.seen.add_range(low, high)
            fresh = IdSet([(low, high)])
        for filled in missing.filled({KEY: self.seen}, {KEY: fresh}):
            self.rows[filled.first_id, filled.last_id] = "filled"


Step = tuple[Literal["opened", "absent", "stored"], int, int]
STEPS = st.lists(
    st.tuples(
        st.sampled_from(["opened", "absent", "stored", "stored"]),
        st.integers(0, 30),
        st.integers(0, 6),
    ),
    max_size=20,
)


@given(STEPS)
def test_one_that_begins_anew_before_each_step_does_the_same(steps: list[Step]) -> None:
    staying, restarting = Rows(), Rows()
    kept = staying.missing()
    for what, low, length in steps:
        staying.apply(kept, what, low, low + length)
        restarting.apply(restarting.missing(), what, low, low + length)
        assert restarting.rows == staying.rows


@given(STEPS)
def test_no_open_gap_is_whole_and_no_id_is_lost_from_the_table(steps: list[Step]) -> None:
    table = Rows()
    missing = table.missing()
    told: set[int] = set()
    for what, low, length in steps:
        table.apply(missing, what, low, low + length)
        told |= set(range(low, low + length + 1)) if what == "opened" else set()
        covered = {one for low, high in table.rows for one in range(low, high + 1)}
        assert told <= covered
        for (first, last), state in table.rows.items():
            parts = table.seen.missing(first, last)
            assert (state == "filled") == (not parts) or state == "unfillable"
