"""Which pages may open a WebSocket here: our own, those of CORS_ORIGIN, and what is no page."""

from urllib.parse import urlsplit

from starlette.responses import Response
from starlette.websockets import WebSocket

from web.envelope import request_id_of
from web.schema import failure


def allowed(origin: str | None, host: str | None, others: tuple[str, ...]) -> bool:
    """True when there is no Origin, it is the host that was asked, or it is one of the others."""
    if origin is None or "*" in others or origin in others:
        return True
    try:
        parts = urlsplit(origin)
    except ValueError:
        return False
    whole = not (parts.path or parts.query or parts.fragment or parts.username)
    return whole and parts.scheme in ("http", "https") and parts.netloc.lower() == (host or "")


def refusal(websocket: WebSocket, others: tuple[str, ...]) -> Response | None:
    """Return the 403 for a foreign page, None for everybody else."""
    headers = websocket.headers
    if len(headers.getlist("origin")) <= 1:
        host = headers.get("host", "").lower()
        if allowed(headers.get("origin"), host, others):
            return None
    request_id = request_id_of(websocket.scope)
    return failure(
        403, "this origin may not connect", request_id, headers={"x-request-id": request_id}
    )
