"""Every state that the pages can be in: what is said when something is away, and that it passes."""

import os
import re
import signal
from typing import Any
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Locator, Page, Route, WebSocketRoute, expect

from bus.settings import ROOT
from tests import needed
from tests.browser.chromium import Pages, errors_of, evaluated
from tests.browser.test_docs import RECORD_VIOLATIONS
from tests.e2e.stack import Stack
from tests.eventually import eventually

pytestmark = [pytest.mark.browser, pytest.mark.e2e]

WITHIN_MS = 30_000
FED = "/s/coinbase:BTC-USD"
PAGES = {
    "/": ".card .price",
    "/markets": ".market-body .market-row",
    FED: "canvas",
    "/status": ".process",
}
"""Each page and something that is there when it is complete."""
NOWHERE = "/nowhere"
AXE = ROOT / "tests" / "js" / "node_modules" / "axe-core" / "axe.min.js"
GROUNDS = {"dark": "rgb(11, 14, 20)", "light": "rgb(246, 247, 249)"}
WIDTHS = (1440, 768, 320)


def open_page(page: Page, demo: Stack, path: str = "/") -> Page:
    """Load a page and wait until it is complete and live."""
    page.goto(demo.url + path)
    expect(page.locator(PAGES.get(path, "h1")).first).to_be_attached(timeout=WITHIN_MS)
    live(page)
    return page


def chip(page: Page) -> Locator:
    return page.locator(".connection")


def live(page: Page) -> None:
    said = page.locator('.connection[data-state="connected"] [role="status"]')
    expect(said).to_have_text("live", timeout=WITHIN_MS)


def all_well(page: Page) -> None:
    """Wait until every process is."""
    expect(page.locator('.processes[data-level="good"]')).to_be_visible(timeout=WITHIN_MS)


class Cut:
    """Keeps a page from the server while it is on."""

    def __init__(self, page: Page) -> None:
        self.on = False
        self._sockets: list[WebSocketRoute] = []
        page.route_web_socket("**/ws", self._wire)
        page.route(re.compile(r"/(api|health|sse)\b"), self._ask)

    def cut(self) -> None:
        """Cut what is open, and let nothing be opened."""
        self.on = True
        for socket in self._sockets:
            socket.close()
        self._sockets.clear()

    def _wire(self, socket: WebSocketRoute) -> None:
        if self.on:
            socket.close()
        else:
            socket.connect_to_server()
            self._sockets.append(socket)

    def _ask(self, route: Route) -> None:
        if self.on:
            route.abort()
        else:
            route.continue_()


# ---- what is away, and comes back


def test_the_status_page_draws_every_process_and_every_symbol(demo: Stack, pages: Pages) -> None:
    page = open_page(pages(), demo, "/status")
    all_well(page)
    status = page.request.get(f"{demo.url}/api/status").json()
    used = {one["name"] for one in status["processes"] if not one["state"].startswith("idle")}
    shown = page.locator(".process").evaluate_all("all => all.map(one => one.dataset.id)")
    assert used <= set(shown)
    expect(page.locator(".processes")).to_contain_text(f"{len(used)}/{len(used)} processes")
    expect(page.locator(".wires path")).not_to_have_count(0)
    rows = page.locator('[aria-labelledby="quality"] tbody tr')
    expect(rows).to_have_count(len(status["symbols"]), timeout=WITHIN_MS)
    expect(page.locator(".verdict")).to_contain_text("All is well.", timeout=WITHIN_MS)


def test_a_feed_that_hangs_and_is_killed_is_said_and_recovers(demo: Stack, pages: Pages) -> None:
    page = open_page(pages(), demo, "/status")
    all_well(page)
    demo.kill("feed-coinbase", signal.SIGSTOP)
    box = page.locator('.process[data-id="feed-coinbase"]')
    expect(box).to_have_attribute("data-level", "bad", timeout=WITHIN_MS)
    expect(box).to_contain_text(re.compile(r"no sign of life since \d\d:\d\d:\d\d"))
    expect(page.locator(".trouble").first).to_contain_text("feed-coinbase: no sign of life")
    expect(page.locator(".processes")).to_contain_text("feed-coinbase no sign of life")
    expect(page.get_by_role("alert")).to_have_text(
        "coinbase: the feed gives no sign of life. Waiting for its restart.", timeout=WITHIN_MS
    )
    demo.kill("feed-coinbase")
    expect(box).to_have_attribute("data-level", "good", timeout=WITHIN_MS)
    expect(page.get_by_role("alert")).to_have_text("", timeout=WITHIN_MS)
    all_well(page)


def test_the_page_recovers_by_itself_when_the_whole_backend_is_killed(
    demo: Stack, pages: Pages
) -> None:
    page = open_page(pages(), demo)
    page.evaluate("window.sameDocument = true; window.statesSeen.length = 0")
    for program, pid in demo.pids().items():
        if pid > 0 and program not in ("postgres", "simulator"):
            os.kill(pid, signal.SIGKILL)
    eventually(evaluated(page, "window.statesSeen.includes('reconnecting')"), within=10)
    live(page)
    before = page.locator(".card .price .value").first.inner_text()
    expect(page.locator(".card .price .value").first).not_to_have_text(before, timeout=WITHIN_MS)
    assert page.evaluate("window.sameDocument")
    chip(page).click()
    details = page.locator("#connection-details")
    expect(details).to_contain_text(re.compile(r"WebSocket since \d\d:\d\d:\d\d, answers in \d+"))
    expect(details).to_contain_text(re.compile(r"1, \d+\u202fs in all"))
    page.keyboard.press("Escape")
    expect(details).to_be_hidden()
    all_well(page)


def test_a_backend_that_is_away_is_said_with_the_next_try_and_retry_stays_in_the_end(
    demo: Stack, pages: Pages
) -> None:
    page = pages()
    page.clock.install()
    cut = Cut(page)
    open_page(page, demo)
    cut.cut()
    alert = page.get_by_role("alert")
    retry = page.get_by_role("button", name="Retry now")
    page.clock.run_for(2_000)
    said = re.compile(r"^Backend unreachable, showing values of \d\d:\d\d:\d\d\.$")
    expect(alert).to_have_text(said, timeout=WITHIN_MS)
    expect(page.locator(".card.old .price .value").first).to_be_visible()
    expect(page.locator(".card:not(.old)")).to_have_count(0)
    expect(page).to_have_title(re.compile(r"^stale: BTC-USD"))

    def tries() -> int:
        page.clock.fast_forward(30_000)
        found = re.search(r"\((\d+)\w\w try\)", page.locator(".alert .detail").inner_text())
        return int(found[1]) if found else 0

    eventually(lambda: tries() >= 11, within=30)
    expect(retry).to_be_visible()
    cut.on = False
    retry.click()
    live(page)
    expect(alert).to_have_text("")
    expect(page.locator(".card.old")).to_have_count(0, timeout=WITHIN_MS)


def test_a_device_without_a_network_is_said_to_be_offline(demo: Stack, pages: Pages) -> None:
    page = pages()
    cut = Cut(page)
    open_page(page, demo)
    page.context.set_offline(True)
    cut.cut()
    expect(page.locator(".connection .word")).to_have_text("offline", timeout=WITHIN_MS)
    expect(page.get_by_role("alert")).to_contain_text("This device is offline, showing values of")
    cut.on = False
    page.context.set_offline(False)
    live(page)
    expect(page.get_by_role("alert")).to_have_text("")


def test_a_page_that_cannot_be_loaded_is_loaded_when_it_is_asked_for_again(
    demo: Stack, pages: Pages
) -> None:
    page = open_page(pages(), demo)
    page.route("**/pages/status.js*", lambda route: route.abort())
    page.get_by_role("navigation").get_by_role("link", name="Status").click()
    expect(page.locator(".main .empty")).to_contain_text("could not be loaded")
    page.unroute("**/pages/status.js*")
    page.locator(".main").get_by_role("button", name="Retry").click()
    expect(page.locator(".process").first).to_be_visible(timeout=WITHIN_MS)


def test_a_recording_that_is_played_is_said_to_be_one(demo: Stack, pages: Pages) -> None:
    page = pages()

    def answer(route: Route) -> None:
        response = route.fetch()
        status: dict[str, Any] = response.json()
        route.fulfill(response=response, json=status | {"replay": True})

    open_page(page, demo, "/status")
    expect(page.locator(".simulated")).to_have_text("SIMULATED exchange data")
    page.route("**/api/status", answer)
    expect(page.locator(".simulated")).to_have_text(
        "REPLAY of recorded exchange data", timeout=WITHIN_MS
    )


# ---- what holds on every page


@pytest.mark.parametrize("scheme", GROUNDS)
def test_every_page_is_accessible_fits_asks_no_other_host_and_breaks_no_rule(
    demo: Stack, pages: Pages, scheme: str
) -> None:
    if not AXE.is_file():
        needed.lacking("no axe-core (make check installs it): accessibility was NOT tried")
    page = pages(color_scheme=scheme)
    errors = errors_of(page)
    hosts: set[str] = set()
    page.on("request", lambda request: hosts.add(urlsplit(request.url).netloc))
    page.on("websocket", lambda socket: hosts.add(urlsplit(socket.url).netloc))
    page.add_init_script(RECORD_VIOLATIONS)
    for path in (*PAGES, NOWHERE):
        open_page(page, demo, path)
        assert page.evaluate("getComputedStyle(document.body).backgroundColor") == GROUNDS[scheme]
        assert broken(page) == [], path
        assert page.locator(".footer", has_text="TradingView").is_visible(), path
        for width in WIDTHS:
            page.set_viewport_size({"width": width, "height": 800})
            eventually(
                evaluated(page, f"document.documentElement.scrollWidth <= {width}"), within=5
            )
        assert page.evaluate("window.violations") == [], path
    assert hosts - {""} == {urlsplit(demo.url).netloc}
    missing = "Failed to load resource: the server responded with a status of 404 (Not Found)"
    assert errors == [missing], "what is complained about is that nothing is at NOWHERE"


def broken(page: Page) -> list[str]:
    """Return what axe-core objects to on a page: each rule, and where it is broken."""
    page.evaluate(AXE.read_text())
    found: list[str] = page.evaluate(
        """async () => (await axe.run()).violations.flatMap(({id, nodes}) =>
            nodes.map(({target, failureSummary}) => `${id}: ${target.join(" ")} ${failureSummary}`))
        """
    )
    return found


def test_axe_would_find_what_is_wrong(demo: Stack, pages: Pages) -> None:
    if not AXE.is_file():
        needed.lacking("no axe-core (make check installs it): accessibility was NOT tried")
    page = open_page(pages(), demo, "/status")
    page.evaluate("document.querySelector('.main').append(document.createElement('button'))")
    assert [each.partition(":")[0] for each in broken(page)] == ["button-name"]


def test_what_opens_and_what_is_old_is_accessible_too(demo: Stack, pages: Pages) -> None:
    if not AXE.is_file():
        needed.lacking("no axe-core (make check installs it): accessibility was NOT tried")
    page = pages()
    cut = Cut(page)
    open_page(page, demo, FED)
    for key in ("/", "?"):
        page.keyboard.press(key)
        expect(page.get_by_role("dialog")).to_be_visible()
        assert broken(page) == [], key
        page.keyboard.press("Escape")
    page.get_by_role("button", name="Indicators").click()
    expect(page.locator(".menu:popover-open")).to_be_visible()
    assert broken(page) == []
    page.keyboard.press("Escape")
    cut.cut()
    expect(page.locator(".strip.old, .study.old, .tape.old")).to_have_count(3, timeout=WITHIN_MS)
    assert broken(page) == []


def test_who_wants_no_motion_sees_none(demo: Stack, pages: Pages) -> None:
    page = open_page(pages(), demo)
    eventually(evaluated(page, "document.getAnimations().length > 0"), within=20)
    page.emulate_media(reduced_motion="reduce")
    price = page.locator(".card .price .value").first
    for _ in range(3):
        expect(price).not_to_have_text(price.inner_text(), timeout=WITHIN_MS)
        assert page.evaluate("document.getAnimations().length") == 0


# ---- keys, focus, theme


@pytest.fixture
def keyed(demo: Stack, pages: Pages) -> Page:
    return open_page(pages(color_scheme="dark"), demo)


def test_keys_lead_to_the_pages_and_open_what_they_say(keyed: Page) -> None:
    for second, path in (("m", "/markets"), ("s", "/status"), ("d", "/")):
        keyed.keyboard.press("g")
        keyed.keyboard.press(second)
        expect(keyed).to_have_url(re.compile(re.escape(path) + "$"))
        current = keyed.locator('.navigation [aria-current="page"]')
        expect(current).to_have_attribute("href", path)
    keyed.keyboard.press("?")
    expect(keyed.get_by_role("dialog", name="Keys")).to_be_visible()
    keyed.keyboard.press("Escape")
    expect(keyed.get_by_role("dialog", name="Keys")).to_be_hidden()
    keyed.keyboard.press("/")
    search = keyed.get_by_role("combobox")
    expect(search).to_be_focused()
    search.fill("btc")
    expect(keyed.get_by_role("option").first).to_contain_text("BTC")
    keyed.keyboard.press("Escape")
    expect(search).to_be_hidden()


def test_the_first_key_reaches_the_content(keyed: Page) -> None:
    keyed.keyboard.press("Tab")
    skip = keyed.get_by_role("link", name="Skip to the content")
    expect(skip).to_be_focused()
    keyed.keyboard.press("Enter")
    expect(keyed.locator("#main")).to_be_focused()


GROUND = "getComputedStyle(document.documentElement).colorScheme"


def test_a_chosen_theme_is_there_before_anything_is_painted(keyed: Page) -> None:
    assert keyed.evaluate(GROUND) == "light dark"
    keyed.get_by_role("button", name="Switch to the light theme").click()
    eventually(evaluated(keyed, f"{GROUND} === 'light'"), within=5)
    bars = keyed.locator("meta[name=theme-color]")
    colours = bars.evaluate_all("all => all.map((one) => one.content)")
    assert colours == ["rgb(246, 247, 249)"] * 2
    keyed.add_init_script(
        """new MutationObserver((_, observer) => {
            if (document.body === null) return;
            window.firstTheme = document.documentElement.dataset.theme;
            observer.disconnect();
        }).observe(document, {subtree: true, childList: true});"""
    )
    keyed.reload()
    live(keyed)
    assert keyed.evaluate("window.firstTheme") == "light"
    keyed.get_by_role("button", name="Switch to the dark theme").click()
    eventually(evaluated(keyed, f"{GROUND} === 'light dark'"), within=5)
