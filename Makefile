# What a user types. Everything is set up on the way; nothing outside this folder is changed, but
# that `make test` installs a Chromium where there is none and it may.
.DEFAULT_GOAL := help
SHELL := /bin/sh
PYTHON ?= python3
VENV := .venv
PY := $(VENV)/bin/python
PIP := $(PY) -m pip --disable-pip-version-check --no-input install --quiet --require-hashes
LOCKS := requirements requirements-dev

.PHONY: help
help: ## say what there is
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1\t\2/p' Makefile | expand -t 20

.PHONY: setup
setup: venv ## install everything, for development too
	@cmp -s requirements-dev.lock $(VENV)/requirements-dev.lock || { \
	  echo "Installing requirements-dev.lock into $(VENV)"; \
	  $(PIP) -r requirements-dev.lock \
	  && for lock in $(LOCKS); do cp $$lock.lock $(VENV)/ || exit 1; done; }

.PHONY: demo
demo: install ## run with simulated exchanges: no key, no network, no database, no root
	@exec $(PY) -m procs demo

.PHONY: run
run: install ## run with live exchanges; reads .env
	@exec $(PY) -m procs run

.PHONY: start
start: install ## run in the background (DEMO=1: the demo)
	@exec $(PY) -m procs start

.PHONY: stop status logs psql clean-demo
stop: install ## end what runs in the background
	@exec $(PY) -m procs stop

status: install ## print the table of programs
	@exec $(PY) -m procs status

logs: install ## follow the logs
	@exec $(PY) -m procs logs

psql: install ## open a psql on the database
	@exec $(PY) -m procs psql

clean-demo: install ## delete the demo's data
	@exec $(PY) -m procs clean-demo

# Most tests wait more than they compute. A file's tests stay together: they share what it starts.
.PHONY: test
test: setup chromium ## run all tests, two files at a time; WORKERS=0: one
	$(PY) -m pytest -n $(or $(WORKERS),2) --dist loadfile --no-loadscope-reorder

.PHONY: check
check: setup check-js ## lint, types, tidy, generated files
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/ruff check .
	$(VENV)/bin/mypy
	$(PY) -m procs.generate --check
	$(PY) -m web.generate --check
	$(PY) -m pytest tests/test_tidy.py --durations=0

.PHONY: screenshots
screenshots: setup chromium ## photograph every page of a demo into docs/screenshots
	@$(PY) -m tests.browser.screenshots

# What runs in the tests' own process: of procs/ most runs in programs that they start.
IN_PROCESS := tests/market tests/bus tests/store tests/web tests/sim
.PHONY: coverage
coverage: setup ## how much of bus, market, store and web their tests reach
	$(VENV)/bin/coverage run -m pytest $(IN_PROCESS)
	@echo "Of bus, market, store and web; procs/ runs in programs of its own and is not counted:"
	$(VENV)/bin/coverage report
	$(VENV)/bin/coverage report --include='market/*' --fail-under=100

.PHONY: api-check
api-check: setup ## ten minutes of requests made from the OpenAPI document
	API_CHECK_S=600 $(PY) -m pytest --timeout=900 tests/web/test_schemathesis.py

.PHONY: chaos
chaos: setup ## hurt a whole installation; SEEDS=1,2,3 SECONDS=60 RATE=2000 EVERY=1.3
	$(PY) -m tests.e2e.chaos --seeds $(or $(SEEDS),1,2,3) --seconds $(or $(SECONDS),60) \
	  --rate $(or $(RATE),2000) --every $(or $(EVERY),1.3) --out $(or $(OUT),data/chaos)

FAULTS := $(foreach f,1 2 3 4 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24 25 27 28,test_f$(f)_ or)
ATTACKS := test_a10_ or test_a18_ or test_a19_ or test_a20_ or test_a28_
.PHONY: faults
faults: setup ## the tests of faults, each done up to TIMES=300 times; ONLY=test_f12_
	FAULT_TIMES=$(or $(TIMES),300) $(PY) -m pytest --timeout=0 -k "$(or $(ONLY),$(FAULTS) $(ATTACKS))"

.PHONY: fix
fix: setup ## mend what can be mended, write generated files
	$(VENV)/bin/ruff check --fix .
	$(VENV)/bin/ruff format .
	$(PY) -m procs.generate
	$(PY) -m web.generate

.PHONY: hooks
hooks: ## have git check what is staged before each commit
	@sh .ci/hooks

.PHONY: bench
bench: setup ## run the benchmarks; ONLY=name for one of them
	@for file in bench/bench_$(or $(ONLY),*).py; do \
	  $(PY) -m bench.$$(basename $$file .py) || exit 1; done

.PHONY: bench-peers
bench-peers: setup ## race other servers at the same fan-out; they are installed into a folder of theirs
	@$(PY) -m bench.peers.install
	@$(PY) -m bench.peers --clients $(or $(CLIENTS),4000) --rate $(or $(RATE),10) \
	  --seconds $(or $(SECONDS),10) --runs $(or $(RUNS),5)

.PHONY: lock
lock: ## write the lock files anew, with uv
	@command -v uv >/dev/null || { echo "make lock needs uv: https://docs.astral.sh/uv" >&2; exit 2; }
	@for lock in $(LOCKS); do \
	  uv pip compile --quiet --upgrade --universal --python-version 3.11 --generate-hashes \
	    --no-emit-index-url --no-emit-find-links --no-header $$lock.in -o $$lock.lock || exit 1; done

# ---- what the above need ----

.PHONY: venv
venv:
	@$(PY) -m pip --version >/dev/null 2>&1 || sh .ci/venv "$(PYTHON)" $(VENV)

# Compared by content: a clone or a checkout changes a file's date.
.PHONY: install
install: venv
	@cmp -s requirements.lock $(VENV)/requirements.lock || { \
	  echo "Installing requirements.lock into $(VENV)"; \
	  $(PIP) -r requirements.lock && cp requirements.lock $(VENV)/; }

.PHONY: chromium
chromium:
	@sh .ci/chromium $(VENV)

.PHONY: check-js
check-js:
	@sh .ci/check-js
