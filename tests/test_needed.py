"""A test that lacks something is skipped, and fails where nothing may be skipped."""

import sys
from pathlib import Path

import pytest

from tests import needed


@pytest.mark.parametrize(
    ("value", "outcome"), [("0", pytest.skip.Exception), ("1", pytest.fail.Exception)]
)
def test_what_is_missing_skips_a_test_or_fails_it(
    monkeypatch: pytest.MonkeyPatch, value: str, outcome: type[BaseException]
) -> None:
    monkeypatch.setenv("TICKWIRE_NO_SKIP", value)
    with pytest.raises(outcome, match="no such-program: it was NOT tried"):
        needed.program("such-program", "it was")


def test_a_program_that_is_there_is_returned() -> None:
    here = Path(sys.executable)
    assert Path(needed.program("sh", "a shell was")).exists()
    assert needed.program(str(here), "Python was") == str(here)
