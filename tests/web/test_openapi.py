"""The OpenAPI document: valid, whole, and what the routes say of themselves."""

from decimal import Decimal
from typing import Annotated, Any, Literal

import msgspec
import pytest
from openapi_spec_validator import validate
from openapi_spec_validator.validation.exceptions import OpenAPIValidationError

from web import openapi
from web.app import endpoints, streams
from web.schema import Format, Paging, route
from web.services import Services

DOCUMENT = openapi.document(endpoints(), streams(), "1.2.3")


class ThingQuery(Paging, kw_only=True):
    """Which thing."""

    name: str
    kind: Literal["small", "large"] = "small"
    least: Annotated[int, msgspec.Meta(ge=0, le=9, description="No smaller ones")] | None = None
    start: str | None = msgspec.field(default=None, name="from")
    format: Format = "json"


class Thing(msgspec.Struct):
    """A thing."""

    price: Decimal
    size: Decimal | None


class Making(msgspec.Struct):
    """How to make it."""

    size: Decimal


@route(
    "/api/things/{name:path}", query=ThingQuery, answer=list[Thing], errors=(404, 503), etag=True
)
async def things(services: Services, query: ThingQuery) -> list[Thing]:
    """Return ``things``, all of them.

    The new ones first.
    """
    return []


@route("/api/things/{name:path}", method="POST", query=ThingQuery, body=Making, answer=Thing)
async def make(services: Services, query: ThingQuery, body: Making) -> Thing:
    """Make one."""
    return Thing(body.size, None)


@route("/count", media_type="text/plain; version=1", limit=None)
async def count(services: Services) -> str:
    """Return a text."""
    return ""


MADE = openapi.document([things, make, count], [], "1")


def operation(path: str = "/api/things/{name}", method: str = "get") -> dict[str, Any]:
    found: dict[str, Any] = MADE["paths"][path][method]
    return found


def test_the_document_is_valid() -> None:
    validate(DOCUMENT)
    validate(MADE)


def test_the_validation_would_find_a_fault() -> None:
    broken = msgspec.json.decode(msgspec.json.encode(MADE))
    broken["paths"]["/count"]["get"]["responses"]["200"].pop("description")
    with pytest.raises(OpenAPIValidationError):
        validate(broken)


def test_every_route_and_every_event_stream_is_in_it_with_a_summary() -> None:
    wanted = {(one.template, one.method.lower()) for one in endpoints()}
    wanted |= {(one.path, "get") for one in streams() if one.kind == "events"}
    found = {(path, method) for path, methods in DOCUMENT["paths"].items() for method in methods}
    assert found == wanted
    operations = [one for methods in DOCUMENT["paths"].values() for one in methods.values()]
    assert [one["operationId"] for one in operations if not one["summary"]] == []
    tags = {tag["name"] for tag in DOCUMENT["tags"] if tag["description"]}
    assert {tag for one in operations for tag in one["tags"]} == tags


def test_every_parameter_of_ours_says_what_it_is() -> None:
    silent = [
        (path, parameter["name"])
        for path, methods in DOCUMENT["paths"].items()
        for one in methods.values()
        for parameter in one.get("parameters", [])
        if not parameter["description"]
    ]
    assert silent == []


def test_parameters_are_the_fields_of_the_query() -> None:
    found = {one["name"]: one for one in operation()["parameters"]}
    assert next(iter(found)) == "name"
    assert (found["name"]["in"], found["name"]["required"]) == ("path", True)
    assert found["kind"]["schema"] == {
        "enum": ["large", "small"],
        "default": "small",
        "type": "string",
    }
    assert found["least"]["schema"] == {"type": "integer", "minimum": 0, "maximum": 9}
    assert found["least"]["description"] == "No smaller ones"
    assert found["limit"]["schema"]["maximum"] == 1000
    assert (found["from"]["required"], found["from"]["schema"]["format"]) == (False, "date-time")
    assert (found["If-None-Match"]["in"], found["If-None-Match"]["required"]) == ("header", False)


def test_an_answer_has_its_schema_its_headers_and_each_kind_it_can_be_had_as() -> None:
    answer = operation()["responses"]["200"]
    rows = answer["content"]["application/json"]["schema"]
    assert rows == {"type": "array", "items": {"$ref": "#/components/schemas/Thing"}}
    assert set(answer["content"]) == {"application/json", "text/csv"}
    of_limit = {"X-RateLimit-Limit", "X-RateLimit-Remaining", "X-RateLimit-Reset"}
    listed = {"X-Request-Id", "ETag", "X-Next-Cursor", "Link"}
    assert set(answer["headers"]) == listed | of_limit
    assert set(operation("/count")["responses"]["200"]["headers"]) == {"X-Request-Id"}
    assert set(operation("/count")["responses"]["200"]["content"]) == {"text/plain"}
    thing = MADE["components"]["schemas"]["Thing"]
    assert thing["properties"]["price"] == {"type": "number"}
    assert thing["properties"]["size"] == {"anyOf": [{"type": "number"}, {"type": "null"}]}


def test_a_route_says_each_status_that_it_declares_or_that_follows_from_its_shape() -> None:
    assert set(operation()["responses"]) == {"200", "304", "400", "404", "429", "503"}
    assert set(operation(method="post")["responses"]) == {"200", "400", "413", "415", "429"}
    assert set(operation("/count")["responses"]) == {"200"}
    refused = MADE["components"]["responses"]["SERVICE_UNAVAILABLE"]
    assert "Retry-After" in refused["headers"]
    assert refused["content"]["application/json"]["schema"]["allOf"][0] == {
        "$ref": "#/components/schemas/Envelope"
    }


def test_what_is_written_of_a_route_is_its_summary_and_description() -> None:
    assert operation()["summary"] == "Return things, all of them"
    assert operation()["description"] == (
        "The new ones first.\n\nWhich thing.\n\nCounted among the `general` requests of an address."
    )
    body = operation(method="post")["requestBody"]
    assert body["content"]["application/json"]["schema"]["$ref"].endswith("/Making")
