"""The pages of the dashboard: one document, whose script shows what the address is of.

In come the files and the configured symbols; out go the routes of all pages. Our modules and style
sheets are put together (``web.bundle``), and each page's document names the files that it will
need, so that a browser asks for all of them at once. A symbol in any spelling is redirected to its
own address. Who asks for HTML where nothing is gets a page that says so, with 404.
"""

import html
import re
from collections.abc import Mapping
from urllib.parse import quote

import msgspec
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from bus.errors import UnknownSymbol
from market.symbols import Directory
from web.assets import Asset, Assets
from web.bundle import FOLDER, MAIN, Bundles, style
from web.documents import BANNER, BANNER_PLACE

PLACE = "<!-- modules -->"
"""Where the document wants the scripts that it needs to be named."""
TITLE = "<title>tickwire</title>"
DESCRIPTION = 'name="description" content="Live crypto prices, hourly averages and candles"'
"""What the document says of itself, and each page says in its own words."""
DOCUMENT, MISSING = "index.html", "missing"
PATHS = {"/": "dashboard", "/dashboard": "dashboard", "/markets": "markets", "/status": "status"}
SYMBOL = "symbol"
WORDS = {
    "dashboard": ("", "Live crypto prices, hourly averages and candles, a card for each symbol"),
    "markets": (
        "Markets",
        "Every market with its price, change of 24 hours, high, low and volume, live",
    ),
    SYMBOL: ("Unknown symbol", "No symbol of this name is configured here"),
    "status": (
        "Status",
        "How the pipeline is: processes, exchanges, and the quality of each symbol's data",
    ),
    MISSING: ("Nothing here", "There is nothing at this address"),
}
"""Of each page: what stands before the site's name in its title, and what it is."""
SHEET = "style.css"
SHEETS_PLACE = "<!-- style sheets -->"
"""Where the document wants the style sheets to be, which it names for us."""
_PREFIX = "/static/"
_SHEET_LINK = f'<link rel="stylesheet" href="{_PREFIX}{FOLDER}/{SHEET}">'
_importmap = re.compile(r'<script type="importmap">(.*?)</script>', re.DOTALL)
_sheet = re.compile(rf'\n *<link rel="stylesheet" href="{_PREFIX}((?!{FOLDER}/)[^"]+)">')
_imports = re.compile(r'(?:^|[;}])import\b[^"]*?"([^"]+)"', re.MULTILINE)
"""Of a vendored module, which may be one long line."""


class Pages:
    """All pages.

    Args:
        assets: the files.
        directory: the configured symbols.
        simulated: the exchanges are, which the pages say before any script runs.
    """

    def __init__(self, assets: Assets, directory: Directory, *, simulated: bool) -> None:
        self._directory = directory
        self._policy = assets.policy
        bundles = _bundled(assets)
        banner = BANNER if simulated else ""
        texts = {name: _document(assets, bundles, name, banner) for name in WORDS}
        self._documents = {name: _worded(text, *WORDS[name]) for name, text in texts.items()}
        self._symbol_text = texts[SYMBOL]
        self._symbols: dict[str, Asset] = {}
        """Made when they are first asked for."""

    def routes(self) -> list[Route]:
        """Return their routes."""
        return [
            *(Route(path, self._fixed) for path in PATHS),
            Route("/s/{name}", self._symbol),
        ]

    def instead(self, of: ASGIApp) -> ASGIApp:
        """Return what answers where nothing is: a page, or ``of`` where no page is wanted."""

        async def nothing(scope: Scope, receive: Receive, send: Send) -> None:
            request = Request(scope) if scope["type"] == "http" else None
            if request is None or request.method not in ("GET", "HEAD") or not _wants_html(request):
                await of(scope, receive, send)
                return
            answer = self._answer(request, self._documents[MISSING], 404)
            if (path := scope["path"].rstrip("/")) in PATHS:
                answer = RedirectResponse(path, 302)
            await answer(scope, receive, send)

        return nothing

    async def _fixed(self, request: Request) -> Response:
        return self._answer(request, self._documents[PATHS[request.scope["path"]]])

    async def _symbol(self, request: Request) -> Response:
        name = request.path_params["name"]
        try:
            exchange, symbol = self._directory.resolve(name, suggest=False)
        except UnknownSymbol:
            return self._answer(request, self._documents[SYMBOL], 404)
        key = f"{exchange}:{symbol}"
        if name != key:
            return RedirectResponse(f"/s/{quote(key, safe=':')}", 302)
        if key not in self._symbols:
            description = f"The price of {symbol} on {exchange}, live: candles, averages, trades"
            document = _worded(self._symbol_text, f"{symbol} on {exchange}", description)
            self._symbols[key] = document
        return self._answer(request, self._symbols[key])

    def _answer(self, request: Request, document: Asset, status: int = 200) -> Response:
        response = document.answer(request, status)
        response.headers["content-security-policy"] = self._policy
        return response


def _worded(text: str, title: str, description: str) -> Asset:
    """Return a document with its own title and description."""
    named = f"{html.escape(title)} · tickwire" if title else "tickwire"
    said = f'name="description" content="{html.escape(description)}"'
    worded = text.replace(TITLE, f"<title>{named}</title>").replace(DESCRIPTION, said)
    return Asset.of(worded.encode(), "text/html")


def _document(assets: Assets, bundles: Bundles, page: str, banner: str) -> str:
    """Return the document of a page, with the files named that it needs."""
    text = assets.read(DOCUMENT).decode()
    found = _importmap.search(text)
    named = msgspec.json.decode(found[1])["imports"] if found else {}
    needed = {f"{_PREFIX}{FOLDER}/{MAIN}": None}
    own = f"pages/{page}.js"
    vendored: dict[str, None] = {}
    for name in (MAIN, own):
        for each in bundles.vendored(name):
            _follow(assets, named, each, vendored)
    needed |= {f"{_PREFIX}{FOLDER}/{own}": None, **vendored}
    lines = [f'<link rel="modulepreload" href="{each}">' for each in needed]
    text = _sheet.sub("", text.replace(SHEETS_PLACE, _SHEET_LINK))
    text = text.replace(BANNER_PLACE, banner).replace(PLACE, "\n    ".join(lines))
    return text.replace(f'src="{_PREFIX}{MAIN}"', f'src="{_PREFIX}{FOLDER}/{MAIN}"')


def _follow(assets: Assets, named: Mapping[str, str], name: str, found: dict[str, None]) -> None:
    """Add the address of a vendored module, and those of all that it imports."""
    path = named[name]
    if path not in found:
        found[path] = None
        for each in _imports.findall(assets.read(path.removeprefix(_PREFIX)).decode()):
            _follow(assets, named, each, found)


def _bundled(assets: Assets) -> Bundles:
    """Put our modules together, and our style sheets; return the bundles."""
    bundles = Bundles(lambda name: assets.read(name).decode())
    for name in bundles.names:
        script = Asset.of(bundles.text(name).encode(), "text/javascript")
        assets.add(f"{FOLDER}/{name}", script)
    sheets = _sheet.findall(assets.read(DOCUMENT).decode())
    text = style(assets.read(each).decode() for each in sheets)
    assets.add(f"{FOLDER}/{SHEET}", Asset.of(text.encode(), "text/css"))
    return bundles


def _wants_html(request: Request) -> bool:
    return "text/html" in request.headers.get("accept", "").lower()
