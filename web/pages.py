"""The pages of the dashboard: one document, whose script shows what the address is of.

In come the files and the configured symbols; out go the routes of all pages. Our modules and style
sheets are put together (``web.bundle``). Each page's document has the sheets in it, and names the
modules that it will need: a browser paints it as it comes, and asks for all the rest at once. The
theme that somebody has chosen comes in a cookie. A symbol in any spelling is redirected to its own
address. Who asks for HTML where nothing is gets a page that says so, with 404.
"""

import html
import re
from collections.abc import Mapping, Sequence
from functools import lru_cache
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
SHEETS_PLACE = "<!-- style sheets -->"
"""Where the document wants the style sheets to be, which it names for us."""
THEME = "tickwire_theme"
"""The cookie of who has chosen one of ``THEMES``."""
THEMES = ("dark", "light")
ROOT = '<html lang="en">'
MADE_MAX = 256
"""Documents that are kept; the others are made when they are asked for."""
_PREFIX = "/static/"
_importmap = re.compile(r'<script type="importmap">(.*?)</script>', re.DOTALL)
_sheet = re.compile(rf'\n *<link rel="stylesheet" href="{_PREFIX}([^"]+)">')


class Pages:
    """All pages.

    Args:
        assets: the files.
        directory: the configured symbols.
        simulated: the exchanges are, which the pages say before any script runs.
    """

    def __init__(self, assets: Assets, directory: Directory, *, simulated: bool) -> None:
        self._directory = directory
        bundles = _bundled(assets)
        banner = BANNER if simulated else ""
        self._texts = {name: _document(assets, bundles, name, banner) for name in WORDS}
        self._policy = assets.policy(self._texts[SYMBOL].encode())
        self._made = lru_cache(MADE_MAX)(self._make)

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
            answer = self._answer(request, MISSING, *WORDS[MISSING], status=404)
            if (path := scope["path"].rstrip("/")) in PATHS:
                answer = RedirectResponse(path, 302)
            await answer(scope, receive, send)

        return nothing

    async def _fixed(self, request: Request) -> Response:
        name = PATHS[request.scope["path"]]
        return self._answer(request, name, *WORDS[name])

    async def _symbol(self, request: Request) -> Response:
        name = request.path_params["name"]
        try:
            exchange, symbol = self._directory.resolve(name, suggest=False)
        except UnknownSymbol:
            return self._answer(request, SYMBOL, *WORDS[SYMBOL], status=404)
        key = f"{exchange}:{symbol}"
        if name != key:
            return RedirectResponse(f"/s/{quote(key, safe=':')}", 302)
        description = f"The price of {symbol} on {exchange}, live: candles, averages, trades"
        return self._answer(request, SYMBOL, f"{symbol} on {exchange}", description)

    def _answer(
        self, request: Request, name: str, title: str, description: str, status: int = 200
    ) -> Response:
        chosen = request.cookies.get(THEME, "")
        theme = chosen if chosen in THEMES else ""
        response = self._made(name, title, description, theme).answer(request, status)
        response.headers["vary"] += ", cookie"
        response.headers["content-security-policy"] = self._policy
        return response

    def _make(self, name: str, title: str, description: str, theme: str) -> Asset:
        """Return a page's document with its own title and description, in a chosen theme."""
        named = f"{html.escape(title)} · tickwire" if title else "tickwire"
        said = f'name="description" content="{html.escape(description)}"'
        text = self._texts[name].replace(TITLE, f"<title>{named}</title>")
        root = f'{ROOT[:-1]} data-theme="{theme}">' if theme else ROOT
        text = text.replace(DESCRIPTION, said).replace(ROOT, root, 1)
        return Asset.of(text.encode(), "text/html")


def _document(assets: Assets, bundles: Bundles, page: str, banner: str) -> str:
    """Return the document of a page, with the files named that it needs."""
    text = assets.read(DOCUMENT).decode()
    named = _named(text)
    own = f"pages/{page}.js"
    needed, later = [MAIN, own], bundles.parts(own)
    lines = [
        f'<link rel="modulepreload" href="{path}"{urgency}>'
        for names, urgency in ((needed, ""), (later, ' fetchpriority="low"'))
        for path in _paths(bundles, named, names)
    ]
    sheets = style(assets.read(each).decode() for each in _sheet.findall(text))
    text = _sheet.sub("", text).replace(SHEETS_PLACE, f"<style>{sheets}</style>")
    text = text.replace(BANNER_PLACE, banner).replace(PLACE, "\n    ".join(lines))
    return text.replace(f'src="{_PREFIX}{MAIN}"', f'src="{_PREFIX}{FOLDER}/{MAIN}"')


def _paths(bundles: Bundles, named: Mapping[str, str], names: Sequence[str]) -> list[str]:
    """Return the addresses of bundles, and of the vendored modules that they import."""
    alone = [named[each] for name in names for each in bundles.vendored(name)]
    return [*(f"{_PREFIX}{FOLDER}/{name}" for name in names), *alone]


def _named(text: str) -> dict[str, str]:
    """Return the addresses of the vendored modules by their bare names."""
    found = _importmap.search(text)
    return msgspec.json.decode(found[1], type=_ImportMap).imports if found else {}


class _ImportMap(msgspec.Struct):
    imports: dict[str, str]


def _bundled(assets: Assets) -> Bundles:
    """Put our modules together; return the bundles."""
    named = _named(assets.read(DOCUMENT).decode())
    vendored = {name: path.removeprefix(_PREFIX) for name, path in named.items()}
    bundles = Bundles(lambda path: assets.read(path).decode(), vendored)
    for name in bundles.names:
        script = Asset.of(bundles.text(name).encode(), "text/javascript")
        assets.add(f"{FOLDER}/{name}", script)
    return bundles


def _wants_html(request: Request) -> bool:
    return "text/html" in request.headers.get("accept", "").lower()
