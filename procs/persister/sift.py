"""Halving what the database refuses until only what is to blame is left. Pure.

In come rows and a way to store some of them that changes nothing when it raises. Out come the rows
that are refused by themselves, each with the reason; all others are stored. It never swallows an
error that is not about a row.
"""

from collections.abc import Callable, Sequence
from typing import Generic, NamedTuple, TypeVar

from store.pool import is_refusal

Row = TypeVar("Row")
RowRead = TypeVar("RowRead", covariant=True)


class Refused(NamedTuple, Generic[RowRead]):
    """A row that will never be stored."""

    row: RowRead
    reason: str


def sift(rows: Sequence[Row], store: Callable[[Sequence[Row]], object]) -> list[Refused[Row]]:
    """Store the rows in order, all at once if that is possible; return those that are refused.

    One bad row among n costs 2 log2(n) attempts.

    Args:
        rows: what to store.
        store: stores some of them, all or none.

    Raises:
        Exception: what ``store`` raises and ``is_refusal`` does not know.
    """
    if not rows:
        return []
    try:
        store(rows)
    except Exception as error:
        if not is_refusal(error):
            raise
        if len(rows) == 1:
            return [Refused(rows[0], reason_of(error))]
    else:
        return []
    middle = len(rows) // 2
    return sift(rows[:middle], store) + sift(rows[middle:], store)


def reason_of(error: BaseException) -> str:
    """Return an error in one line, with its SQLSTATE where it has one."""
    text = " ".join(str(error).split())[:200] or type(error).__name__
    code = getattr(error, "sqlstate", None)
    return f"{text} ({code})" if code else text
