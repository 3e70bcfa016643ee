"""The configured symbols that a query asks for: all of them, or those of one exchange.

In comes what a client wrote as ``exchange``; out go (exchange, symbol) in the order of the
configuration, or the refusal. What the feeds know of them is not looked at.
"""

from collections.abc import Sequence

from web.answers import Refused
from web.services import Services


def symbols_of(services: Services, exchange: str | None) -> Sequence[tuple[str, str]]:
    """Return the configured (exchange, symbol) of an exchange in any case, of all for None.

    Raises:
        Refused: 404, no such exchange is configured.
    """
    if exchange is None:
        return services.directory.all
    wanted = exchange.strip().lower()
    found = [key for key in services.directory.all if key[0] == wanted]
    if not found:
        sentence = f"no exchange {exchange[:64]!r} is configured"
        raise Refused(404, sentence, field="exchange")
    return found
