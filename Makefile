# Everything a contributor runs. On a fresh machine git, make and Python 3.11 or later are enough.

PYTHON ?= python3
ARGS ?=

export PYTHON

bin := .venv/bin
stamps := .venv/stamps
checked := src tests bench fuzz scripts

# A copied or moved tree, or one whose Python is gone, sets itself up anew.
ifneq ($(shell test -x $(bin)/python && cat .venv/made-for 2>/dev/null),$(CURDIR))
$(shell rm -rf $(stamps))
endif

.DEFAULT_GOAL := help
.PHONY: help serve test check format bench fuzz docs lab-report lock coverage clean

help: ## show this list
	@echo "make TARGET [ARGS='...'] [PYTHON=python3.12]"
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  \1\t\2/p' Makefile | expand -t 14

serve: $(stamps)/serve ## run the platform on embedded defaults (ARGS go to postseal serve)
	@$(bin)/postseal serve $(ARGS)

test: $(stamps)/dev ## run the tests (ARGS go to pytest; as root on Debian, installs what they need)
	@scripts/system-packages --try
	@scripts/node-packages --try
	@scripts/lab-clients --try
	@$(bin)/python -m pytest --numprocesses auto --dist worksteal $(ARGS)

check: $(stamps)/dev ## lint, format check, types, rings, house rules
	@echo "==> ruff check" && $(bin)/ruff check --quiet .
	@echo "==> ruff format" && $(bin)/ruff format --quiet --check . || { echo "run: make format"; exit 1; }
	@echo "==> mypy" && $(bin)/mypy $(wildcard $(checked))
	@echo "==> import-linter" && $(bin)/lint-imports --no-logo --no-cache
	@echo "==> house rules" && $(bin)/python scripts/house.py

format: $(stamps)/dev ## apply the formatter and the safe fixes of the linter
	@$(bin)/ruff check --quiet --fix . ; $(bin)/ruff format .

bench: $(stamps)/bench ## measure against peers (ARGS go to python -m bench)
	@$(bin)/python -m bench $(ARGS)

fuzz: $(stamps)/fuzz ## look for inputs that break an invariant (ARGS go to python -m fuzz)
	@$(bin)/python -m fuzz $(ARGS)

docs: $(stamps)/docs ## build the documentation into site/
	@$(bin)/mkdocs build --quiet --strict --site-dir site
	@echo "site/index.html"

lab-report: $(stamps)/dev ## put real mail clients before the attack lab and write docs/lab-report.md (takes minutes)
	@scripts/system-packages --try
	@scripts/node-packages --try
	@scripts/lab-clients --try
	@$(bin)/python -m tests.parts.lab_report $(ARGS)

coverage: $(stamps)/dev ## run the tests and show which lines and branches they miss
	@$(bin)/coverage run -m pytest $(ARGS)
	@$(bin)/coverage combine --quiet && $(bin)/coverage report

lock: $(stamps)/dev ## compile requirements/*.txt from pyproject.toml (ARGS=--upgrade for the newest)
	@scripts/lock $(ARGS)

clean: ## remove what make made: environment, caches, builds
	@rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache build dist site fuzz/grown .coverage .coverage.*
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(stamps)/%: requirements/%.txt requirements/bootstrap.txt requirements/build.txt pyproject.toml
	@scripts/setup $*
