"""Other servers that do the same job, measured in the same run on the same load.

Each is one small file with one interface: it listens on a port, sends every connected client the
same frame ``rate`` times a second, and says ``READY`` and the processes that do it. ``python -m
bench.peers`` runs them in turn; ``make bench-peers`` installs them first.
"""
