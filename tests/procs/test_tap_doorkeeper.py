"""Who is let in, as libzmq asks it."""

import pytest
import zmq
from zmq.utils import z85

from procs.tap.doorkeeper import answer

PUBLIC, _ = zmq.curve_keypair()
OTHER, _ = zmq.curve_keypair()
NAMES = {PUBLIC: "laptop"}


def question(
    key: bytes = PUBLIC, mechanism: bytes = b"CURVE", domain: bytes = b"tap"
) -> list[bytes]:
    return [b"1.0", b"7", domain, b"10.0.0.9", b"", mechanism, z85.decode(key)]


def test_an_authorised_key_is_let_in_by_its_name() -> None:
    assert answer(question(), NAMES) == [b"1.0", b"7", b"200", b"OK", b"laptop", b""]


@pytest.mark.parametrize(
    "asked",
    [
        question(OTHER),
        question(mechanism=b"NULL"),
        question(mechanism=b"PLAIN"),
        question(domain=b""),
        question()[:6],
        [*question(), b"more"],
        [b"2.0", *question()[1:]],
        [*question()[:6], b""],
        [*question()[:6], b"x" * 33],
        [],
    ],
)
def test_nobody_else_is(asked: list[bytes]) -> None:
    reply = answer(asked, NAMES)
    assert len(reply) == 6
    assert reply[2] in (b"400", b"500")
    assert reply[4] == b""


def test_nobody_is_while_nobody_is_authorised() -> None:
    assert answer(question(), {})[2] == b"400"
