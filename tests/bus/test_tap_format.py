"""docs/tap.md names every field of every message of the tap, with its type, and nothing else."""

import re
import types
import typing
from typing import Any, Literal

import msgspec
import pytest

from bus.messages import (
    Average,
    CandleUpdate,
    Consolidated,
    Day,
    FeedStatus,
    PriceSource,
    SymbolStatus,
    Ticker,
    Trade,
)
from bus.settings import ROOT
from bus.tap_format import MAPS, PARTS, TradesMap

STRUCTS: dict[str, type[msgspec.Struct]] = {
    "trades": TradesMap,
    "trade": PARTS[Trade],
    "ticker": MAPS[Ticker],
    "candle": MAPS[CandleUpdate],
    "average": MAPS[Average],
    "consolidated": MAPS[Consolidated],
    "source": PARTS[PriceSource],
    "status": MAPS[FeedStatus],
    "symbol": PARTS[SymbolStatus],
    "day": PARTS[Day],
}
WORDS = {str: "text", int: "integer", bool: "true or false"}
PART_OF = {PARTS[Trade]: "trade", PARTS[PriceSource]: "source"}
PART_OF |= {PARTS[SymbolStatus]: "symbol", PARTS[Day]: "day"}
"""Maps inside messages, which have a table of their own."""


def documented() -> dict[str, list[tuple[str, str]]]:
    """Return the (field, type) rows of each table of fields, by its heading."""
    text = (ROOT / "docs" / "tap.md").read_text(encoding="utf-8")
    begin, end = "<!-- fields: checked by tests against the messages themselves -->", "<!-- /fields"
    part = text.partition(begin)[2].partition(end)[0]
    _, *pieces = re.split(r"^### (\w+)$", part, flags=re.MULTILINE)
    rows = re.compile(r"^\| `(\w+)` \| ([^|]+) \| [^|]*\|$", re.MULTILINE)
    return dict(zip(pieces[::2], map(rows.findall, pieces[1::2]), strict=True))


def in_words(kind: Any) -> str:
    """Return a field's type as the document says it."""
    if kind in WORDS or kind in PART_OF:
        return WORDS.get(kind) or PART_OF[kind]
    arguments = typing.get_args(kind)
    if typing.get_origin(kind) is Literal:
        return in_words(type(arguments[0]))
    if typing.get_origin(kind) in (tuple, list):
        assert len(set(arguments)) == 1
        return f"list of {in_words(arguments[0])}"
    assert isinstance(kind, types.UnionType) or typing.get_origin(kind) is typing.Union, kind
    return " or ".join("nil" if one is type(None) else in_words(one) for one in arguments)


@pytest.mark.parametrize("name", STRUCTS)
def test_the_document_has_every_field_with_its_type(name: str) -> None:
    found = [(field.name, in_words(field.type)) for field in msgspec.structs.fields(STRUCTS[name])]
    assert documented()[name] == found


def test_the_document_has_no_other_message() -> None:
    assert list(documented()) == list(STRUCTS)


@pytest.mark.parametrize("name", [name for name in STRUCTS if name not in PART_OF.values()])
def test_the_document_calls_each_message_by_its_type(name: str) -> None:
    assert STRUCTS[name].__struct_config__.tag == name
