"""Files that follow from others."""

import sys
from pathlib import Path

import pytest

from bus import generated
from bus.generated import Row, stale

SOURCE = "words"


def shouted(root: Path) -> str:
    return (root / SOURCE).read_text().upper()


ROWS: list[Row] = [("shouted", SOURCE, shouted)]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / SOURCE).write_text("é\n", encoding="utf-8")
    return tmp_path


def test_a_file_is_stale_that_is_missing_or_says_something_else(root: Path) -> None:
    assert stale(ROWS, root) == {"shouted": "É\n"}
    (root / "shouted").write_text("é\n", encoding="utf-8")
    assert stale(ROWS, root) == {"shouted": "É\n"}
    (root / "shouted").write_text("É\n", encoding="utf-8")
    assert stale(ROWS, root) == {}


def test_what_cannot_be_made_here_is_not_stale(tmp_path: Path) -> None:
    assert stale(ROWS, tmp_path) == {}


def test_the_command_writes_what_is_stale_and_only_says_so_when_it_is_to_check(
    root: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(generated, "ROOT", root)
    monkeypatch.setattr(sys, "argv", ["generate", "--check"])
    assert generated.main(ROWS, "x.generate") == 1
    assert not (root / "shouted").exists()
    assert "shouted is stale" in capsys.readouterr().out
    monkeypatch.setattr(sys, "argv", ["generate"])
    assert generated.main(ROWS, "x.generate") == 0
    assert (root / "shouted").read_text(encoding="utf-8") == "É\n"
    monkeypatch.setattr(sys, "argv", ["generate", "--check"])
    assert generated.main(ROWS, "x.generate") == 0
