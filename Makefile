# Needs Python 3.11 and make. Everything else is installed into this folder: uv in .tools, packages in .venv.
.DEFAULT_GOAL := help
CONSOLE := console/penstock_console/static/index.html
.PHONY: help demo test lint fmt proto docs console suite compose-test bench bench-kafka soak simulate chaos uv env light-env
export PATH := $(CURDIR)/.tools/bin:$(PATH)

RUN := uv run --no-sync
# Processes that share the tests.
WORKERS ?= 2
SEEDS ?= 5000
# Where clients reach the suite.
PORT ?= 7733
ARGS ?=
JSON ?=

help: ## List these commands
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sort | sed -E 's/^([a-z-]+):.*## (.*)/  make \1\t\2/' | expand -t 20

demo: env ## Train, export and evaluate a classifier of handwritten digits as a workflow
	-@$(MAKE) --no-print-directory $(CONSOLE) # without it, only the pages in the browser are missing
	$(RUN) penstock run examples/digits.py:digits $(ARGS)
	@echo "To see this run in a browser: $(RUN) penstock up --detach; $(RUN) penstock open"

test: env $(CONSOLE) ## Run all tests; WORKERS=n processes, ARGS="-k name" for pytest
	$(RUN) pytest -n $(WORKERS) --dist loadscope $(ARGS)

lint: env ## Check style, types and contracts
	$(RUN) ruff check
	$(RUN) ruff format --check
	$(RUN) pyright
	proto/lint.sh
	$(RUN) python -m penstock_console.build lint
	$(RUN) pytest -q tests/test_style.py tests/test_language.py tests/test_imports.py tests/test_architecture.py
	$(RUN) pytest --collect-only -qqq # what tests import exists

fmt: light-env ## Format the code and apply automatic fixes
	$(RUN) ruff check --fix
	$(RUN) ruff format

proto: uv ## Generate the Python code of the .proto files
	proto/generate.sh

docs: light-env ## Regenerate the generated parts of docs/ and the dashboards
	$(RUN) python -m penstock.cli.reference > docs/cli.md
	$(RUN) python -m penstock_observability.reference docs/observability.md
	$(RUN) python -m penstock_observability.dashboards observability/dashboards
	$(RUN) python -m penstock_state_tracker.reference docs/state_machine.md
	$(RUN) python -m penstock_stack.configuration docs/configuration.md
	$(RUN) python -m penstock_gateway.typescript > console/web/src/api/types.ts

console: light-env $(CONSOLE) ## Build the web console, which the gateway serves

# Once, and after a change of its sources. Node is one of the Python packages.
$(CONSOLE): $(wildcard console/web/*.* console/web/public/* console/web/src/*.* console/web/src/*/*.* console/web/src/*/*/*.*) | light-env
	$(RUN) python -m penstock_console.build

suite: light-env ## Run each service as a process, with Kafka, as in docker-compose.yml; PORT=n
	$(RUN) python -m penstock_stack.topology --port $(PORT) $(ARGS)

compose-test: light-env ## Build the images, bring docker-compose.yml up, run examples, kill containers; needs an engine
	$(RUN) python -m tests.deployment.containers $(ARGS)

bench: light-env ## Measure speed on this machine; JSON=file also writes the figures
	$(RUN) python -m bench $(if $(JSON),--json $(JSON)) $(ARGS)

bench-kafka: light-env ## The same with each service as a separate process, through a real Kafka
	$(RUN) python -m bench --kafka $(if $(JSON),--json $(JSON)) $(ARGS)

soak: light-env ## Run 900,000 actions and measure the memory of each process
	$(RUN) python -m bench.soak $(if $(JSON),--json $(JSON)) $(ARGS)

simulate: light-env ## Run whole deployments in a simulation that injects faults; SEEDS=n, ARGS="--mutations --search"
	$(RUN) python -m tests.simulation --fresh --seeds $(SEEDS) $(ARGS)

chaos: light-env ## Inject faults into the running suite; ARGS="--minutes 10", "--list", "--fault NAME"
	$(RUN) python -m tests.chaos $(ARGS)

uv:
	@uv --version >/dev/null 2>&1 || { \
	    echo "Installing uv into .tools"; \
	    { python3 -m venv .tools && .tools/bin/python -m pip install --quiet --disable-pip-version-check uv; } || \
	    python3 -m pip install --quiet --disable-pip-version-check --target .tools uv; }

# With what the examples need. The size is of torch 2.15 with what it needs, as packed.
env: uv
	@ls -d .venv/lib/*/site-packages/torch >/dev/null 2>&1 || \
	    echo "Installing PyTorch for the examples: on Linux about 3.1 GB to download (5 GB on disk), on macOS 0.2 GB."
	@uv sync --group examples

light-env: uv
	@uv sync --inexact
