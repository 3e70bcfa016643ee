"""simulator.json: what is kept, and what another seed or rate is told."""

from pathlib import Path

import pytest

from bus.errors import SettingError
from procs.simulator import state
from procs.simulator.schedule import Segment


def test_what_was_saved_is_loaded(tmp_path: Path) -> None:
    path = tmp_path / "simulator.json"
    kept = state.State(9, 1_500, (Segment(5, 8, ("a:B-C",)), Segment(9, None, ("a:B-C",))))
    state.save(path, kept)
    assert state.load(path, None, None) == kept
    assert state.load(path, 9, 1.5) == kept
    assert [found.name for found in tmp_path.iterdir()] == ["simulator.json"]


def test_a_new_folder_takes_the_seed_and_rate_that_are_given(tmp_path: Path) -> None:
    assert state.load(tmp_path / "x", 4, 20.0) == state.State(4, 20_000, ())
    assert state.load(tmp_path / "x", None, None) == state.State(1, 50_000, ())


@pytest.mark.parametrize(("seed", "rate", "key"), [(8, None, "--seed"), (9, 2.0, "--rate")])
def test_another_seed_or_rate_is_refused(
    tmp_path: Path, seed: int, rate: float | None, key: str
) -> None:
    path = tmp_path / "simulator.json"
    state.save(path, state.State(9, 1_500, ()))
    with pytest.raises(SettingError) as refused:
        state.load(path, seed, rate)
    assert refused.value.key == key
    assert str(tmp_path) in str(refused.value)


def test_a_file_that_is_no_state_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "simulator.json"
    path.write_text('{"seed": "x"}')
    with pytest.raises(SettingError):
        state.load(path, None, None)


def test_one_folder_takes_either_invented_trades_or_one_recording(tmp_path: Path) -> None:
    monday, tuesday = [tmp_path / "monday.txt.zst"], [tmp_path / "tuesday.txt.zst"]
    assert state.check_source(tmp_path, (), "RECORDING") is None
    assert state.check_source(tmp_path, monday, "RECORDING") is None
    state.remember_recording(tmp_path, monday)
    again = state.check_source(tmp_path, monday, "RECORDING")
    assert again is not None
    assert again.startswith("monday.txt.zst is stored here already")
    for other in (tuesday, [*monday, *tuesday], []):
        with pytest.raises(SettingError) as refused:
            state.check_source(tmp_path, other, "RECORDING")
        assert refused.value.key == "RECORDING"
        assert "make clean-demo" in refused.value.advice


def test_a_recording_is_not_played_over_invented_trades(tmp_path: Path) -> None:
    state.save(tmp_path / "simulator.json", state.State(1, 50_000, ()))
    with pytest.raises(SettingError):
        state.check_source(tmp_path, [tmp_path / "monday.txt.zst"], "RECORDING")
    assert state.check_source(tmp_path, [], "RECORDING") is None
