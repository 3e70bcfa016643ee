"""Prices that stand in JSON as numbers: to the last digit, or refused; never through a float."""

import json
from decimal import Decimal

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bus.errors import BadDecimal
from market.decimals import check
from procs.feed.exchanges import number
from tests.market.folding import numbers
from tests.market.test_decimals import BAD

pytestmark = pytest.mark.usefixtures("exact_decimals")


class _Priced(msgspec.Struct):
    price: msgspec.Raw


_priced = msgspec.json.Decoder(_Priced).decode


def read(text: str) -> str:
    return number(_priced(f'{{"price": {text} }}'.encode()).price)


@given(numbers())
def test_a_plain_number_keeps_each_of_its_digits(text: str) -> None:
    assert read(text) == text


@given(st.integers(1, 10**15), st.integers(-22, 15), st.sampled_from("eE"))
def test_an_exponent_is_written_out_exactly_or_refused(
    digits: int, exponent: int, letter: str
) -> None:
    text = f"{digits}{letter}{exponent}"
    try:
        found = read(text)
    except BadDecimal:
        assert not (Decimal(text) < 10**12 and exponent >= -18)
        return
    assert check(found) == found
    assert Decimal(found) == Decimal(text)


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ("2345.67", "2345.67"),
        ("0.10", "0.10"),
        ("1e-05", "0.00001"),
        ("1.10e1", "11.0"),
        ("1.5E+3", "1500"),
        ("1e-18", "0.000000000000000001"),
    ],
)
def test_it_is_read_as_it_stands(text: str, plain: str) -> None:
    assert read(text) == plain


@pytest.mark.parametrize(
    "text",
    [
        *("1e999", "1e999999999", "1e99999999999", "1e-30", "1e-999999999", "0e5", "-1e2", "-0.0"),
        *("null", "true", "[1]", "{}", '"12.5"', '"1e5"', '"NaN"', "9" * 5000, "1" * 60 + "e-60"),
    ],
)
def test_what_is_no_number_in_bounds_is_refused(text: str) -> None:
    with pytest.raises(BadDecimal) as caught:
        read(text)
    assert len(caught.value.reason) < 400


@pytest.mark.parametrize("text", [text for text in BAD if "\ud800" not in text])
def test_what_json_does_not_even_know_as_a_number_never_passes(text: str) -> None:
    for raw in (text.encode(), json.dumps(text).encode()):
        try:
            found = number(raw)
        except BadDecimal:
            continue
        assert Decimal(found) == Decimal(text)
        assert "e" in text.lower()
