"""Files that are answered from memory: read, or made, once at start.

In comes the folder; out go the files at ``/static/…``, each with an ETag and compressed
beforehand, as is all else that never changes while the process runs. No path of a
request ever reaches the file system. A page's security policy allows our own files; the
dashboard's its import map, its style sheet and the one style that lightweight-charts makes besides,
each by its hash; and nothing else.
"""

import base64
import gzip
import hashlib
import mimetypes
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from starlette.requests import Request
from starlette.responses import Response

from web.answers import Refused, is_known

_importmaps = re.compile(rb'<script type="?importmap"?>(.*?)</script>', re.DOTALL).findall
_sheets = re.compile(rb"<style>(.*?)</style>", re.DOTALL).findall
_styles_made = re.compile(rb'\.innerText="(a#tv-attr-logo\{[^"\\]*\})"').findall
_TYPES = {
    ".mjs": "text/javascript",
    ".js": "text/javascript",
    ".svg": "image/svg+xml",
    ".webmanifest": "application/manifest+json",
}
_COMPRESSED = ("text/", "image/svg", "application/json", "application/manifest")


@dataclass(frozen=True)
class Asset:
    """One file, ready to be sent."""

    body: bytes
    compressed: bytes | None
    etag: str
    content_type: str

    @classmethod
    def of(cls, body: bytes, kind: str) -> Self:
        """Return a file of that content type, compressed where that makes it smaller."""
        compressed = gzip.compress(body, 9, mtime=0) if kind.startswith(_COMPRESSED) else None
        if compressed is not None and len(compressed) >= len(body):
            compressed = None
        return cls(body, compressed, f'"{hashlib.sha256(body).hexdigest()[:32]}"', kind)

    def answer(self, request: Request, status: int = 200) -> Response:
        """Answer a request for it: compressed for who takes that, 304 for who has it.

        With another ``status`` it is what is said instead of something, and always sent.
        """
        headers = {"etag": self.etag, "cache-control": "no-cache", "vary": "accept-encoding"}
        if status == 200 and is_known(request, self.etag):
            return Response(status_code=304, headers=headers)
        body = self.body
        if self.compressed is not None and takes_gzip(request):
            body = self.compressed
            headers["content-encoding"] = "gzip"
        return Response(body, status, headers=headers, media_type=self.content_type)


class Assets:
    """All files below a folder; none where there is no folder."""

    def __init__(self, folder: Path) -> None:
        paths = [path for path in sorted(folder.rglob("*")) if path.is_file()]
        self._files = {path.relative_to(folder).as_posix(): _read(path) for path in paths}

    def file(self, request: Request) -> Response:
        """Answer one file by its path below the folder."""
        return self._answer(request, request.path_params["path"])

    def read(self, name: str) -> bytes:
        """Return what is in a file; nothing where there is none."""
        return self._files[name].body if name in self._files else b""

    def policy(self, page: bytes) -> str:
        """Return the policy of a page that uses these files."""
        vendored = [file.body for name, file in self._files.items() if name.startswith("vendor/")]
        made = [text for body in vendored for text in _styles_made(body)]
        styles = [*_sheets(page), *made]
        return policy([_hash(text) for text in _importmaps(page)], [_hash(text) for text in styles])

    def add(self, name: str, asset: Asset) -> None:
        """Answer a file that was made, at a path below the folder."""
        self._files[name] = asset

    def _answer(self, request: Request, name: str) -> Response:
        asset = self._files.get(name)
        if asset is None:
            raise Refused(404, f"there is nothing at {request.scope['path'][:200]}")
        return asset.answer(request)


def _read(path: Path) -> Asset:
    body = path.read_bytes()
    kind = _TYPES.get(path.suffix) or mimetypes.guess_type(path.name)[0]
    kind = kind or "application/octet-stream"
    return Asset.of(body, kind)


def policy(scripts: Sequence[str] = (), styles: Sequence[str] = ()) -> str:
    """Return the policy of a page that loads our files, and scripts and styles of those hashes."""
    return "; ".join(
        [
            "default-src 'none'",
            " ".join(["script-src", "'self'", *scripts]),
            " ".join(["style-src", "'self'", *styles]),
            "connect-src 'self'",
            "img-src 'self' data:",
            "font-src 'self'",
            "manifest-src 'self'",
            "base-uri 'none'",
            "form-action 'none'",
            "frame-ancestors 'none'",
        ]
    )


def _hash(text: bytes) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text).digest()).decode()}'"


def takes_gzip(request: Request) -> bool:
    """Return whether an answer to a request may be compressed by gzip."""
    for part in request.headers.get("accept-encoding", "").lower().split(","):
        coding, _, weight = part.partition(";")
        if coding.strip() == "gzip" and weight.replace(" ", "") not in ("q=0", "q=0.0"):
            return True
    return False
