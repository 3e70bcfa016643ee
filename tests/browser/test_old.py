"""What the pages say when what they have is old, unread or missed: never that it is the present."""

import re
import time

import pytest
from playwright.sync_api import Route, expect

from tests.browser.chromium import Pages
from tests.browser.test_states import FED, WITHIN_MS, Cut, all_well, live, open_page
from tests.e2e.stack import Stack
from tests.eventually import eventually

pytestmark = [pytest.mark.browser, pytest.mark.e2e]

HIDE = """
    state => {
        Object.defineProperty(document, "visibilityState", {value: state, configurable: true});
        document.dispatchEvent(new Event("visibilitychange"));
    }
"""


def test_a_symbol_without_a_backend_shows_nothing_as_if_it_were_live(
    demo: Stack, pages: Pages
) -> None:
    page = pages()
    page.clock.install()
    cut = Cut(page)
    open_page(page, demo, FED)
    expect(page.locator(".fact", has_text="Gaps")).to_contain_text("none", timeout=WITHIN_MS)
    old = page.locator(".strip.old, .study.old, .tape.old")
    expect(old).to_have_count(0)
    cut.cut()
    page.clock.run_for(15_000)
    expect(old).to_have_count(3, timeout=WITHIN_MS)
    expect(page.locator(".fact", has_text="Gaps")).to_contain_text("–", timeout=WITHIN_MS)
    expect(page.locator(".fact", has_text="Lag")).to_contain_text("–")
    cut.on = False
    page.clock.run_for(35_000)
    live(page)
    expect(old).to_have_count(0, timeout=WITHIN_MS)


@pytest.mark.parametrize("hours", [1, -1])
def test_a_clock_that_is_wrong_makes_a_page_ask_no_more_than_another(
    demo: Stack, pages: Pages, hours: int
) -> None:
    page = pages()
    page.clock.install(time=time.time() + 3_600 * hours)
    page.add_init_script("localStorage.setItem('chart', JSON.stringify({interval: '15m'}))")
    open_page(page, demo, FED)
    expect(page.locator(".study-legend .study-at")).to_be_visible(timeout=WITHIN_MS)
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    price = page.locator(".strip .price .value")
    for _ in range(25):
        expect(price).not_to_have_text(price.inner_text(), timeout=WITHIN_MS)
    assert len([url for url in asked if "/api/candles" in url]) <= 3


def test_web_processes_that_are_killed_one_after_the_other_leave_a_page_as_it_is(
    demo: Stack, pages: Pages
) -> None:
    page = open_page(pages(), demo)
    page.evaluate("window.sameDocument = true; window.statesSeen.length = 0")
    price = page.locator(".card .price .value").first
    for program in [name for name in demo.pids() if name.startswith("web")]:
        demo.kill(program)
        before = price.inner_text()
        live(page)
        expect(price).not_to_have_text(before, timeout=WITHIN_MS)
        all_well(page)
    assert page.evaluate("window.statesSeen.includes('reconnecting')")
    assert page.evaluate("window.sameDocument")


@pytest.mark.parametrize("path", ["/", FED])
def test_a_list_of_symbols_that_cannot_be_read_is_said_and_retried(
    demo: Stack, pages: Pages, path: str
) -> None:
    page = pages()
    asked: list[str] = []

    def refuse(route: Route) -> None:
        asked.append(route.request.url)
        message = "Too many requests."
        route.fulfill(status=429, json={"success": False, "error": {"message": message}})

    page.route("**/api/status", refuse)
    page.route_web_socket("**/ws", lambda socket: socket.close())
    page.goto(demo.url + path)
    said = page.locator(".main .empty")
    expect(said).to_contain_text("could not be read: Too many requests.", timeout=WITHIN_MS)
    before = len(asked)
    said.get_by_role("button", name="Retry").click()
    eventually(lambda: page.evaluate("1") and len(asked) > before, within=5)
    page.unroute("**/api/status")
    expect(said).to_have_count(0, timeout=WITHIN_MS)


def test_the_title_of_a_hidden_page_goes_on(demo: Stack, pages: Pages) -> None:
    page = pages()
    open_page(page, demo, FED)
    priced = re.compile(r"^[\d,.]+ BTC-USD · tickwire$")
    expect(page).to_have_title(priced, timeout=WITHIN_MS)
    page.evaluate(HIDE, "hidden")
    before = page.title()
    eventually(lambda: page.title() != before and priced.match(page.title()), within=20)


def test_a_tab_that_was_hidden_for_an_hour_asks_anew_instead_of_replaying(
    demo: Stack, pages: Pages
) -> None:
    page = pages()
    page.clock.install()
    sent: list[str] = []
    page.on("websocket", lambda socket: socket.on("framesent", lambda text: sent.append(str(text))))
    open_page(page, demo, FED)
    page.evaluate(HIDE, "hidden")
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    sent.clear()
    page.clock.fast_forward(3_600_000)
    page.evaluate(HIDE, "visible")

    def asked_for_candles() -> bool:
        page.evaluate("0")  # what the page has done is heard while we ask it
        return any("/api/candles" in url for url in asked)

    eventually(asked_for_candles, within=20)
    live(page)
    assert not any("resume" in text for text in sent)
    expect(page.get_by_role("alert")).to_have_text("")


def test_quality_that_cannot_be_read_is_said_and_retried(demo: Stack, pages: Pages) -> None:
    page = pages()

    def refuse(route: Route) -> None:
        route.fulfill(status=503, json={"success": False, "error": {"message": "It is away."}})

    page.route("**/api/quality*", refuse)
    open_page(page, demo, "/status")
    part = page.locator("section", has=page.locator("#quality"))
    expect(part.locator(".empty")).to_contain_text("It is away.")
    expect(page.locator(".verdict")).to_contain_text(
        "Whether trades are missing could not be read: It is away."
    )
    page.unroute("**/api/quality*")
    part.get_by_role("button", name="Retry").click()
    expect(part.locator("tbody tr").first).to_be_visible(timeout=WITHIN_MS)
