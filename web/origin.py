"""Which pages may open a WebSocket here: our own, those of CORS_ORIGIN, and what is no page."""

from starlette.websockets import WebSocket


def allowed(origin: str | None, host: str | None, others: tuple[str, ...]) -> bool:
    """True when there is no Origin, it is the host that was asked, or it is one of the others."""
    if origin is None or "*" in others or origin in others:
        return True
    return bool(host) and origin.lower() in (f"http://{host}", f"https://{host}")


def is_allowed(websocket: WebSocket, others: tuple[str, ...]) -> bool:
    """True when the page that opens this WebSocket may, or it is no page."""
    headers = websocket.headers
    origins = headers.getlist("origin")
    host = headers.get("host", "").lower()
    return len(origins) <= 1 and allowed(headers.get("origin"), host, others)
