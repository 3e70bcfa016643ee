-- What is missing of a symbol, open or not to be had, among gaps that were filled.
CREATE INDEX gap_missing ON gap (exchange, symbol) WHERE state <> 'filled';
