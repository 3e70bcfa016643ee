"""What chaos has shown adds up over calls: no round counts twice, and none that failed is lost."""

import signal
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Self

import msgspec
import pytest

from tests.e2e import tally as tallies
from tests.e2e.chaos import campaign
from tests.e2e.chaos_run import EVIDENCE
from tests.e2e.rounds import Round, Wish, rounds
from tests.e2e.tally import Book, Failure, Tally, report, total

WISHES = [Wish(1, 150, 500, 1.3, 60), Wish(2, 60, 500, 1.3, 60)]
ROUNDS = [one for wish in WISHES for one in rounds(wish)]
Happen = Callable[[Round], None]


class Pretended:
    """Does no harm. ``done`` are all rounds that were begun, over all runs."""

    def __init__(self, happens: Happen = lambda one: None, *, clean: bool = True) -> None:
        self.done: list[Round] = []
        self.stopped = 0
        self._happens = happens
        self._clean = clean

    def begin(self, wish: Wish, folder: Path) -> Self:
        """Begin a run on an empty folder."""
        assert not folder.exists()
        (folder / EVIDENCE).mkdir(parents=True)
        return self

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        where: TracebackType | None,
    ) -> None:
        pass

    def round(self, one: Round, *, last: bool) -> Tally:
        """Count what can be told apart afterwards."""
        assert last == (one in (ROUNDS[2], ROUNDS[3]))
        self.done.append(one)
        self._happens(one)
        seconds = {"web-1": [float(one.number)]}
        return Tally(
            faults={"kill -9": 10}, trades=1000, seeds=[one.seed], recoveries_s=seconds, seconds=60
        )

    def stop(self) -> None:
        """End."""
        assert self._clean, "left behind"
        self.stopped += 1


def at(when: Round, error: BaseException) -> Happen:
    """Return what goes wrong in one round."""

    def happens(one: Round) -> None:
        if one == when:
            raise error

    return happens


def test_a_run_is_cut_into_rounds_that_are_named_by_what_decides_their_faults() -> None:
    assert [(one.number, one.seconds) for one in ROUNDS] == [(1, 60), (2, 60), (3, 30), (1, 60)]
    longer = rounds(WISHES[0]._replace(seconds=180))
    assert [str(one) for one in longer[:2]] == [str(one) for one in ROUNDS[:2]]
    names = {str(one) for one in (*ROUNDS, *longer)}
    for other in (WISHES[1]._replace(rate=7), WISHES[1]._replace(every_s=7)):
        names.add(str(rounds(other)[0]))
    assert len(names) == 7


@pytest.mark.parametrize("cut", ROUNDS)
def test_a_call_goes_on_where_the_one_before_was_killed(
    cut: Round, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    killed = Pretended(at(cut, SystemExit(128 + signal.SIGTERM)))
    with pytest.raises(SystemExit):
        campaign(WISHES, tmp_path, killed.begin)
    before = ROUNDS.index(cut)
    assert list(tallies.load(tmp_path / "chaos.json").rounds) == [
        str(one) for one in ROUNDS[:before]
    ]
    capsys.readouterr()
    again = Pretended()
    book = campaign(WISHES, tmp_path, again.begin)
    assert again.done == ROUNDS[before:]
    said = capsys.readouterr().out
    assert (f"done before: {min(before, 3)}" in said) == (before > 0)
    assert book == tallies.load(tmp_path / "chaos.json")
    assert list(book.rounds) == [str(one) for one in ROUNDS]
    assert book.failed == []
    found = total(book.rounds.values())
    assert (found.trades, found.faults, found.seeds) == (4000, {"kill -9": 40}, [1, 2])
    assert found.recoveries_s == {"web-1": [1, 2, 3, 1]}


def test_a_call_that_asks_for_what_was_done_does_nothing_and_says_so(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    first, second = Pretended(), Pretended()
    book = campaign(WISHES, tmp_path, first.begin)
    assert "nothing was left" not in capsys.readouterr().out
    assert (first.done, first.stopped) == (ROUNDS, 2)
    assert campaign(WISHES, tmp_path, second.begin) == book
    assert second.done == []
    assert "nothing was left to do" in capsys.readouterr().out
    assert not list(tmp_path.glob("seed-*"))


@pytest.mark.parametrize("error", [AssertionError("--seed 1: 7 | 8\nmore"), OSError("7 | 8")])
def test_a_round_that_failed_is_done_again_and_stays_in_the_report(
    error: Exception, tmp_path: Path
) -> None:
    with pytest.raises(type(error)):
        campaign(WISHES, tmp_path, Pretended(at(ROUNDS[1], error)).begin)
    assert (tmp_path / "failure-1").is_dir()
    again = Pretended()
    book = campaign(WISHES, tmp_path, again.begin)
    assert again.done == ROUNDS[1:]
    assert [one.round for one in book.failed] == [str(ROUNDS[1])]
    assert "7 / 8 |" in report(book)
    assert "| rounds that ended well; failed | 4; 1 |" in report(book)
    assert total(book.rounds.values()).trades == 4000
    assert (tmp_path / "failure-1").is_dir()


def test_the_last_round_has_not_ended_well_where_the_end_is_not_clean(tmp_path: Path) -> None:
    run = Pretended(clean=False)
    with pytest.raises(AssertionError, match="left behind"):
        campaign(WISHES, tmp_path, run.begin)
    book = tallies.load(tmp_path / "chaos.json")
    assert list(book.rounds) == [str(one) for one in ROUNDS[:2]]
    assert book.failed == [Failure(str(ROUNDS[2]), "left behind")]


def test_all_kinds_of_figures_add_up() -> None:
    one = Tally(
        *({"cut": 1}, 2, ["disk full"], [7], 10, 1.5, 2, 3),
        self_checks={"runs": 1, "candles": 50, "differences": 0},
        rest_s=[1.0],
        restarts_s=[2.0],
        recoveries_s={"tap": [1.0]},
        repeats_s=[3.0],
        hindered_s=[4.0],
        lag_ms=[5],
        drains=[6.0],
        gaps=2,
        gap_rows=[(2, [1, 5, 6], [2, 3, 9])],
        viewed={"trades": 9},
        rss_mib={"tap": 50.0},
        rises={"tap": (3.0, 100.0)},
        descriptors={"tap": [9, 10]},
    )
    other = msgspec.structs.replace(
        one, not_tried=[], rss_mib={"tap": 40.0}, rises={"tap": (-1.0, 200.0)}, gap_rows=[]
    )
    both = total([one, other])
    assert both == Tally(
        *({"cut": 2}, 4, ["disk full"], [7], 20, 3.0, 4, 6),
        self_checks={"runs": 2, "candles": 100, "differences": 0},
        rest_s=[1.0, 1.0],
        restarts_s=[2.0, 2.0],
        recoveries_s={"tap": [1.0, 1.0]},
        repeats_s=[3.0, 3.0],
        hindered_s=[4.0, 4.0],
        lag_ms=[5, 5],
        drains=[6.0, 6.0],
        gaps=4,
        gap_rows=[(2, [1, 5, 6], [2, 3, 9])],
        viewed={"trades": 18},
        rss_mib={"tap": 50.0},
        rises={"tap": (3.0, 200.0)},
        descriptors={"tap": [9, 10]},
    )
    said = report(Book({"a": one, "b": other}))
    assert "| the aggregator's own looks; candles compared; different | 2; 100; 0 |" in said
    assert (
        "| P6 known after, s: p50 / p99 / max, each of its worst round | 1.00 / 5.00 / 6.00 |"
        in said
    )
    assert "tap 3.0 (200)" in said


def test_of_nothing_there_is_a_report_too() -> None:
    assert "| kinds not tried | none |" in report(Book())


def test_a_file_of_another_version_is_not_taken_for_an_empty_one(tmp_path: Path) -> None:
    path = tmp_path / "chaos.json"
    path.write_text('{"faults": {"cut": 1}, "trades": 5}')
    with pytest.raises(msgspec.ValidationError):
        tallies.load(path)
