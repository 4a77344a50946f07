# `make demo` shows what this is; `make test` says whether it works. Both set themselves up.

GRAPHS := graphs/quickstart.py graphs/content_understanding.py
BIN    := .venv/bin

# Ray starts its workers from compiled modules in half the time.
unexport PYTHONDONTWRITEBYTECODE

# Tests of one group stay together, and those on meshes come last: see tests/conftest.py.
WORKERS := -n logical --maxprocesses 8 --dist loadgroup --no-loadscope-reorder

.DEFAULT_GOAL := help
.PHONY: help setup demo test fast fuzz bench check build clients clean

help:  ## this list
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):.*## */\1\t/' | expand -t 10

setup: .venv/.ready  ## make .venv with everything in it

.venv/.ready: pyproject.toml
	@for python in $(PYTHON) python3.11 python3 python3.12 python3.13; do \
		if $$python -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then found=$$python; break; fi; \
	done; \
	if [ -z "$$found" ]; then echo 'Python 3.11 or later is needed; name one with make PYTHON=...' >&2; exit 1; fi; \
	[ -x $(BIN)/python ] || $$found -m venv .venv
	@echo 'Installing into .venv; the first time this takes some minutes.'
	@$(BIN)/python -m pip install -qq --disable-pip-version-check --editable '.[dev]'
	@touch $@

demo: setup  ## the content-understanding graph as a mesh, with real pictures
	@$(BIN)/python -m docs.demo

test: check clients  ## everything, the tests on Ray Serve and Envoy included
	$(BIN)/python -m pytest $(WORKERS)

fast: setup  ## the tests without Ray Serve, Envoy and trained models
	$(BIN)/python -m pytest $(WORKERS) -m 'not mesh and not models' --ignore tests/mesh --ignore tests/test_models.py

fuzz: setup  ## callers that mean ill at the socket of a replica, for some minutes; the tests have a short form
	$(BIN)/python tests/hostile_callers.py

bench: setup  ## measure everything, into benchmarks/results/ and docs/performance.md; give options with ARGS=...
	@$(BIN)/python -m pip install -qq --disable-pip-version-check --editable '.[bench]'
	$(BIN)/python -m benchmarks $(ARGS)

check: setup  ## lint, types, imports, and whether the generated files are current
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache
	cd protos && ../$(BIN)/buf lint
	$(BIN)/meshgen build $(GRAPHS) --check

build: setup  ## write the generated files of the graphs in graphs/, and of docs/
	$(BIN)/meshgen build $(GRAPHS)
	$(BIN)/meshgen draw graphs/content_understanding.py -o docs/content_understanding.svg
	$(BIN)/python -m docs.errors_page > docs/errors.md

clients:  ## what the tests of docs/clients.md need beside Python: Node, Chromium, npm packages
	@tests/mesh/setup_clients.sh

clean:  ## remove what the other targets made
	rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache build dist
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
