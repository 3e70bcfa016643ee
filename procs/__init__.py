"""The processes: one folder each, started by ``python -m procs.<name>``."""
