"""The exact decimal context, for a module's tests, as every process that calculates has it."""

import decimal
from collections.abc import Iterator

import pytest

from market import decimals


@pytest.fixture(scope="module")
def exact_decimals() -> Iterator[None]:
    """Install the context, and put back what was there."""
    before = decimal.getcontext().copy()
    default = decimal.DefaultContext.copy()
    decimals.install()
    yield
    decimal.setcontext(before)
    decimal.DefaultContext.prec = default.prec
    for signal in list(default.traps):
        decimal.DefaultContext.traps[signal] = default.traps[signal]
