# `make up` needs Python 3.11 or newer and nothing else. PORT, WORKERS, LANGGRAPH_CONFIG and the
# other settings come from the environment; the README lists them.
.DEFAULT_GOAL := help
.PHONY: help up test soak lint bench screens
BIN := .venv/bin

help: ## show this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "make %-7s %s\n", $$1, $$2}' Makefile

up: .venv/requirements.txt.ok ## start the console: database, web process and worker in one
	@exec $(BIN)/python manage.py up

test: .venv/requirements-dev.txt.ok ## run all tests, on a database of their own
	$(BIN)/python -m pytest -q -n 2 --dist loadfile

soak: .venv/requirements-dev.txt.ok ## kill, freeze and race for SOAK_SECONDS (600), and report
	SOAK_SECONDS=$${SOAK_SECONDS:-600} $(BIN)/python -m pytest -q -s -m soak -o faulthandler_timeout=0

lint: .venv/requirements-dev.txt.ok ## check format, style, types, migrations and vendored files
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy .
	$(BIN)/python manage.py makemigrations --check --dry-run
	$(BIN)/python static/vendor/vendor.py check

bench: .venv/requirements.txt.ok ## time a pause and its answer, against the running console
	@$(BIN)/python benchmarks/cycle.py

screens: .venv/requirements-dev.txt.ok ## take the pictures of docs/screens again
	@$(BIN)/python -m tests.browser.screens

# Holds the checksum of the pins that are installed, so that only new pins cost time.
.venv/%.ok: FORCE | $(BIN)/python
	@pins=$$(cat requirements.txt $* | cksum); \
	[ "$$(cat $@ 2>/dev/null)" = "$$pins" ] && exit; \
	echo "Installing $*"; \
	$(BIN)/python -m pip install -q --disable-pip-version-check --no-input -r $* \
	  && echo "$$pins" > $@ && exit; \
	echo "$* cannot be installed; pip says above why." >&2; exit 1

$(BIN)/python:
	@found=; for name in python3.13 python3.12 python3.11 python3.14 python3 python; do \
	  $$name -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null \
	    && found=$$name && break; \
	done; \
	[ -n "$$found" ] || { \
	  echo "HITL Console needs Python 3.11 or newer; there is none on the PATH." >&2; exit 1; }; \
	echo "Making .venv with $$found"; rm -rf .venv; \
	$$found -m venv .venv || { rm -rf .venv; \
	  echo "$$found cannot make .venv; on Debian and Ubuntu: apt install python3-venv." >&2; exit 1; }

FORCE:
