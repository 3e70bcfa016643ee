"""The pages of the dashboard as a real web process answers them."""

import base64
import gzip
import hashlib
import json
import posixpath
import re
import struct
from urllib.parse import urljoin

import pytest

from tests.web.messages import FEEDS
from tests.web.stack import Stack
from web.app import STATIC
from web.pages import DESCRIPTION, MISSING, PLACE, SYMBOL, THEME, THEMES, TITLE, WORDS

HTML = {"accept": "text/html,application/xhtml+xml,*/*;q=0.8"}
OWN_BYTES_MAX = 60_000
"""What our own modules of a page may weigh, compressed, as they are sent."""
EVERY_BYTES_MAX = 64_500
"""And those of all pages together, which nobody loads at once."""
ALL_BYTES_MAX = 200 * 1000
"""What all scripts of a page may, vendored ones too."""
PARTS = {SYMBOL: ("chart/canvas.js",)}
"""What a page's module loads later."""
KITS = ("preact", "preact-hooks", "preact-signals", "preact-signals-core", "htm", "htm-preact")
"""The vendored modules that every page needs."""
PLACES = {
    "/": "dashboard",
    "/markets": "markets",
    "/status": "status",
    "/s/coinbase:BTC-USD": SYMBOL,
}
"""Of each page one address, and its module."""


def document(stack: Stack, path: str, status: int = 200) -> str:
    """Return a page that is answered with that status."""
    found, headers, body = stack.get(path, headers=HTML)
    assert (found, headers["content-type"]) == (status, "text/html; charset=utf-8")
    return body.decode()


def preloaded(text: str) -> list[str]:
    return re.findall(r'<link rel="modulepreload" href="([^"]+)"(?: fetchpriority="low")?>', text)


def reached(first: str, found: dict[str, None], named: dict[str, str]) -> dict[str, None]:
    """Return all modules that one imports, and those that a page loads when it needs them."""
    if first in found:
        return found
    found[first] = None
    text = (STATIC / first.removeprefix("/static/")).read_text()
    code = re.sub(r"/\*.*?\*/|^\s*//.*?$", "", text, flags=re.DOTALL | re.MULTILINE)
    names = re.findall(r'\b(?:from|import)\s*"([^"]+)"', code)
    if first != "/static/components/app.js":  # which knows all pages
        names += re.findall(r'\bimport\("([^"]+)"\)', code)
    for name in names:
        reached(named.get(name) or posixpath.normpath(urljoin(first, name)), found, named)
    return found


@pytest.mark.parametrize(("path", "module"), PLACES.items())
def test_a_page_names_exactly_the_modules_that_it_needs(
    stack: Stack, path: str, module: str
) -> None:
    text = document(stack, path)
    found = re.search(r'<script type="importmap">(.*?)</script>', text, re.DOTALL)
    assert found is not None
    named = json.loads(found[1])["imports"]
    needed: dict[str, None] = {}
    for first in ("/static/main.js", f"/static/pages/{module}.js"):
        reached(first, needed, named)
    named_here = preloaded(text)
    assert len(named_here) == len(set(named_here))
    parts = ["main.js", f"pages/{module}.js", *PARTS.get(module, ())]
    bundles = [f"/static/bundles/{name}" for name in parts]
    alone = {name for name in needed if name == named["lightweight-charts"]}
    assert set(named_here) == {*bundles, *alone}
    inside = "".join(stack.get(name)[2].decode() for name in bundles)
    bare = {path: name for name, path in named.items()}
    for name in needed.keys() - alone:
        known = bare.get(name) or name.removeprefix("/static/").removesuffix(".js")
        variable = "m_" + re.sub(r"\W", "_", known)
        assert inside.count(f"const {variable} = (() =>") == 1, name
    assert PLACE not in text


def sent(stack: Stack, name: str) -> int:
    """Return how many bytes a file has when it is sent."""
    _, headers, _ = stack.get(name, headers={"accept-encoding": "gzip"})
    return int(headers["content-length"])


def test_our_own_modules_stay_within_their_budget(stack: Stack) -> None:
    scripts = [preloaded(document(stack, path)) for path in PLACES]
    named = {name for page in scripts for name in page if "/bundles/" in name}
    named |= set(preloaded(document(stack, "/nowhere", 404)))
    pages = {f"/static/bundles/pages/{path.name}" for path in (STATIC / "pages").glob("*.js")}
    parts = {f"/static/bundles/{name}" for names in PARTS.values() for name in names}
    assert named == {"/static/bundles/main.js", *pages, *parts}
    # main.js has vendored modules in it, which are not ours.
    kits = [STATIC / "vendor" / f"{name}.mjs" for name in KITS]
    kit = gzip.compress(b"".join(path.read_bytes() for path in kits), 9)
    every = sum(sent(stack, name) for name in named if "/bundles/" in name) - len(kit)
    assert every <= EVERY_BYTES_MAX
    for page in scripts:
        assert sum(sent(stack, name) for name in page) <= ALL_BYTES_MAX
        own = sum(sent(stack, name) for name in page if "/bundles/" in name) - len(kit)
        assert 10_000 < own <= OWN_BYTES_MAX


def test_every_file_that_a_page_names_is_there(stack: Stack) -> None:
    for path in PLACES:
        named = re.findall(r'(?:src|href)="(/static/[^"#]*)"', document(stack, path))
        assert "/static/manifest.webmanifest" in named
        assert [name for name in named if stack.get(name)[0] != 200] == []


def test_each_page_has_a_title_and_a_description_of_its_own(stack: Stack) -> None:
    texts = [document(stack, path) for path in PLACES]
    texts += [document(stack, "/nowhere", 404), document(stack, "/s/coinbase:ETH-USD")]
    for pattern in (r"<title>(.*?)</title>", r'name="description" content="(.*?)"'):
        found = [re.findall(pattern, text) for text in texts]
        assert all(len(each) == 1 for each in found)
        assert len({each[0] for each in found}) == len(texts)
    source = (STATIC / "index.html").read_text()
    assert source.count(TITLE) == source.count(DESCRIPTION) == 1
    assert {*PLACES.values(), MISSING} == set(WORDS)
    assert "<title>BTC-USD on coinbase · tickwire</title>" in texts[3]


@pytest.mark.parametrize(
    "name", ["BTC-USD", "btcusd", "coinbase:btc/usd".replace("/", "_"), "COINBASE:BTC-USD"]
)
def test_a_symbol_in_any_spelling_is_sent_to_its_own_address(stack: Stack, name: str) -> None:
    status, headers, _ = stack.get(f"/s/{name}", headers=HTML)
    assert (status, headers["location"]) == (302, "/s/coinbase:BTC-USD")


def test_every_configured_symbol_has_its_page(stack: Stack) -> None:
    for exchange, symbols in FEEDS.items():
        for symbol in symbols:
            assert f"{symbol} on {exchange}" in document(stack, f"/s/{exchange}:{symbol}")


@pytest.mark.parametrize("path", ["/markets/", "/status//", "/dashboard/"])
def test_a_slash_too_many_is_taken_away(stack: Stack, path: str) -> None:
    status, headers, _ = stack.get(path, headers=HTML)
    assert (status, headers["location"]) == (302, path.rstrip("/"))


def test_the_dashboard_has_two_addresses(stack: Stack) -> None:
    assert document(stack, "/dashboard") == document(stack, "/")


@pytest.mark.parametrize("path", ["/nowhere", "/s/coinbase:NONE-USD", "/s/a/b", "/markets/none"])
def test_people_get_a_page_where_nothing_is(stack: Stack, path: str) -> None:
    text = document(stack, path, 404)
    assert '<script type="module" src="/static/bundles/main.js">' in text
    status, headers, body = stack.get(path, "HEAD", HTML)
    assert (status, body) == (404, b"")
    # It is not kept instead of what may be there one day.
    again = stack.get(path, headers={**HTML, "if-none-match": headers["etag"]})
    assert again[0] == 404
    assert again[2]


@pytest.mark.parametrize("accept", ["application/json", "*/*", ""])
def test_programs_get_the_envelope_where_nothing_is(stack: Stack, accept: str) -> None:
    status, headers, body = stack.get("/nowhere", headers={"accept": accept})
    assert (status, headers["content-type"]) == (404, "application/json")
    assert json.loads(body)["error"]["code"] == "RESOURCE_NOT_FOUND"


def test_what_is_no_question_gets_the_envelope_from_people_too(stack: Stack) -> None:
    status, headers, _ = stack.get("/nowhere", "POST", HTML)
    assert (status, headers["content-type"]) == (404, "application/json")
    assert stack.get("/status", "POST", HTML)[0] == 405


@pytest.mark.parametrize("path", [*PLACES, "/dashboard"])
def test_a_page_is_compressed_and_not_sent_twice(stack: Stack, path: str) -> None:
    status, headers, body = stack.get(path, headers={"accept-encoding": "gzip"})
    assert (status, headers["content-encoding"]) == (200, "gzip")
    assert gzip.decompress(body) == stack.get(path)[2]
    again, kept, nothing = stack.get(path, headers={"if-none-match": headers["etag"]})
    assert (again, nothing) == (304, b"")
    assert kept["content-security-policy"] == headers["content-security-policy"]
    told, _, nothing = stack.get(path, "HEAD")
    assert (told, nothing) == (200, b"")


@pytest.mark.parametrize("path", [*PLACES, "/nowhere", "/s/none"])
def test_a_page_may_load_our_own_files_and_run_nothing_inline(stack: Stack, path: str) -> None:
    _, headers, body = stack.get(path, headers=HTML)
    rules = dict(part.split(" ", 1) for part in headers["content-security-policy"].split("; "))
    assert rules["default-src"] == "'none'"
    assert rules["connect-src"] == rules["manifest-src"] == "'self'"
    assert re.fullmatch(r"'self' 'sha256-[^']+'", rules["script-src"])
    assert "unsafe" not in headers["content-security-policy"]
    assert not re.search(rb"\sstyle=|\son[a-z]+=", body)
    (sheet,) = re.findall(rb"<style>(.*?)</style>", body, re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(sheet).digest()).decode()
    assert f"'sha256-{digest}'" in rules["style-src"].split()


@pytest.mark.parametrize("path", [*PLACES, "/nowhere"])
def test_a_theme_that_was_chosen_is_there_before_any_script(stack: Stack, path: str) -> None:
    tags = {}
    for chosen in (*THEMES, "blue"):
        headers = {**HTML, "cookie": f"a=b; {THEME}={chosen}"}
        _, answered, body = stack.get(path, headers=headers)
        assert "cookie" in answered["vary"]
        (root,) = re.findall(rb"<html[^>]*>", body)
        said = f' data-theme="{chosen}"' if chosen in THEMES else ""
        assert root.decode() == f'<html lang="en"{said}>'
        tags[chosen] = answered["etag"]
    assert len(set(tags.values())) == 3


def test_the_manifest_names_icons_of_the_sizes_that_it_says(stack: Stack) -> None:
    status, headers, body = stack.get("/static/manifest.webmanifest")
    assert (status, headers["content-type"]) == (200, "application/manifest+json")
    manifest = json.loads(body)
    assert manifest["start_url"] == manifest["scope"] == "/"
    for icon in manifest["icons"]:
        _, headers, image = stack.get(icon["src"])
        assert headers["content-type"].partition(";")[0] == icon["type"]
        if icon["type"] == "image/png":
            width, height = struct.unpack(">II", image[16:24])
            assert icon["sizes"] == f"{width}x{height}"
    text = document(stack, "/")
    assert f'content="{manifest["theme_color"]}"' in text


def test_without_javascript_a_page_says_what_there_is(stack: Stack) -> None:
    text = document(stack, "/")
    inside = re.search(r"<noscript>(.*?)</noscript>", text, re.DOTALL)
    assert inside is not None
    links = re.findall(r'href="([^"]+)"', inside[1])
    assert len(links) >= 4
    assert [link for link in links if stack.get(link)[0] != 200] == []
