"""Messages out of bytes, however the bytes are cut."""

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from websocket import WebSocketException

from procs.feed.frames import MESSAGE_BYTES_MAX, SKIPPED_BYTES_MAX, Frames, TooLong
from tests.procs.exchange_server import CLOSE, PING, TEXT, frame

CONTINUED = 0


def taken(frames: Frames, data: bytes, sizes: list[int]) -> list[tuple[int, bytes]]:
    found: list[tuple[int, bytes]] = []
    at = 0
    while at < len(data):
        size = sizes[at % len(sizes)] if sizes else len(data)
        found += frames.take(data[at : at + size])
        at += size
    return found


MESSAGES = st.lists(
    st.binary(max_size=300) | st.integers(0, 70_000).map(lambda size: bytes(size)), max_size=8
)


@given(MESSAGES, st.lists(st.integers(1, 5000), min_size=1, max_size=7))
def test_messages_are_the_same_however_the_bytes_are_cut(
    messages: list[bytes], sizes: list[int]
) -> None:
    data = b"".join(map(frame, messages))
    assert taken(Frames(), data, sizes) == [(TEXT, message) for message in messages]


@pytest.mark.parametrize("sizes", [[1], [7, 1000], []])
def test_fragments_become_one_message_with_pings_between_them(sizes: list[int]) -> None:
    data = (
        frame(b"one ", fin=False)
        + frame(b"ping!", PING)
        + frame(b"message", CONTINUED, fin=False)
        + frame(b"", CONTINUED)
        + frame(b"another")
    )
    assert taken(Frames(), data, sizes) == [
        *((PING, b"ping!"), (TEXT, b"one message"), (TEXT, b"another"))
    ]


def test_a_message_of_exactly_the_limit_is_taken_and_one_byte_more_is_skipped() -> None:
    frames = Frames()
    most = bytes(MESSAGE_BYTES_MAX)
    data = frame(most) + frame(most + b"x") + frame(b"after")
    sizes = [Random(1).randrange(1, 300_000) for _ in range(50)]
    assert taken(frames, data, sizes) == [(TEXT, most), (TEXT, b"after")]
    assert frames.oversized == 1


@pytest.mark.parametrize(
    "parts",
    [
        [(2 << 20, False), (10, False), (10, True)],
        [(10, False), (2 << 20, False), (10, True)],
        [(10, False), (2 << 20, True)],
        [(600_000, False), (600_000, False), (10, True)],
    ],
)
def test_a_fragmented_message_over_the_limit_is_skipped_whole_and_counted_once(
    parts: list[tuple[int, bool]],
) -> None:
    frames = Frames()
    data = b""
    for number, (size, last) in enumerate(parts):
        data += frame(b"x" * size, CONTINUED if number else TEXT, fin=last)
    found = taken(frames, data + frame(b"after"), [65_536])
    assert found == [(TEXT, b"after")]
    assert frames.oversized == 1


def test_fragments_without_end_take_no_memory() -> None:
    frames = Frames()
    assert list(frames.take(frame(b"x", fin=False))) == []
    for _ in range(400):
        assert list(frames.take(frame(bytes(100_000), CONTINUED, fin=False))) == []
    assert sum(map(len, frames._parts)) <= MESSAGE_BYTES_MAX
    assert list(frames.take(frame(b"", CONTINUED) + frame(b"after"))) == [(TEXT, b"after")]
    assert frames.oversized == 1


def test_a_length_beyond_belief_ends_the_connection() -> None:
    for length in (SKIPPED_BYTES_MAX + 1, 1 << 62, (1 << 64) - 1):
        with pytest.raises(TooLong):
            list(Frames().take(b"\x81\x7f" + length.to_bytes(8, "big")))


@pytest.mark.parametrize(
    "data", [b"\xf1\x01x", b"\x83\x01x", b"\x09\x00", frame(b"x", CLOSE), b"\xff" * 20]
)
def test_bytes_that_break_the_protocol_are_an_error(data: bytes) -> None:
    with pytest.raises((WebSocketException, TooLong)):
        list(Frames().take(data))


def test_a_masked_frame_is_read_and_a_masked_large_one_skipped() -> None:
    mask = b"\x01\x02\x03\x04"
    body = bytes(byte ^ mask[i % 4] for i, byte in enumerate(b"masked"))
    small = b"\x81" + bytes([0x80 | len(body)]) + mask + body
    large = b"\x81\xff" + (2 << 20).to_bytes(8, "big") + mask + bytes(2 << 20)
    assert taken(Frames(), large + small + frame(b"after"), [99_991]) == [
        *((TEXT, b"masked"), (TEXT, b"after"))
    ]
