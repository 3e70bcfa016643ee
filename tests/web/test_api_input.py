"""Whatever is asked of a GET route: a list, or a refusal with its reason, never a 500."""

import time
from urllib.parse import quote, urlencode

import msgspec
import pytest

from store.pool import Connection
from tests.web.fix_api import HOUR, Api, store, trades, wall
from tests.web.messages import status, ticker
from tests.web.stack import Stack
from web import app
from web.app import endpoints
from web.schema import Endpoint, route
from web.services import Services

ASKABLE = [one for one in endpoints() if one.method == "GET" and one.query is not None]
NEEDED = {"symbol": "ETH-USDT", "pair": "ETHUSDT", "coin_id": "ethereum"}
NASTY = (
    *("", " ", "\0", "ETH\0", "é", "‮", "\ud7ff", "\U0001f600", "\r\nX-A: 1", "%", "%00", "{}"),
    *("'", "'; DROP TABLE trade; --", "' OR '1'='1", "\\", '"', "<script>", "../../etc/passwd"),
    *(
        "0",
        "-1",
        "1",
        "1000000000",
        "9" * 19,
        "9" * 200,
        "1e999",
        "1e-999",
        "-0",
        "NaN",
        "Infinity",
        "1e30",
        "1e-30",
        "1e9",
        "-9223372036854775809",
    ),
    *("0x10", "1_000", "٣", "true", "null", "1.5", "csv", "binance", "nowhere:ETH-USDT", ":", "::"),
    *("0001-01-01T00:00Z", "9999-12-31T23:59:59.999999Z", "9999-12-31T23:59-14:00", "now"),
    *("0001-01-01T00:00+14:00", "2024-02-30T00:00Z", "1969-12-31T23:59:59Z", "2025-W01-1"),
    *("1970-01-01T00:00Z", "2999-01-01", "24:00", "AAAA", "gAA", "k80BAAE", "A" * 600, ","),
)
PAIRS = (
    ("9999-12-31T23:00:00-10:00", "9999-12-31T23:59:59-23:59"),
    ("9999-12-31T23:00:00Z", "9999-12-31T23:59:59.999999-00:01"),
    ("9999-12-31T23:59:59.999998Z", "9999-12-31T23:59:59.999999Z"),
    ("9999-12-31T00:00:00+23:59", "9999-12-31T23:59:59.999999Z"),
    ("0001-01-01T00:00:00+23:59", "0001-01-01T00:00:00+10:00"),
    ("0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00"),
    ("1970-01-01T00:00:00+00:01", "1970-01-01T00:00:01Z"),
    ("1970-01-01T00:00Z", "9999-12-31T23:59:59.999999Z"),
    ("1970-01-01T00:00Z", "2070-01-01T00:00Z"),
    ("2025-01-02T00:00Z", "2025-01-01T00:00Z"),
    ("2025-01-01T00:00Z", "2025-01-01T00:00Z"),
)
"""Ranges of a century, backwards, of nothing, at both ends of what a date can be."""
SLOW_S = 0.2
TRIES = 5
"""How often what was slow is asked for: tests share their machine."""


def queries(endpoint: Endpoint) -> list[tuple[str, str]]:
    """Return the paths and queries to try: each field by itself with every nasty value."""
    assert endpoint.query is not None
    fields = endpoint.query.__struct_encode_fields__
    whole = {name: value for name, value in NEEDED.items() if name in fields}
    tried: list[tuple[str, str]] = []
    for field in fields:
        for value in NASTY:
            given = {**whole, field: value}
            path = endpoint.template.format(**given) if endpoint.in_path else endpoint.path
            rest = {k: v for k, v in given.items() if k not in endpoint.in_path}
            tried.append((path, urlencode(rest)))
    path = endpoint.template.format(**whole) if endpoint.in_path else endpoint.path
    whole_text = urlencode(whole)
    repeated = "&".join(f"{field}=1&{field}=ETH-USDT&{field}=%ff" for field in fields)
    surrogates = "&".join(f"{field}=%ED%A0%80%00%C0%AF" for field in fields)
    for start, end in PAIRS:
        tried.append((path, f"{whole_text}&{urlencode({'from': start, 'to': end})}"))
    for text in (repeated, surrogates, "&&=;&==", "%", "a" * 3000):
        tried.append((path, f"{whole_text}&{text}"))
    return tried


def wrong(api: Api, asked: list[tuple[str, str]]) -> list[tuple[tuple[str, str], str]]:
    """Return which of some questions are answered wrongly or slowly, and how."""
    answers, seconds = api.all([*asked]), api.seconds
    found = []
    for query, answer, taken in zip(asked, answers, seconds, strict=True):
        if answer.status not in (200, 400, 404):
            found.append((query, f"status {answer.status}"))
        elif answer.status != 200 and not answer.error["message"]:
            found.append((query, "no reason"))
        elif taken >= SLOW_S:
            api.all([query] * TRIES)
            if min(api.seconds) >= SLOW_S:
                found.append((query, f"{min(api.seconds):.3f} s"))
    assert {answer.status for answer in answers} >= {200, 400}
    return found


@pytest.mark.alone
@pytest.mark.parametrize("endpoint", ASKABLE, ids=lambda endpoint: endpoint.path)
def test_a23_no_value_of_any_field_is_an_error_of_ours_or_takes_long(
    api: Api, records: Connection, endpoint: Endpoint
) -> None:
    now = wall()
    store(records, trades(now - HOUR, "1", "2"))
    api.tell(status(), ticker(ts_recv=now))
    before = records.execute("SELECT count(*), sum(n) FROM candle").fetchone()
    assert wrong(api, queries(endpoint)) == []
    assert records.execute("SELECT count(*), sum(n) FROM candle").fetchone() == before


class CarelessQuery(msgspec.Struct):
    """A number that nothing is said of."""

    limit: str
    slow: bool = False


@route("/careless", query=CarelessQuery, answer=int)
def careless(services: Services, query: CarelessQuery) -> int:
    """Return what any text is as a number, in its own time."""
    until = time.perf_counter() + (SLOW_S if query.slow else 0)
    while time.perf_counter() < until:
        pass
    return int(query.limit)


@pytest.mark.alone
def test_a23_a_route_that_takes_any_value_or_any_time_is_found_out(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(app, "endpoints", lambda: [careless])
    asked = [("/careless", query) for query in ("limit=1", "", "limit=NaN", "limit=2&slow=true")]
    found = dict(wrong(api, asked))
    assert found[asked[2]] == "status 500"
    assert found[asked[3]].endswith(" s")
    assert len(found) == 2


@pytest.mark.parametrize("template", ["/prices/{}/history", "/api/market/price/{}"])
def test_what_is_escaped_in_a_path_is_a_name_like_any_other(stack: Stack, template: str) -> None:
    for raw in (
        *("%00", "%ED%A0%80", "%ff%fe", "%0d%0aX-A:%201", "%2e%2e%2f", "%25", "é", "ETH%00"),
        *("'%20OR%201=1", "{symbol}", "%E2%80%AE", "a" * 300, "%2F" * 20),
    ):
        found, headers, body = stack.get(template.format(quote(raw, safe="%'{}=:")))
        assert (found in (400, 404), "x-a" in headers) == (True, False), (raw, body)
