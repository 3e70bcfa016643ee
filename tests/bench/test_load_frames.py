"""The load's splitter of frames, beside the library that everybody trusts."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from websockets.extensions.permessage_deflate import ServerPerMessageDeflateFactory
from websockets.frames import Frame, Opcode
from websockets.server import ServerProtocol

from bench.load import frames

PAYLOADS = st.lists(
    st.one_of(st.binary(max_size=200), st.sampled_from([b"x" * 126, b"y" * 65_535, b"z" * 65_536])),
    max_size=6,
)


def served(payload: bytes, opcode: Opcode = Opcode.TEXT, fin: bool = True) -> bytes:
    return Frame(opcode, payload, fin).serialize(mask=False)


@given(PAYLOADS, st.integers(0, 400))
def test_frames_are_found_whole_and_what_is_cut_off_waits(payloads: list[bytes], cut: int) -> None:
    wire = b"".join(served(payload) for payload in payloads)
    end = max(0, len(wire) - cut)
    found, rest = frames.split(bytearray(wire), 0, end)
    whole = [wire[begin:stop] for _, begin, stop in found]
    assert whole == payloads[: len(whole)]
    assert rest == sum(len(served(payload)) for payload in whole)
    if len(whole) < len(payloads):
        assert end - rest < len(served(payloads[len(whole)]))


@given(PAYLOADS)
def test_counting_agrees_with_splitting_where_all_is_text(payloads: list[bytes]) -> None:
    long_enough = [payload for payload in payloads if 4 <= len(payload) < 65_536]
    wire = bytearray(b"".join(served(payload) for payload in long_enough))
    assert frames.count(wire, len(wire)) == (len(long_enough), len(wire))


@pytest.mark.parametrize("odd", [served(b"", Opcode.PING), served(b"2"), served(b"", Opcode.CLOSE)])
def test_counting_stops_before_what_must_be_looked_at(odd: bytes) -> None:
    first = served(b"a price")
    wire = bytearray(first + odd + first)
    assert frames.count(wire, len(wire)) == (1, len(first))


def test_counting_stops_before_a_frame_that_is_cut_off() -> None:
    for whole in (served(b"x" * 40), served(b"x" * 400)):
        for end in range(len(whole)):
            assert frames.count(bytearray(whole), end) == (0, 0)


@pytest.mark.parametrize(
    "wrong",
    [
        served(b"half", fin=False),
        served(b"half", Opcode.CONT),
        bytes([0xA1, 8]) + b"extended",
        b"\x81\x86\x00\x00\x00\x00masked",  # as only clients send, with a mask of nothing
        b"\x83\x00",
    ],
)
def test_what_a_server_may_not_send_is_an_error(wrong: bytes) -> None:
    with pytest.raises(frames.BadFrame):
        frames.split(bytearray(wrong), 0, len(wrong))


@given(st.text(max_size=3000))
def test_what_another_has_compressed_says_the_same(text: str) -> None:
    factory = ServerPerMessageDeflateFactory(server_no_context_takeover=True)
    extension = factory.process_request_params([], [])[1]
    wire = Frame(Opcode.TEXT, text.encode()).serialize(mask=False, extensions=[extension])
    whole = len(wire) >= 6
    assert frames.count(bytearray(wire), len(wire), compressed=True)[0] == whole
    assert frames.count(bytearray(wire), len(wire))[0] == 0
    [(opcode, begin, stop)], rest = frames.split(bytearray(wire), 0, len(wire))
    assert (opcode, rest) == (frames.COMPRESSED, len(wire))
    assert frames.unpacked(wire[begin:stop]).decode() == text


def test_a_server_understands_what_a_client_sends() -> None:
    server = ServerProtocol()
    server.receive_data(frames.upgrade("127.0.0.1:8000", "/ws"))
    [request] = server.events_received()
    answer = server.accept(request)  # type: ignore[arg-type]
    server.send_response(answer)
    head, end, rest = b"".join(server.data_to_send()).partition(b"\r\n\r\n")
    assert (frames.upgraded(head), end, rest) == (True, b"\r\n\r\n", b"")
    for size in (0, 125, 126, 65_535):
        server.receive_data(frames.masked(frames.TEXT, b"x" * size))
        [frame] = server.events_received()
        assert isinstance(frame, Frame)
        assert (frame.opcode, bytes(frame.data)) == (Opcode.TEXT, b"x" * size)
    with pytest.raises(ValueError, match="65536"):
        frames.masked(frames.TEXT, b"x" * 65_536)


@pytest.mark.parametrize(
    "head",
    [
        b"HTTP/1.1 403 Forbidden\r\nSec-WebSocket-Accept: " + frames.accepted(),
        b"HTTP/1.1 101 Switching Protocols\r\nSec-WebSocket-Accept: c29tZXRoaW5nIGVsc2U=",
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket",
    ],
)
def test_a_refused_upgrade_is_no_connection(head: bytes) -> None:
    assert not frames.upgraded(head)
