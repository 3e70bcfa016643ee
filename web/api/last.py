"""``GET /api/last``: the last price of every symbol, from memory: no database is asked."""

from decimal import Decimal

import msgspec

from bus.actor import instant
from bus.messages import Ticker
from web.schema import route
from web.services import Services


class LastQuery(msgspec.Struct):
    """``symbols``: a comma list; all by default."""

    symbols: str | None = None


class Last(msgspec.Struct):
    """A last price; all null but ``stale`` where none was ever received. Times in ms."""

    price: Decimal | None
    ts: int | None
    age_ms: int | None
    stale: bool


@route("/api/last", query=LastQuery, answer=dict[str, Last], errors=(400, 404), limit="market")
def last(services: Services, query: LastQuery) -> dict[str, Last]:
    """Return ``{"ETHUSDT": {"price", "ts", "age_ms", "stale"}}``.

    Where two exchanges have the same pair, the first configured one answers for it; another's is
    had by its whole name, ``symbols=binance:ETH-USDT``, which then is its key too.
    """
    directory = services.directory
    if query.symbols is None:
        wanted = [one for one in directory.all if ":" not in directory.pairs[one]]
    else:
        names = [name for name in query.symbols.split(",") if name.strip()]
        wanted = [directory.resolve(name) for name in names]
    now = instant()
    out = {}
    for exchange, symbol in wanted:
        key = directory.pairs[exchange, symbol]
        update = services.hub.latest.tickers.get((exchange, symbol))
        if update is None:
            out[key] = Last(None, None, None, stale=False)
            continue
        assert isinstance(update.message, Ticker)
        out[key] = Last(
            Decimal(update.message.price),
            update.message.ts_event // 1000,
            max(0, now.wall - update.message.ts_recv) // 1000,
            services.hub.latest.stale(update.message, now),
        )
    return out
