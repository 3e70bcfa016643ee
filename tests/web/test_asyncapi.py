"""The AsyncAPI document: valid, whole, and true of what is sent."""

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import jsonschema_rs
import msgspec
import pytest

from bus.messages import FeedStatus, SymbolStatus, Trade
from bus.tap_format import MAPS, encode_map, encode_trades
from tests import needed
from tests.web.messages import average, candle, ticker
from web import asyncapi
from web.app import streams

DOCUMENT = asyncapi.document(streams(), "1.2.3", web="127.0.0.1:8000", tap="127.0.0.1:5556")
NODE = Path(__file__).parents[1] / "js"
OFFICIAL = NODE / "node_modules/@asyncapi/specs/schemas/3.0.0-without-$id.json"


@pytest.fixture(scope="module")
def official() -> jsonschema_rs.Draft7Validator:
    """The official schema of AsyncAPI 3.0, which is in one of the packages of the page's tests."""
    if not OFFICIAL.exists() and shutil.which("npm") is not None:
        subprocess.run(
            ["npm", "ci", "--silent", "--no-audit", "--no-fund", "--ignore-scripts"],
            cwd=NODE,
            check=False,
            timeout=120,
        )
    if not OFFICIAL.exists():
        needed.lacking("no Node or no network: the AsyncAPI document was NOT validated")
    return jsonschema_rs.Draft7Validator(json.loads(OFFICIAL.read_text()))


def schema_of(name: str) -> jsonschema_rs.Draft7Validator:
    """Return the validator of one component, with the others that it refers to."""
    schema = {"$ref": f"#/components/schemas/{name}", "components": DOCUMENT["components"]}
    return jsonschema_rs.Draft7Validator(schema)


def test_the_document_is_valid(official: jsonschema_rs.Draft7Validator) -> None:
    official.validate(DOCUMENT)


def test_the_validation_would_find_a_fault(official: jsonschema_rs.Draft7Validator) -> None:
    broken = msgspec.json.decode(msgspec.json.encode(DOCUMENT))
    broken["operations"]["ws_send"]["action"] = "shout"
    assert not official.is_valid(broken)


def references(value: Any) -> list[str]:
    if isinstance(value, dict):
        own = [value["$ref"]] if isinstance(value.get("$ref"), str) else []
        return own + [ref for each in value.values() for ref in references(each)]
    if isinstance(value, list | tuple):
        return [ref for each in value for ref in references(each)]
    return []


def test_every_reference_leads_somewhere() -> None:
    found = references(DOCUMENT)
    assert found
    for ref in found:
        place: Any = DOCUMENT
        for part in ref.removeprefix("#/").split("/"):
            assert part in place, ref
            place = place[part]


def test_every_stream_and_every_topic_is_a_channel() -> None:
    addresses = {channel["address"] for channel in DOCUMENT["channels"].values()}
    assert {stream.path for stream in streams()} < addresses
    assert {address for address, _ in asyncapi.TOPICS.values()} < addresses
    assert {"ws_send", "ws_receive", "sse_quotes_send"} <= set(DOCUMENT["operations"])
    assert [key for key, one in DOCUMENT["channels"].items() if not one["messages"]] == []


def test_an_operation_names_only_messages_of_its_channel_and_every_message_is_used() -> None:
    used = set()
    for operation in DOCUMENT["operations"].values():
        for message in operation["messages"]:
            assert message["$ref"].startswith(operation["channel"]["$ref"] + "/messages/")
            used.add(message["$ref"].rpartition("/")[2])
    assert used == set(DOCUMENT["components"]["messages"])


STATUS = FeedStatus(
    exchange="binance",
    state="connected",
    circuit="closed",
    since=1,
    attempt=0,
    next_try=None,
    reason=None,
    gapless=True,
    symbols=[SymbolStatus("ETH-USDT", "live", 1, 7)],
)
TRADE = Trade("ETH-USDT", 7, 1, 2, "1.5", None, "buy")


@pytest.mark.parametrize(
    ("name", "packed"),
    [
        ("TickerMap", encode_map(ticker())),
        ("CandleUpdateMap", encode_map(candle())),
        ("AverageMap", encode_map(average())),
        ("FeedStatusMap", encode_map(STATUS)),
        ("TradesMap", encode_trades("binance", "ETH-USDT", 1, 2, None, [TRADE])),
    ],
)
def test_what_the_tap_sends_is_what_the_document_says(name: str, packed: bytes) -> None:
    sent = msgspec.msgpack.decode(packed)
    schema_of(name).validate(sent)
    for key in sent:
        assert not schema_of(name).is_valid({**sent, key: {}})


def test_everything_that_a_client_may_say_has_an_example_that_fits() -> None:
    heard = [
        message["$ref"].rpartition("/")[2]
        for operation in DOCUMENT["operations"].values()
        if operation["action"] == "receive"
        for message in operation["messages"]
    ]
    for name in heard:
        (given,) = DOCUMENT["components"]["messages"][name]["examples"]
        schema_of(name).validate(given["payload"])
    (given,) = DOCUMENT["components"]["messages"]["SubscribeFrame"]["examples"]
    assert given["payload"]["type"] == "subscribe"
    assert given["payload"]["payload"]["channel"] == "ticker"


def test_the_fields_of_the_tap_are_described_as_the_messages_of_the_bus_are() -> None:
    described = DOCUMENT["components"]["schemas"]["TradeMap"]["properties"]
    assert described["ts_event"]["description"] == "When it happened at the exchange, µs UTC."
    assert {made.__name__ for made in MAPS.values()} < set(DOCUMENT["components"]["schemas"])


def test_a_frame_of_the_page_is_what_the_document_says() -> None:
    frame = {"type": "pong", "payload": {}, "timestamp": "2025-10-01T14:00:00.000Z"}
    schema_of("PongFrame").validate(frame)
    assert not schema_of("PongFrame").is_valid({**frame, "type": "ping"})
