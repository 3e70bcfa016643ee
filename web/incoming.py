"""What a client says over a WebSocket: its type and its fields, or why it cannot be read.

In comes the text of one message; out go a type in lower case and the fields, which may stand beside
the type or inside the one object that the protocol has for them. Pure; never raises anything else
than ``BadRequest``, whatever the text is.
"""

from typing import Any

import msgspec

from bus.errors import TickwireError

_decode = msgspec.json.Decoder().decode


class BadRequest(TickwireError):
    """What a client said cannot be done: a code and a sentence."""

    def __init__(self, code: str, sentence: str) -> None:
        super().__init__(sentence)
        self.code = code
        self.sentence = sentence


def read(text: str | bytes, inside: str) -> tuple[str, dict[str, Any]]:
    """Return the type and the fields of a message; ``inside`` names the object for fields.

    Raises:
        BadRequest: it is not JSON, or not an object with a type.
    """
    try:
        value = _decode(text)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        raise BadRequest("BAD_REQUEST", "the message is not JSON") from None
    if not isinstance(value, dict) or not isinstance(value.get("type"), str):
        raise BadRequest("BAD_REQUEST", 'a message is an object with a "type"')
    inner = value.get(inside)
    return value["type"].lower(), {**value, **inner} if isinstance(inner, dict) else value
