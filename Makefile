# make audit   audits the sample city          make test   everything that must hold before a change goes in
# Both do their own set-up: .venv/ from the lock, browser libraries for the maps, compiled translations.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DELETE_ON_ERROR:
.DEFAULT_GOAL := help

PYTHON ?= python3
SAMPLE ?= sample_data/city
DATE ?= 2026-03-18
OUT ?= out/sample
DEMO ?= trajaudit-store
PYTEST_JOBS ?= 2

BIN := .venv/bin
VENV := .venv/.ready
VENDOR := maps/vendor/manifest.json
PO := $(wildcard runs/locale/*/LC_MESSAGES/*.po maps/locale/*/LC_MESSAGES/*.po)
MO := $(PO:.po=.mo)

.PHONY: help
help: ## this list
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):.*## /  make \1\t/' | expand -t 18

# The demonstration's store is a folder of its own, whatever the environment says of an office's.
DEMO_STORE := env -u TRAJAUDIT_SETTINGS -u TRAJAUDIT_STORE__DATABASE_URL -u TRAJAUDIT_STORE__DATABASE_URL_FILE \
	TRAJAUDIT_STORE__FOLDER="$(DEMO)"

# ---------------------------------------------------------------- what people run
.PHONY: audit
audit: setup ## audit the sample city; the maps are in out/sample/maps/index.html, and `trajaudit serve` shows the night
	rm -rf "$(OUT)"
	mkdir -p "$(dir $(OUT))"
	$(BIN)/trajaudit audit "$(SAMPLE)" --date $(DATE) --out "$(OUT)"
	@[ -e "$(DEMO)" ] && [ ! -e "$(DEMO)/demo" ] || \
		$(DEMO_STORE) $(BIN)/trajaudit serve --demo "$(SAMPLE)" --date $(DATE) --prepare

.PHONY: demo
demo: setup ## the sample city's night in a browser: prints accounts to log in with, and serves on port 8000
	$(DEMO_STORE) $(BIN)/trajaudit serve --demo "$(SAMPLE)" --date $(DATE)

.PHONY: test
test: setup browser lint ## lint and all quick tests
	$(BIN)/python -m pytest -n $(PYTEST_JOBS) --dist loadfile

.PHONY: slow
slow: setup browser ## the tests marked slow
	@status=0; $(BIN)/python -m pytest -m slow || status=$$?; \
	if [ "$$status" -eq 5 ]; then echo "No test is marked slow."; exit 0; fi; exit "$$status"

.PHONY: bench
bench: setup ## throughput and memory of an audit, beside merely reading the same columns; our chain beside others
	$(BIN)/python scripts/bench.py
	$(BIN)/python scripts/bench_rivals.py

.PHONY: lint
lint: $(VENV) ## ruff, mypy --strict, the floors
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache

.PHONY: fmt
fmt: $(VENV) ## format, and mend what ruff can mend by itself
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

.PHONY: docs
docs: setup ## docs/RULES.md from the rule cards, docs/SETTINGS.md from the settings
	$(BIN)/trajaudit rules --markdown > .venv/RULES.md
	mv .venv/RULES.md docs/RULES.md
	$(BIN)/trajaudit settings --markdown > .venv/SETTINGS.md
	mv .venv/SETTINGS.md docs/SETTINGS.md

.PHONY: catalog
catalog: $(VENV) ## collect texts for translation into the catalogues, then compile them
	$(BIN)/python scripts/catalogues.py
	$(MAKE) --no-print-directory setup

.PHONY: wheel
wheel: setup ## a wheel, with browser libraries and translations in it, in dist/
	$(BIN)/python -m pip wheel --quiet --no-deps --no-build-isolation --wheel-dir dist .

.PHONY: lock
lock: $(VENV) ## newest versions into requirements.lock and package-lock.json
	$(BIN)/uv pip compile pyproject.toml --extra server --extra notices --extra pull --extra postgres --extra scheduler --extra dev --universal --python-version 3.11 --upgrade \
	    --generate-hashes --no-config --no-emit-index-url --no-emit-find-links \
	    --custom-compile-command "make lock" --quiet --output-file requirements.lock
	npm install --package-lock-only

.PHONY: clean
clean: ## remove everything that make made
	rm -rf .venv node_modules maps/vendor out dist build .mypy_cache .pytest_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
	rm -f $(MO)

# ---------------------------------------------------------------- set-up, done once and again when its input changes
.PHONY: setup
setup: $(VENV) $(VENDOR) $(MO)

$(VENV): requirements.lock pyproject.toml
	@PYTHON="$(PYTHON)" scripts/system_packages.sh python
	@echo "Setting up .venv from requirements.lock; this takes a minute or two."
	rm -rf .venv
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --no-index -e .
	@touch $@

$(VENDOR): package.json package-lock.json scripts/web_assets.py $(VENV)
	@scripts/system_packages.sh web
	npm ci --silent --ignore-scripts
	$(BIN)/python scripts/web_assets.py

%.mo: %.po $(VENV)
	$(BIN)/pybabel --quiet compile --input-file=$< --output-file=$@

.PHONY: browser
browser:
	@scripts/system_packages.sh test
