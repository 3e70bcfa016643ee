"""Reads a frame as its type and nothing else: not a field more in it, not one less."""

import json
from decimal import Decimal
from typing import Any

import msgspec

_encode = msgspec.json.Encoder(decimal_format="number").encode


def plain(text: str | bytes) -> Any:
    """The JSON with each number as it stands there."""
    return json.loads(text, parse_float=Decimal)


def strictly(text: str | bytes, kind: type[msgspec.Struct]) -> msgspec.Struct:
    """The frame as its type.

    Raises:
        msgspec.ValidationError: it is not of that type: a value, or a field that is missing.
        AssertionError: it has a field that the type has not, or lacks one that the type gives it.
    """
    frame = msgspec.json.decode(text, type=kind)
    assert plain(_encode(frame)) == plain(text)
    return frame
