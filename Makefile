# This only needs GNU make 3.81 (macOS) and a plain sh. Paths are relative because the path of the
# checkout may contain spaces.
.DEFAULT_GOAL := help
.PHONY: help run dev test test-containers test-compose test-clients test-security check demo bench bench-check prove mutants pictures lock clean

VENV := .venv/bin
# With worksteal, idle workers take tests from busy ones, so a run keeps all cores busy.
PYTEST_ARGS ?= -n auto --dist worksteal
# Used by `make test-security`. FUZZ_ARGS="--seed 4711" repeats a run.
FUZZ_REQUESTS ?= 100000
FUZZ_ARGS ?=
# Names of mutations for `make mutants`. Empty means all.
MUTANTS ?=
# Used by `make lock`. Use --upgrade for the newest versions that pyproject.toml allows.
LOCK_ARGS ?=
# Used by `make bench`: what to measure (`python -m tools.bench --help`); --record saves the ratios
# for `make bench-check`.
BENCH_ARGS ?=
# Used by `make prove`: the seed of all random choices, and the length of the random run.
SEED ?= 1
MINUTES ?= 1

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-15s %s\n", $$1, $$2 }' Makefile

# The last command of each recipe runs without a shell in between, because signals sent to make have
# to reach the service itself.
run: ## Start the whole service on http://localhost:8000 (HOST, PORT); Ctrl-C stops it
	@sh tools/environment.sh runtime
	@$(VENV)/orders serve

dev: ## The same, with a line for every request, and started again when the code changes
	@sh tools/environment.sh dev
	@env LOG_LEVEL=DEBUG $(VENV)/python -m tools.dev

test: ## Run every test (PYTEST_ARGS="-x -k name" chooses)
	@sh tools/environment.sh dev
	@$(VENV)/python -m pytest $(PYTEST_ARGS)

test-containers: ## The same, on servers in containers, and on no others (testcontainers)
	@sh tools/environment.sh dev
	@env CI=true TEST_SERVERS=containers $(VENV)/python -m pytest $(PYTEST_ARGS)

test-compose: ## Bring compose.yaml up and hurt it; needs an engine with Compose
	@sh tools/environment.sh dev
	@docker compose version >/dev/null && docker info >/dev/null
	@$(VENV)/python -m pytest -v tests/compose/stack_tests.py

test-clients: ## Walk the whole flow with curl, Go, Java, Node and requests; each must be there
	@sh tools/environment.sh dev
	@env TEST_CLIENTS=all $(VENV)/python -m pytest -v tests/clients

test-security: ## Send mutated requests as every role (FUZZ_REQUESTS=100000, FUZZ_ARGS="--seed 1")
	@sh tools/environment.sh dev
	@$(VENV)/python -m tests.fuzz.fuzz_http --requests $(FUZZ_REQUESTS) $(FUZZ_ARGS)

check: ## Lint, format, types, import rules, unit coverage, locks, generated documents, style
	@sh tools/environment.sh dev
	@$(MAKE) --no-print-directory -j 2 check-code check-rest

# The two parts of `check`, which run at the same time.
.PHONY: check-code check-rest

check-code:
	$(VENV)/ruff check
	$(VENV)/ruff format --check
	$(VENV)/mypy
	$(VENV)/lint-imports
	$(VENV)/deptry .

check-rest:
	$(VENV)/python -m coverage run -m pytest tests/unit/domain tests/unit/application
	$(VENV)/python -m coverage report
	$(VENV)/python -m tools.check_locks
	$(VENV)/python -m tools.check_generated
	$(VENV)/python -m tools.check_style

demo: ## Walk through the API against a throw-away service
	@sh tools/environment.sh runtime
	@$(VENV)/python -m tools.demo

bench: ## Measure the speed against the baseline and the floor (BENCH_ARGS=scale chooses a part)
	@sh tools/environment.sh dev
	@$(VENV)/python -m tools.bench $(BENCH_ARGS)

bench-check: ## Fail if the service has become slower, compared with baseline and floor
	@sh tools/environment.sh dev
	@$(VENV)/python -m tools.bench check

prove: ## Kill the service everywhere under load and audit it (SEED=1, MINUTES=1)
	@sh tools/environment.sh dev
	@$(VENV)/python -m tests.prove --seed $(SEED) --minutes $(MINUTES)

mutants: ## Break each guard on purpose; a test must notice (MUTANTS="name ..." chooses)
	@sh tools/environment.sh dev
	@$(VENV)/python -m tools.mutants $(MUTANTS)

pictures: ## Draw the README's pictures anew (docs/pictures); needs Chromium
	@sh tools/environment.sh dev
	@$(VENV)/python -m tools.pictures

lock: ## Write the locks anew from pyproject.toml (LOCK_ARGS=--upgrade)
	@sh tools/lock.sh $(LOCK_ARGS)

clean: ## Remove what these targets made, but never the service's data (var/)
	rm -rf .venv .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .hypothesis .coverage dist
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
