"""docs/requirements.md: each row once, and each test that it names exists."""

import ast
import re
from functools import cache
from pathlib import Path
from typing import NamedTuple

import pytest

from bus.settings import ROOT

DOCUMENT = ROOT / "docs" / "requirements.md"
LATER = "later"
FEATURES = {
    f"A{area}.{number}"
    for area, rows in enumerate(
        (21, 7, 11, 17, 9, 4, 22, 20, 6, 11, 7, 7, 5, 6, 18, 8, 8, 8, 10, 10, 11), start=1
    )
    for number in range(1, rows + 1)
}
"""The rows of the table of features: 21 areas, each numbered from 1."""
CRITERIA = {
    "USER-001": 4,
    "USER-002": 3,
    "MARKET-001": 4,
    "MARKET-002": 3,
    "ANALYTICS-001": 4,
    "ANALYTICS-002": 3,
    "SENTIMENT-001": 4,
    "SENTIMENT-002": 4,
    "PORTFOLIO-001": 4,
    "PORTFOLIO-002": 4,
    "DEVOPS-001": 5,
    "DEVOPS-002": 4,
    "FRONTEND-001": 5,
    "FRONTEND-002": 5,
    "FRONTEND-003": 5,
}
"""The numbered tasks, each with how many criteria it has."""
SECTIONS = (
    *("S0-16.1", "S0-16.2", "S0-16.3", "S0-16.4", "S0-17.1", "S0-17.2", "S0-17.3", "S0-17.4"),
    *("S0-17.5", "S0-17.6", "S0-6.5a", "S0-6.5b", "S0-6.5c", "S0-12.1", "S0-12.2", "S0-12.3"),
    *("S0-12.4", "S0-12.5", "S0-12.6", "S1-", "S2-", "S3-", "S4-"),
)
"""Sections that have at least one row whose name begins so."""


class Row(NamedTuple):
    """One row: its name, what is asked for, and the cell that says what shows it."""

    name: str
    what: str
    shown_by: str

    @property
    def tests(self) -> list[str]:
        """What stands in code spans: ``path::name``, or the path of a benchmark."""
        return re.findall(r"`([^`]+)`", self.shown_by)


def rows_of(text: str) -> list[Row]:
    """Return the rows of every table in a document."""
    found = []
    for line in text.splitlines():
        cells = [cell.strip() for cell in line.strip().strip("|").split("|")]
        if line.startswith("|") and len(cells) == 3 and not re.fullmatch(r"-+|row", cells[0]):
            found.append(Row(*cells))
    return found


ROWS = rows_of(DOCUMENT.read_text(encoding="utf-8"))


@cache
def names_in(path: Path) -> frozenset[str]:
    """Return the names of the tests in a file of Python or JavaScript; none if there is none."""
    if not path.is_file():
        return frozenset()
    text = path.read_text(encoding="utf-8")
    if path.suffix == ".js":
        return frozenset(re.findall(r'^\s*test\(\s*"([^"]+)"', text, re.MULTILINE))
    functions = (ast.FunctionDef, ast.AsyncFunctionDef)
    tree = ast.parse(text, str(path))
    found = (node.name for node in ast.walk(tree) if isinstance(node, functions))
    return frozenset(name for name in found if name.startswith("test_"))


def fault_of(row: Row) -> str | None:
    """Return what is wrong with a row, None when nothing is."""
    if row.shown_by == LATER:
        return None
    if not row.tests or LATER in re.sub(r"`[^`]+`", "", row.shown_by):
        return f"{row.name}: {row.shown_by!r} is neither tests nor {LATER!r}"
    for test in row.tests:
        path, _, name = test.partition("::")
        if path.startswith("bench/") and not name:
            if not (ROOT / path).is_file():
                return f"{row.name}: no benchmark {path}"
        elif name not in names_in(ROOT / path) or not path.startswith("tests/"):
            return f"{row.name}: no test {test}"
    return None


def test_each_row_is_shown_by_a_test_that_exists_or_is_later() -> None:
    assert [fault for fault in map(fault_of, ROWS) if fault is not None] == []


def test_each_row_of_the_table_of_features_stands_there_once() -> None:
    names = [row.name for row in ROWS]
    assert len(names) == len(set(names)), sorted({one for one in names if names.count(one) > 1})
    assert {name for name in names if re.match(r"A\d", name)} == FEATURES


def test_each_criterion_of_the_documents_stands_there() -> None:
    names = {row.name for row in ROWS}
    numbered = {f"{task}.{one}" for task, count in CRITERIA.items() for one in range(1, count + 1)}
    assert {name for name in names if re.match(r"[A-Z]+-\d{3}", name)} == numbered
    assert [one for one in SECTIONS if not any(name.startswith(one) for name in names)] == []


def test_each_row_says_what_is_asked_for() -> None:
    assert [row.name for row in ROWS if len(row.what) < 4] == []


@pytest.mark.parametrize(
    "shown_by",
    [
        "",
        "soon",
        "later `tests/test_requirements.py::test_each_row_says_what_is_asked_for`",
        "`tests/test_requirements.py`",
        "`tests/test_requirements.py::test_that_is_not_there`",
        "`tests/test_nowhere.py::test_each_row_says_what_is_asked_for`",
        "`tests/js/store.test.js::a test that is not there`",
        "`procs/render.py::render`",
        "`bench/bench_nothing.py`",
    ],
)
def test_a_row_that_shows_nothing_would_be_found(shown_by: str) -> None:
    (row,) = rows_of(
        f"| row | what | shown by |\n|---|---|---|\n| S9-1 | anything | {shown_by} |\n"
    )
    assert fault_of(row) is not None
