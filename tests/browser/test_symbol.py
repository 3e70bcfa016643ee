"""The page of one symbol in a real Chromium, before the real pipeline with simulated exchanges."""

import csv
import io
import json
import re
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from playwright.sync_api import Page, Route, expect

from tests.browser.chromium import Demo, Pages, errors_of, evaluated
from tests.eventually import eventually

pytestmark = [pytest.mark.browser, pytest.mark.e2e]

SYMBOL = "coinbase:BTC-USD"
STARTING_MS = 30_000
RECORD_VIOLATIONS = """
    window.violations = [];
    document.addEventListener("securitypolicyviolation", (event) => {
        window.violations.push(`${event.effectiveDirective} ${event.blockedURI}`);
    });
"""
PRICE = "document.querySelector('.strip .price .value')?.textContent"
LEGEND = "document.querySelector('.study-legend')?.textContent"
NEWEST = "document.querySelector('.tape tbody tr')?.textContent"
PNG = b"\x89PNG\r\n\x1a\n"


def shown(page: Page, demo: Demo, symbol: str = SYMBOL) -> None:
    """Load the page and wait for its price, its candles and its trades."""
    page.goto(f"{demo.url}/s/{symbol}")
    expect(page.locator(".strip .price .value")).to_be_visible(timeout=STARTING_MS)
    expect(page.locator(".study-legend .study-at")).to_be_visible(timeout=STARTING_MS)
    expect(page.locator(".tape tbody tr").first).to_be_visible(timeout=STARTING_MS)


def moves(page: Page, expression: str) -> None:
    """Wait until a text of the page is another one."""
    before = page.evaluate(expression)
    eventually(evaluated(page, f"{expression} !== {json.dumps(before)}"), within=20)


def test_price_candles_and_trades_move_and_nothing_is_complained_about(
    demo: Demo, pages: Pages
) -> None:
    page = pages()
    errors = errors_of(page)
    hosts: set[str] = set()
    page.on("request", lambda request: hosts.add(urlsplit(request.url).netloc))
    page.add_init_script(RECORD_VIOLATIONS)
    shown(page, demo)
    for expression in (PRICE, LEGEND, NEWEST):
        moves(page, expression)
    names = page.locator(".fact dt").all_inner_texts()
    assert {"Hour average", "Last trade", "Gaps", "Lag"} <= set(names)
    assert any(name.startswith("BTC median") for name in names)
    elsewhere = page.locator(".elsewhere tbody tr", has_text="binance")
    expect(elsewhere.locator(".value").first).to_have_text(re.compile(r"\d"))
    chart = page.locator(".study-canvas")
    label = re.compile(r"^BTC-USD on coinbase, candles of 1m: last candle .* close \d")
    expect(chart).to_have_attribute("aria-label", label)
    assert page.evaluate("window.violations") == []
    assert errors == []
    assert hosts - {""} == {urlsplit(demo.url).netloc}


def asked(url: str, **wanted: str) -> bool:
    """True when candles were asked for in this way."""
    return urlsplit(url).path == "/api/candles" and wanted.items() <= queried(url).items()


def queried(url: str) -> dict[str, str]:
    """Return the query of an address."""
    return {name: values[0] for name, values in parse_qs(urlsplit(url).query).items()}


def test_another_interval_and_range_are_shown_and_kept_for_the_next_visit(
    demo: Demo, pages: Pages
) -> None:
    page = pages()
    shown(page, demo)
    with page.expect_request(lambda request: asked(request.url, interval="5m")):
        page.get_by_role("button", name="5m", exact=True).click()
    expect(page.locator(".study-canvas")).to_have_attribute(
        "aria-label", re.compile("candles of 5m: last candle")
    )
    moves(page, LEGEND)
    with page.expect_request(lambda request: asked(request.url, interval="1h")):
        page.get_by_role("button", name="7D", exact=True).click()
    page.get_by_role("button", name="Indicators").click()
    page.get_by_label("RSI 14").check()
    expect(page.locator(".study-legend")).to_contain_text("RSI 14")
    page.reload()
    pressed = page.locator('.tool[aria-pressed="true"]')
    expect(pressed).to_have_text(["1h", "7D"])
    expect(page.locator(".study-legend")).to_contain_text("RSI 14", timeout=STARTING_MS)


def test_an_interval_may_change_while_the_chart_is_pointed_at(demo: Demo, pages: Pages) -> None:
    page = pages()
    errors = errors_of(page)
    shown(page, demo)
    page.get_by_role("button", name="Indicators").click()
    for name in ("RSI 14", "MACD"):
        page.get_by_label(name).check()
    page.keyboard.press("Escape")
    button = page.get_by_role("button", name="5m", exact=True)
    button.focus()
    page.locator(".study-canvas").hover()
    page.keyboard.press("Enter")
    label = re.compile("candles of 5m: last candle")
    expect(page.locator(".study-canvas")).to_have_attribute("aria-label", label)
    box = page.locator(".study-canvas").bounding_box()
    assert box
    for step in range(8):
        page.mouse.move(box["x"] + 100 + 40 * step, box["y"] + box["height"] / 3)
        page.evaluate("new Promise(requestAnimationFrame)")
    assert errors == []


def test_what_lies_further_back_is_loaded_when_it_is_looked_at(demo: Demo, pages: Pages) -> None:
    page = pages()
    pages_asked: list[str] = []

    def answer(route: Route) -> None:
        query = queried(route.request.url)
        if (query["symbol"], query["interval"]) != (SYMBOL, "1m") or "limit" not in query:
            route.continue_()
            return
        last = datetime.fromisoformat(query["to"]) if "to" in query else datetime.now(UTC)
        pages_asked.append(query.get("to", ""))
        minute = int(last.timestamp()) // 60 - 1
        begin = minute - 399
        rows = [made(60 * each) for each in range(begin, minute + 1)]
        route.fulfill(json=rows if len(pages_asked) < 4 else [])

    page.route("**/api/candles?*", answer)
    shown(page, demo)
    eventually(lambda: len(pages_asked) >= 1, within=5)
    before = len(pages_asked)
    chart = page.locator(".study-canvas").bounding_box()
    assert chart
    x, y = chart["x"] + chart["width"] / 2, chart["y"] + chart["height"] / 3

    def panned_and_asked() -> bool:
        page.mouse.move(x - 300, y)
        page.mouse.down()
        page.mouse.move(x + 300, y, steps=4)
        page.mouse.up()
        return len(pages_asked) > before

    eventually(panned_and_asked, within=10)
    assert pages_asked[before:] == sorted(pages_asked[before:], reverse=True)
    assert "" not in pages_asked[before:]


SPAN = """() => {
    const link = [...document.querySelectorAll(".study a.choice")].find((one) =>
        one.textContent.includes("Candles"));
    link.addEventListener("click", (event) => event.preventDefault(), { once: true });
    link.click();
    return ["from", "to"].map((name) => Date.parse(new URL(link.href).searchParams.get(name)));
}"""
"""What part of time is seen, ms: of that are the candles that would be downloaded."""


def draw(page: Page, *paths: tuple[float, float], y: float) -> None:
    """Draw fingers from x to x, all at once."""
    client = page.context.new_cdp_session(page)
    for step in range(10):
        kind = "touchStart" if step == 0 else "touchMove" if step < 9 else "touchEnd"
        points = [
            {"x": start + (end - start) * step / 8, "y": y, "id": finger}
            for finger, (start, end) in enumerate(paths)
        ]
        some = points if step < 9 else []
        client.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": some})
    client.detach()


def test_one_finger_moves_the_chart_and_two_zoom_it(demo: Demo, pages: Pages) -> None:
    size = {"width": 390, "height": 844}
    page = pages(viewport=size, has_touch=True, is_mobile=True)
    shown(page, demo)
    page.locator(".study").evaluate("(one) => one.scrollIntoView()")
    box = page.locator(".study-canvas").bounding_box()
    assert box
    x, y = box["x"] + box["width"] / 2 - 30, box["y"] + box["height"] / 3
    first = page.evaluate(SPAN)
    draw(page, (x - 60, x + 90), y=y)
    eventually(lambda: page.evaluate(SPAN)[1] < first[1], within=5)
    before = page.evaluate(SPAN)
    draw(page, (x - 20, x - 120), (x + 20, x + 120), y=y)

    def zoomed_in() -> bool:
        begin, end = page.evaluate(SPAN)
        return bool(end - begin < (before[1] - before[0]) / 2)

    eventually(zoomed_in, within=5)
    assert page.evaluate("visualViewport.scale") == 1


def made(second: int, price: float = 70_000.0, **more: Any) -> dict[str, Any]:
    """A candle as the server writes it."""
    t = datetime.fromtimestamp(second, UTC).isoformat().replace("+00:00", "Z")
    prices = {"o": price, "h": price, "l": price, "c": price}
    row = {"t": t, **prices, "v": 1, "n": 1, "vwap": None, "closed": True, "revision": 1}
    return {**row, "origin": "trades", "partial": False, **more}


def pointed_until(page: Page, text: str) -> str:
    """Move the pointer from right to left until the legend has that text; return the legend."""
    box = page.locator(".study-canvas").bounding_box()
    assert box
    for step in range(12, int(box["width"] / 5)):
        page.mouse.move(box["x"] + box["width"] - 5 * step, box["y"] + box["height"] / 3)
        legend = str(page.evaluate(f"new Promise(requestAnimationFrame).then(() => {LEGEND})"))
        if text in legend:
            return legend
    raise AssertionError(f"no candle says {text}")


def test_a_late_candle_is_drawn_anew_however_old(demo: Demo, pages: Pages) -> None:
    page = pages(timezone_id="Asia/Kolkata", locale="en-GB")
    late: list[Callable[[str], None]] = []
    page.route_web_socket("**/ws", lambda socket: late.append(forwarded(socket)))
    shown(page, demo)
    second = int(datetime.now(UTC).timestamp()) // 60 * 60 - 50 * 60
    at = datetime.fromtimestamp(second + 19_800, UTC).strftime("%H:%M")
    before = pointed_until(page, at)
    assert "12,345.67" not in before
    payload = made(second, 12_345.67, revision=1_000_000, n=1_000_000)
    whose = {"exchange": "coinbase", "symbol": "BTC-USD", "interval": "1m", "epoch": 1, "seq": 1}
    frame = {"type": "candle_update", "payload": {**payload, **whose}, "timestamp": payload["t"]}
    late[-1](json.dumps(frame))
    eventually(lambda: "12,345.67" in pointed_until(page, at), within=10)


def test_a_gap_is_drawn_as_one_and_says_why(demo: Demo, pages: Pages) -> None:
    page = pages(timezone_id="Asia/Kolkata", locale="en-GB")
    last = int(datetime.now(UTC).timestamp()) // 60 * 60
    gone = range(last - 40 * 60, last - 20 * 60, 60)
    noticed = datetime.fromtimestamp(gone.stop + 5, UTC).isoformat()
    gap = {"state": "open", "ids": 7, "reason": "ids jumped", "opened_at": noticed}

    def answer(route: Route) -> None:
        if queried(route.request.url)["symbol"] != SYMBOL:
            route.continue_()
            return
        seconds = range(last - 200 * 60, last, 60)
        route.fulfill(json=[made(each) for each in seconds if each not in gone])

    page.route("**/api/candles?*", answer)
    page.route("**/api/gaps?*", lambda route: route.fulfill(json=[gap]))
    shown(page, demo)
    inside = datetime.fromtimestamp(gone[10] + 19_800, UTC).strftime("%H:%M")
    said = "7 trades missing (ids jumped), being asked for"
    eventually(lambda: pointed_until(page, inside) == f"{inside} {said}", within=10)
    before = datetime.fromtimestamp(gone.start - 60 + 19_800, UTC).strftime("%H:%M")
    assert said not in pointed_until(page, before)


def forwarded(socket: Any) -> Callable[[str], None]:
    """Let a WebSocket reach the server; return what adds a frame to those that come."""
    socket.connect_to_server()
    send: Callable[[str], None] = socket.send
    return send


def test_the_tape_stands_still_while_it_is_pointed_at(demo: Demo, pages: Pages) -> None:
    page = pages()
    shown(page, demo)
    moves(page, NEWEST)
    page.locator(".tape-rows").hover()
    expect(page.locator(".tape-head")).to_contain_text(re.compile(r"paused, \d+ newer"))
    still = page.evaluate(NEWEST)
    moves(page, PRICE)
    assert page.evaluate(NEWEST) == still
    page.mouse.move(1, 1)
    expect(page.locator(".tape-head")).not_to_contain_text("paused")
    assert page.evaluate(NEWEST) != still


def test_a_picture_and_files_of_what_is_shown_are_had(demo: Demo, pages: Pages) -> None:
    page = pages()
    shown(page, demo)
    page.get_by_role("button", name="Export").click()
    with page.expect_download() as picture:
        page.get_by_role("button", name="Picture (PNG)").click()
    assert re.fullmatch(r"BTC-USD-coinbase-1m-[\dT-]+\.png", picture.value.suggested_filename)
    assert picture.value.path().read_bytes().startswith(PNG)
    for name, first, path in (
        ("Candles", "t", "/api/candles?"),
        ("Hour averages", "t", "/api/averages?"),
        ("Trades", "t", "/api/trades?"),
    ):
        link = page.get_by_role("link", name=name)
        assert path in (link.get_attribute("href") or ""), "before any range is known, too"
        with page.expect_download() as file:
            link.click()
        rows = list(csv.reader(io.StringIO(file.value.path().read_text())))
        assert rows[0][0] == first
        assert len(rows) > 1, name
        assert path in file.value.url


def test_candles_that_cannot_be_read_are_said_so_and_retried(demo: Demo, pages: Pages) -> None:
    page = pages()

    def refuse(route: Route) -> None:
        message = "The database is away."
        route.fulfill(status=503, json={"success": False, "error": {"message": message}})

    page.route("**/api/candles?*", refuse)
    page.goto(f"{demo.url}/s/{SYMBOL}")
    trouble = page.locator(".study-error")
    expect(trouble).to_contain_text("The database is away.", timeout=STARTING_MS)
    page.unroute("**/api/candles?*")
    trouble.get_by_role("button", name="Retry").click()
    expect(trouble).to_have_count(0)


def test_an_unknown_symbol_is_said_with_those_spelled_most_like_it(
    demo: Demo, pages: Pages
) -> None:
    page = pages()
    answer = page.goto(f"{demo.url}/s/BTC-EUR")
    assert answer is not None
    assert answer.status == 404
    heading = page.get_by_role("heading", name="No symbol BTC-EUR is configured here.")
    expect(heading).to_be_visible(timeout=STARTING_MS)
    page.get_by_role("link", name=SYMBOL).click()
    expect(page.locator(".strip h1")).to_have_text("BTC-USD")
    page.goto(f"{demo.url}/s/btcusd")
    expect(page.locator(".strip h1")).to_have_text("BTC-USD", timeout=STARTING_MS)
    assert page.url == f"{demo.url}/s/{SYMBOL}"


@pytest.mark.parametrize("scheme", ["dark", "light"])
@pytest.mark.parametrize("width", [320, 768, 1440])
def test_nothing_scrolls_sideways(demo: Demo, pages: Pages, width: int, scheme: str) -> None:
    page = pages(viewport={"width": width, "height": 900}, color_scheme=scheme)
    shown(page, demo)
    expect(page.locator(".fact", has_text="Lag")).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth") <= width


@pytest.mark.parametrize(("width", "height"), [(320, 640), (640, 320)])
def test_all_of_a_menu_can_be_reached_on_a_phone(
    demo: Demo, pages: Pages, width: int, height: int
) -> None:
    page = pages(viewport={"width": width, "height": height})
    shown(page, demo)
    for name in ("Indicators", "Export"):
        page.get_by_role("button", name=name).click()
        box = page.locator(".menu:popover-open").bounding_box()
        assert box
        assert 0 <= box["x"] <= box["x"] + box["width"] <= width
        assert 0 <= box["y"] <= box["y"] + box["height"] <= height
        page.keyboard.press("Escape")
    page.get_by_role("button", name="Indicators").click()
    page.get_by_label("RSI 14").check()
    expect(page.locator(".study-legend")).to_contain_text("RSI 14")
