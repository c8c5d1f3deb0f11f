# make render is the way in; make help says what else there is. GNU make 4.3 or newer, Python 3.11 or newer.

.SHELLFLAGS := -eu -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
MODELFLEET := $(BIN)/modelfleet
CACHE := $(or $(XDG_CACHE_HOME),$(HOME)/.cache)/modelfleet

# The environment is made anew when what determines it changes: a lock, the project's metadata, or where it stands
# (its scripts hold that path). Everything offline, and in no time, when nothing did.
key = $(shell cat $(1) pyproject.toml 2>/dev/null | cksum | tr ' ' -)-$(shell printf %s '$(CURDIR)' | cksum | cut -d ' ' -f 1)
RUNTIME := $(VENV)/made-for-running-$(call key,requirements.txt)
AXE := $(CACHE)/axe/node_modules/axe-core/package.json
READERS := $(CACHE)/readers/node_modules/.package-lock.json
SERVERS_VENV := $(CACHE)/smoke-servers
SERVERS := $(SERVERS_VENV)/made-for-serving-$(shell cat requirements-smoke.txt 2>/dev/null | cksum | cut -d ' ' -f 1)
SERVERS_PYTHON ?= $(PYTHON)
SITE_VENV := $(CACHE)/site
SITE := $(SITE_VENV)/made-for-the-site-$(shell cat requirements-site.txt 2>/dev/null | cksum | cut -d ' ' -f 1)
DEVELOP := $(VENV)/made-for-developing-$(call key,requirements-dev.txt)
PIP := $(BIN)/python -m pip --disable-pip-version-check --no-input --quiet

ifneq ($(wildcard $(VENV)/made-*),)
ifneq ($(shell $(BIN)/python -c 'print("works")' 2>/dev/null),works)
$(shell rm -f $(VENV)/made-*)
endif
endif

.PHONY: help render check test test-page test-readers site test-site test-smoke soak dist lab test-lab test-lab-kserve lint lint-workflows bench lock clean setup setup-dev setup-tools

help: ## what can be made
	@sed -nE 's/^([a-z-]+):.*## (.*)/  make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 16

setup: $(if $(wildcard $(DEVELOP)),,$(RUNTIME))
setup-dev: $(DEVELOP)

render: setup ## render every project for every environment and verify the result with the real tools
	@$(MODELFLEET) render --verify

check: setup ## check every file, write nothing
	@$(MODELFLEET) check

test: setup-dev setup-tools ## everything that CI runs: linters, types, tests with the real tools
	@$(MAKE) lint
	@echo "Running the tests"
	@REQUIRE_TOOLS=1 $(BIN)/python -m pytest -q -n 2 -m "not slow"

test-page: setup-dev $(AXE) ## open the page of the fleet in a real browser (Chromium, npm)
	@command -v chromium >/dev/null || command -v chromium-browser >/dev/null || command -v google-chrome >/dev/null \
	  || { echo "make test-page needs Chromium on PATH" >&2; exit 1; }
	@echo "Opening the page of the fleet in a browser"
	@AXE=$(dir $(AXE)) $(BIN)/python -m pytest -q -m browser tests/overview

test-readers: setup-dev $(READERS) ## what editors and code scanners make of what is written for them (needs npm)
	@echo "Asking a YAML language server, and the schema of SARIF"
	@READERS=$(dir $(READERS)) $(BIN)/python -m pytest -q -m readers tests/readers

test-smoke: setup-dev $(SERVERS) ## call real model servers behind a real proxy (Python below 3.13, haproxy, openssl)
	@for tool in haproxy openssl; do command -v $$tool >/dev/null || { echo "make test-smoke needs $$tool on PATH" >&2; exit 1; }; done
	@echo "Calling real model servers"
	@SMOKE_SERVERS=$(SERVERS_VENV) $(BIN)/python -m pytest -q -m servers tests/smoke

site: $(SITE) ## build the documentation into build/site
	@NO_MKDOCS_2_WARNING=true $(SITE_VENV)/bin/mkdocs build --quiet --strict --site-dir build/site

test-site: setup-dev site $(AXE) ## open the built documentation in a real browser (Chromium, npm)
	@command -v chromium >/dev/null || command -v chromium-browser >/dev/null || command -v google-chrome >/dev/null \
	  || { echo "make test-site needs Chromium on PATH" >&2; exit 1; }
	@echo "Opening the documentation in a browser"
	@AXE=$(dir $(AXE)) SITE=build/site $(BIN)/python -m pytest -q -m browser tests/docs

lint: setup-dev ## ruff and mypy
	@echo "Linting, formatting, types"
	@$(BIN)/ruff check --quiet --output-format concise .
	@$(BIN)/ruff format --check --quiet . || { echo "run $(BIN)/ruff format"; exit 1; }
	@$(BIN)/mypy --no-error-summary

soak: setup-dev setup-tools ## the long versions of the property, crash and load tests
	@REQUIRE_TOOLS=1 $(BIN)/python -m pytest -q -n 2 -m slow

lab: setup-dev ## build a real control plane (Kubernetes, KServe, Argo CD) into the user's cache, once (needs Go)
	@$(BIN)/python tests/lab/controlplane/build.py

test-lab: setup-dev setup-tools lab ## try on that control plane what is said of clusters
	@echo "Running the tests on a real control plane"
	@$(BIN)/python -m pytest -q -n 2 --dist loadgroup -m lab tests/lab

test-lab-kserve: setup-dev setup-tools ## the part of it that needs no Argo CD and builds in half the time
	@$(BIN)/python tests/lab/controlplane/build.py control-plane
	@echo "Running the tests of KServe on a real control plane"
	@$(BIN)/python -m pytest -q -n 2 --dist loadgroup -m "lab and kserve" tests/lab

dist: setup-dev ## build the package twice, and keep it in dist/ if both have the same bytes
	@$(BIN)/python scripts/build_twice.py dist

bench: setup-dev setup-tools ## measure beside helm and jrsonnet, and write the table of bench/README.md (needs Go)
	@$(BIN)/python bench/run.py --acceptance --large 10000

lint-workflows: setup-dev ## actionlint and zizmor (needs Go)
	@GOBIN=$(CACHE)/bin go install github.com/rhysd/actionlint/cmd/actionlint@v1.7.12
	@$(CACHE)/bin/actionlint
	@$(BIN)/zizmor --persona auditor --offline --no-progress .github

lock: ## pin the newest Python packages that pyproject.toml allows (needs uv)
	@command -v uv >/dev/null || { echo "make lock needs uv on PATH (pip install uv)" >&2; exit 1; }
	@$(BUILD) | $(COMPILE) --output-file requirements.txt pyproject.toml -
	@$(BUILD) | $(COMPILE) --output-file requirements-dev.txt --group dev --constraint requirements.txt pyproject.toml -
	@$(COMPILE) --output-file requirements-smoke.txt --group smoke-servers
	@$(COMPILE) --output-file requirements-site.txt --group site
	@echo "requirements.txt, requirements-dev.txt, requirements-smoke.txt and requirements-site.txt are new"

# The build backend is in both locks, so that the package itself is installed without the network and without isolation.
BUILD := printf '%s\n' 'hatchling>=1.27' 'editables>=0.5'
COMPILE := uv pip compile --quiet --upgrade --universal --python-version 3.11 --generate-hashes \
  --no-emit-index-url --no-emit-find-links --no-annotate --custom-compile-command 'make lock'

clean: ## remove what was installed and cached, nothing that is in Git
	@rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis .coverage build dist
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +
	@echo "Clean: the next make installs everything again"

$(RUNTIME):
	@$(call install,requirements.txt,$@)

$(DEVELOP):
	@$(call install,requirements-dev.txt,$@)

$(AXE): tests/overview/axe/package-lock.json
	@command -v npm >/dev/null || { echo "make test-page needs npm on PATH" >&2; exit 1; }
	@mkdir -p -m 700 $(CACHE) && mkdir -p $(CACHE)/axe
	@cp tests/overview/axe/package.json tests/overview/axe/package-lock.json $(CACHE)/axe/
	@npm ci --prefix $(CACHE)/axe --no-audit --no-fund --silent
	@touch $@

# All clones share it.
$(SERVERS):
	@$(SERVERS_PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 13))' 2>/dev/null \
	  || { echo "the model servers need Python 3.11 or 3.12. Say which: make test-smoke SERVERS_PYTHON=python3.12" >&2; exit 1; }
	@echo "Installing the model servers in $(SERVERS_VENV) (once, about two minutes)"
	@mkdir -p -m 700 $(CACHE) && rm -rf $(SERVERS_VENV)
	@$(SERVERS_PYTHON) -m venv $(SERVERS_VENV)
	@$(SERVERS_VENV)/bin/python -m pip --disable-pip-version-check --no-input --quiet install --require-hashes -r requirements-smoke.txt
	@touch $@

$(READERS): tests/readers/package-lock.json
	@command -v npm >/dev/null || { echo "make test-readers needs npm on PATH" >&2; exit 1; }
	@mkdir -p -m 700 $(CACHE) && mkdir -p $(CACHE)/readers
	@cp tests/readers/package.json tests/readers/package-lock.json $(CACHE)/readers/
	@npm ci --prefix $(CACHE)/readers --no-audit --no-fund --silent
	@touch $@

# All clones share it.
$(SITE):
	@echo "Installing what builds the site in $(SITE_VENV) (once)"
	@mkdir -p -m 700 $(CACHE) && rm -rf $(SITE_VENV)
	@$(PYTHON) -m venv $(SITE_VENV)
	@$(SITE_VENV)/bin/python -m pip --disable-pip-version-check --no-input --quiet install --require-hashes -r requirements-site.txt
	@touch $@

define install
$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null \
  || { echo "Python 3.11 or newer is needed; $(PYTHON) is $$($(PYTHON) --version 2>&1 || true). Say which: make PYTHON=python3.12 …" >&2; exit 1; }
echo "Installing what $(1) lists into $(VENV) (once, about half a minute)"
test -x $(BIN)/python && $(BIN)/python -c '' 2>/dev/null || $(PYTHON) -m venv --clear $(VENV)
rm -f $(VENV)/made-*
$(PIP) install --require-hashes -r $(1)
$(PIP) install --no-deps --no-build-isolation --no-index -e .
$(BIN)/python -m compileall -q generator
touch $(2)
endef

setup-tools: setup-dev
	@$(BIN)/python -c "$$SETUP_TOOLS"

define SETUP_TOOLS
import pathlib, sys
from modelfleet import finding
from modelfleet.tools import folder, install
try:
    install.ensure(folder.cache_folder(pathlib.Path()), folder.pinned()["tools"], lambda line: print(line, flush=True))
except finding.MachineFailed as failed:
    sys.exit(str(failed))
endef
export SETUP_TOOLS
