"""What ``bench_fanout`` measures, one module for each way to load the web processes."""
