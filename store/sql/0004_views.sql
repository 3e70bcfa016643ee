-- The average price of n trades whose prices sum up to sum_p, exactly as Decimal rounds it half up
-- at 12 places: thirty digits of quotient first, so that the one rounding is the visible one.
CREATE FUNCTION average_price(sum_p numeric, n bigint) RETURNS numeric
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN round(sum_p::numeric(60, 30) / n, 12);

CREATE VIEW hourly_averages AS
SELECT
    md5(exchange || ':' || symbol || ':' || extract(epoch FROM ts_open)::bigint)::uuid AS id,
    exchange,
    replace(symbol, '-', '') AS pair,
    ts_open AS hour_start_utc,
    average_price(sum_p, n) AS avg_price,
    n AS tick_count,
    close AS last_tick_price,
    updated_at
FROM candle
WHERE interval_s = 3600;

-- Every (exchange, symbol) that has candles, by steps through the index instead of a scan.
CREATE VIEW candle_symbol AS
WITH RECURSIVE step AS (
    (SELECT exchange, symbol FROM candle ORDER BY exchange, symbol LIMIT 1)
    UNION ALL
    SELECT following.exchange, following.symbol
    FROM step
    CROSS JOIN LATERAL (
        SELECT candle.exchange, candle.symbol
        FROM candle
        WHERE (candle.exchange, candle.symbol) > (step.exchange, step.symbol)
        ORDER BY candle.exchange, candle.symbol
        LIMIT 1
    ) AS following
)
SELECT exchange, symbol FROM step;

-- The newest 1m candle of each.
CREATE VIEW newest_minute AS
SELECT minute.*
FROM candle_symbol
CROSS JOIN LATERAL (
    SELECT *
    FROM candle
    WHERE candle.exchange = candle_symbol.exchange
      AND candle.symbol = candle_symbol.symbol
      AND candle.interval_s = 60
    ORDER BY candle.ts_open DESC
    LIMIT 1
) AS minute;

CREATE VIEW last_ticks AS
SELECT
    minute.exchange,
    replace(minute.symbol, '-', '') AS pair,
    minute.close AS price,
    coalesce(trade.ts_event, minute.ts_open) AS ts
FROM newest_minute AS minute
LEFT JOIN trade
    ON trade.exchange = minute.exchange
    AND trade.symbol = minute.symbol
    AND trade.series = minute.close_key[1]
    AND trade.trade_id = minute.close_key[2];
