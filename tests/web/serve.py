"""Runs a real web process with shorter limits, given as JSON: ``{"slow_after_s": 1}``."""

import json
import sys

from bus.process import run
from market import decimals
from web.__main__ import serve
from web.limits import Limits

if __name__ == "__main__":
    decimals.install()
    limits = Limits(**json.loads(sys.argv[1]))
    run("web-1", lambda process: serve(process, limits))
