"""Benchmarks: each prints one JSON line per figure. ``results.md`` keeps results."""
