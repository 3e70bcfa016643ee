"""What a process says of itself: counters with labels, durations in buckets, in how few bytes."""

from hypothesis import given
from hypothesis import strategies as st

from bus.heartbeat import BOUNDS_S, Health, labelled, labels_of
from bus.messages import decode, encode

NAMES = st.from_regex(r"[a-z][a-z_]{0,20}", fullmatch=True)


def buckets(*seconds: float) -> list[float]:
    """The counts of the buckets that these durations make, without their sum."""
    health = Health("web-1")
    for duration in seconds:
        health.observe("request_s", duration)
    return health.beat(0).histograms["request_s"][:-1]


@given(NAMES, st.dictionaries(NAMES, st.text(max_size=20), max_size=3))
def test_a_name_gives_back_its_labels_whatever_is_in_them(
    name: str, labels: dict[str, str]
) -> None:
    assert labels_of(labelled(name, **labels)) == (name, labels)


def test_a_plain_name_has_no_labels() -> None:
    assert labels_of("trades") == ("trades", {})


def test_a_duration_goes_into_the_first_bucket_that_it_does_not_exceed() -> None:
    assert list(BOUNDS_S) == sorted(BOUNDS_S)
    for index, bound in enumerate(BOUNDS_S):
        counts = buckets(bound, bound * 1.001)
        assert [i for i, count in enumerate(counts) if count] == [index, index + 1]
        assert sum(counts) == 2


def test_a_clock_that_was_set_back_makes_no_negative_duration() -> None:
    health = Health("web-1")
    health.observe("broadcast_s", -3600.0)
    health.observe("broadcast_s", 0.25)
    counts = health.beat(0).histograms["broadcast_s"]
    assert (counts[0], sum(counts[:-1]), counts[-1]) == (1, 2, 0.25)


def test_a_beat_is_of_its_moment() -> None:
    health = Health("web-1")
    health.observe("request_s", 0.1)
    health.counters["requests"] += 1
    before = health.beat(0)
    health.observe("request_s", 0.1)
    health.counters["requests"] += 1
    assert (before.counters["requests"], sum(before.histograms["request_s"][:-1])) == (1, 1)


def test_a_busy_web_process_fits_into_a_few_kilobytes() -> None:
    health = Health("web-1")
    for number in range(60):
        path = f"/api/analytics/some-subject-{number}/{{symbol}}"
        for status in ("2xx", "4xx", "5xx"):
            health.counters[labelled("requests", route=path, status=status)] = 1_000_000
        for duration in BOUNDS_S:
            health.observe(labelled("request_s", route=path), duration)
    beat = health.beat(1_759_327_200_000_000)
    payload = encode(beat)
    assert decode(payload) == beat
    assert len(payload) < 20 << 10
