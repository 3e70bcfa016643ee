-- Trades are pruned in the order in which they were received, from the front, in portions. A BRIN
-- index cannot lead there: pages that pruning has freed are filled with new trades, and a range of
-- pages that once held an old one looks old for ever.
CREATE INDEX trade_received ON trade (ts_recv);
DROP INDEX trade_ts_recv;

-- Pruned rows make room for new ones once they are vacuumed: after 2 % of the table, not 20 %.
ALTER TABLE trade SET (autovacuum_vacuum_scale_factor = 0.02);

COMMENT ON TABLE trade IS
    'pruned by ts_recv; candles, averages and the ids that were seen outlive that';
