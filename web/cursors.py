"""Opaque cursors: where a list goes on. A tuple goes in, URL-safe text comes out, and back.

Nobody but us reads them; one that we did not make is a 400, whatever it is.
"""

import base64
import binascii
from collections.abc import Sequence
from typing import Annotated, Any, TypeVar

import msgspec

from web.answers import Refused

CHARS_MAX = 512
_T = TypeVar("_T")
_Place = Annotated[int, msgspec.Meta(ge=0, le=1 << 31)]


def pack(*parts: Any) -> str:
    """Return the cursor of a position."""
    return base64.urlsafe_b64encode(msgspec.msgpack.encode(parts)).decode().rstrip("=")


def unpack(text: str, wanted: type[_T]) -> _T:
    """Return the position in a cursor, a ``tuple[…]`` of the types ``wanted``.

    Raises:
        Refused: 400, it is none of ours.
    """
    try:
        packed = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
        return msgspec.msgpack.decode(packed, type=wanted)
    except (binascii.Error, msgspec.MsgspecError, ValueError, RecursionError):
        raise Refused(400, "cursor is none that was given out here", field="cursor") from None


def part(rows: Sequence[_T], limit: int, cursor: str | None) -> tuple[Sequence[_T], str | None]:
    """Return one page of rows that are all in memory, and the cursor of the next.

    Raises:
        Refused: 400, the cursor is none of ours.
    """
    (first,) = unpack(cursor, tuple[_Place]) if cursor is not None else (0,)
    following = first + limit
    return rows[first:following], pack(following) if following < len(rows) else None
