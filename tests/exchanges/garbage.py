"""What an exchange should never send, made out of what it does send."""

import json
from collections.abc import Iterator
from typing import Any

WRONG: tuple[Any, ...] = (
    *(None, True, False, 0, -1, 5, 1.5, 10**30, -(10**30), 1e308, 10**4298),
    *("", "x", "NaN", "\x00", "٣", "9" * 5000, [], [1], {}, {"a": 1}, [[[]]], "2026-99-99"),
)

BYTES = (
    *(b"", b" ", b"null", b"true", b"5", b'"x"', b"[]", b"{}", b"[{}]", b"NaN", b"\xff\xfe"),
    *(b"{", b'{"a":', b"}", b"\x00", b'{"a":1}{"a":1}', b'{"type":"' + b"\xff" * 9 + b'"}'),
    *(b'{"e":"\\ud800"}', b'{"type":"\\ud800"}', b'"\\ud800"', b"9" * 5000, b"1e999"),
    *(b"[" * 100_000, b'{"a":' * 100_000, b'{"data":' * 100_000 + b"1" + b"}" * 100_000),
    b'{"type":"match","price":' + b"[" * 100_000 + b"]" * 100_000 + b"}",
    b"<html><body>502 Bad Gateway</body></html>",
)


def unknown_kinds(count: int) -> Iterator[bytes]:
    """Yield messages of kinds that nobody has heard of."""
    for number in range(count):
        yield b'{"type":"kind-%d","e":"kind-%d"}' % (number, number)


def truncated(frame: bytes) -> Iterator[bytes]:
    """Yield every proper beginning of a frame."""
    for end in range(len(frame)):
        yield frame[:end]


def damaged(frame: bytes) -> Iterator[bytes]:
    """Yield the frame with each of its bytes replaced by some others, and without it."""
    for at in range(len(frame)):
        for wrong in (b"", b"\x00", b"\xff", b"-", b"e", b'"', b"9", b"]"):
            yield frame[:at] + wrong + frame[at + 1 :]


def mistyped(frame: bytes) -> Iterator[bytes]:
    """Yield the frame with each of its values replaced by each wrong one, and without it.

    A frame that is not JSON as a whole yields nothing.
    """
    try:
        whole = json.loads(frame)
    except ValueError:
        return
    for path in _paths(whole):
        for wrong in WRONG:
            copied = json.loads(frame)
            _parent(copied, path)[path[-1]] = wrong
            yield _dumped(copied)
        copied = json.loads(frame)
        del _parent(copied, path)[path[-1]]
        yield _dumped(copied)


def shortened(body: bytes) -> bytes:
    """Return a JSON text whose lists have but their first two items."""
    return _dumped(_few(json.loads(body)))


def _few(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _few(inner) for key, inner in value.items()}
    return value[:2] if isinstance(value, list) else value


def _dumped(value: object) -> bytes:
    return json.dumps(value, ensure_ascii=False).encode()


def _paths(value: Any, before: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    pairs = value.items() if isinstance(value, dict) else enumerate(value)
    for key, inner in pairs:
        yield (*before, key)
        if isinstance(inner, dict | list):
            yield from _paths(inner, (*before, key))


def _parent(value: Any, path: tuple[Any, ...]) -> Any:
    for key in path[:-1]:
        value = value[key]
    return value
