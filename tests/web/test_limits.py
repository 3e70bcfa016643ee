"""The limits of connections and requests: which settings become which of them."""

import dataclasses

import pytest

from bus import settings
from bus.errors import SettingError
from web.limits import Limits

LIMITS = {
    "WS_FRAME_BYTES": "frame_bytes",
    "WS_MESSAGES_PER_MINUTE": "messages_per_minute",
    "WS_SYMBOLS": "symbols",
    "WS_SLOW_AFTER_S": "slow_after_s",
    "WS_PER_ADDRESS": "per_address",
    "WS_COMPRESSION": "compressed",
    "WS_PING_EVERY_S": "ping_every_s",
    "WS_PONG_WITHIN_S": "pong_within_s",
    "SSE_COMMENT_EVERY_S": "sse_comment_every_s",
    "HTTP_BODY_BYTES": "body_bytes",
    "HTTP_QUERY_CHARS": "query_chars",
    "HTTP_HEAD_BYTES": "head_bytes",
    "HTTP_HEAD_WITHIN_S": "head_within_s",
}


def test_without_settings_the_limits_are_the_documented_ones() -> None:
    assert Limits.of(settings.load({})) == Limits()


@pytest.mark.parametrize(("key", "field"), LIMITS.items())
def test_each_setting_changes_its_limit_and_no_other(key: str, field: str) -> None:
    usual = Limits()
    held = getattr(usual, field)
    wanted = not held if isinstance(held, bool) else int(held) * 2
    changed = Limits.of(settings.load({key: str(int(wanted))}))
    assert changed == dataclasses.replace(usual, **{field: wanted})  # type: ignore[arg-type]


def test_every_limit_among_the_settings_is_used() -> None:
    keys = {key for key, _, _ in settings.rows() if key.startswith(("WS_", "HTTP_", "SSE_"))}
    assert keys == set(LIMITS)


def test_a_limit_that_would_refuse_everything_is_no_setting() -> None:
    with pytest.raises(SettingError, match="HTTP_BODY_BYTES"):
        settings.load({"HTTP_BODY_BYTES": "0"})
