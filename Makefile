# Everything runs in .venv, which each target makes and fills from the locks as needed.

SHELL := /bin/sh
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help demo test check bench lock clean

# The first Python that is new enough; `make PYTHON=/path/to/python test` says otherwise.
NEW_ENOUGH := import sys; sys.exit(sys.version_info < (3, 11))
PYTHON ?= $(shell for python in python3.11 python3.12 python3.13 python3 python; do \
	if "$$python" -c '$(NEW_ENOUGH)' >/dev/null 2>&1; then echo "$$python"; break; fi; done)
WORKERS ?= 2
# For the extra train and for references. Builds for one processor or another have one version and
# different hashes, so it is not in the lock, which is therefore installed without looking for
# what else is needed: the index that pip is told of says which PyTorch it is.
TORCH ?= torch==2.13.0
UV ?= uv

BIN := .venv/bin
# Some systems make environments without pip; then the pip beside PYTHON fills them.
PIP = $$($(BIN)/python -m pip --version >/dev/null 2>&1 && echo "$(BIN)/python -m pip" || \
	echo "$(PYTHON) -m pip --python $(BIN)/python")
INSTALL = $(PIP) install --quiet --disable-pip-version-check

help: ## Say what there is to make.
	@grep -E '^[a-z]+:.*## ' Makefile | sed -E 's/^([a-z]+):.*## (.*)/  make \1	\2/'

demo: .venv/installed-demo ## Learn a product that okng renders itself, and show it in a browser.
	@$(BIN)/okng demo

test: .venv/installed-test ## Run the tests, against SQLite, PostgreSQL and Chromium.
	OKNG_TEST_POSTGRES="$$(scripts/provide_postgres.sh $(BIN)/python)" \
	OKNG_CHROMIUM="$$(scripts/provide_chromium.sh)" \
		$(BIN)/python -m pytest -n $(WORKERS)

check: .venv/installed-test ## Lint, format, types and floors, all as errors.
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache

bench: .venv/installed-test ## Measure what the README states.
	$(BIN)/python -m benchmarks

lock: ## Choose the newest versions and write them down with hashes; needs uv.
	@command -v $(UV) >/dev/null || { echo "make lock needs uv: pip install uv"; exit 1; }
	$(LOCK) --upgrade --extra serve --extra postgres --extra train --group dev \
		-o requirements/test.txt
	$(LOCK) --extra serve --group build -c requirements/test.txt -o requirements/demo.txt

# Annotations would name this file's readers only; the index is whoever installs' own affair.
LOCK = $(UV) pip compile pyproject.toml --extra openvino --universal --python-version 3.11 \
	--generate-hashes --no-header --no-annotate --no-emit-index-url --no-emit-find-links --quiet

clean: ## Remove everything that was made here.
	rm -rf .venv build dist .mypy_cache .pytest_cache .ruff_cache .hypothesis .import_linter_cache
	find src tests scripts -name __pycache__ -type d -prune -exec rm -rf {} +

.venv/created:
	@test -n "$(PYTHON)" || { echo "okng needs Python 3.11 or later; none was found." \
		"Install it, or name it: make PYTHON=/path/to/python3.11"; exit 1; }
	@"$(PYTHON)" -c '$(NEW_ENOUGH)' 2>/dev/null || { echo "okng needs Python 3.11 or later;" \
		"$(PYTHON) is none."; exit 1; }
	@"$(PYTHON)" -m venv --clear .venv >/dev/null 2>&1 || \
		"$(PYTHON)" -m venv --clear --without-pip .venv
	@touch $@

.venv/installed-demo: requirements/demo.txt pyproject.toml | .venv/created
	@echo "Installing okng and what it needs into .venv (once)"
	@$(INSTALL) --require-hashes --only-binary :all: -r requirements/demo.txt
	@$(INSTALL) --no-deps --no-build-isolation --editable .
	@touch $@

.venv/installed-test: requirements/test.txt pyproject.toml | .venv/created
	@echo "Installing okng, what it needs and what its tests need into .venv (once)"
	@$(INSTALL) --require-hashes --no-deps --only-binary :all: -r requirements/test.txt
	@$(INSTALL) --only-binary :all: $(TORCH)
	@$(INSTALL) --no-deps --no-build-isolation --editable .
	@touch $@ .venv/installed-demo
