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
