-- Candles of the stored intervals (1m, 1h, 1d), exact: the same trades give the same row in
-- whatever order and grouping they came. A key is (series, trade_id), the exchange's own order.
CREATE TABLE candle (
    exchange text COLLATE "C" NOT NULL,
    symbol text COLLATE "C" NOT NULL,
    interval_s integer NOT NULL CHECK (interval_s > 0),
    ts_open timestamptz NOT NULL,
    open numeric NOT NULL CHECK (open > 0 AND open < 1e12),
    open_key bigint[] NOT NULL CHECK (cardinality(open_key) = 2),
    high numeric NOT NULL CHECK (high > 0 AND high < 1e12),
    low numeric NOT NULL CHECK (low > 0 AND low < 1e12),
    close numeric NOT NULL CHECK (close > 0 AND close < 1e12),
    close_key bigint[] NOT NULL CHECK (cardinality(close_key) = 2),
    volume numeric NOT NULL CHECK (volume >= 0 AND volume < 'Infinity'),
    n bigint NOT NULL CHECK (n > 0),
    sum_p numeric NOT NULL CHECK (sum_p > 0 AND sum_p < 'Infinity'),
    sum_pq numeric NOT NULL CHECK (sum_pq >= 0 AND sum_pq < 'Infinity'),
    updated_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (exchange, symbol, interval_s, ts_open)
) WITH (fillfactor = 80); -- room on the page for the next version of a candle that is still open
COMMENT ON COLUMN candle.n IS 'the number of trades, which is also the revision';
COMMENT ON COLUMN candle.sum_p IS 'the sum of the prices';
COMMENT ON COLUMN candle.sum_pq IS 'the sum of price times size';
