"""Which intervals the times of gaps meet."""

from hypothesis import given
from hypothesis import strategies as st

from web.missing import Missing

TIMES = st.integers(0, 60)


@given(st.lists(st.tuples(TIMES, TIMES).map(sorted)), TIMES, st.integers(1, 20))
def test_an_interval_is_met_by_any_span_that_has_a_moment_of_it(
    spans: list[list[int]], begin: int, length: int
) -> None:
    moments = {moment for first, last in spans for moment in range(first, last)}
    expected = bool(moments & set(range(begin, begin + length)))
    found = Missing((first, last) for first, last in spans)
    assert found.within(begin, begin + length) is expected
