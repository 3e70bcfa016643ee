"""The pages of the dashboard: one document, whose script shows what the address is of.

In come the files and the configured symbols; out go the routes of all pages. Our modules and style
sheets are put together (``web.bundle``), and each page's document names the files that it will
need, so that a browser asks for all of them at once. A symbol in any spelling is redirected to its
own address. Who asks for HTML where nothing is gets a page that says so, with 404.
"""

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
DOCUMENT, MISSING = "index.html", "missing"
PATHS = {"/": "dashboard", "/dashboard": "dashboard", "/markets": "markets", "/status": "status"}
SYMBOL = "symbol"
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
        self._documents = {
            name: Asset.of(_document(assets, bundles, name, banner), "text/html")
            for name in (*PATHS.values(), SYMBOL, MISSING)
        }

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
            else:
                await self._answer(request, MISSING, 404)(scope, receive, send)

        return nothing

    async def _fixed(self, request: Request) -> Response:
        return self._answer(request, PATHS[request.scope["path"]])

    async def _symbol(self, request: Request) -> Response:
        name = request.path_params["name"]
        try:
            exchange, symbol = self._directory.resolve(name)
        except UnknownSymbol:
            return self._answer(request, SYMBOL, 404)
        if name != f"{exchange}:{symbol}":
            return RedirectResponse(f"/s/{quote(f'{exchange}:{symbol}', safe=':')}", 302)
        return self._answer(request, SYMBOL)

    def _answer(self, request: Request, name: str, status: int = 200) -> Response:
        response = self._documents[name].answer(request)
        if response.status_code == 200:
            response.status_code = status
        response.headers["content-security-policy"] = self._policy
        return response


def _document(assets: Assets, bundles: Bundles, page: str, banner: str) -> bytes:
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
    return text.replace(f'src="{_PREFIX}{MAIN}"', f'src="{_PREFIX}{FOLDER}/{MAIN}"').encode()


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
