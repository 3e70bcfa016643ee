"""Every message through MessagePack and back, and from an older sender."""

from types import NoneType, UnionType
from typing import Any, Literal, Union, get_args, get_origin

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bus.messages import (
    GapOpened,
    GapUnfillable,
    Message,
    QuarantineBatch,
    TradeBatch,
    decode,
    decode_record,
)
from bus.messages import encode as encoded

KINDS = get_args(Message)


def any_of(kind: Any) -> st.SearchStrategy[Any]:
    """Return a strategy for any value of a field's type."""
    origin, arguments = get_origin(kind), get_args(kind)
    if origin is Literal:
        return st.sampled_from(arguments)
    if origin in (Union, UnionType):
        return st.one_of(*map(any_of, arguments))
    if origin is list:
        return st.lists(any_of(arguments[0]), max_size=3)
    if origin is dict:
        return st.dictionaries(any_of(arguments[0]), any_of(arguments[1]), max_size=3)
    if origin is tuple:
        return st.tuples(*map(any_of, arguments))
    if isinstance(kind, type) and issubclass(kind, msgspec.Struct):
        fields = {field.name: any_of(field.type) for field in msgspec.structs.fields(kind)}
        return st.builds(kind, **fields)
    simple: dict[Any, st.SearchStrategy[Any]] = {
        int: st.integers(-(1 << 63), (1 << 63) - 1),
        float: st.floats(allow_nan=False),
        str: st.text(max_size=20),
        bool: st.booleans(),
        NoneType: st.none(),
    }
    return simple[kind]


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
@settings(max_examples=40, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data())
def test_a_message_comes_back_as_it_was(kind: type[msgspec.Struct], data: st.DataObject) -> None:
    message = data.draw(any_of(kind))
    assert decode(encoded(message)) == message
    if kind in (TradeBatch, QuarantineBatch, GapOpened, GapUnfillable):
        assert decode_record(encoded(message)) == message


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
@settings(max_examples=15)
@given(data=st.data())
def test_what_an_older_or_a_newer_tickwire_sends_is_understood(
    kind: type[msgspec.Struct], data: st.DataObject
) -> None:
    message = data.draw(any_of(kind))
    array = msgspec.msgpack.decode(encoded(message))
    fields = msgspec.structs.fields(kind)
    new = [field for field in fields if not field.required]
    assert fields[len(fields) - len(new) :] == tuple(new), "new fields come last"
    older = decode(msgspec.msgpack.encode(array[: len(array) - len(new)]))
    assert older == kind(*[getattr(message, field.name) for field in fields[: -len(new) or None]])
    assert decode(msgspec.msgpack.encode([*array, "from the future", 7])) == message


def test_the_tags_are_all_different_and_never_change() -> None:
    tags = [kind.__struct_config__.tag for kind in KINDS]
    assert sorted(tags) == [
        *("average", "candle", "consolidated", "gap_opened", "gap_unfillable", "gaps_wanted"),
        *("heartbeat", "history", "history_wanted", "programs", "quarantine", "recovered", "seen"),
        *("status", "stored"),
        *("ticker", "trades"),
    ]


@pytest.mark.parametrize(
    "payload", [b"", b"\xc1", b"\x90", b"\x91\xa5other", b"\x91\xa6trades", b"\xff" * 50, b"\x80"]
)
def test_what_is_no_message_is_an_error(payload: bytes) -> None:
    with pytest.raises(msgspec.MsgspecError):
        decode(payload)
    with pytest.raises(msgspec.MsgspecError):
        decode_record(payload)
