"""The page of the API in a real Chromium: strict policy, our files only, routes can be tried."""

from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Page, expect

from tests.browser.chromium import Demo, Pages, errors_of

pytestmark = [pytest.mark.browser, pytest.mark.e2e]

LOADING_MS = 20_000
RECORD_VIOLATIONS = """
    window.violations = [];
    document.addEventListener("securitypolicyviolation", (event) => {
        window.violations.push(`${event.effectiveDirective} ${event.blockedURI}`);
    });
"""


def shown(page: Page, demo: Demo) -> set[str]:
    """Load the page and wait for its first route; return the hosts that it asks, as it asks."""
    hosts: set[str] = set()
    page.on("request", lambda request: hosts.add(urlsplit(request.url).netloc))
    page.add_init_script(RECORD_VIOLATIONS)
    page.goto(f"{demo.url}/docs")
    expect(page.locator(".opblock").first).to_be_visible(timeout=LOADING_MS)
    return hosts


def test_a_route_can_be_tried_and_nothing_is_complained_about_or_loaded_from_elsewhere(
    demo: Demo, pages: Pages
) -> None:
    page = pages()
    errors = errors_of(page)
    hosts = shown(page, demo)
    route = page.locator(".opblock", has=page.locator('[data-path="/api/last"]'))
    route.locator(".opblock-summary-control").click()
    with page.expect_response("**/api/last") as answered:
        route.locator(".execute").click()
    assert answered.value.status == 200
    answer = route.locator(".live-responses-table tr.response td.response-col_status")
    expect(answer).to_contain_text("200", timeout=LOADING_MS)
    assert page.evaluate("window.violations") == []
    assert errors == []
    assert hosts - {""} == {urlsplit(demo.url).netloc}


def test_simulated_data_is_said_to_be_simulated_and_the_dashboard_leads_here(
    demo: Demo, pages: Pages
) -> None:
    page = pages()
    page.goto(demo.url)
    page.get_by_role("link", name="API").click()
    expect(page.locator(".opblock").first).to_be_visible(timeout=LOADING_MS)
    expect(page.get_by_text("SIMULATED")).to_be_visible()


def test_a_violation_of_the_policy_would_be_noticed(demo: Demo, pages: Pages) -> None:
    page = pages()
    errors = errors_of(page)
    shown(page, demo)
    page.evaluate(
        "document.head.append(Object.assign(document.createElement('script'),"
        " {textContent: 'window.ran = true'}))"
    )
    assert page.evaluate("window.ran ?? null") is None
    assert page.evaluate("window.violations") == ["script-src-elem inline"]
    assert len(errors) == 1


def test_the_streams_can_be_read_without_javascript(demo: Demo, pages: Pages) -> None:
    page = pages(java_script_enabled=False)
    page.goto(f"{demo.url}/docs")
    expect(page.locator("#ws h3")).to_contain_text("/ws")
    expect(page.locator("#tap_trade h3")).to_contain_text("trade.{exchange}.{symbol}.")
    expect(page.get_by_role("link", name="openapi.json").first).to_be_visible()
    page.locator("#tap_trade a").first.click()
    expect(page.locator("#TradesMap")).to_be_visible()


@pytest.mark.parametrize("scheme", ["dark", "light"])
@pytest.mark.parametrize("width", [320, 375, 1280])
def test_nothing_scrolls_sideways(demo: Demo, pages: Pages, width: int, scheme: str) -> None:
    page = pages(viewport={"width": width, "height": 900}, color_scheme=scheme)
    shown(page, demo)
    route = page.locator(".opblock", has=page.locator('[data-path="/api/candles"]'))
    route.locator(".opblock-summary-control").click()
    expect(route.locator(".execute")).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    ground = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert ground == {"dark": "rgb(11, 14, 20)", "light": "rgb(246, 247, 249)"}[scheme]
