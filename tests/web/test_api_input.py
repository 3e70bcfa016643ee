"""Whatever is asked of a GET route: a list, or a refusal with its reason, never a 500."""

from urllib.parse import quote, urlencode

import pytest

from store.pool import Connection
from tests.web.fix_api import HOUR, Api, store, trades, wall
from tests.web.messages import status, ticker
from tests.web.stack import Stack
from web.app import endpoints
from web.schema import Endpoint

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
)
"""Ranges at both ends of what a date can be, ``from`` and ``to``."""


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
    backwards = urlencode({"from": "2025-01-02T00:00Z", "to": "2025-01-01T00:00Z"})
    repeated = "&".join(f"{field}=1&{field}=ETH-USDT&{field}=%ff" for field in fields)
    surrogates = "&".join(f"{field}=%ED%A0%80%00%C0%AF" for field in fields)
    for start, end in PAIRS:
        tried.append((path, f"{whole_text}&{urlencode({'from': start, 'to': end})}"))
    for text in (backwards, repeated, surrogates, "&&=;&==", "%", "a" * 3000):
        tried.append((path, f"{whole_text}&{text}"))
    return tried


@pytest.mark.parametrize("endpoint", ASKABLE, ids=lambda endpoint: endpoint.path)
def test_no_value_of_any_field_is_an_error_of_ours(
    api: Api, records: Connection, endpoint: Endpoint
) -> None:
    now = wall()
    store(records, trades(now - HOUR, "1", "2"))
    api.tell(status(), ticker(ts_recv=now))
    before = records.execute("SELECT count(*), sum(n) FROM candle").fetchone()
    asked = queries(endpoint)
    answers = api.all([*asked])
    wrong = [
        (query, answer.status)
        for query, answer in zip(asked, answers, strict=True)
        if answer.status not in (200, 400, 404)
    ]
    assert wrong == []
    assert {answer.status for answer in answers} >= {200, 400}
    for answer in answers:
        if answer.status != 200:
            assert answer.error["message"]
    assert records.execute("SELECT count(*), sum(n) FROM candle").fetchone() == before


@pytest.mark.parametrize("template", ["/prices/{}/history", "/api/market/price/{}"])
def test_what_is_escaped_in_a_path_is_a_name_like_any_other(stack: Stack, template: str) -> None:
    for raw in (
        *("%00", "%ED%A0%80", "%ff%fe", "%0d%0aX-A:%201", "%2e%2e%2f", "%25", "é", "ETH%00"),
        *("'%20OR%201=1", "{symbol}", "%E2%80%AE", "a" * 300, "%2F" * 20),
    ):
        found, headers, body = stack.get(template.format(quote(raw, safe="%'{}=:")))
        assert (found in (400, 404), "x-a" in headers) == (True, False), (raw, body)
