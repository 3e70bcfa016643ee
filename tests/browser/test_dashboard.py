"""The dashboard in a real Chromium, before the real pipeline with simulated exchanges."""

import json
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from playwright.sync_api import Page, Route, WebSocketRoute, expect

from tests.browser.chromium import Demo, Pages, errors_of, evaluated
from tests.eventually import eventually

pytestmark = [pytest.mark.browser, pytest.mark.e2e]

STARTING_MS = 30_000
BACK_MS = 20_000
FIRST_PRICE = "document.querySelector('.price .value')?.textContent"


def shown(page: Page, url: str) -> None:
    """Load the page and wait for its first price."""
    page.goto(url)
    expect(page.locator(".price .value").first).to_be_visible(timeout=STARTING_MS)


def live(page: Page) -> None:
    """Wait until the chip says so."""
    chip = page.locator('.connection[data-state="connected"] [role="status"]')
    expect(chip).to_have_text("live", timeout=BACK_MS)


def price_moves(page: Page) -> None:
    """Wait until the first price is another one."""
    before = page.evaluate(FIRST_PRICE)
    eventually(evaluated(page, f"{FIRST_PRICE} !== {before!r}"), within=20)


def test_each_configured_symbol_has_a_card_in_order(demo: Demo, pages: Pages) -> None:
    page = pages()
    shown(page, demo.url)
    status = page.request.get(f"{demo.url}/api/status").json()
    expected = [f"{each['symbol']} on {each['exchange']}" for each in status["symbols"]]
    expect(page.locator("article.card")).to_have_count(len(expected))
    labels = page.locator("article.card").evaluate_all("all => all.map(one => one.ariaLabel)")
    assert labels == expected


def test_a_price_changes_without_a_reload_and_nothing_is_complained_about(
    demo: Demo, pages: Pages
) -> None:
    page = pages()
    errors = errors_of(page)
    shown(page, demo.url)
    live(page)
    page.evaluate("window.sameDocument = true")
    price_moves(page)
    assert page.evaluate("window.sameDocument")
    assert errors == []


def test_hours_that_cannot_be_read_are_said_so_on_their_card_and_retried(
    demo: Demo, pages: Pages
) -> None:
    page = pages()
    message = "The database is away."

    def refuse(route: Route) -> None:
        route.fulfill(status=503, json={"success": False, "error": {"message": message}})

    page.route("**/api/candles*", refuse)
    shown(page, demo.url)
    card = page.locator("article.card").first
    expect(card.locator(".spark-error")).to_contain_text(message)
    live(page)
    price_moves(page)
    with page.expect_request("**/api/candles*"):
        card.get_by_role("button", name="Retry").click()
    page.unroute("**/api/candles*")
    expect(card.locator(".spark-error")).to_have_count(0, timeout=BACK_MS)


def test_a_line_says_since_when_in_the_zone_of_the_user(demo: Demo, pages: Pages) -> None:
    page = pages(timezone_id="Asia/Kolkata", locale="en-GB")
    with page.expect_response(re.compile(r"/api/candles")) as answered:
        shown(page, demo.url)
    rows = answered.value.json()
    asked = re.search(r"symbol=([a-z]+)%3A([A-Z-]+)", answered.value.url)
    assert rows
    assert asked
    card = page.get_by_role("article", name=f"{asked[2]} on {asked[1]}")
    first = datetime.fromisoformat(rows[0]["t"]).astimezone(ZoneInfo("Asia/Kolkata"))
    expect(card.locator(".since")).to_have_text(re.compile(rf"^Since .*{first:%H:%M}$"))
    expect(card.locator("path.line-last")).to_have_attribute("d", re.compile(r"^M\d"))


def rewritten(page: Page, change: Callable[[dict[str, Any]], None]) -> None:
    """Let ``change`` edit every frame of the page's WebSocket."""

    def wire(socket: WebSocketRoute) -> None:
        server = socket.connect_to_server()

        def heard(text: str | bytes) -> None:
            frame = json.loads(text)
            change(frame)
            socket.send(json.dumps(frame))

        server.on_message(heard)

    page.route_web_socket("**/ws", wire)


def test_it_is_not_live_while_no_exchange_is_connected(demo: Demo, pages: Pages) -> None:
    page = pages()
    away = True

    def lose(feed: dict[str, Any]) -> None:
        if away:
            feed |= {"state": "reconnecting", "reason": "the connection was refused", "since": 0}

    def change(frame: dict[str, Any]) -> None:
        if frame["type"] == "status":
            lose(frame["payload"])
        elif frame["type"] == "snapshot" and frame["payload"]["channel"] == "status":
            for feed in frame["payload"]["updates"]:
                lose(feed)

    def answer(route: Route) -> None:
        response = route.fetch()
        status = response.json()
        for feed in status["feeds"]:
            lose(feed)
        route.fulfill(response=response, json=status)

    rewritten(page, change)
    page.route("**/api/status", answer)
    shown(page, demo.url)
    expect(page.locator(".connection [role=status]")).to_have_text("connected, no exchange")
    expect(page.get_by_role("alert")).to_have_text(
        "binance and coinbase cannot be reached: the connection was refused. Trying again."
    )
    away = False
    live(page)
    expect(page.get_by_role("alert")).to_have_text("")


def test_a_database_that_is_away_is_said_until_it_is_back(demo: Demo, pages: Pages) -> None:
    page = pages()
    away = True

    def answer(route: Route) -> None:
        response = route.fetch()
        status = response.json()
        for process in status["processes"]:
            if away and process["name"] == "persister":
                process |= {"state": "waiting: database", "uptime_s": 60}
        route.fulfill(response=response, json=status)

    def refuse(route: Route) -> None:
        route.fulfill(status=503, json={"success": False, "error": {"message": "It is away."}})

    page.route("**/api/status", answer)
    page.route("**/api/candles*", refuse)
    shown(page, demo.url)
    live(page)
    said = re.compile(
        r"^The database is away since before \d\d:\d\d:\d\d: prices are live and are recorded, "
        r"history is not available\.$"
    )
    expect(page.get_by_role("alert")).to_have_text(said)
    expect(page.locator(".spark-error span").first).to_have_text("No stored candles")
    page.unroute("**/api/candles*")
    away = False
    expect(page.get_by_role("alert")).to_have_text("", timeout=BACK_MS)
    expect(page.locator(".spark-error")).to_have_count(0, timeout=BACK_MS)


def test_an_hour_whose_first_trades_are_missing_is_marked(demo: Demo, pages: Pages) -> None:
    page = pages(viewport={"width": 320, "height": 900})
    partial = True

    def change(frame: dict[str, Any]) -> None:
        for row in frame["payload"].get("updates", [frame["payload"]]):
            if "hour_avg" in row:
                row["partial"] = partial

    rewritten(page, change)
    shown(page, demo.url)
    hour = page.locator(".card .hour").first
    expect(hour).to_have_text(re.compile(r"trades? · partial$"))
    expect(hour).to_have_attribute("title", re.compile("this hour's first trades are missing$"))
    assert page.evaluate("document.documentElement.scrollWidth") <= 320
    partial = False
    expect(hour).to_have_text(re.compile(r"trades?$"))


@pytest.mark.parametrize("width", [320, 768])
def test_a_legend_fits_its_card_and_tells_whose_hours_are_drawn(
    demo: Demo, pages: Pages, width: int
) -> None:
    page = pages(viewport={"width": width, "height": 900})

    def publish(route: Route) -> None:
        row = {"o": 1, "h": 2, "l": 1, "c": 2, "v": 1, "vwap": None, "closed": True}
        now = datetime.now(UTC).replace(minute=0, second=0, microsecond=0)
        hours = [(now - timedelta(hours=ago)).isoformat() for ago in range(23, -1, -1)]
        theirs = [{**row, "t": t, "n": 0, "revision": 0, "origin": "exchange"} for t in hours[:20]]
        route.fulfill(json=[*theirs, *({**row, "t": t, "n": 3, "revision": 3} for t in hours[20:])])

    page.route("**/api/candles?symbol=coinbase%3ABTC-USD*", publish)
    shown(page, demo.url)
    card = page.locator("article.card").first
    expect(card.locator("path.line-published")).to_have_attribute("d", re.compile(r"^M\d"))
    expect(card.locator("path.line-own")).to_have_attribute("d", re.compile(r"^M\d"))
    expect(card.locator(".published-key")).to_have_text("exchange’s own")
    legend = card.locator(".spark-legend")
    assert legend.evaluate("one => one.scrollWidth <= one.clientWidth")
    assert card.locator(".since").evaluate("one => one.scrollWidth <= one.clientWidth")
