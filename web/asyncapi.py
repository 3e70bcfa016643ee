"""The AsyncAPI 3.0 document: WebSockets, server-sent events and the ZeroMQ tap.

In come the streams, which say what they send and hear, and where the servers are; out goes the
document that ``/asyncapi.json`` answers. ``send`` is what tickwire sends, ``receive`` what it
takes. Schemas are those of the Structs, in JSON Schema draft 7, which AsyncAPI demands.
"""

from collections.abc import Sequence
from typing import Any

import msgspec

from bus.tap_format import MAPS, PARTS, TradesMap
from web.json_schema import REF, Schema, components, described, notes, prose
from web.openapi import parameters
from web.stream import Stream

Struct = type[msgspec.Struct]
DESCRIPTION = """\
Market data as it happens: JSON over WebSockets and server-sent events, MessagePack over ZeroMQ.

- Over WebSockets and events, **prices and sizes** are JSON numbers with the exchange's own digits;
  a missing value is `null`.
- On the tap they are decimal text, and **times** are integer µs UTC. A message there has two
  frames, the topic and the payload. A subscription is the beginning of a topic: `trade.binance.`
  is all trades of one exchange, nothing at all is everything. Who subscribes to tickers, candles,
  averages, consolidated prices or states is sent the present ones first.

The HTTP routes are in [/openapi.json](/openapi.json).
"""
TOPICS: dict[str, tuple[str, str]] = {
    "trade": ("trade.{exchange}.{symbol}.", "Every trade of a symbol, in batches, each once."),
    "ticker": ("ticker.{exchange}.{symbol}.", "The latest state of a symbol."),
    "candle": ("candle.{interval}.{exchange}.{symbol}.", "The candles of a symbol."),
    "average": ("average.{exchange}.{symbol}.", "The average price of a symbol's hours."),
    "consolidated": ("consolidated.{asset}.", "The price of an asset over all exchanges."),
    "status": ("status.{exchange}.", "The state of the connection to an exchange."),
}
"""The topics of the tap, by the first word, and what stands under each."""
PLACES: dict[str, dict[str, Any]] = {
    "exchange": {"description": "In lower case.", "examples": ["binance"]},
    "symbol": {"description": "BASE-QUOTE in capitals.", "examples": ["ETH-USDT"]},
    "asset": {"description": "Its code, in capitals.", "examples": ["BTC"]},
    "interval": {"description": "Length of the candle.", "enum": ["1m", "1h", "1d"]},
}
"""What stands in a topic's braces."""
_SENT_AS = {"websocket": "web", "events": "events"}


def document(streams: Sequence[Stream], version: str, *, web: str, tap: str) -> dict[str, Any]:
    """Return the document.

    Args:
        streams: what is sent over WebSockets and as events.
        version: of tickwire.
        web: host and port of the web server, ``127.0.0.1:8000``.
        tap: those of the tap.
    """
    on_tap: dict[str, Struct] = {
        **{_word(made): made for made in MAPS.values()},
        "trade": TradesMap,
    }
    frames = [struct for stream in streams for struct in (*stream.sends, *stream.hears)]
    types: list[Struct] = list(dict.fromkeys([*frames, *on_tap.values(), *PARTS.values()]))
    schemas, named = components(types)
    names: dict[Struct, str] = {
        struct: schema["$ref"].rpartition("/")[2]
        for struct, schema in zip(types, schemas, strict=True)
    }
    _write_the_maps(named, names)
    channels: dict[str, Any] = {}
    operations: dict[str, Any] = {}
    for stream in streams:
        key = stream.path.strip("/").translate(str.maketrans("/", "_", "{}"))
        channels[key] = _channel_of(stream, names)
        _operate(operations, key, channels[key], [names[one] for one in stream.sends], "send")
        _operate(operations, key, channels[key], [names[one] for one in stream.hears], "receive")
    for word, (address, sentence) in TOPICS.items():
        key = f"tap_{word}"
        channels[key] = _channel_on_tap(address, sentence, names[on_tap[word]])
        _operate(operations, key, channels[key], [names[on_tap[word]]], "send")
    packed = {names[struct] for struct in on_tap.values()}
    heard = {names[struct] for stream in streams for struct in stream.hears}
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "tickwire",
            "version": version,
            "description": DESCRIPTION,
            "license": {"name": "MIT"},
        },
        "defaultContentType": "application/json",
        "servers": {
            "web": {"host": web, "protocol": "ws"},
            "events": {"host": web, "protocol": "http"},
            "tap": {"host": tap, "protocol": "zmq", "description": "An XPUB: connect a SUB."},
        },
        "channels": channels,
        "operations": operations,
        "components": {
            "messages": {
                name: _message(name, named, packed=name in packed, heard=name in heard)
                for name in sorted({names[one] for one in [*frames, *on_tap.values()]})
            },
            "schemas": {name: _as_draft_7(schema) for name, schema in named.items()},
        },
    }


def _word(made: Struct) -> str:
    return str(made.__struct_config__.tag)


def _write_the_maps(named: dict[str, Schema], names: dict[Struct, str]) -> None:
    """Say of each map of the tap what is written of the message that it was made from."""
    sources = {made: source for source, made in [*MAPS.items(), *PARTS.items()]}
    for made, source in sources.items():
        schema = named[names[made]]
        schema["description"] = described(source)
        for field, note in notes(source).items():
            schema["properties"][field].setdefault("description", note)


def _channel_of(stream: Stream, names: dict[Struct, str]) -> dict[str, Any]:
    summary, rest = prose(stream.handler.__doc__)
    asked = parameters(stream.query)
    placed = {each["name"]: each for each in asked if f"{{{each['name']}}}" in stream.path}
    channel: dict[str, Any] = {
        "address": stream.path,
        "summary": summary,
        "description": rest,
        "servers": [{"$ref": f"#/servers/{_SENT_AS[stream.kind]}"}],
        "messages": {
            names[one]: {"$ref": f"#/components/messages/{names[one]}"}
            for one in (*stream.sends, *stream.hears)
        },
    }
    if placed:
        channel["parameters"] = {
            name: {"description": each["description"]} for name, each in placed.items()
        }
    open_fields = {
        each["name"]: {**each["schema"], "description": each["description"]}
        for each in asked
        if each["name"] not in placed
    }
    if open_fields and stream.kind == "websocket":
        query = _as_draft_7({"type": "object", "properties": open_fields})
        channel["bindings"] = {"ws": {"query": query}}
    elif open_fields:
        words = "; ".join(f"`?{name}=`: {one['description']}" for name, one in open_fields.items())
        channel["description"] = "\n\n".join(filter(None, (rest, words)))
    return channel


def _channel_on_tap(address: str, sentence: str, name: str) -> dict[str, Any]:
    return {
        "address": address,
        "summary": sentence,
        "servers": [{"$ref": "#/servers/tap"}],
        "parameters": {place: one for place, one in PLACES.items() if f"{{{place}}}" in address},
        "messages": {name: {"$ref": f"#/components/messages/{name}"}},
    }


def _operate(
    operations: dict[str, Any], key: str, channel: Schema, names: Sequence[str], action: str
) -> None:
    """Add what is done on a channel, where anything is."""
    if names:
        operations[f"{key}_{action}"] = {
            "action": action,
            "channel": {"$ref": f"#/channels/{key}"},
            "summary": channel["summary"],
            "messages": [{"$ref": f"#/channels/{key}/messages/{name}"} for name in names],
        }


def _message(name: str, named: dict[str, Schema], *, packed: bool, heard: bool) -> dict[str, Any]:
    schema = named[name]
    tag = next(
        (one["enum"][0] for one in schema.get("properties", {}).values() if "enum" in one), name
    )
    message = {
        "name": str(tag),
        "title": name,
        "summary": schema.get("description", ""),
        "payload": {"$ref": REF.format(name=name)},
    }
    if packed:
        message["contentType"] = "application/msgpack"
    if heard:
        message["examples"] = [{"payload": example(schema, named)}]
    return message


def example(schema: Schema, named: dict[str, Schema]) -> Any:
    """Return a value that fits a schema: the fields that must be there, and those with a default.

    What a schema gives as an example or default is preferred.
    """
    if "examples" in schema:
        return schema["examples"][0]
    if "$ref" in schema:
        return example(named[schema["$ref"].rpartition("/")[2]], named)
    if schema.get("default") is not None:
        return schema["default"]
    if "enum" in schema:
        return schema["enum"][0]
    if "anyOf" in schema:
        return example(next(one for one in schema["anyOf"] if one != {"type": "null"}), named)
    match schema.get("type"):
        case "object":
            required = schema.get("required", ())
            return {
                name: example(each, named)
                for name, each in schema.get("properties", {}).items()
                if name in required or each.get("default") is not None
            }
        case "array":
            return [example(schema.get("items", {}), named)] * schema.get("minItems", 1)
        case "integer" | "number":
            return schema.get("minimum", 0)
        case "boolean":
            return False
    return "…"


def _as_draft_7(schema: Any) -> Any:
    """Return a schema in the words of draft 7: tuples, siblings of a reference, discriminators."""
    if isinstance(schema, list | tuple):
        return [_as_draft_7(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    made = {key: _as_draft_7(value) for key, value in schema.items()}
    if "prefixItems" in made:
        made["items"] = made.pop("prefixItems")
        made["additionalItems"] = False
    if isinstance(made.get("discriminator"), dict):
        made["discriminator"] = made["discriminator"]["propertyName"]
    if isinstance(made.get("$ref"), str) and len(made) > 1:
        made["allOf"] = [{"$ref": made.pop("$ref")}]
    return made
