"""The table of what processes count: the name, the labels and the sentence of each as a metric.

A process counts under short names in its heartbeat (``bus.heartbeat.Health``); each has its row
here, under the kind of program that counts it, or is ``LEFT_OUT``. Names follow Prometheus'
conventions: base units, ``_total`` for what only rises. Nothing here is computed.
"""

from typing import NamedTuple

from web.rate_limits import LIMITED
from web.traffic import BROADCAST_S, OPENED, REQUEST_S, REQUESTS, TEXTS


class Row(NamedTuple):
    """One counter or histogram as a metric, without ``tickwire_`` and ``_total``."""

    metric: str
    sentence: str
    labels: dict[str, str] = {}  # noqa: RUF012 - never changed
    """Labels beside the process (of a feed: the exchange) and those in the counter's own name."""


COUNTERS: dict[str, dict[str, Row]] = {
    "feed": {
        "trades": Row("trades", "Trades received and journalled, each once."),
        "batches": Row("journal_records", "Records written to the journal."),
        "duplicates": Row("duplicates", "Trades received once more, and dropped."),
        "quarantined": Row("quarantined", "Trades received and not believed."),
        "bad_frames": Row("bad_frames", "Frames of an exchange that could not be read."),
        "oversized": Row("oversized_frames", "Frames of an exchange that were too large to read."),
        "not_stored": Row(
            "not_stored",
            "Trades passed on while the journal could not be written: to be had again.",
        ),
        "dropped_at_cap": Row(
            "dropped_at_cap",
            "Trades given up because the journal was full before they were stored.",
        ),
        "gaps_opened": Row("gaps_opened", "Ranges of trades found to be missing."),
        "gaps_filled": Row("gaps_filled", "Ranges of missing trades that were had after all."),
        "gaps_unfillable": Row(
            "gaps_unfillable", "Ranges of missing trades that the exchange does not have any more."
        ),
        "recovered": Row("recovered_trades", "Missing trades that were had by asking for them."),
        "reconnects": Row("reconnects", "Connections to an exchange after the first."),
        "handovers": Row("handovers", "Connections replaced by a new one without a pause."),
        "resubscribes": Row("resubscribes", "Symbols subscribed to anew because they fell silent."),
    },
    "persister": {
        "stored": Row("stored_trades", "Trades committed to Postgres, each once."),
        "duplicates": Row("already_stored", "Trades that Postgres had already."),
        "transactions": Row("transactions", "Transactions committed."),
        "database_lost": Row("database_lost", "Times that the database was lost."),
        "poisonous": Row(
            "poisonous", "Trades and other records that the database refuses for good."
        ),
        "pruned": Row("pruned_trades", "Trades deleted because they were older than is kept."),
        "gaps_reopened": Row(
            "gaps_reopened", "Gaps opened because trades were missing that nothing explained."
        ),
        "candles": Row("history_stored_candles", "Candles of the exchanges' own that were stored."),
    },
    "backfiller": {
        "calls": Row("backfill_calls", "Pages of missing trades asked of an exchange."),
        "refused": Row("backfill_refused", "Pages that were refused, failed or could not be read."),
        "trades": Row("backfill_trades", "Missing trades that exchanges had."),
        "ranges": Row("backfill_ranges", "Ranges of missing trades that were asked for in full."),
        "candles": Row("history_candles", "Candles of the exchanges' own that were had."),
    },
    "aggregator": {
        "trades": Row("aggregated_trades", "Trades taken into tickers, candles and averages."),
        "published": Row("published", "Tickers, candles and averages published."),
        "self_check_runs": Row("self_checks", "Comparisons of closed candles with Postgres."),
        "self_check_candles": Row("self_check_candles", "Candles that were compared by them."),
        "self_check_differences": Row(
            "self_check_differences", "Candles that were another in Postgres. Always 0."
        ),
    },
    "tap": {
        "trades": Row("tap_trades", "Trades published on the tap, while anybody wants trades."),
        "messages": Row("tap_messages", "Messages sent to subscribers, as if there were one."),
        "subscriptions": Row("tap_subscriptions", "Subscriptions made to the tap."),
        "admitted": Row("tap_admitted", "Connections to the tap let in by their key."),
        "refused": Row("tap_refused", "Connections to the tap refused for their key."),
        "cut": Row("tap_cut", "Connections to the tap cut: what they sent was too much or wrong."),
    },
    "web": {
        "messages": Row("bus_messages", "Messages taken from the bus."),
        "undecodable": Row("undecodable", "Messages of the bus that could not be read."),
        "refused_per_address": Row(
            "refused_live_connections", "Live connections refused: their address had its share."
        ),
        "refused_full": Row("refused_connections", "Connections refused: there was no room left."),
        "accept_failed": Row("failed_accepts", "Connections that could not be taken for now."),
        "sent_on": Row("sent_on_clients", "Clients sent on to a process that held far fewer."),
        "cut_readers": Row("cut_readers", "Requests cut: their answer was taken too slowly."),
        "ws_too_slow": Row("slow_clients", "Connections closed because their client was too slow."),
    },
    "watchdog": {
        "killed": Row("watchdog_kills", "Programs killed because they gave no sign of life."),
        "hurried": Row(
            "watchdog_hurries", "Database servers stopped at once that waited for their clients."
        ),
        "started": Row("watchdog_starts", "Programs started that supervisord had given up."),
    },
}
"""By kind of program and name: what each such process has, zero until it is first counted."""

IN_SOME: dict[str, Row] = {
    "from_socket": Row("taken_trades", "Trades taken, by the way they came.", {"source": "bus"}),
    "from_journal": Row(
        "taken_trades", "Trades taken, by the way they came.", {"source": "journal"}
    ),
    "unsent": Row("unsent", "Messages that a full socket did not take; they are had otherwise."),
    "journal_damaged": Row("journal_damaged", "Times that a journal could not be read."),
    "corrupt_records": Row("corrupt_records", "Journal records passed over as damaged."),
    REQUESTS: Row("requests", "HTTP requests, by the route that answered and the status class."),
    LIMITED: Row("requests_limited", "HTTP requests refused with 429, by the limit they met."),
    OPENED: Row("connections_opened", "WebSockets and event streams opened, by kind."),
    TEXTS: Row("messages_sent", "Frames and events that clients' sockets have taken, by kind."),
}
"""By name, whoever counts it, and only where it is counted."""

HISTOGRAMS: dict[str, Row] = {
    BROADCAST_S: Row(
        "broadcast_latency_seconds",
        "From the feed's receipt of a trade until a client's socket has taken the ticker that tells"
        " of it, the wait that the client's rate asks for included. One ticker of each write.",
    ),
    REQUEST_S: Row(
        "request_duration_seconds", "From an HTTP request's arrival until its answer begins."
    ),
}

LEFT_OUT = {
    "connections": "a gauge for people; `tickwire_connections` has it by kind",
    "streams_closed": "subtracted from those opened in `tickwire_connections`",
    "self_check_differing": "how many differed at the last check; the sum of all is a metric",
    "trades_decoded": "depends on who looks",
    "quotes_unreadable": "a client's own fault, and harmless",
    "frames": "the simulator's: no part of an installation",
    "clients": "the simulator's",
    "played": "the simulator's: how many recordings it plays; `/api/status` says that it does",
}
"""What is counted and is no metric, and why."""
