"""The dashboard's files, read once at start and answered from memory.

In comes the folder; out go the page at ``/`` and the files at ``/static/…``, each with an ETag and
compressed beforehand. No path of a request ever reaches the file system. The page's security
policy allows our own files, the page's import map and the one style that lightweight-charts makes,
each by its hash, and nothing else.
"""

import base64
import gzip
import hashlib
import mimetypes
import re
from dataclasses import dataclass
from pathlib import Path

from starlette.requests import Request
from starlette.responses import Response

from web.answers import Refused, is_known

_importmaps = re.compile(rb'<script type="?importmap"?>(.*?)</script>', re.DOTALL).findall
_styles_made = re.compile(rb'\.innerText="(a#tv-attr-logo\{[^"\\]*\})"').findall
_TYPES = {".mjs": "text/javascript", ".js": "text/javascript", ".svg": "image/svg+xml"}
_COMPRESSED = ("text/", "image/svg", "application/json")
_PAGE = "index.html"


@dataclass(frozen=True)
class Asset:
    """One file, ready to be sent."""

    body: bytes
    compressed: bytes | None
    etag: str
    content_type: str


class Assets:
    """All files below a folder; none where there is no folder."""

    def __init__(self, folder: Path) -> None:
        paths = [path for path in sorted(folder.rglob("*")) if path.is_file()]
        self._files = {path.relative_to(folder).as_posix(): _read(path) for path in paths}
        self.policy = _policy(self._files)

    def page(self, request: Request) -> Response:
        """Answer the page."""
        response = self._answer(request, _PAGE)
        response.headers["content-security-policy"] = self.policy
        return response

    def file(self, request: Request) -> Response:
        """Answer one file by its path below the folder."""
        return self._answer(request, request.path_params["path"])

    def _answer(self, request: Request, name: str) -> Response:
        asset = self._files.get(name)
        if asset is None:
            raise Refused(404, f"there is nothing at {request.scope['path'][:200]}")
        headers = {"etag": asset.etag, "cache-control": "no-cache", "vary": "accept-encoding"}
        if is_known(request, asset.etag):
            return Response(status_code=304, headers=headers)
        body = asset.body
        if asset.compressed is not None and _takes_gzip(request):
            body = asset.compressed
            headers["content-encoding"] = "gzip"
        return Response(body, headers=headers, media_type=asset.content_type)


def _read(path: Path) -> Asset:
    body = path.read_bytes()
    kind = _TYPES.get(path.suffix) or mimetypes.guess_type(path.name)[0]
    kind = kind or "application/octet-stream"
    compressed = gzip.compress(body, 9, mtime=0) if kind.startswith(_COMPRESSED) else None
    if compressed is not None and len(compressed) >= len(body):
        compressed = None
    etag = f'"{hashlib.sha256(body).hexdigest()[:32]}"'
    return Asset(body, compressed, etag, kind)


def _policy(files: dict[str, Asset]) -> str:
    page = files[_PAGE].body if _PAGE in files else b""
    scripts = [_hash(text) for text in _importmaps(page)]
    vendored = [asset.body for name, asset in files.items() if name.startswith("vendor/")]
    styles = [_hash(text) for body in vendored for text in _styles_made(body)]
    return "; ".join(
        [
            "default-src 'none'",
            " ".join(["script-src", "'self'", *scripts]),
            " ".join(["style-src", "'self'", *styles]),
            "connect-src 'self'",
            "img-src 'self' data:",
            "font-src 'self'",
            "base-uri 'none'",
            "form-action 'none'",
            "frame-ancestors 'none'",
        ]
    )


def _hash(text: bytes) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text).digest()).decode()}'"


def _takes_gzip(request: Request) -> bool:
    for part in request.headers.get("accept-encoding", "").lower().split(","):
        coding, _, weight = part.partition(";")
        if coding.strip() == "gzip" and weight.replace(" ", "") not in ("q=0", "q=0.0"):
            return True
    return False
