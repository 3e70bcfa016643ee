-- One row for each execution. Never changed; pruned by ts_recv.
-- Not partitioned: by day the unique key would need ts_event, and one id with two times would then
-- count twice.
CREATE TABLE trade (
    exchange text COLLATE "C" NOT NULL,
    symbol text COLLATE "C" NOT NULL,
    series integer NOT NULL,
    trade_id bigint NOT NULL,
    ts_event timestamptz NOT NULL,
    ts_recv timestamptz NOT NULL,
    price numeric NOT NULL CHECK (price > 0 AND price < 1e12),
    size numeric CHECK (size > 0 AND size < 1e12),
    side text CHECK (side IN ('buy', 'sell')),
    PRIMARY KEY (exchange, symbol, series, trade_id)
);
COMMENT ON COLUMN trade.side IS 'the taker''s; null where the source does not say';
COMMENT ON COLUMN trade.size IS 'null where the source has none';

CREATE INDEX trade_ts_event ON trade (exchange, symbol, ts_event);
CREATE INDEX trade_ts_recv ON trade USING brin (ts_recv);

-- What decides whether a trade is new. Outlives the pruning of trade.
CREATE TABLE trade_seen (
    exchange text COLLATE "C" NOT NULL,
    symbol text COLLATE "C" NOT NULL,
    series integer NOT NULL,
    ids int8multirange NOT NULL,
    PRIMARY KEY (exchange, symbol, series)
);
