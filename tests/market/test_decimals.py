"""Prices and sizes: what is let in, how it is written, and how quotients are rounded."""

import decimal
import json
import threading
from decimal import Decimal

import psycopg
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bus.errors import BadDecimal
from market import decimals
from market.decimals import check, plain, quotient, trimmed
from tests.market.folding import numbers

pytestmark = pytest.mark.usefixtures("exact_decimals")

BAD = (
    *("NaN", "nan", "sNaN", "-NaN", "Infinity", "-Infinity", "inf", "1e999", "1E5", "1e-5"),
    *("1_000", "1,000", "٣", "१२", "１", "²", "1\n", "\n1", " 1", "1 ", "\t1", "1\x00", "1\u2028"),
    *("5.", ".5", ".", "", "05", "00.5", "00", "+1", "--1", "1.2.3", "0x10", "1f", "1/2", "−1"),
    *("1." + "1" * 19, "1" * 13, "1" * 13 + ".5", "1" * 5000, "0." + "0" * 18 + "1", "1" * 41),
    *("0", "0.0", "0.000000000000000000", "-1", "-0", "-0.5", "\ud800", "1\ud800"),
)


@pytest.mark.parametrize("text", BAD)
def test_what_is_no_plain_positive_decimal_in_bounds_is_refused_with_a_reason(text: str) -> None:
    with pytest.raises(BadDecimal) as caught:
        check(text)
    assert caught.value.reason
    assert len(caught.value.reason) < 400
    assert caught.value.reason.isprintable()


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("-1", "negative"),
        ("0.00", "zero"),
        ("1." + "1" * 19, "fraction digits"),
        ("1" * 13, "not less than"),
        ("NaN", "not a plain"),
        ("05", "not a plain"),
    ],
)
def test_the_reason_names_the_rule(text: str, word: str) -> None:
    with pytest.raises(BadDecimal, match=word):
        check(text)


@given(numbers())
def test_what_is_accepted_is_a_json_number_and_plain_as_it_stands(text: str) -> None:
    assert check(text) is text
    number = Decimal(text)
    assert 0 < number < 10**12
    assert isinstance(json.loads(text), int | float)
    assert plain(number) == text


@given(st.text(st.sampled_from("0123456789.-+eE_ \nNaIf٣"), max_size=24) | st.text(max_size=8))
def test_nothing_is_accepted_but_finite_positive_numbers_below_the_bound(text: str) -> None:
    try:
        check(text)
    except BadDecimal:
        return
    number = Decimal(text)
    exponent = number.as_tuple().exponent
    assert isinstance(exponent, int)
    assert 0 < number < 10**12
    assert -18 <= exponent <= 0
    assert plain(number) == text


def test_zeros_at_the_end_of_a_fraction_are_left_out_and_no_others() -> None:
    assert trimmed("1.50000") == "1.5"
    assert (trimmed("100.00"), trimmed("100"), trimmed("0.10")) == ("100", "100", "0.1")


def test_small_and_large_numbers_are_written_without_an_exponent() -> None:
    assert plain(Decimal("1.2E-7")) == "0.00000012"
    assert plain(Decimal("1E+3")) == "1000"


def test_a_thread_that_starts_later_calculates_exactly_too() -> None:
    found: list[object] = []

    def divide() -> None:
        try:
            found.append(Decimal(1) / Decimal(3))
        except decimal.Inexact as error:
            found.append(type(error))

    thread = threading.Thread(target=divide)
    thread.start()
    thread.join()
    assert found == [decimal.Inexact]
    assert decimal.getcontext().prec == decimals.PRECISION


def test_a_division_by_zero_is_an_error() -> None:
    with pytest.raises(decimal.DivisionByZero):
        quotient(Decimal(1), 0)


def test_quotients_are_those_of_postgres(connection: "psycopg.Connection[tuple[object]]") -> None:
    cases = [
        (Decimal(numerator).scaleb(-scale), n)
        for numerator in (1, 2, 5, 10**30 - 1, -7, 123456789012345678901)
        for scale in (0, 1, 12, 18)
        for n in (1, 2, 3, 7, 8, 16, 9999, 2**33 + 1)
    ]
    # Ties at the last place: halves away from zero.
    cases += [(Decimal(k).scaleb(-12), 2) for k in range(-5, 6)]
    rows = connection.execute(
        "SELECT round(a::numeric(60, 30) / b, 12)"
        " FROM unnest(%s::numeric[], %s::numeric[]) WITH ORDINALITY AS t (a, b, at) ORDER BY at",
        [[a for a, _ in cases], [b for _, b in cases]],
    ).fetchall()
    assert [quotient(a, b) for a, b in cases] == [row[0] for row in rows]
