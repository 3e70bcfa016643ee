"""What each exchange makes of frames that no recording has: made by hand, and of real days.

Only exchanges with a file in ``samples`` are here; what all must keep is in ``contract``.
"""

import json

import pytest

from bus.errors import BadFrame
from bus.messages import Quarantined, Trade, Wanted
from market.decimals import check
from procs.feed import exchanges
from procs.feed.exchanges import (
    FRAME_KEPT,
    Clocked,
    Exchange,
    Listed,
    Paged,
    PagedByTime,
    Refused,
    Streamed,
)
from tests.exchanges import garbage
from tests.exchanges.samples import Sample, names, sample, trades_in
from tests.fix_recordings import frames, recorded
from tests.market.test_decimals import BAD


def made(name: str) -> tuple[Exchange, Sample]:
    known = sample(name)
    return exchanges.make(name, known.symbols, known.options), known


def streamed(name: str) -> tuple[Streamed, Sample]:
    exchange, known = made(name)
    assert isinstance(exchange, Streamed)
    return exchange, known


def clocked(name: str) -> tuple[Clocked, Sample]:
    exchange, known = made(name)
    assert isinstance(exchange, Clocked)
    return exchange, known


def listed(name: str) -> tuple[Listed, Sample]:
    exchange, known = made(name)
    assert isinstance(exchange, Listed)
    return exchange, known


def paged(name: str) -> tuple[Paged, Sample]:
    exchange, known = made(name)
    assert isinstance(exchange, Paged)
    return exchange, known


def those(kind: type[Exchange] | None = None) -> pytest.MarkDecorator:
    """Try every exchange, or those of one kind."""
    return pytest.mark.parametrize(
        "name", [name for name in names() if kind is None or isinstance(made(name)[0], kind)]
    )


def price(known: Sample, text: str) -> str:
    """Return a price or size as the exchange writes it in JSON."""
    return text if known.numbers else json.dumps(text)


def id_of(exchange: Exchange) -> int | None:
    """Return the id with which the sample's trade is quarantined."""
    return 77 if exchange.ids == "consecutive" else None


def events_or_bad(exchange: Exchange, frame: bytes) -> tuple[exchanges.Event, ...]:
    """Return what a frame says; nothing else than BadFrame may be raised."""
    try:
        return exchange.parse(frame, 7)
    except BadFrame:
        return ()


@those()
def test_a_trade_is_read_to_the_last_digit(name: str) -> None:
    exchange, known = made(name)
    frame = known.trade(price(known, "12.50"), price(known, "0.001"))
    trades = [event for event in exchange.parse(frame, 7) if isinstance(event, Trade)]
    assert trades == [known.expected]


@those()
def test_real_frames_give_exactly_their_trades(name: str) -> None:
    _, known = made(name)
    for recording in known.recordings:
        exchange = exchanges.make(name, recording.symbols, known.options)
        found: list[Trade] = []
        wanted = []
        for ts_recv, frame in frames(*recorded(recording.path)):
            found += [event for event in events_or_bad(exchange, frame) if isinstance(event, Trade)]
            wanted += [one for one in trades_in(known, frame) if one[0] in recording.symbols]
            assert ts_recv > 0
        assert [
            (trade.symbol, trade.trade_id, trade.ts_event, trade.price, trade.size, trade.side)
            for trade in found
        ] == wanted
        assert len(wanted) == recording.trades


@those()
@pytest.mark.parametrize("text", [text for text in BAD if "\ud800" not in text])
def test_a_bad_price_or_size_is_quarantined_with_its_id(name: str, text: str) -> None:
    exchange, known = made(name)
    quoted = json.dumps(text)
    one = price(known, "1")
    wrong = [known.trade(quoted, one)]
    if known.expected.size is not None:
        wrong.append(known.trade(one, quoted))
    for frame in wrong:
        (item,) = exchange.parse(frame, 7)
        assert isinstance(item, Quarantined)
        assert (item.symbol, item.trade_id) == (known.expected.symbol, id_of(exchange))
        assert (item.ts_recv, item.series) == (7, 0)
        assert item.reason
        assert item.frame
        assert item.frame in frame.decode()
        assert len(item.frame) <= FRAME_KEPT


@those()
@pytest.mark.parametrize("value", ["5", "1e5", "[]", "{}", "true", "-1", "0", "1e-30"])
def test_a_price_of_another_type_is_quarantined_with_its_id(name: str, value: str) -> None:
    exchange, known = made(name)
    wrong = f'"{value}"' if known.numbers else value
    (item,) = exchange.parse(known.trade(wrong, price(known, "1")), 7)
    assert isinstance(item, Quarantined)
    assert item.trade_id == id_of(exchange)


@those()
@pytest.mark.parametrize("frame", garbage.BYTES, ids=range(len(garbage.BYTES)))
def test_garbage_is_a_bad_frame_and_nothing_else(name: str, frame: bytes) -> None:
    exchange, _ = made(name)
    with pytest.raises(BadFrame):
        exchange.parse(frame, 7)
    if isinstance(exchange, Clocked):
        with pytest.raises(BadFrame):
            exchange.parse_time(frame)


@those()
def test_ten_thousand_unknown_kinds_are_bad(name: str) -> None:
    exchange, _ = made(name)
    for frame in garbage.unknown_kinds(10_000):
        with pytest.raises(BadFrame):
            exchange.parse(frame, 7)


@those()
def test_what_is_not_for_us_is_bad_and_what_says_nothing_says_nothing(name: str) -> None:
    exchange, known = made(name)
    for frame in known.silent:
        assert exchange.parse(frame, 7) == ()
    for frame in known.unknown:
        with pytest.raises(BadFrame):
            exchange.parse(frame, 7)
    for frame in known.refused:
        (event,) = exchange.parse(frame, 7)
        assert isinstance(event, Refused)
        assert event.reason


@those(Clocked)
def test_the_clock_is_read_to_the_microsecond(name: str) -> None:
    exchange, known = clocked(name)
    body, ts = known.clock
    assert exchange.parse_time(body) == ts


@those(Listed)
def test_a_listing_is_read_as_plain_text_and_its_address_names_the_symbol(name: str) -> None:
    exchange, known = listed(name)
    body, listing = known.listed
    assert exchange.parse_listing(200, body) == listing
    url = exchange.listing_url("http://h/rest", known.symbols[1])
    assert url.startswith("http://h/rest/")
    assert known.symbols[1].replace("-", "") in url.replace("-", "")


@those(Listed)
def test_a_symbol_is_not_listed_only_when_the_exchange_says_so_in_its_own_way(name: str) -> None:
    exchange, known = listed(name)
    right, body = known.unlisted
    assert exchange.parse_listing(right, body) is None
    for status in (200, 400, 403, 404, 418, 429, 451, 500, 503):
        for answer in (b"<html>404 Not Found</html>", b"{}", b'{"code":-1003}', known.listed[0]):
            if status != 200 or answer != known.listed[0]:
                with pytest.raises(BadFrame):
                    exchange.parse_listing(status, answer)
        if status != right:
            with pytest.raises(BadFrame):
                exchange.parse_listing(status, body)


@those(Listed)
@pytest.mark.parametrize("body", garbage.BYTES, ids=range(len(garbage.BYTES)))
def test_a_listing_that_is_garbage_is_a_bad_frame_and_nothing_else(name: str, body: bytes) -> None:
    exchange, known = listed(name)
    for status in (200, known.unlisted[0], 500):
        with pytest.raises(BadFrame):
            exchange.parse_listing(status, body)


@those(Listed)
def test_a_listing_with_wrong_values_gives_plain_steps_or_is_bad(name: str) -> None:
    exchange, known = listed(name)
    read = bad = 0
    wrong = [*garbage.mistyped(known.listed[0]), *garbage.truncated(known.listed[0])]
    for text in [*BAD, "1e-2", "-0.01", "0.00"]:
        quoted = json.dumps(text).encode()
        wrong += [known.listed[0].replace(b'"0.01000000"', quoted)]
    for body in wrong:
        try:
            listing = exchange.parse_listing(200, body)
        except BadFrame:
            bad += 1
            continue
        assert listing is not None
        read += 1
        for found in listing:
            assert found is None or check(found) == found
    assert read > 10
    assert bad > 10


@those(Listed)
@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ("0.01000000", "0.01"),
        ("0.00000001", "0.00000001"),
        ("1.00000000", "1"),
        ("100", "100"),
        ("10.0", "10"),
        ("0.00000000", None),
        ("0", None),
        (None, None),
    ],
)
def test_a_step_is_written_without_needless_zeros(
    name: str, text: str | None, plain: str | None
) -> None:
    exchange, known = listed(name)
    body = known.listed[0].replace(b'"0.01000000"', json.dumps(text).encode())
    listing = exchange.parse_listing(200, body)
    assert listing is not None
    assert listing.tick_size == plain


@those(Streamed)
def test_the_texts_to_send_are_json_and_name_the_symbol(name: str) -> None:
    exchange, known = streamed(name)
    for text in exchange.subscribe():
        assert isinstance(json.loads(text), dict)
    texts = exchange.resubscribe(known.symbols[1])
    assert len(texts) == 2
    for text in texts:
        assert isinstance(json.loads(text), dict)
        plain = text.upper().replace("-", "").replace("/", "")
        assert known.symbols[1].replace("-", "") in plain
        assert known.symbols[0].replace("-", "") not in plain


@those(Paged)
def test_a_page_has_the_trade_that_its_frame_had_to_the_last_digit(name: str) -> None:
    exchange, known = paged(name)
    page = known.page(known.row('"12.50"', '"0.001"'))
    assert exchange.parse_page(known.expected.symbol, page, 7) == (known.expected,)
    assert exchange.parse_page(known.expected.symbol, known.page(), 7) == ()


@those(Paged)
@pytest.mark.parametrize("text", [*(text for text in BAD if "\ud800" not in text), None, 5, True])
def test_a_bad_trade_of_a_page_is_quarantined_alone_and_the_others_come(
    name: str, text: object
) -> None:
    exchange, known = paged(name)
    wrong = known.row(json.dumps(text), '"1"')
    page = known.page(wrong, known.row('"12.50"', '"0.001"').replace(b"77", b"78"))
    bad, good = exchange.parse_page(known.expected.symbol, page, 7)
    assert isinstance(bad, Quarantined)
    assert (bad.symbol, bad.trade_id, bad.ts_recv) == (known.expected.symbol, 77, 7)
    assert bad.frame == wrong.decode()[:FRAME_KEPT]
    assert isinstance(good, Trade)
    assert good.trade_id == 78


@those(Paged)
def test_a_trade_of_a_page_without_a_believable_id_spoils_the_page(name: str) -> None:
    exchange, known = paged(name)
    page = known.page(known.row('"12.50"', '"0.001"'))
    for wrong in (b'"77"', b"true", b"-1", b"9223372036854775807", b"1e5", b"null", b"[]"):
        with pytest.raises(BadFrame):
            exchange.parse_page(known.expected.symbol, page.replace(b"77", wrong), 7)


@those(Paged)
def test_the_address_of_a_page_names_the_symbol_and_an_end_of_the_range(name: str) -> None:
    exchange, known = paged(name)
    url = exchange.page_url("http://h/rest", Wanted(known.symbols[1], 5001, 8999, since=6001))
    assert url.startswith("http://h/rest/")
    assert known.symbols[1].replace("-", "") in url.replace("-", "")
    ends = ("6000",) if isinstance(exchange, PagedByTime) else ("5001", "9000")
    assert any(end in url for end in ends)
