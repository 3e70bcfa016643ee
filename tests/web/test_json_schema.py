"""Schemas of our types, with what is written under and in them."""

from decimal import Decimal
from typing import Annotated

import msgspec

from bus.messages import Trade
from web.json_schema import components, fields, notes, prose


class Sized(msgspec.Struct, rename="camel"):
    """Something with a size.

    More of it.

    Raises:
        ValueError: not here.
    """

    the_size: Decimal
    """How large it is,
    in metres."""
    the_name: Annotated[str, msgspec.Meta(description="As it is said")] = ""
    """As it is not said."""
    left: "list[Sized]" = []


def test_a_decimal_is_the_number_that_is_written() -> None:
    assert fields(Sized)["theSize"]["type"] == "number"
    assert "format" not in fields(Sized)["theSize"]
    (schema,), named = components([dict[str, Sized]])
    assert schema["additionalProperties"] == {"$ref": "#/components/schemas/Sized"}
    assert named["Sized"]["properties"]["theSize"]["type"] == "number"


def test_a_type_is_described_by_its_docstring_and_a_field_by_the_string_under_it() -> None:
    _, named = components([Sized])
    assert named["Sized"]["description"] == "Something with a size.\n\nMore of it."
    found = named["Sized"]["properties"]
    assert found["theSize"]["description"] == "How large it is, in metres."
    assert found["theName"]["description"] == "As it is said"
    assert "description" not in found["left"]


def test_the_messages_of_the_bus_are_described_as_they_are_written() -> None:
    assert notes(Trade)["ts_event"] == "When it happened at the exchange, µs UTC."


def test_a_docstring_is_its_first_sentence_and_the_rest_as_markdown() -> None:
    text = """Return ``it``.

    It is
    long.

    Raises:
        Refused: never.
    """
    assert prose(text) == ("Return `it`.", "It is long.")
    assert prose(None) == ("", "")
