"""The backfiller: missing trades, asked of the exchanges by REST, back to the feeds."""
