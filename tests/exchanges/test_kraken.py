"""What only Kraken does."""

import json
from functools import partial

import pytest

from bus.errors import BadFrame, Throttled, WrongQuestion
from bus.messages import Quarantined, Trade, Wanted
from procs.feed.exchanges import Catalogued, Historic, PagedByTime, Refused
from procs.feed.exchanges.kraken import Exchange
from tests.exchanges.samples import kraken
from tests.fix_recordings import frames, recorded

EXCHANGE = Exchange(("BTC-USD", "ETH-USD"))
BASE = "https://api.kraken.com"
SEEN = (
    b'{"channel":"trade","type":"snapshot","data":[{"symbol":"ETH/USD","side":"sell",'
    b'"price":2284.15,"qty":0.001,"ord_type":"market","trade_id":62886870,'
    b'"timestamp":"2026-05-14T15:03:41.748964Z"},{"symbol":"BTC/USD","side":"buy","price":81011.5,'
    b'"qty":0.00123440,"ord_type":"limit","trade_id":100320028,'
    b'"timestamp":"2026-05-14T15:06:09.020392Z"}]}'
)
"""As one was received on 2026-05-14."""


def test_it_is_asked_by_time_and_has_candles_and_a_catalogue() -> None:
    for kind in (PagedByTime, Historic, Catalogued):
        assert isinstance(EXCHANGE, kind)


def test_a_batch_has_the_trades_of_several_symbols() -> None:
    assert EXCHANGE.parse(SEEN, 7) == (
        Trade("ETH-USD", 62886870, 1778771021748964, 7, "2284.15", "0.001", "sell"),
        Trade("BTC-USD", 100320028, 1778771169020392, 7, "81011.5", "0.0012344", "buy"),
    )


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (b"ETH/USD", b"XRP/USD"),
        (b'"ETH/USD"', b'["ETH/USD"]'),
        (b"62886870", b'"62886870"'),
    ],
)
def test_a_trade_of_a_batch_that_nobody_can_use_does_not_take_the_others_along(
    before: bytes, after: bytes
) -> None:
    stranger, trade = EXCHANGE.parse(SEEN.replace(before, after), 7)
    assert isinstance(stranger, Quarantined)
    assert (stranger.symbol, stranger.trade_id) == (None, None)
    assert isinstance(trade, Trade)
    assert trade.symbol == "BTC-USD"


@pytest.mark.parametrize(
    ("before", "after"),
    [(b'"sell"', b'"maker"'), (b'"sell"', b'"s"'), (b"0.560234Z", b"0.560234"), (b"-10-", b"-13-")],
)
def test_a_side_or_a_time_that_is_none_is_quarantined(before: bytes, after: bytes) -> None:
    (item,) = EXCHANGE.parse(kraken.trade("1", "1").replace(before, after), 7)
    assert isinstance(item, Quarantined)
    assert item.trade_id == 77


@pytest.mark.parametrize(
    ("number", "text"),
    [
        ("12.50", "12.5"),
        ("0.00123440", "0.0012344"),
        ("81011", "81011"),
        ("100", "100"),
        ("100.0", "100"),
        ("1e-7", "0.0000001"),
        ("0.000000000000000001", "0.000000000000000001"),
        ("123456789012.123456789012345678", "123456789012.123456789012345678"),
    ],
)
def test_the_same_number_is_the_same_text_whichever_way_it_came(number: str, text: str) -> None:
    (one,) = EXCHANGE.parse(kraken.trade(number, number), 7)
    assert isinstance(one, Trade)
    assert (one.price, one.size) == (text, text)
    for written in {text, number} - {"1e-7"}:
        row = kraken.row(json.dumps(written), json.dumps(written))
        assert EXCHANGE.parse_page("ETH-USD", kraken.page(row), 7) == (one,)


@pytest.mark.parametrize(
    ("seconds", "ts"),
    [
        (b"1791061110.5602341", 1791061110560234),
        (b"1791061110.560234999", 1791061110560234),
        (b"1791061110.5", 1791061110500000),
        (b"1791061110", 1791061110000000),
    ],
)
def test_what_is_finer_than_a_microsecond_is_cut_off(seconds: bytes, ts: int) -> None:
    page = kraken.page(kraken.row('"1"', '"1"')).replace(b"1791061110.5602341", seconds)
    (trade,) = EXCHANGE.parse_page("ETH-USD", page, 7)
    assert isinstance(trade, Trade)
    assert trade.ts_event == ts


@pytest.mark.parametrize("time", [b'"1791061110.5"', b"1.5e9", b"-5", b"null", b"[]", b"9" * 5000])
def test_a_row_whose_time_is_none_is_quarantined(time: bytes) -> None:
    page = kraken.page(kraken.row('"1"', '"1"')).replace(b"1791061110.5602341", time)
    (item,) = EXCHANGE.parse_page("ETH-USD", page, 7)
    assert isinstance(item, Quarantined)
    assert item.trade_id == 77


def test_the_taker_of_a_page_is_b_or_s() -> None:
    for letter, side in (("b", "buy"), ("s", "sell")):
        page = kraken.page(kraken.row('"1"', '"1"').replace(b'"s"', f'"{letter}"'.encode()))
        (trade,) = EXCHANGE.parse_page("ETH-USD", page, 7)
        assert isinstance(trade, Trade)
        assert trade.side == side


@pytest.mark.parametrize(
    ("since", "query"),
    [
        (None, "pair=XBTUSD&count=1000"),
        (0, "pair=XBTUSD&count=1000&since=0"),
        (1791061110560234, "pair=XBTUSD&count=1000&since=1791061110560233000"),
    ],
)
def test_a_page_rises_from_a_microsecond_before_or_is_the_newest(
    since: int | None, query: str
) -> None:
    url = EXCHANGE.page_url(BASE, Wanted("BTC-USD", 5, 9, since=since))
    assert url == f"{BASE}/0/public/Trades?{query}"


def test_the_rest_interface_has_its_own_words_for_some_coins() -> None:
    assert EXCHANGE.listing_url(BASE, "DOGE-BTC").endswith("?pair=XDGXBT")
    assert EXCHANGE.listing_url(BASE, "ETH-USDT").endswith("?pair=ETHUSDT")
    names = ("XBT/USD", "XDG/XBT", "ETH/USDT", None)
    pairs = {f"P{at}": {"wsname": name, "lot_decimals": 8} for at, name in enumerate(names)}
    body = json.dumps({"error": [], "result": pairs}).encode()
    assert EXCHANGE.catalogue_url(BASE) == f"{BASE}/0/public/AssetPairs"
    assert EXCHANGE.parse_catalogue(body) == ["BTC-USD", "DOGE-BTC", "ETH-USDT"]
    for bad in (b"[]", b"{}", b'{"error":[]}', body[:-9]):
        with pytest.raises(BadFrame):
            EXCHANGE.parse_catalogue(bad)


def said(error: str) -> bytes:
    return json.dumps({"error": [error]}).encode()


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        ("EAPI:Rate limit exceeded", Throttled),
        ("EGeneral:Too many requests", Throttled),
        ("EService:Throttled: 1791061110", Throttled),
        ("EGeneral:Temporary lockout", Throttled),
        ("EQuery:Unknown asset pair", WrongQuestion),
        ("EGeneral:Invalid arguments", WrongQuestion),
        ("EService:Unavailable", BadFrame),
        ("EGeneral:Internal error", BadFrame),
    ],
)
def test_an_error_with_http_200_is_never_an_answer(error: str, kind: type[BadFrame]) -> None:
    reads = (
        partial(EXCHANGE.parse_page, "BTC-USD", said(error), 7),
        partial(EXCHANGE.parse_candles, "BTC-USD", 60, said(error)),
        partial(EXCHANGE.parse_catalogue, said(error)),
        partial(EXCHANGE.parse_time, said(error)),
    )
    for read in reads:
        with pytest.raises(BadFrame) as raised:
            read()
        assert type(raised.value) is kind
    if error != "EQuery:Unknown asset pair":
        with pytest.raises(BadFrame):
            EXCHANGE.parse_listing(200, said(error))


def test_a_warning_beside_an_answer_is_no_error() -> None:
    page = kraken.page(kraken.row('"1"', '"1"')).replace(b"[]", b'["WGeneral:Deprecated"]', 1)
    assert len(EXCHANGE.parse_page("ETH-USD", page, 7)) == 1


def test_an_answer_about_no_pair_or_several_is_bad() -> None:
    page = kraken.page(kraken.row('"1"', '"1"'))
    for wrong in (page.replace(b'"last"', b'"XXBTZUSD"'), page.replace(b'"XETHZUSD"', b'"last"')):
        with pytest.raises(BadFrame):
            EXCHANGE.parse_page("ETH-USD", wrong, 7)


def test_each_symbol_has_a_request_of_its_own_and_the_last_trades_come_first() -> None:
    assert [json.loads(text) for text in EXCHANGE.subscribe()] == [
        {
            "method": "subscribe",
            "params": {"channel": "trade", "symbol": [name], "snapshot": True},
        }
        for name in ("BTC/USD", "ETH/USD")
    ]
    methods = [json.loads(text)["method"] for text in EXCHANGE.resubscribe("BTC-USD")]
    assert methods == ["unsubscribe", "subscribe"]


def test_a_refused_symbol_is_named() -> None:
    (event,) = EXCHANGE.parse(kraken.refused[0], 7)
    assert event == Refused("Currency pair not supported XX/USD")


@pytest.mark.parametrize("phase", ["announced", "imminent_5m", "final_warning_30s"])
def test_an_announced_maintenance_begins_no_hand_over_to_what_is_about_to_stop(phase: str) -> None:
    maintenance = {
        "affected_services": ["spot_ws"],
        "phase": phase,
        "recommended_action": "disconnect_and_wait",
        "time_to_start_s": 30,
    }
    data = [{"system": "online", "upcoming_maintenance": [maintenance], "emergency": []}]
    frame = json.dumps({"channel": "status", "type": "update", "data": data}).encode()
    assert EXCHANGE.parse(frame, 7) == ()


@pytest.mark.parametrize("name", ["trade", "ticker"])
def test_version_1_is_not_claimed_and_none_of_its_frames_is_taken_for_a_trade(name: str) -> None:
    read = 0
    for _, frame in frames(*recorded(f"kraken/ws_v1_{name}_20210417.txt.zst")):
        with pytest.raises(BadFrame):
            EXCHANGE.parse(frame, 7)
        read += 1
    assert read > 40
