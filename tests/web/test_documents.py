"""The documents and the page of the API, as a real web process answers them."""

import gzip
import html
import json
import re

import pytest
from openapi_spec_validator import validate

from tests.web.stack import Stack
from web.app import STATIC
from web.documents import BANNER_PLACE, PLACE, streams_of


@pytest.mark.parametrize("path", ["/openapi.json", "/asyncapi.json", "/docs"])
def test_a_document_is_compressed_and_not_sent_twice(stack: Stack, path: str) -> None:
    status, headers, body = stack.get(path, headers={"accept-encoding": "gzip"})
    assert status == 200
    assert headers["content-encoding"] == "gzip"
    assert gzip.decompress(body) == stack.get(path)[2]
    again, _, nothing = stack.get(path, headers={"if-none-match": headers["etag"]})
    assert (again, nothing) == (304, b"")
    assert stack.get(path, "POST")[0] == 405


def test_the_documents_are_those_of_this_installation(stack: Stack) -> None:
    on_http = stack.json("/openapi.json")
    validate(on_http)
    assert "/api/last" in on_http["paths"]
    live = stack.json("/asyncapi.json")
    assert live["info"]["version"] == on_http["info"]["version"]
    assert live["servers"]["tap"]["host"] == stack.settings.tap_endpoint.partition("://")[2]


def test_the_page_may_run_our_own_files_and_nothing_inline(stack: Stack) -> None:
    _, headers, body = stack.get("/docs")
    assert headers["content-type"].startswith("text/html")
    policy = dict(part.split(" ", 1) for part in headers["content-security-policy"].split("; "))
    assert policy["default-src"] == "'none'"
    assert policy["script-src"] == policy["style-src"] == policy["connect-src"] == "'self'"
    assert not re.search(rb"<script(?![^>]* src=)|<style|\sstyle=|\son[a-z]+=", body)


def test_every_file_that_the_page_names_is_there(stack: Stack) -> None:
    body = stack.get("/docs")[2].decode()
    named = re.findall(r'(?:src|href)="(/[^"#]*)"', body)
    assert "/static/vendor/swagger-ui.js" in named
    assert [path for path in named if stack.get(path)[0] != 200] == []


def test_every_stream_and_every_message_stands_in_the_page_and_each_link_leads_somewhere(
    stack: Stack,
) -> None:
    body = stack.get("/docs")[2].decode()
    live = stack.json("/asyncapi.json")
    for channel in live["channels"].values():
        assert html.escape(channel["address"]) in body
    names = {f'id="{name}"' for name in live["components"]["messages"]}
    assert [name for name in names if name not in body] == []
    places = set(re.findall(r'id="([^"]+)"', body))
    assert set(re.findall(r'href="#([^"]+)"', body)) <= places
    source = (STATIC / "docs" / "index.html").read_text()
    for place in (PLACE, BANNER_PLACE):
        assert place in source
        assert place not in body
    assert "SIMULATED" not in body


def test_what_is_said_of_a_stream_cannot_break_the_page() -> None:
    evil = "</p><script>alert(1)</script> `<b>`"
    name = {"description": evil, "type": "object", "properties": {}}
    ref = {"$ref": "#/channels/x/messages/X"}
    document = {
        "servers": {"web": {"protocol": "ws"}},
        "channels": {
            "x": {
                "address": evil,
                "summary": evil,
                "servers": [{"$ref": "#/servers/web"}],
                "messages": {"X": {"$ref": "#/components/messages/X"}},
            }
        },
        "operations": {"x_send": {"action": "send", "messages": [ref]}},
        "components": {
            "messages": {"X": {"name": evil, "title": "X", "summary": evil}},
            "schemas": {"X": {**name, "properties": {evil: {"enum": [evil]}}}},
        },
    }
    made = streams_of(document)
    assert "<script" not in made
    assert "<b>" not in made
    assert json.dumps(evil) not in made
    assert html.escape("<script>") in made
