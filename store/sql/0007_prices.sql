-- Whether a quote counts as US dollars; market/symbols.py (DOLLARS) says the same.
CREATE FUNCTION is_dollar(quote text) RETURNS boolean
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN quote IN (
    'USD', 'USDT', 'USDC', 'FDUSD', 'TUSD', 'DAI', 'USDP', 'PYUSD', 'BUSD', 'USD1', 'RLUSD'
);

-- The trades in dollars. By way of trade_seen, which has one row for each symbol: so a coin leads to
-- its symbols, and they and a time lead through the index trade_ts_event.
CREATE VIEW dollar_trade AS
SELECT
    source.base,
    trade.exchange,
    trade.symbol,
    trade.series,
    trade.trade_id,
    trade.price,
    trade.size,
    trade.ts_event
FROM (
    SELECT exchange, symbol, series, split_part(symbol, '-', 1) AS base
    FROM trade_seen
    WHERE is_dollar(split_part(symbol, '-', 2))
) AS source
JOIN trade
    ON trade.exchange = source.exchange
    AND trade.symbol = source.symbol
    AND trade.series = source.series;
COMMENT ON VIEW dollar_trade IS 'the stored trades whose quote is a US dollar or a dollar coin';

CREATE VIEW prices AS
SELECT
    md5(exchange || ':' || symbol || ':' || series || ':' || trade_id)::uuid AS id,
    coalesce(asset.coin_id, lower(base)) AS coin_id,
    price,
    size AS volume,
    ts_event AS timestamp
FROM dollar_trade
LEFT JOIN asset ON asset.code = base;
COMMENT ON VIEW prices IS
    'the stored trades by coin, in US dollars: only quotes that is_dollar() knows, so that ETH-BTC '
    'never looks like a price of ethereum. Give a lower bound of timestamp, which an index answers';

CREATE VIEW ticks AS
SELECT
    base AS symbol,
    price,
    size AS volume,
    ts_event AS timestamp
FROM dollar_trade;
COMMENT ON VIEW ticks IS
    'the stored trades by code of the coin (BTC), in US dollars: only quotes that is_dollar() '
    'knows, so that ETH-BTC never looks like a price of ETH. Give a lower bound of timestamp';
