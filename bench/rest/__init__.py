"""What ``bench_rest`` asks with: wrk for as much as there is, ``paced`` for so many a second."""
